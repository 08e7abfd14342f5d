"""Bilinear enlargement by a whole factor."""

from typing import Any

import keras
from keras import ops

from malp_keras.resizing import resize_bilinear


@keras.saving.register_keras_serializable(package="malp_keras")
class Enlarge(keras.layers.Layer):
    """Enlarges maps, as `keras.layers.UpSampling2D` does with bilinear interpolation.

    That layer fails on TensorFlow when `predict` gets pictures of a second size.

    Args:
        factor: Positive integer.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name` and `dtype`.

    Call arguments:
        inputs: Tensor of shape `(batch, height, width, channels)`.

    Returns:
        Tensor of shape `(batch, factor * height, factor * width, channels)`.
    """

    def __init__(self, factor: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, inputs):
        height, width = ops.shape(inputs)[1:3]
        return resize_bilinear(inputs, self.factor * height, self.factor * width)

    def compute_output_shape(self, input_shape):
        batch, *sides, channels = input_shape
        return (batch, *(side and self.factor * side for side in sides), channels)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        config.update({"factor": self.factor})
        return config
