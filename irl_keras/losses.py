"""The losses of IRL-Net (section III-D of its paper); see `forensics_keras.losses`."""

from forensics_keras.losses import DiceLoss, FusedFocalLoss, IRLLoss

__all__ = ["DiceLoss", "FusedFocalLoss", "IRLLoss"]
