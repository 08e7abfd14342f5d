"""Gated convolution (DeepFill v2, section 3.1)."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="datasets.inpainting")
class GatedConv2D(keras.layers.Conv2D):
    """Convolution whose one half of filters makes features, and the other half gates them.

    The gates learn where the picture is known, at each position and for each channel, instead of
    taking hole and known pixels alike.

    A gate starts near 1/2. The kernels' default start has four times the usual variance, which
    makes up for that; else the signal shrinks so much in each layer that a deep generator starts
    with the same output for every picture.

    Args:
        filters: Positive even integer, the convolution's filters; the output has half as many
            channels.
        kernel_size: Side of the kernels, as for `keras.layers.Conv2D`.
        activation: Activation of the features; the gates have a sigmoid.
        kernel_initializer: Start of the kernels, as for `keras.layers.Conv2D`; `None` for the
            start described above.
        **kwargs: Other arguments of `keras.layers.Conv2D`, such as `strides` and `name`.

    Call arguments:
        inputs: Tensor of shape `(batch, height, width, channels)`.

    Returns:
        Tensor of shape `(batch, new_height, new_width, filters // 2)`.

    Raises:
        ValueError: If `filters` is odd.

    Example:
    ```python
    features = GatedConv2D(48, 5, padding="same")(np.ones((1, 64, 64, 5)))  # (1, 64, 64, 24)
    ```

    Reference:
        - [Yu et al., 2019](https://arxiv.org/abs/1806.03589), equation 3.
    """

    def __init__(self, filters, kernel_size, activation="elu", kernel_initializer=None, **kwargs):
        if filters % 2:
            raise ValueError(f"GatedConv2D needs an even number of filters, not {filters}.")
        if kernel_initializer is None:
            kernel_initializer = keras.initializers.VarianceScaling(4.0, "fan_in")
        super().__init__(filters, kernel_size, kernel_initializer=kernel_initializer, **kwargs)
        self.feature_activation = keras.activations.get(activation)

    def call(self, inputs):
        features, gates = ops.split(super().call(inputs), 2, axis=-1)
        return self.feature_activation(features) * ops.sigmoid(gates)

    def compute_output_shape(self, input_shape):
        *rest, channels = super().compute_output_shape(input_shape)
        return (*rest, channels // 2)

    def get_config(self):
        config = super().get_config()
        config.update({"activation": keras.activations.serialize(self.feature_activation)})
        return config
