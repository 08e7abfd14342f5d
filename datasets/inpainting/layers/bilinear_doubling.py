"""Bilinear doubling that works in graphs of unknown height and width."""

import keras
from keras import ops

from forensics_keras.layers import BilinearUpsampling


@keras.saving.register_keras_serializable(package="datasets.inpainting")
class BilinearDoubling(BilinearUpsampling):
    """Doubles the height and width of a map.

    Where these are known it is Keras' own resizing, with which the shipped networks were trained
    and measured, to the last bit. On TensorFlow that fails where they are unknown: `predict` traces
    such a graph after pictures of several sizes.

    Args:
        **kwargs: Arguments of `keras.layers.Layer`, such as `name` and `dtype`.

    Call arguments:
        inputs: Tensor of shape `(batch, height, width, channels)`.

    Returns:
        Tensor of shape `(batch, 2 * height, 2 * width, channels)`.

    Example:
    ```python
    larger = BilinearDoubling()(np.ones((1, 8, 8, 1)))  # (1, 16, 16, 1)
    ```
    """

    def __init__(self, **kwargs):
        super().__init__(2, **kwargs)

    def call(self, inputs):
        height, width = inputs.shape[1:3]
        if height is None or width is None:
            return super().call(inputs)
        return ops.image.resize(inputs, (2 * height, 2 * width))

    def get_config(self):
        config = super().get_config()
        del config["scale"]
        return config
