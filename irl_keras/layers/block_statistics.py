"""Statistics of a picture's windows at an eighth of its size, shared by the trace layers."""

from keras import ops

BLOCK = 8
"""Side of a block in pixels: of JPEG's grid, and the stride of the Encoder."""

WINDOW = 5
"""Side of a window in blocks: 40 pixels, enough of each of the 8 phases of a block."""


def window_means(values, by_column=False, before=(0, 0), size=None):
    """Means over windows of 5x5 blocks around each block.

    Windows end with the picture, and rows or columns that `values` lacks do not count.

    Args:
        values: float32 tensor `(batch, rows, columns, channels)`.
        by_column: Whether each of the 8 columns of the blocks has a mean of its own.
        before: Rows and columns of the picture above and left of `values`.
        size: Height and width of the picture; those of `values` without it.

    Returns:
        float32 tensor `(batch, blocks down, blocks across, channels)`, 0 where nothing counts; with
        `by_column` 8 times the channels: those of the first columns, then of the second, and so on.
    """
    _, rows, columns, _ = ops.shape(values)
    height, width = size or (rows, columns)
    down, across = -(-height // BLOCK), -(-width // BLOCK)
    margins = [
        (before[0], down * BLOCK - before[0] - rows),
        (before[1], across * BLOCK - before[1] - columns),
    ]

    def sums(x):
        channels = x.shape[-1]
        x = ops.pad(x, [(0, 0), *margins, (0, 0)])
        x = ops.reshape(x, (-1, down, BLOCK, across, BLOCK * channels))
        x = ops.sum(x, axis=2)
        if not by_column:
            x = ops.sum(ops.reshape(x, (-1, down, across, BLOCK, channels)), axis=3)
        half = WINDOW // 2
        x = ops.pad(x, [(0, 0), (half, half), (half, half), (0, 0)])
        mean = ops.average_pool(x, WINDOW, strides=1, padding="valid", data_format="channels_last")
        return mean * WINDOW**2

    return sums(values) / ops.maximum(sums(ops.ones_like(values[:1])), 1.0)


def picture_median(maps):
    """Medians of each channel over a picture.

    Args:
        maps: Tensor `(batch, height, width, channels)`.

    Returns:
        Tensor `(batch, 1, 1, channels)`.
    """
    _, height, width, channels = ops.shape(maps)
    count = height * width
    ranked = ops.sort(ops.reshape(maps, (-1, count, channels)), axis=1)
    middle = (ranked[:, (count - 1) // 2] + ranked[:, count // 2]) / 2
    return middle[:, None, None]
