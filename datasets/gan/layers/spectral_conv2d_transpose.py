"""A transposed convolution whose kernel has a spectral norm of 1."""

import keras

from datasets.gan.layers.spectral_norm import SpectralNorm


@keras.saving.register_keras_serializable(package="datasets.inpainting")
class SpectralConv2DTranspose(SpectralNorm, keras.layers.Conv2DTranspose):
    """Transposed convolution without bias, spectrally normalized; called as `SpectralConv2D`.

    Args:
        *args: Arguments of `keras.layers.Conv2DTranspose`.
        **kwargs: Keyword arguments of the same, but for `use_bias` and `activation`.
    """

    filters_last = (0, 1, 3, 2)
