"""Constrained convolution of the Enhancement module (paper section III-A, eq. 1)."""

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="irl_keras")
class BayarConstraint(keras.constraints.Constraint):
    """Projects kernels onto prediction-residual filters: centre -1, the rest summing to 1.

    Every (input channel, filter) slice is replaced by the nearest slice (in the Euclidean sense)
    that fulfils the constraint: the missing part of the sum is shared equally by all weights but
    the centre. Dividing by the sum instead, as the authors' program does, blows up when the sum
    is near 0. Weights are limited to `[-limit, limit]` first (and not-a-number becomes 0), so
    that the result is finite, and its sum exact in float32, for any input.

    The paper prints +1 for the centre, a lost minus sign: Bayar and Stamm's layer uses -1.

    Args:
        limit: Positive float, the largest weight magnitude before projection. Weights of linear
            predictors of a pixel from its neighbours stay well below 2.

    Reference:
        - [Bayar and Stamm, 2018](https://doi.org/10.1109/TIFS.2018.2825953)
    """

    def __init__(self, limit: float = 2.0):
        self.limit = limit

    def __call__(self, kernel):
        """Returns the projected kernel, shape `(height, width, channels, filters)`."""
        kernel = ops.convert_to_tensor(kernel)  # JAX takes no variables
        height, width = kernel.shape[:2]
        centre = height * width // 2
        others = ops.arange(height * width) != centre
        others = ops.cast(ops.reshape(others, (height, width, 1, 1)), kernel.dtype)
        kernel = ops.where(ops.isnan(kernel), ops.zeros_like(kernel), kernel)
        kernel = ops.clip(kernel, -self.limit, self.limit) * others
        missing = 1.0 - ops.sum(kernel, axis=(0, 1), keepdims=True)
        return (kernel + missing / (height * width - 1)) * others - (1.0 - others)

    def get_config(self) -> dict[str, Any]:
        return {"limit": self.limit}


@keras.saving.register_keras_serializable(package="irl_keras")
class BayarConv2D(keras.layers.Layer):
    """Convolution whose kernels predict a pixel from its neighbours and subtract the pixel.

    The output is the prediction residual, in which picture content is suppressed and local noise,
    the trace of inpainting, is left. `BayarConstraint` holds after construction, after every
    optimizer step and after loading. There is no bias and no activation.

    Args:
        filters: Integer, the number of output channels.
        kernel_size: Odd integer of at least 3, side of the kernel.
        padding: `"same"` or `"valid"`.
        kernel_initializer: Initializer of the kernel before it is projected.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name` and `dtype`.

    Call arguments:
        inputs: Tensor of shape `(batch, height, width, channels)`, any range.

    Returns:
        Tensor of shape `(batch, height, width, filters)`, in the layer's compute dtype.

    Raises:
        ValueError: If `kernel_size` is even or below 3 (there is no centre or nothing else).

    Example:
    ```python
    residual = irl_keras.layers.BayarConv2D(3, 5)(np.ones((1, 32, 32, 3)))
    ```

    Reference: IRL-Net, section III-A, eq. (1); 5x5 and 3 filters there.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int,
        padding: str = "same",
        kernel_initializer: Any = "glorot_uniform",
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if kernel_size < 3 or kernel_size % 2 == 0:
            raise ValueError(f"kernel_size must be odd and at least 3, not {kernel_size}.")
        self.filters = filters
        self.kernel_size = kernel_size
        self.padding = padding
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.kernel_constraint = BayarConstraint()

    def build(self, input_shape):
        shape = (self.kernel_size, self.kernel_size, input_shape[-1], self.filters)
        self.kernel = self.add_weight(
            name="kernel",
            shape=shape,
            # The optimizer applies the constraint after each step only, not at the start.
            initializer=lambda shape, dtype: self.kernel_constraint(
                self.kernel_initializer(shape, dtype=dtype)
            ),
            constraint=self.kernel_constraint,
        )

    def call(self, inputs):
        return ops.conv(inputs, self.kernel, padding=self.padding)

    def load_own_variables(self, store):
        super().load_own_variables(store)
        # Files in half precision, or edited by hand, fulfil the constraint only roughly. A kernel
        # that fulfils it stays as it is to the bit, so that training goes on as if uninterrupted.
        projected = self.kernel_constraint(self.kernel)
        if float(ops.max(ops.abs(projected - self.kernel))) > 1e-6:
            self.kernel.assign(projected)

    def compute_output_shape(self, input_shape):
        if self.padding == "same":
            return (*input_shape[:-1], self.filters)
        lost = self.kernel_size - 1
        spatial = (None if side is None else side - lost for side in input_shape[1:3])
        return (input_shape[0], *spatial, self.filters)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        config.update(
            {
                "filters": self.filters,
                "kernel_size": self.kernel_size,
                "padding": self.padding,
                "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            }
        )
        return config
