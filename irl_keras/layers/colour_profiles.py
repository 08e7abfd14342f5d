"""How much fine detail luma and chroma have, and how it goes together."""

import keras
import numpy as np
from keras import ops

from irl_keras.layers.block_statistics import BLOCK, picture_median, window_means

_RADIUS = 3
_FLOOR = 0.01
"""Keeps logarithms and quotients finite; below the energy of rounding to 8 bits, 1 / 12."""
_WEIGHTS = {  # of R, G and B
    "Y": (0.299, 0.587, 0.114),
    "Cr": (0.5, -0.4187, -0.0813),
    "Cb": (-0.1687, -0.3313, 0.5),
}
_PAIRS = ((0, 0), (1, 1), (2, 2), (0, 1), (1, 2), (0, 2))


@keras.saving.register_keras_serializable(package="irl_keras")
class ColourProfiles(keras.layers.Layer):
    """Energies and correlations of the fine residuals of the colour channels.

    Most photographs were compressed with chroma at half the resolution, and all of them came from
    a mosaic of colour filters; what a network draws did not. The residual of a channel is the
    channel minus its Gaussian of sigma 1, and is measured in windows of 40 pixels. There are no
    weights.

    Args:
        **kwargs: Arguments of `keras.layers.Layer`, such as `name` and `dtype`.

    Call arguments:
        inputs: Pictures `(batch, height, width, 3)`, RGB in 0 to 255, any number dtype; any size.

    Returns:
        Tensor `(batch, ceil(height / 8), ceil(width / 8), 16)` in the compute dtype (calculated in
        float32): logarithms of the energies of the residuals of Y, Cr and Cb (3) and of their
        quotients Cr / Y and Cb / Y (2), correlations of the residuals of R and G, G and B, R and B
        (3); then the same 8, each minus its median over the picture.

    Example:
    ```python
    traces = irl_keras.layers.ColourProfiles()(np.zeros((1, 100, 150, 3), "uint8"))
    traces.shape  # (1, 13, 19, 16)
    ```
    """

    def __init__(self, **kwargs):
        # Half precision would round grey levels away before `call` sees them.
        super().__init__(autocast=False, **kwargs)

    def call(self, inputs):
        residual = _residual(ops.cast(inputs, "float32"))
        products = [residual[..., i] * residual[..., j] for i, j in _PAIRS]
        means = window_means(ops.stack(products, axis=-1))
        moments = {pair: means[..., index] for index, pair in enumerate(_PAIRS)}
        luma, cr, cb = (ops.log(_energy(moments, w) + _FLOOR) for w in _WEIGHTS.values())
        correlations = [
            moments[i, j] / ops.sqrt((moments[i, i] + _FLOOR) * (moments[j, j] + _FLOOR))
            for i, j in _PAIRS[3:]
        ]
        x = ops.stack([luma, cr, cb, cr - luma, cb - luma, *correlations], axis=-1)
        x = ops.concatenate([x, x - picture_median(x)], axis=-1)
        return ops.cast(x, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        spatial = (None if side is None else -(-side // BLOCK) for side in input_shape[1:3])
        return (input_shape[0], *spatial, 16)


def _residual(picture):
    """Channels minus their Gaussians of sigma 1; borders continue by their last pixel."""
    for axis in (1, 2):
        side = ops.shape(picture)[axis]
        source = ops.clip(ops.arange(side + 2 * _RADIUS) - _RADIUS, 0, side - 1)
        picture = ops.take(picture, source, axis=axis)
    line = np.exp(-(np.arange(-_RADIUS, _RADIUS + 1) ** 2) / 2)
    kernel = -np.outer(line, line) / line.sum() ** 2
    kernel[_RADIUS, _RADIUS] += 1
    kernel = np.repeat(kernel[:, :, None, None], 3, axis=2).astype("float32")
    kernel = ops.convert_to_tensor(kernel)
    return ops.depthwise_conv(picture, kernel, data_format="channels_last")


def _energy(moments, weights):
    """Mean square of a weighted sum of the channels, from their second moments."""
    return sum(moments[i, j] * (weights[i] * weights[j] * (1 if i == j else 2)) for i, j in _PAIRS)
