"""Pixel shuffle, the Decoder's upscaling (paper section III-C-1)."""

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="irl_keras")
class DepthToSpace(keras.layers.Layer):
    """Pixel shuffle: rearranges channels into a map that is `block_size` times larger.

    Equal to `tf.nn.depth_to_space` with channels last, on every backend.

    Args:
        block_size: Positive integer, the enlargement of height and width.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name` and `dtype`.

    Call arguments:
        inputs: Tensor of shape `(batch, height, width, channels * block_size**2)`.

    Returns:
        Tensor of shape `(batch, height * block_size, width * block_size, channels)`.

    Raises:
        ValueError: If the input's channels are no multiple of `block_size**2`.

    Example:
    ```python
    larger = irl_keras.layers.DepthToSpace(2)(np.ones((1, 8, 8, 16)))  # (1, 16, 16, 4)
    ```

    Reference:
        - [Shi et al., 2016](https://arxiv.org/abs/1609.05158); IRL-Net, section III-C-1.
    """

    def __init__(self, block_size: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.block_size = block_size

    def build(self, input_shape):
        if input_shape[-1] % self.block_size**2:
            raise ValueError(
                f"DepthToSpace({self.block_size}) needs a multiple of {self.block_size**2} "
                f"channels, not {input_shape[-1]}."
            )

    def call(self, inputs):
        size = self.block_size
        batch, height, width, channels = ops.shape(inputs)
        x = ops.reshape(inputs, (batch, height, width, size, size, channels // size**2))
        x = ops.transpose(x, (0, 1, 3, 2, 4, 5))
        return ops.reshape(x, (batch, height * size, width * size, channels // size**2))

    def compute_output_shape(self, input_shape):
        batch, height, width, channels = input_shape
        height = None if height is None else height * self.block_size
        width = None if width is None else width * self.block_size
        return (batch, height, width, channels // self.block_size**2)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        config.update({"block_size": self.block_size})
        return config
