"""Bilinear enlarging that works in graphs of unknown height and width."""

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="irl_keras")
class BilinearUpsampling(keras.layers.Layer):
    """Enlarges a map by a whole factor, bilinearly, with the border continued.

    Equal to Keras' `UpSampling2D(scale, interpolation="bilinear")`, which on TensorFlow fails where
    height and width are unknown: `predict` traces such a graph after pictures of several sizes.

    Args:
        scale: Positive integer, the enlargement of height and width.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name` and `dtype`.

    Call arguments:
        inputs: Tensor of shape `(batch, height, width, channels)`.

    Returns:
        Tensor of shape `(batch, height * scale, width * scale, channels)`.

    Example:
    ```python
    larger = irl_keras.baselines.BilinearUpsampling(4)(np.ones((1, 8, 8, 1)))  # (1, 32, 32, 1)
    ```
    """

    def __init__(self, scale: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.scale = scale

    def call(self, inputs):
        batch, height, width, channels = ops.shape(inputs)
        scale = self.scale
        padded = ops.pad(inputs, [(0, 0), (1, 1), (0, 0), (0, 0)], mode="symmetric")
        rows = self._phases(padded[:, :-2], inputs, padded[:, 2:])
        x = ops.reshape(ops.stack(rows, axis=2), (batch, height * scale, width, channels))
        padded = ops.pad(x, [(0, 0), (0, 0), (1, 1), (0, 0)], mode="symmetric")
        columns = self._phases(padded[:, :, :-2], x, padded[:, :, 2:])
        x = ops.stack(columns, axis=3)
        return ops.reshape(x, (batch, height * scale, width * scale, channels))

    def _phases(self, before, x, after):
        """The values between each one and its nearer neighbour, in the order of their places."""
        offsets = [(place + 0.5) / self.scale - 0.5 for place in range(self.scale)]
        return [
            (1 - abs(offset)) * x + abs(offset) * (before if offset < 0 else after)
            for offset in offsets
        ]

    def compute_output_shape(self, input_shape):
        batch, height, width, channels = input_shape
        height = None if height is None else height * self.scale
        width = None if width is None else width * self.scale
        return (batch, height, width, channels)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "scale": self.scale}
