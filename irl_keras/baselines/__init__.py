"""The baselines in IRL-Net's tables, LDICN and MVSS-Net, with their parts and losses."""

from forensics_keras.layers.bilinear_upsampling import BilinearUpsampling
from irl_keras.baselines.channel_attention import ChannelAttention
from irl_keras.baselines.edge_residual_block import EdgeResidualBlock
from irl_keras.baselines.initializers import Bilinear, HighPass
from irl_keras.baselines.ldicn import ldicn
from irl_keras.baselines.losses import MVSSLoss, edge_map
from irl_keras.baselines.mvss_net import mvss_net
from irl_keras.baselines.sobel_gate import SobelGate

__all__ = [
    "Bilinear",
    "BilinearUpsampling",
    "ChannelAttention",
    "EdgeResidualBlock",
    "HighPass",
    "MVSSLoss",
    "SobelGate",
    "edge_map",
    "ldicn",
    "mvss_net",
]
