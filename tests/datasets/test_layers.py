"""What holds for every layer of the inpainters and manipulations; formulas are beside their use."""

import numpy as np
import pytest

from datasets.gan.layers import SpectralConv2D, SpectralConv2DTranspose
from datasets.inpainting.layers import (
    BilinearDoubling,
    CannyEdges,
    ContextualAttention,
    GatedConv2D,
    ReflectionPadding2D,
    SmoothFill,
)
from datasets.manipulations.layers import ConcatenateVector, SelectiveTransferUnit
from tests.helpers.check_layer import check_layer, each_layer, layers_defined_in

MASK = np.zeros((2, 16, 24, 1), "float32")
MASK[0, 4:8, 8:16] = MASK[1, 6:9, 3:12] = 1
PICTURE = np.random.default_rng(0).uniform(-1, 1, (2, 16, 24, 3)).astype("float32")

LAYERS = [
    ((GatedConv2D(6, 3, activation="relu", dilation_rate=2), (2, 9, 11, 3)), {}),
    # Which positions are copied from does not depend smoothly on the mask.
    (
        (ContextualAttention(3, 2, 3.0, True), [(2, 16, 24, 3), MASK]),
        {"without_gradient": ["input 1"]},
    ),
    ((CannyEdges(1.0, 0.2, 0.3), [PICTURE, MASK]), {"differentiable": False}),
    ((SmoothFill(), [PICTURE, MASK]), {}),
    ((BilinearDoubling(), (2, 5, 6, 3)), {}),
    ((ReflectionPadding2D(3), (2, 9, 10, 3)), {}),
    ((SpectralConv2D(5, 3, padding="same", dilation_rate=2), (2, 9, 10, 3)), {}),
    ((SpectralConv2DTranspose(5, 4, strides=2, padding="same"), (2, 9, 10, 3)), {}),
    ((ConcatenateVector(), [(2, 3, 4, 5), (2, 2)]), {}),
    ((SelectiveTransferUnit(6), [(2, 6, 4, 5), (2, 3, 2, 7)]), {}),
]


@pytest.mark.jax
@each_layer(LAYERS)
def test_layer_is_sound(arguments, options):
    check_layer(*arguments, **options)


def test_every_layer_is_checked():
    assert {type(layer) for (layer, _), _ in LAYERS} == layers_defined_in("datasets")
