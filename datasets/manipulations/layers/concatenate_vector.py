"""A vector as further channels of feature maps."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="datasets.manipulations")
class ConcatenateVector(keras.layers.Layer):
    """Appends a vector to the channels at every position.

    Args:
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: List of feature maps (batch, height, width, channels) and vectors (batch, length).

    Returns:
        Tensor (batch, height, width, channels + length).

    Example:
    ```python
    maps = ConcatenateVector()([np.ones((1, 8, 8, 4)), np.ones((1, 2))])
    ```
    """

    def call(self, inputs):
        maps, vectors = inputs
        batch, height, width, _ = ops.shape(maps)
        shape = (batch, height, width, vectors.shape[-1])
        vectors = ops.broadcast_to(ops.cast(vectors, maps.dtype)[:, None, None, :], shape)
        return ops.concatenate([maps, vectors], axis=-1)

    def compute_output_shape(self, input_shape):
        maps, vectors = input_shape
        return (*maps[:-1], maps[-1] + vectors[-1])
