"""Convolutions whose kernels have a spectral norm of 1."""

import keras
from keras import ops


class _SpectralNorm:
    """Divides a convolution's output, which has no bias, by the largest singular value.

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
        matrix = ops.reshape(ops.transpose(kernel, self._filters_last), (-1, self.filters))
        # One step of the power iteration; the weights move slowly enough for it to keep up.
        held = ops.stop_gradient(matrix)
        left = ops.normalize(held @ ops.cast(self.direction, "float32"), axis=0)
        right = ops.normalize(ops.transpose(held) @ left, axis=0)
        if training:
            self.direction.assign(right)
        norm = ops.sum(left * (matrix @ right))
        return super().call(inputs) / ops.cast(norm, self.compute_dtype)

    # Keras' convolutions save their kernel and bias alone.
    save_own_variables = keras.layers.Layer.save_own_variables
    load_own_variables = keras.layers.Layer.load_own_variables


@keras.saving.register_keras_serializable(package="datasets.inpainting")
class SpectralConv2D(_SpectralNorm, keras.layers.Conv2D):
    """Convolution without bias, spectrally normalized.

    Args:
        *args: Arguments of `keras.layers.Conv2D`.
        **kwargs: Its keyword arguments, but for `use_bias` and `activation`.

    Call arguments:
        inputs: Tensor (batch, height, width, channels).
        training: Whether to carry the estimate of the singular vector on.

    Returns:
        The convolution by the kernel over its largest singular value, as a matrix with one column
        a filter.

    Example:
    ```python
    features = SpectralConv2D(8, 3, padding="same")(np.ones((1, 16, 16, 3)))
    ```

    Reference:
        - [Miyato et al., 2018](https://arxiv.org/abs/1802.05957).
    """

    _filters_last = (0, 1, 2, 3)


@keras.saving.register_keras_serializable(package="datasets.inpainting")
class SpectralConv2DTranspose(_SpectralNorm, keras.layers.Conv2DTranspose):
    """Transposed convolution without bias, spectrally normalized; see `SpectralConv2D`.

    Args:
        *args: Arguments of `keras.layers.Conv2DTranspose`.
        **kwargs: Its keyword arguments, but for `use_bias` and `activation`.

    Call arguments:
        inputs: Tensor (batch, height, width, channels).
        training: Whether to carry the estimate of the singular vector on.

    Returns:
        As `SpectralConv2D`.
    """

    _filters_last = (0, 1, 3, 2)
