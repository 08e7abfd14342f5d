"""Layers of generators and critics that several adversarial trainings share."""

from datasets.gan.layers.spectral_conv2d import SpectralConv2D
from datasets.gan.layers.spectral_conv2d_transpose import SpectralConv2DTranspose

__all__ = ["SpectralConv2D", "SpectralConv2DTranspose"]
