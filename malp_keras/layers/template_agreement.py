"""A matched filter: where a recovered template agrees with the known one."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="malp_keras")
class TemplateAgreement(keras.layers.Layer):
    """Compares the recovered template with the known template that resembles it most, locally.

    The localizer of the paper does not know the template: it can see that a texture of its kind
    is missing, but not that it is in the wrong place, as after copying a protected region. Where
    the template is present, the product of the recovered and the known one is positive on
    average; where it is not, it averages to zero. Means over windows of several sizes make that
    visible against the noise of the picture's content.

    Args:
        windows: Odd integers, sides of the windows in pixels.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name` and `dtype`.

    Call arguments:
        recovered: Recovered templates, shape `(batch, height, width, 1)`.
        known: The template set at the same size, shape `(batch, height, width, count)`.

    Returns:
        Tensor of shape `(batch, height, width, 1 + 2 * len(windows))`: the product, and for each
        window the means of the product and of the recovered template's square.
    """

    def __init__(self, windows: Sequence[int] = (5, 9, 17), **kwargs: Any):
        super().__init__(**kwargs)
        self.windows = tuple(windows)

    def call(self, recovered, known):
        product = recovered * known
        # The set's member in use is the one with the largest sum of products, as all have the
        # same energy.
        best = ops.argmax(ops.sum(ops.cast(product, "float32"), axis=(1, 2)), axis=-1)
        chosen = ops.cast(ops.one_hot(best, known.shape[-1]), product.dtype)
        product = ops.sum(product * chosen[:, None, None, :], axis=-1, keepdims=True)
        evidence = ops.concatenate([product, ops.square(recovered)], axis=-1)
        means = [
            ops.average_pool(evidence, window, strides=1, padding="same") for window in self.windows
        ]
        return ops.concatenate([product, *means], axis=-1)

    def compute_output_shape(self, recovered_shape, known_shape):
        return (*recovered_shape[:-1], 1 + 2 * len(self.windows))

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        config.update({"windows": self.windows})
        return config
