"""The counterpart of padding: the map at the picture's own size."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="irl_keras")
class CropLike(keras.layers.Layer):
    """Crops a map at its bottom and right borders to the size of a reference.

    Args:
        **kwargs: Arguments of `keras.layers.Layer`, such as `name` and `dtype`.

    Call arguments:
        inputs: List `[features, reference]` of tensors `(batch, height, width, channels)`; the
            reference is at most as large as the features.

    Returns:
        The features, with the height and width of the reference.

    Example:
    ```python
    cropped = irl_keras.layers.CropLike()([np.ones((1, 24, 32, 1)), np.ones((1, 17, 30, 3))])
    ```
    """

    def call(self, inputs):
        features, reference = inputs
        _, height, width, _ = ops.shape(reference)
        return features[:, :height, :width]

    def compute_output_shape(self, input_shape):
        features, reference = input_shape
        return (features[0], reference[1], reference[2], features[3])
