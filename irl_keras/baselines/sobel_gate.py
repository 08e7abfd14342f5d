"""Sobel gate of MVSS-Net's edge branch."""

import keras
import numpy as np
from keras import ops

SOBEL = np.array([[1, 0, -1], [2, 0, -2], [1, 0, -1]], "float32")


@keras.saving.register_keras_serializable(package="irl_keras")
class SobelGate(keras.layers.Layer):
    """Weights features by how strong the edges of their channel sum are.

    Sobel filters give the horizontal and the vertical gradient of the sum of all channels; batch
    norm scales each; the sigmoid of the gradient's length is the gate.

    Args:
        **kwargs: Arguments of `keras.layers.Layer`, such as `name` and `dtype`.

    Call arguments:
        inputs: Tensor of shape `(batch, height, width, channels)`.
        training: Boolean, used by batch norm.

    Returns:
        Tensor of the same shape, each position multiplied by a gate in [0.5, 1).

    Example:
    ```python
    gated = irl_keras.baselines.SobelGate()(np.ones((1, 16, 16, 32)))
    ```

    Reference: MVSS-Net, section 3.1 (see `mvss_net`); the sum over channels, the batch norms and
    the length of the gradient from the authors' program.
    """

    def build(self, input_shape):
        # One for both gradients: batch norm treats its channels apart.
        self.norm = keras.layers.BatchNormalization(
            momentum=0.9, epsilon=1e-5, dtype="float32", name="norm"
        )
        self.norm.build((*input_shape[:-1], 2))

    def call(self, inputs, training=None):
        # A sum over many channels overflows float16's range.
        total = ops.sum(ops.cast(inputs, "float32"), axis=-1, keepdims=True)
        kernel = np.stack([SOBEL, SOBEL.T], axis=-1)[:, :, None]
        gradients = ops.conv(total, ops.convert_to_tensor(kernel), padding="same")
        gradients = self.norm(gradients, training=training)
        squares = ops.sum(ops.square(gradients), axis=-1, keepdims=True)
        # The root's slope is infinite at 0.
        gate = ops.sigmoid(ops.sqrt(squares + 1e-6))
        return inputs * ops.cast(gate, inputs.dtype)

    def compute_output_shape(self, input_shape):
        return input_shape
