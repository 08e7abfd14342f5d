"""Canny's edge detector as a Keras layer that knows about holes."""

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable(package="datasets.inpainting")
class CannyEdges(keras.layers.Layer):
    """Finds the edges of the known part of pictures.

    Smoothing, gradient, thinning to the local maxima along the gradient, and hysteresis: weak
    edges count where they are connected to strong ones. Unknown pixels and the outermost ones have
    no edges; the smoothing averages over known pixels alone, and an edge has all its neighbours
    known, so that neither the hole's content nor its outline shows. No gradient passes.

    A layer, and not OpenCV's function beside the model, because the edges then come from the same
    blanked picture as everything else that the generator sees, on every backend, in training and
    afterwards.

    Args:
        sigma: Positive float, standard deviation of the Gaussian smoothing, in pixels.
        low: Threshold of weak edges on the length of the Sobel gradient of gray values 0 to 1.
        high: Threshold of strong edges on the same.
        dtype: Data type of the result; the computation is in float32, as half precision is too
            coarse for it.
        **kwargs: Other arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: List `[image, mask]`: RGB pictures (batch, height, width, 3) in [-1, 1], and
            (batch, height, width, 1), 1 = unknown.

    Returns:
        Tensor (batch, height, width, 1), 1 = edge and 0 elsewhere.

    Example:
    ```python
    edges = CannyEdges()([np.zeros((1, 64, 64, 3)), np.zeros((1, 64, 64, 1))])
    ```

    Reference:
        - [Canny, 1986](https://doi.org/10.1109/TPAMI.1986.4767851); sigma and thresholds as in
          EdgeConnect's program.
    """

    def __init__(self, sigma=2.0, low=0.1, high=0.2, dtype="float32", **kwargs):
        super().__init__(dtype=dtype, autocast=False, **kwargs)
        self.sigma = sigma
        self.low = low
        self.high = high

    def call(self, inputs):
        image, mask = (ops.stop_gradient(ops.cast(part, "float32")) for part in inputs)
        known = 1.0 - mask
        gray = (ops.image.rgb_to_grayscale(image * known) + 1.0) / 2.0
        smooth = self._blurred(gray * known) / ops.maximum(self._blurred(known), 1e-6)
        down, right = _sobel(smooth)
        length = ops.sqrt(ops.square(down) + ops.square(right))
        ridge = ops.logical_and(_is_ridge(length, down, right), _has_known_neighbours(mask))
        weak = ops.logical_and(ridge, length > self.low)
        strong = ops.logical_and(ridge, length > self.high)
        edges = _connected(ops.cast(strong, "float32"), ops.cast(weak, "float32"))
        return ops.cast(edges, self.compute_dtype)

    def _blurred(self, x):
        radius = round(4 * self.sigma)
        kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / self.sigma) ** 2)
        kernel = (kernel / kernel.sum()).astype("float32")
        x = ops.conv(x, kernel.reshape(-1, 1, 1, 1), padding="same")
        return ops.conv(x, kernel.reshape(1, -1, 1, 1), padding="same")

    def compute_output_shape(self, input_shape):
        return input_shape[1]

    def get_config(self):
        config = super().get_config()
        config.update({"sigma": self.sigma, "low": self.low, "high": self.high})
        return config


def _neighbours(x, mode):
    """Gives the map moved by one pixel in all directions, by (rows, columns)."""
    _, height, width, _ = ops.shape(x)
    padded = ops.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]], mode=mode)
    return {
        (down, right): padded[:, 1 + down : 1 + down + height, 1 + right : 1 + right + width]
        for down in (-1, 0, 1)
        for right in (-1, 0, 1)
    }


def _sobel(x):
    """Gives the gradient downwards and to the right."""
    at = _neighbours(x, "symmetric")
    below, above = (at[row, -1] + 2.0 * at[row, 0] + at[row, 1] for row in (1, -1))
    after, before = (at[-1, col] + 2.0 * at[0, col] + at[1, col] for col in (1, -1))
    return below - above, after - before


def _is_ridge(length, down, right):
    """Tells whether the gradient is longest here, compared along its nearest of four directions."""
    at = _neighbours(length, "constant")
    steepness = float(np.tan(np.pi / 8))
    horizontal = ops.abs(down) < steepness * ops.abs(right)
    vertical = ops.abs(right) < steepness * ops.abs(down)
    falling = down * right > 0
    before, after = (
        ops.where(
            horizontal,
            at[0, sign],
            ops.where(vertical, at[sign, 0], ops.where(falling, at[sign, sign], at[sign, -sign])),
        )
        for sign in (-1, 1)
    )
    # Of two equal ones the first counts.
    return ops.logical_and(length > before, length >= after)


def _has_known_neighbours(mask):
    padded = ops.pad(mask, [[0, 0], [1, 1], [1, 1], [0, 0]], constant_values=1.0)
    return ops.max_pool(padded, 3, strides=1, padding="valid") < 0.5


def _connected(strong, weak):
    """Gives the weak edges that are connected to strong ones."""

    def grow(edges, _):
        grown = ops.max_pool(edges, 3, strides=1, padding="same") * weak
        return grown, ops.any(grown != edges)

    edges, _ = ops.while_loop(lambda _, changed: changed, grow, (strong, ops.any(strong > 0.5)))
    return edges
