"""Multi-scale convolution (MSC) block of the Enhancement module (paper section III-A)."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="irl_keras")
class MultiScaleConv(keras.layers.Layer):
    """Parallel convolutions of several kernel sizes, concatenated.

    Inpainting traces come at several scales; each kernel size looks at one of them.

    Args:
        filters: Integer, the number of filters of each convolution.
        kernel_sizes: Sequence of integers, the kernel sizes in the order of concatenation.
        activation: Activation of every convolution.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name` and `dtype`.

    Call arguments:
        inputs: Tensor of shape `(batch, height, width, channels)`.

    Returns:
        Tensor of shape `(batch, height, width, filters * len(kernel_sizes))`.

    Example:
    ```python
    features = irl_keras.layers.MultiScaleConv(32)(np.ones((1, 64, 64, 6)))  # 96 channels
    ```

    Reference: IRL-Net, section III-A; 7x7, 5x5 and 3x3 with 32 filters and ReLU each.
    """

    def __init__(
        self,
        filters: int,
        kernel_sizes: Sequence[int] = (7, 5, 3),
        activation: Any = "relu",
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.filters = filters
        self.kernel_sizes = tuple(kernel_sizes)
        self.activation = keras.activations.get(activation)
        self.convolutions = [
            keras.layers.Conv2D(
                filters,
                size,
                padding="same",
                activation=self.activation,
                dtype=self.dtype_policy,
                name=f"conv{size}x{size}",
            )
            for size in self.kernel_sizes
        ]

    def build(self, input_shape):
        for convolution in self.convolutions:
            convolution.build(input_shape)

    def call(self, inputs):
        return ops.concatenate([conv(inputs) for conv in self.convolutions], axis=-1)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.filters * len(self.kernel_sizes))

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        config.update(
            {
                "filters": self.filters,
                "kernel_sizes": self.kernel_sizes,
                "activation": keras.activations.serialize(self.activation),
            }
        )
        return config
