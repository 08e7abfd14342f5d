"""Layers that networks of several papers share, one file each."""

from forensics_keras.layers.bilinear_upsampling import BilinearUpsampling
from forensics_keras.layers.crop_like import CropLike
from forensics_keras.layers.depth_to_space import DepthToSpace
from forensics_keras.layers.pad_to_multiple import PadToMultiple

__all__ = ["BilinearUpsampling", "CropLike", "DepthToSpace", "PadToMultiple"]
