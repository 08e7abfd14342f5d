"""Learned positions of a transformer's tokens."""

import keras


@keras.saving.register_keras_serializable(package="malp_keras")
class PositionEmbedding(keras.layers.Layer):
    """Adds a learned vector to each token.

    Args:
        **kwargs: Arguments of `keras.layers.Layer`, such as `name` and `dtype`.

    Call arguments:
        inputs: Tokens, shape `(batch, tokens, dim)`, of a fixed number.

    Returns:
        Tensor of the same shape.

    Reference:
        - [Dosovitskiy et al., 2020](https://arxiv.org/abs/2010.11929)
    """

    def build(self, input_shape):
        self.positions = self.add_weight(
            shape=input_shape[1:],
            initializer=keras.initializers.RandomNormal(stddev=0.02),
            name="positions",
        )

    def call(self, inputs):
        return inputs + self.positions

    def compute_output_shape(self, input_shape):
        return input_shape
