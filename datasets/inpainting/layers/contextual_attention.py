"""Contextual attention (DeepFill v1, section 4)."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="datasets.inpainting")
class ContextualAttention(keras.layers.Layer):
    """Builds each patch of a feature map from those patches of the known part that match it best.

    Patches are compared on the map shrunk by `rate`: the score of a position and a known patch is
    the inner product of the position's patch with the known one, the latter of norm 1. A softmax
    over the known patches weights patches of the full map, twice as wide as `rate`, which are
    pasted and averaged where they overlap. Patches that touch the hole are left out; a map without
    any other is the mean of all of them.

    The comparison is one matrix product per picture, so that every picture of a batch may have
    its own mask. Its memory grows with the square of the number of positions: 4 MiB for each
    picture of 256x256 (a map of 64x64), 64 MiB at 512x512.

    Beyond the paper's program, borders are reflected instead of filled with zeros, and the fusion
    of scores does not take one row's end and the next row's start for neighbours.

    Args:
        patch_size: Positive odd integer, side of the compared patches.
        rate: Positive integer, how much the map is shrunk for the comparison.
        softmax_scale: Positive float, the factor on the scores before the softmax.
        fuse: Whether scores are summed along diagonals of 3 positions, columns first, then rows
            (equation 4), so that neighbours are copied from neighbours.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name` and `dtype`.

    Call arguments:
        inputs: List `[features, mask]`: `(batch, height, width, channels)` with height and width
            multiples of `rate`, and `(batch, height, width, 1)`, 1 = hole, 0 = known.

    Returns:
        Tensor of the features' shape.

    Raises:
        ValueError: If a side is known not to be a multiple of `rate`.

    Example:
    ```python
    features, mask = np.random.rand(2, 64, 64, 96), np.zeros((2, 64, 64, 1))
    completed = ContextualAttention()([features, mask])  # (2, 64, 64, 96)
    ```

    Reference:
        - [Yu et al., 2018](https://arxiv.org/abs/1801.07892), section 4.1, and its program.
    """

    def __init__(self, patch_size=3, rate=2, softmax_scale=10.0, fuse=False, **kwargs):
        super().__init__(**kwargs)
        self.patch_size = patch_size
        self.rate = rate
        self.softmax_scale = softmax_scale
        self.fuse = fuse

    def build(self, input_shape):
        sides = input_shape[0][1:3]
        if any(side is not None and side % self.rate for side in sides):
            raise ValueError(
                f"ContextualAttention(rate={self.rate}) needs sides that are multiples of it, "
                f"not {tuple(sides)}."
            )

    def call(self, inputs):
        features, mask = inputs
        batch, height, width, channels = ops.shape(features)
        height, width = height // self.rate, width // self.rate

        # Scores and softmax in float32: inner products over whole patches are large.
        small = ops.cast(features[:, :: self.rate, :: self.rate], "float32")
        patches = _patches(small, self.patch_size, 1)
        norms = ops.sqrt(ops.sum(ops.square(patches), axis=-1, keepdims=True) + 1e-8)
        scores = ops.matmul(patches, ops.transpose(patches / norms, (0, 2, 1)))
        if self.fuse:
            scores = _fused(scores, height, width)
        scores = ops.where(self._touches_hole(mask), -1e9, scores * self.softmax_scale)
        weights = ops.cast(ops.softmax(scores, axis=-1), features.dtype)

        size = 2 * self.rate
        pasted = ops.matmul(weights, _patches(features, size, self.rate))
        pasted = _overlap_add(pasted, (batch, height, width, channels), self.rate)
        times = ops.ones((1, height * width, size * size), features.dtype)
        return pasted / _overlap_add(times, (1, height, width, 1), self.rate)

    def _touches_hole(self, mask):
        """Tells whether a compared patch has a hole pixel; shape (batch, 1, positions)."""
        hole = ops.max_pool(ops.cast(mask, "float32"), self.rate, self.rate)
        hole = ops.max_pool(hole, self.patch_size, 1, padding="same")
        return ops.reshape(hole, (ops.shape(mask)[0], 1, -1)) > 0

    def compute_output_shape(self, input_shape):
        return input_shape[0]

    def get_config(self):
        config = super().get_config()
        config.update(
            {
                "patch_size": self.patch_size,
                "rate": self.rate,
                "softmax_scale": self.softmax_scale,
                "fuse": self.fuse,
            }
        )
        return config


def _patches(x, size, stride):
    """Cuts out the patch around each position; (batch, positions, size * size * channels).

    The map is continued by reflection. Slices of the whole map: `ops.image.extract_patches`
    convolves with an identity kernel instead, which costs more than the attention itself.
    """
    batch, height, width, channels = ops.shape(x)
    before = (size - stride) // 2
    margins = (before, size - stride - before)
    x = ops.pad(x, ((0, 0), margins, margins, (0, 0)), mode="reflect")
    rows, columns = height - stride + 1, width - stride + 1
    slices = [
        x[:, i : i + rows : stride, j : j + columns : stride]
        for i in range(size)
        for j in range(size)
    ]
    return ops.reshape(ops.concatenate(slices, axis=-1), (batch, -1, size * size * channels))


def _fused(scores, height, width):
    """Sums over 3 neighbours on both sides of the comparison, along columns, then along rows."""
    shape = ops.shape(scores)
    x = ops.reshape(scores, (-1, height, width, height, width))
    padded = ops.pad(x, ((0, 0), (0, 0), (1, 1), (0, 0), (1, 1)))
    x = sum(padded[:, :, i : i + width, :, i : i + width] for i in range(3))
    padded = ops.pad(x, ((0, 0), (1, 1), (0, 0), (1, 1), (0, 0)))
    x = sum(padded[:, i : i + height, :, i : i + height] for i in range(3))
    return ops.reshape(x, shape)


def _overlap_add(patches, shape, rate):
    """Pastes patches of side `2 * rate`, `rate` apart, and sums where they overlap.

    Each patch is 2x2 blocks of side `rate`, and blocks of the same place in their patches do not
    overlap: they make four maps, each shifted by its place.
    """
    batch, height, width, channels = shape
    x = ops.reshape(patches, (batch, height, width, 2, rate, 2, rate, channels))
    x = ops.transpose(x, (3, 5, 0, 1, 4, 2, 6, 7))
    height, width = height * rate, width * rate
    x = ops.reshape(x, (2, 2, batch, height, width, channels))
    shifts = ((0, rate), (rate, 0))
    total = sum(
        ops.pad(x[i, j], ((0, 0), shifts[i], shifts[j], (0, 0))) for i in (0, 1) for j in (0, 1)
    )
    start = rate // 2
    return total[:, start : start + height, start : start + width]
