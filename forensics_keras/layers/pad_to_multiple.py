"""Padding that lets a strided network take pictures of any size."""

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="irl_keras")
class PadToMultiple(keras.layers.Layer):
    """Reflects the bottom and right borders until height and width are multiples of a number.

    Reflection keeps the picture's own noise in the padded part; zeros would look like a fill.

    Args:
        multiple: Positive integer.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name` and `dtype`.

    Call arguments:
        inputs: Tensor of shape `(batch, height, width, channels)`.

    Returns:
        Tensor whose height and width are the next multiples; equal to the input within it.

    Example:
    ```python
    padded = irl_keras.layers.PadToMultiple(8)(np.ones((1, 17, 30, 3)))  # (1, 24, 32, 3)
    ```
    """

    def __init__(self, multiple: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.multiple = multiple

    def call(self, inputs):
        _, height, width, _ = ops.shape(inputs)
        for axis, side in ((1, height), (2, width)):
            if isinstance(side, int) and side % self.multiple == 0:
                continue
            inputs = ops.take(inputs, self._reflected(side), axis=axis)
        return inputs

    def _reflected(self, side):
        """Source positions of the padded axis: 0 to side - 1, then back again."""
        padded = (side + self.multiple - 1) // self.multiple * self.multiple
        last = side - 1
        # The lower bound matters only for pictures smaller than their padding.
        return ops.maximum(last - ops.abs(last - ops.arange(padded)), 0)

    def compute_output_shape(self, input_shape):
        spatial = (
            None if side is None else -(-side // self.multiple) * self.multiple
            for side in input_shape[1:3]
        )
        return (input_shape[0], *spatial, input_shape[3])

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        config.update({"multiple": self.multiple})
        return config
