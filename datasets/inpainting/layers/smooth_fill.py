"""A smooth first fill of holes as a Keras layer, for generators to start from."""

import keras
from keras import ops

from datasets.inpainting.layers.bilinear_doubling import BilinearDoubling

_LEVELS = 9
"""Halvings of the picture: the coarsest pixel averages 512 x 512 ones, more than any hole."""
_SWEEPS = 4
"""Relaxations at each level; each carries colours one pixel further."""
_EPSILON = 1e-6


@keras.saving.register_keras_serializable(package="datasets.inpainting")
class SmoothFill(keras.layers.Layer):
    """Continues the known colours into the hole, as smoothly as heat spreads.

    A pyramid of means over the known pixels fills the hole from coarse to fine; at each level, a
    few averages of neighbours take away the pyramid's blocks. Known pixels stay as they are. It
    has no weights and takes nothing from the hole.

    Args:
        dtype: Data type of the result; the computation is in float32, as half precision is too
            coarse for it.
        **kwargs: Other arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: List `[image, mask]`: pictures (batch, height, width, channels) in any range, and
            (batch, height, width, 1), 1 = hole.

    Returns:
        Filled pictures, like `image`; 0 everywhere in a picture that is all hole.

    Example:
    ```python
    filled = SmoothFill()([np.zeros((1, 64, 64, 3)), np.ones((1, 64, 64, 1))])
    ```

    Reference:
        - [Gortler et al., 1996](https://doi.org/10.1145/237170.237200), section 3.3 (pull-push)
    """

    def __init__(self, dtype="float32", **kwargs):
        super().__init__(dtype=dtype, autocast=False, **kwargs)
        self.double = BilinearDoubling(dtype="float32")

    def build(self, input_shape):
        self.double.build(input_shape[0])

    def call(self, inputs):
        image, mask = (ops.cast(part, "float32") for part in inputs)
        known = 1.0 - mask
        return ops.cast(self._fill(image * known, known, _LEVELS), self.compute_dtype)

    def _fill(self, colours, known, level):
        """Fills where the share of known pixels, `known`, is less than 1."""
        if level == 0:
            return colours
        share = ops.average_pool(known, 2, strides=2, padding="same")
        means = ops.average_pool(colours * known, 2, strides=2, padding="same")
        coarse = self._fill(means / ops.maximum(share, _EPSILON), share, level - 1)
        filled = _blend(colours, known, self._doubled(coarse, colours))
        for _ in range(_SWEEPS):
            filled = _blend(colours, known, _blurred(filled))
        return filled

    def _doubled(self, coarse, like):
        """Doubles the coarse map, and cuts it to the size of another."""
        _, height, width, _ = ops.shape(like)
        return self.double(coarse)[:, :height, :width]

    def compute_output_shape(self, input_shape):
        return input_shape[0]


def _blend(colours, known, fill):
    return known * colours + (1.0 - known) * fill


def _blurred(x):
    """Gives means of three by three pixels, of those that are inside the picture."""
    return ops.average_pool(x, 3, strides=1, padding="same")
