"""Channel attention of MVSS-Net's dual attention."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="irl_keras")
class ChannelAttention(keras.layers.Layer):
    """Adds to each channel a mixture of the channels that resemble it least.

    With the features as a matrix A of channels by positions: `S = A A^T`, weights `softmax(-S)`
    over each row, output `gain * weights A + A`. (The program subtracts S from each row's maximum,
    which leaves the softmax as it is.) The gain is a trainable
    scalar that starts at 0, so that the layer starts as an identity. Memory grows with the square
    of the channels and linearly with the positions.

    Args:
        **kwargs: Arguments of `keras.layers.Layer`, such as `name` and `dtype`.

    Call arguments:
        inputs: Tensor of shape `(batch, height, width, channels)`.

    Returns:
        Tensor of the same shape.

    Example:
    ```python
    output = irl_keras.baselines.ChannelAttention()(np.ones((1, 16, 16, 32)))
    ```

    Reference:
        - [Fu et al., 2019](https://arxiv.org/abs/1809.02983), section 3.3.
    """

    def build(self, input_shape):
        self.gain = self.add_weight(name="gain", shape=(), initializer="zeros")

    def call(self, inputs):
        batch, height, width, channels = ops.shape(inputs)
        features = ops.reshape(inputs, (batch, height * width, channels))
        # A sum over all positions overflows float16's range.
        features = ops.cast(features, "float32")
        similarity = ops.matmul(ops.swapaxes(features, 1, 2), features)
        weights = ops.softmax(-similarity, axis=-1)
        mixed = ops.matmul(features, ops.swapaxes(weights, 1, 2))
        mixed = ops.cast(ops.reshape(mixed, ops.shape(inputs)), inputs.dtype)
        return ops.cast(self.gain, inputs.dtype) * mixed + inputs

    def compute_output_shape(self, input_shape):
        return input_shape
