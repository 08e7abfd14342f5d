"""What spectrally normalized convolutions share."""

from keras import layers, ops


class SpectralNorm:
    """Divides a convolution's output, which has no bias, by the kernel's largest singular value.

    A layer that has it names the order of the kernel's axes that puts the filters last,
    `filters_last`.

    `keras.layers.SpectralNormalization` overwrites the kernel in each training step instead, which
    has no effect where variables may not change during a step, as on JAX; and no gradient passes
    through its division.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **{**kwargs, "use_bias": False})

    def build(self, input_shape):
        super().build(input_shape)
        self.direction = self.add_weight(
            name="direction",
            shape=(self.filters, 1),
            initializer="random_normal",
            trainable=False,
        )

    def call(self, inputs, training=False):
        kernel = ops.cast(self.kernel, "float32")
        matrix = ops.reshape(ops.transpose(kernel, self.filters_last), (-1, self.filters))
        # One step of the power iteration; the weights move slowly enough for it to keep up.
        held = ops.stop_gradient(matrix)
        left = ops.normalize(held @ ops.cast(self.direction, "float32"), axis=0)
        right = ops.normalize(ops.transpose(held) @ left, axis=0)
        if training:
            self.direction.assign(right)
        norm = ops.sum(left * (matrix @ right))
        return super().call(inputs) / ops.cast(norm, self.compute_dtype)

    # Keras' convolutions save their kernel and bias alone.
    save_own_variables = layers.Layer.save_own_variables
    load_own_variables = layers.Layer.load_own_variables
