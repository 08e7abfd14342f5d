"""The selective transfer unit of STGAN."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="datasets.manipulations")
class SelectiveTransferUnit(keras.layers.Layer):
    """A gated recurrent cell that carries what shall change from one encoder level to a finer one.

    The state of the coarser level is doubled in height and width, s' = T s. With the encoder's
    features f, the gates r = sigmoid(W_r [f, s']) and z = sigmoid(W_z [f, s']), and the candidate
    c = tanh(W_c [f, r s']), the unit passes on the state r s' and puts out (1 - z) s' + z c.
    T is a 4x4 transposed convolution of stride 2, the W are 3x3 convolutions; all have a bias.

    Args:
        filters: Positive integer, channels of the new state and of the output.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: List of the encoder's features (batch, height, width, channels) and the state of
            the coarser level (batch, height / 2, width / 2, channels).

    Returns:
        List of the output and the new state, both (batch, height, width, filters).

    Example:
    ```python
    features, state = np.ones((1, 16, 16, 8)), np.ones((1, 8, 8, 16))
    output, state = SelectiveTransferUnit(8)([features, state])
    ```

    Reference:
        - [Liu et al., 2019](https://arxiv.org/abs/1904.09709), equations 3 to 7.
    """

    def __init__(self, filters, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.upsample = keras.layers.Conv2DTranspose(
            filters, 4, strides=2, padding="same", dtype=self.dtype_policy, name="upsample"
        )
        self.reset, self.update, self.candidate = (
            keras.layers.Conv2D(
                filters,
                3,
                padding="same",
                activation=activation,
                dtype=self.dtype_policy,
                name=name,
            )
            for name, activation in (
                ("reset", "sigmoid"),
                ("update", "sigmoid"),
                ("candidate", "tanh"),
            )
        )

    def build(self, input_shape):
        features, state = input_shape
        self.upsample.build(state)
        both = (*features[:-1], features[-1] + self.filters)
        for convolution in (self.reset, self.update, self.candidate):
            convolution.build(both)

    def call(self, inputs):
        features, state = inputs
        state = self.upsample(state)
        both = ops.concatenate([features, state], axis=-1)
        update = self.update(both)
        passed = self.reset(both) * state
        candidate = self.candidate(ops.concatenate([features, passed], axis=-1))
        return [(1.0 - update) * state + update * candidate, passed]

    def compute_output_shape(self, input_shape):
        shape = (*input_shape[0][:-1], self.filters)
        return [shape, shape]

    def get_config(self):
        return {**super().get_config(), "filters": self.filters}
