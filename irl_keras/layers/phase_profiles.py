"""Where the 8-pixel grid of a picture's compression goes on, and where it does not."""

import keras
import numpy as np
from keras import ops

from irl_keras.layers.block_statistics import BLOCK, picture_median, window_means

CHANNELS = 22
"""Of one axis."""

_LUMA = (0.299, 0.587, 0.114)
_LARGEST = 12.0
"""Second differences beyond this are edges of the content, which would hide the grid."""
_FLOOR = 0.1
"""Keeps the logarithm finite in flat regions; a tenth of a grey level."""
_GAIN = 10.0
"""Brings profiles, whose deviation is about 0.1, to the scale of a network's features."""


def _waves():
    """Cosines, then sines, of 1 to 4 waves in the 8 phases; columns, to multiply a profile by."""
    angles = 2 * np.pi * np.outer(np.arange(BLOCK), np.arange(1, 5)) / BLOCK
    return np.concatenate([np.cos(angles), np.sin(angles)], axis=1) / 4


_WAVES = _waves()


@keras.saving.register_keras_serializable(package="irl_keras")
class PhaseProfiles(keras.layers.Layer):
    """Mean second differences by their phase, the position modulo 8, along both axes.

    JPEG leaves a grid of 8 pixels in the second differences of nearly every photograph. A fill has
    none, or one at another phase, or traces of its generator's upsampling by 2, 4 and 8. A
    convolution does not know where a pixel lies modulo 8, so it hardly finds out by itself.

    Along each axis, `e = min(|2 g - g(-1) - g(+1)|, 12)` of the luma `g` is averaged over windows
    of 40 pixels, apart for each of the 8 phases; 10 times the logarithm, minus its mean over the
    phases, is the *profile* `p`. The picture's own profile `G` is the median over the picture.
    There are no weights.

    Args:
        **kwargs: Arguments of `keras.layers.Layer`, such as `name` and `dtype`.

    Call arguments:
        inputs: Pictures `(batch, height, width, 3)`, RGB in 0 to 255, any number dtype; any size.

    Returns:
        Tensor `(batch, ceil(height / 8), ceil(width / 8), 44)` in the compute dtype (calculated in
        float32): for the horizontal axis, then the vertical one, `p` (8), `p - G` (8),
        `s1 = -mean(p * G) / sqrt(mean(G**2) + 1)` (1), high where the picture's grid is not,
        `s2 = sqrt(mean(p**2))` (1), high where there is any grid (means over the phases), and the
        amplitudes of `p` at the periods 8, 4, 8 / 3 and 2 (4), whatever their phase: generators
        that enlarge by 2 leave the last one.

    Example:
    ```python
    traces = irl_keras.layers.PhaseProfiles()(np.zeros((1, 100, 150, 3), "uint8"))
    traces.shape  # (1, 13, 19, 44)
    ```

    Reference: grids of 8 pixels as evidence of local changes as in
    [Li et al., 2009](https://doi.org/10.1016/j.sigpro.2009.03.025).
    """

    def __init__(self, **kwargs):
        # Half precision would round grey levels away before `call` sees them.
        super().__init__(autocast=False, **kwargs)

    def call(self, inputs):
        picture = ops.cast(inputs, "float32")
        luma = ops.sum(picture * ops.convert_to_tensor(_LUMA, "float32"), axis=-1)
        across = _statistics(luma)
        down = ops.transpose(_statistics(ops.transpose(luma, (0, 2, 1))), (0, 2, 1, 3))
        return ops.cast(ops.concatenate([across, down], axis=-1), self.compute_dtype)

    def compute_output_shape(self, input_shape):
        spatial = (None if side is None else -(-side // BLOCK) for side in input_shape[1:3])
        return (input_shape[0], *spatial, 2 * CHANNELS)


def _statistics(luma):
    """The `CHANNELS` of the last axis of pictures `(batch, height, width)`."""
    _, height, width = ops.shape(luma)
    second = ops.abs(2 * luma[:, :, 1:-1] - luma[:, :, :-2] - luma[:, :, 2:])
    second = ops.minimum(second, _LARGEST)[..., None]
    # The outer columns have no second difference; phases count from the picture's first column.
    means = window_means(second, by_column=True, before=(0, 1), size=(height, width))
    profile = _GAIN * ops.log(means + _FLOOR)
    profile = profile - ops.mean(profile, axis=-1, keepdims=True)
    whole = picture_median(profile)
    # Fades out where the picture has no grid of its own to deviate from.
    strength = ops.sqrt(ops.mean(ops.square(whole), axis=-1, keepdims=True) + 1)
    off_grid = -ops.mean(profile * whole, axis=-1, keepdims=True) / strength
    any_grid = _root(ops.mean(ops.square(profile), axis=-1, keepdims=True))
    waves = ops.matmul(profile, ops.convert_to_tensor(_WAVES, "float32"))
    cosines, sines = ops.split(ops.square(waves), 2, axis=-1)
    amplitudes = _root(cosines + sines)
    return ops.concatenate([profile, profile - whole, off_grid, any_grid, amplitudes], axis=-1)


def _root(x):
    """The square root, with a finite gradient at 0."""
    return ops.sqrt(x + 1e-6)
