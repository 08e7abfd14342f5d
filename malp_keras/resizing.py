"""Bilinear resizing that also works where a size is known only at run time."""

from keras import ops


def resize_bilinear(images, height, width):
    """Resizes pictures; where they shrink, each pixel is a mean over all that it covers.

    `keras.ops.image.resize` with `antialias=True` gives the same, but not in a graph whose
    pictures have any size, as in `predict` and in exported models.

    Args:
        images: Float tensor of shape `(batch, rows, columns, channels)`.
        height: Rows to make, an integer or an integer tensor.
        width: Columns to make, the same.

    Returns:
        Tensor of shape `(batch, height, width, channels)`, of the same dtype.
    """
    rows, columns = ops.shape(images)[1:3]
    x = ops.einsum("hr,brcf->bhcf", _weights(rows, height, images.dtype), images)
    return ops.einsum("wc,bhcf->bhwf", _weights(columns, width, images.dtype), x)


def _weights(old, new, dtype):
    """How much each of the old pixels of an axis counts in each of the new, `(new, old)`."""
    scale = ops.cast(old, "float32") / ops.cast(new, "float32")
    centres = (ops.arange(new, dtype="float32") + 0.5) * scale - 0.5
    distances = ops.abs(centres[:, None] - ops.arange(old, dtype="float32"))
    triangle = ops.relu(1.0 - distances / ops.maximum(scale, 1.0))
    return ops.cast(triangle / ops.sum(triangle, axis=1, keepdims=True), dtype)
