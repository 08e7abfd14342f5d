"""The parts of IRL-Net as Keras layers, one file each; the traces are not in the paper."""

from forensics_keras.layers.crop_like import CropLike
from forensics_keras.layers.depth_to_space import DepthToSpace
from forensics_keras.layers.pad_to_multiple import PadToMultiple
from irl_keras.layers.bayar_conv2d import BayarConstraint, BayarConv2D
from irl_keras.layers.colour_profiles import ColourProfiles
from irl_keras.layers.encoder_query_attention import EncoderQueryAttention
from irl_keras.layers.multi_scale_conv import MultiScaleConv
from irl_keras.layers.phase_profiles import PhaseProfiles
from irl_keras.layers.residual_block import ResidualBlock
from irl_keras.layers.se_block import SEBlock

__all__ = [
    "BayarConstraint",
    "BayarConv2D",
    "ColourProfiles",
    "CropLike",
    "DepthToSpace",
    "EncoderQueryAttention",
    "MultiScaleConv",
    "PadToMultiple",
    "PhaseProfiles",
    "ResidualBlock",
    "SEBlock",
]
