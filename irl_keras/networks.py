"""The networks that localize inpainting, by name: how to build each and what loss trains it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import keras

from irl_keras.baselines import MVSSLoss, ldicn, mvss_net
from irl_keras.irl_net import irl_net
from irl_keras.losses import IRLLoss
from irl_keras.trace_net import trace_net


@dataclass(frozen=True)
class Network:
    """A kind of network.

    Attributes:
        build: Builds the model from keyword arguments, of which `width` is one
            (the trace branch has none). It takes pictures
            `(batch, height, width, 3)`, RGB in 0 to 255; the first channel of its output is the
            probability map, and others, if any, are for the loss.
        loss: Makes the loss of its published training, given keyword arguments that differ.
    """

    build: Callable[..., keras.Model]
    loss: Callable[..., keras.losses.Loss]


NETWORKS = {
    "irl_net": Network(irl_net, IRLLoss),
    "trace_net": Network(trace_net, IRLLoss),
    # The focal loss of Keras has LDICN's gamma of 2 and no weights for the classes by default.
    "ldicn": Network(ldicn, keras.losses.BinaryFocalCrossentropy),
    # Trained with `training_outputs=True`, whose second channel the loss needs.
    "mvss_net": Network(mvss_net, MVSSLoss),
}
"""Configurations and model cards name networks by these keys; a new one joins by an entry here."""
