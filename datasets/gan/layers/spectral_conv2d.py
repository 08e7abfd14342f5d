"""A convolution whose kernel has a spectral norm of 1."""

import keras

from datasets.gan.layers.spectral_norm import SpectralNorm


@keras.saving.register_keras_serializable(package="datasets.inpainting")
class SpectralConv2D(SpectralNorm, keras.layers.Conv2D):
    """Convolution without bias, spectrally normalized.

    Args:
        *args: Arguments of `keras.layers.Conv2D`.
        **kwargs: Keyword arguments of the same, but for `use_bias` and `activation`.

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

    filters_last = (0, 1, 2, 3)
