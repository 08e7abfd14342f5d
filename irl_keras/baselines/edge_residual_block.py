"""Edge residual block (ERB) of MVSS-Net's edge branch."""

from typing import Any

import keras


@keras.saving.register_keras_serializable(package="irl_keras")
class EdgeResidualBlock(keras.layers.Layer):
    """1x1 convolution to few channels, then a residual of two 3x3 convolutions.

    Args:
        filters: Integer, the number of output channels.
        activation: Activation after the addition, or `None`.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name` and `dtype`.

    Call arguments:
        inputs: Tensor of shape `(batch, height, width, channels)`.
        training: Boolean, used by batch norm.

    Returns:
        Tensor of shape `(batch, height, width, filters)`.

    Example:
    ```python
    edges = irl_keras.baselines.EdgeResidualBlock(1)(np.ones((1, 16, 16, 32)))  # 1 channel
    ```

    Reference: MVSS-Net, section 3.1 (see `mvss_net`); numbers from the authors' program.
    """

    def __init__(self, filters: int, activation: Any = "relu", **kwargs: Any):
        super().__init__(**kwargs)
        self.filters = filters
        self.activation = keras.activations.get(activation)

    def build(self, input_shape):
        inner_shape = (*input_shape[:-1], self.filters)
        self.project = self._conv(1, "project")
        self.project.build(input_shape)
        self.conv1, self.conv2 = self._conv(3, "conv1"), self._conv(3, "conv2")
        self.norm = keras.layers.BatchNormalization(
            momentum=0.9, epsilon=1e-5, dtype=self.dtype_policy, name="norm"
        )
        for layer in (self.conv1, self.norm, self.conv2):
            layer.build(inner_shape)

    def _conv(self, size, name):
        return keras.layers.Conv2D(
            self.filters, size, padding="same", dtype=self.dtype_policy, name=name
        )

    def call(self, inputs, training=None):
        x = self.project(inputs)
        residual = self.norm(self.conv1(x), training=training)
        residual = self.conv2(keras.ops.relu(residual))
        return self.activation(x + residual)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.filters)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        config.update(
            {
                "filters": self.filters,
                "activation": keras.activations.serialize(self.activation),
            }
        )
        return config
