"""IRL-Net: localization of inpainted regions, for Keras 3."""

from irl_keras import layers, losses
from irl_keras.irl_net import irl_net

__all__ = ["irl_net", "layers", "losses"]
