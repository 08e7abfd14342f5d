"""The parts of the learned inpainters as Keras layers, one file each."""

from datasets.inpainting.layers.contextual_attention import ContextualAttention
from datasets.inpainting.layers.gated_conv2d import GatedConv2D

__all__ = ["ContextualAttention", "GatedConv2D"]
