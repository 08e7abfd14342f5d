"""Squeeze-and-excitation block (paper section III-B-1, Fig. 4)."""

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="irl_keras")
class SEBlock(keras.layers.Layer):
    """Squeeze-and-excitation: weights each channel by a gate computed from all channels' means.

    Args:
        ratio: Positive integer, the reduction of the hidden dense layer's width.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name` and `dtype`.

    Call arguments:
        inputs: Tensor of shape `(batch, height, width, channels)`.

    Returns:
        Tensor of the same shape, each channel multiplied by a gate in (0, 1).

    Example:
    ```python
    recalibrated = irl_keras.layers.SEBlock(ratio=4)(np.ones((1, 16, 16, 32)))
    ```

    Reference:
        - [Hu et al., 2020](https://arxiv.org/abs/1709.01507); IRL-Net, Fig. 4.
    """

    def __init__(self, ratio: int = 4, **kwargs: Any):
        super().__init__(**kwargs)
        self.ratio = ratio

    def build(self, input_shape):
        channels = input_shape[-1]
        self.squeeze = keras.layers.Dense(
            max(channels // self.ratio, 1),
            activation="relu",
            dtype=self.dtype_policy,
            name="squeeze",
        )
        self.excite = keras.layers.Dense(
            channels, activation="sigmoid", dtype=self.dtype_policy, name="excite"
        )
        self.squeeze.build((input_shape[0], channels))
        self.excite.build((input_shape[0], self.squeeze.units))

    def call(self, inputs):
        # The mean over a large picture overflows float16's range of sums.
        means = ops.mean(ops.cast(inputs, "float32"), axis=(1, 2))
        gates = self.excite(self.squeeze(ops.cast(means, self.compute_dtype)))
        return inputs * gates[:, None, None, :]

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        config.update({"ratio": self.ratio})
        return config
