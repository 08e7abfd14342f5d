"""The parts of the learned inpainters as Keras layers, one file each."""

from datasets.inpainting.layers.bilinear_doubling import BilinearDoubling
from datasets.inpainting.layers.canny_edges import CannyEdges
from datasets.inpainting.layers.contextual_attention import ContextualAttention
from datasets.inpainting.layers.gated_conv2d import GatedConv2D
from datasets.inpainting.layers.reflection_padding2d import ReflectionPadding2D
from datasets.inpainting.layers.smooth_fill import SmoothFill

__all__ = [
    "BilinearDoubling",
    "CannyEdges",
    "ContextualAttention",
    "GatedConv2D",
    "ReflectionPadding2D",
    "SmoothFill",
]
