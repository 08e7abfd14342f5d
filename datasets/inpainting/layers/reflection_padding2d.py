"""Padding by reflection, of which EdgeConnect's generators are made."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="datasets.inpainting")
class ReflectionPadding2D(keras.layers.Layer):
    """Continues a map beyond its borders by reflection, without repeating the border.

    Args:
        padding: Positive integer, rows and columns on each side; less than height and width.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name` and `dtype`.

    Call arguments:
        inputs: Tensor of shape `(batch, height, width, channels)`.

    Returns:
        Tensor of shape `(batch, height + 2 * padding, width + 2 * padding, channels)`.

    Example:
    ```python
    padded = ReflectionPadding2D(3)(np.ones((1, 16, 16, 8)))  # (1, 22, 22, 8)
    ```
    """

    def __init__(self, padding, **kwargs):
        super().__init__(**kwargs)
        self.padding = padding

    def call(self, inputs):
        sides = [self.padding, self.padding]
        return ops.pad(inputs, [[0, 0], sides, sides, [0, 0]], mode="reflect")

    def compute_output_shape(self, input_shape):
        spatial = (None if side is None else side + 2 * self.padding for side in input_shape[1:3])
        return (input_shape[0], *spatial, input_shape[3])

    def get_config(self):
        config = super().get_config()
        config.update({"padding": self.padding})
        return config
