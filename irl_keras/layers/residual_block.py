"""Residual block of the Encoder module in four versions (paper section III-B-1, Fig. 3)."""

from typing import Any

import keras
from keras import ops

from irl_keras.layers.se_block import SEBlock

BLOCKS = ("bn", "srresnet", "plain", "se")
NORMALIZED = ("bn", "srresnet")


@keras.saving.register_keras_serializable(package="irl_keras")
class ResidualBlock(keras.layers.Layer):
    """Residual block in the four versions of the paper's Fig. 3 and Table 4.

    - `"bn"`: the original, Fig. 3(a): convolution, batch norm, ReLU, convolution, batch norm, add,
      ReLU.
    - `"srresnet"`: SRResNet's, Fig. 3(b): the same without the ReLU after the addition.
    - `"plain"`: `"srresnet"` without batch norm, Table 4's "w/o BN".
    - `"se"`: `"plain"` with a squeeze-and-excitation block before the addition, Fig. 3(c)
      (IRL-Net's own).

    Where stride or channel count change, the skip is a 3x3 convolution of the same stride.

    Args:
        filters: Integer, the number of output channels.
        strides: Integer, stride of the first convolution.
        block: `"bn"`, `"srresnet"`, `"plain"` or `"se"`.
        se_ratio: Positive integer, the reduction inside the squeeze-and-excitation block.
        kernel_regularizer: Regularizer of all convolution kernels, or `None`. The authors'
            program declares L2 of 1e-3 but never adds it to the loss.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name` and `dtype`.

    Call arguments:
        inputs: Tensor of shape `(batch, height, width, channels)`.
        training: Boolean, used by batch norm only.

    Returns:
        Tensor of shape `(batch, ceil(height / strides), ceil(width / strides), filters)`.

    Raises:
        ValueError: If `block` is none of the four versions.

    Example:
    ```python
    features = irl_keras.layers.ResidualBlock(64, strides=2)(np.ones((1, 32, 32, 32)))
    ```

    Reference: IRL-Net, section III-B-1, Fig. 3.
    """

    def __init__(
        self,
        filters: int,
        strides: int = 1,
        block: str = "se",
        se_ratio: int = 4,
        kernel_regularizer: Any = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if block not in BLOCKS:
            raise ValueError(f'block must be one of {BLOCKS}, not "{block}".')
        self.filters = filters
        self.strides = strides
        self.block = block
        self.se_ratio = se_ratio
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)

    def _conv(self, name, strides=1):
        return keras.layers.Conv2D(
            self.filters,
            3,
            strides=strides,
            padding="same",
            kernel_regularizer=self.kernel_regularizer,
            dtype=self.dtype_policy,
            name=name,
        )

    def _norm(self, name):
        return keras.layers.BatchNormalization(dtype=self.dtype_policy, name=name)

    def build(self, input_shape):
        self.conv1 = self._conv("conv1", self.strides)
        self.conv1.build(input_shape)
        inner_shape = self.conv1.compute_output_shape(input_shape)
        self.conv2 = self._conv("conv2")
        self.conv2.build(inner_shape)
        self.norm1 = self.norm2 = self.se = self.skip = None
        if self.block in NORMALIZED:
            self.norm1, self.norm2 = self._norm("norm1"), self._norm("norm2")
            self.norm1.build(inner_shape)
            self.norm2.build(inner_shape)
        if self.block == "se":
            self.se = SEBlock(self.se_ratio, dtype=self.dtype_policy, name="se")
            self.se.build(inner_shape)
        if self.strides != 1 or input_shape[-1] != self.filters:
            self.skip = self._conv("skip", self.strides)
            self.skip.build(input_shape)

    def call(self, inputs, training=None):
        x = self.conv1(inputs)
        if self.norm1 is not None:
            x = self.norm1(x, training=training)
        x = self.conv2(ops.relu(x))
        if self.norm2 is not None:
            x = self.norm2(x, training=training)
        if self.se is not None:
            x = self.se(x)
        x = x + (inputs if self.skip is None else self.skip(inputs))
        return ops.relu(x) if self.block == "bn" else x

    def compute_output_shape(self, input_shape):
        spatial = (None if side is None else -(-side // self.strides) for side in input_shape[1:3])
        return (input_shape[0], *spatial, self.filters)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        config.update(
            {
                "filters": self.filters,
                "strides": self.strides,
                "block": self.block,
                "se_ratio": self.se_ratio,
                "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
            }
        )
        return config
