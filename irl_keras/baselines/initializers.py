"""The fixed starts of LDICN's first and last kernels."""

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable(package="irl_keras")
class HighPass(keras.initializers.Initializer):
    """Three first-order high-pass kernels for each channel of a depthwise convolution.

    Each kernel takes the difference between a neighbour and the pixel: the one below, the one to
    the right, the one at the lower right.

    Call arguments:
        shape: `(3, 3, channels, 3)`, a depthwise kernel with a depth multiplier of 3.
        dtype: Dtype of the kernel.

    Raises:
        ValueError: If the shape is another.

    Example:
    ```python
    residuals = keras.layers.DepthwiseConv2D(
        3, depth_multiplier=3, depthwise_initializer=irl_keras.baselines.HighPass()
    )(np.ones((1, 32, 32, 3)))  # 9 channels, all 0
    ```

    Reference: Li and Huang, 2019, section 3.1 (see `ldicn`); kernels from the authors' program.
    """

    NEIGHBOURS = ((2, 1), (1, 2), (2, 2))

    def __call__(self, shape, dtype=None):
        if tuple(shape[:2]) != (3, 3) or shape[3] != len(self.NEIGHBOURS):
            raise ValueError(f"HighPass makes kernels (3, 3, channels, 3), not {tuple(shape)}.")
        kernel = np.zeros(shape)
        kernel[1, 1] = -1.0
        for index, (row, column) in enumerate(self.NEIGHBOURS):
            kernel[row, column, :, index] = 1.0
        return ops.convert_to_tensor(kernel, dtype=dtype or keras.config.floatx())


@keras.saving.register_keras_serializable(package="irl_keras")
class Bilinear(keras.initializers.Initializer):
    """The same bilinear interpolation kernel for every pair of input and output channels.

    A transposed convolution of stride s and kernel size 2s then starts as bilinear upsampling by
    s of the sum of its input channels, or of their mean.

    Args:
        mean: Whether it is their mean.

    Call arguments:
        shape: `(side, side, filters, channels)` with an even side.
        dtype: Dtype of the kernel.

    Raises:
        ValueError: If the kernel is not square with an even side.

    Example:
    ```python
    upsampled = keras.layers.Conv2DTranspose(
        1, 8, strides=4, padding="same", kernel_initializer=irl_keras.baselines.Bilinear()
    )(np.ones((1, 8, 8, 1)))  # 32 x 32, 1 but for the borders
    ```

    Reference: Li and Huang, 2019, section 3.3 (see `ldicn`).
    """

    def __init__(self, mean: bool = False):
        self.mean = mean

    def __call__(self, shape, dtype=None):
        side = shape[0]
        if side != shape[1] or side % 2:
            raise ValueError(f"Bilinear makes square kernels of even sides, not {tuple(shape)}.")
        stride = side // 2
        tent = 1.0 - np.abs(np.arange(side) - (stride - 0.5)) / stride
        kernel = np.broadcast_to(np.outer(tent, tent)[..., None, None], shape)
        if self.mean:
            kernel = kernel / shape[3]
        return ops.convert_to_tensor(kernel, dtype=dtype or keras.config.floatx())

    def get_config(self) -> dict[str, bool]:
        return {"mean": self.mean}
