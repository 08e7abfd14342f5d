"""A transposed convolution whose kernel has a spectral norm of 1."""

import keras

from datasets.gan.layers.spectral_norm import SpectralNorm


@keras.saving.register_keras_serializable(package="datasets.inpainting")
class SpectralConv2DTranspose(SpectralNorm, keras.layers.Conv2DTranspose):
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

    filters_last = (0, 1, 3, 2)
