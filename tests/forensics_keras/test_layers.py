"""The shared layers against independent formulas."""

import keras
import numpy as np
import pytest
from keras import ops

from forensics_keras import layers
from tests.helpers.check_layer import check_layer, layers_defined_in

LAYERS = [
    (layers.BilinearUpsampling(3), (2, 5, 7, 3)),
    (layers.CropLike(), [(1, 9, 12, 2), (1, 7, 11, 3)]),
    (layers.DepthToSpace(2), (2, 3, 5, 8)),
    (layers.PadToMultiple(8), (2, 9, 16, 3)),
]


def random(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape, dtype="float32")


def output(layer, inputs):
    return ops.convert_to_numpy(layer(inputs))


@pytest.mark.jax
@pytest.mark.parametrize(("layer", "inputs"), LAYERS, ids=lambda value: type(value).__name__)
def test_layer_is_sound(layer, inputs):
    check_layer(layer, inputs, without_gradient=["input 1"])


def test_every_layer_is_checked():
    assert {type(layer) for layer, _ in LAYERS} == layers_defined_in("forensics_keras")


@pytest.mark.jax
@pytest.mark.parametrize("scale", [1, 2, 3, 16])
def test_bilinear_upsampling_is_that_of_keras(scale):
    x = random(2, 5, 7, 3)
    expected = keras.layers.UpSampling2D(scale, interpolation="bilinear")(x)
    np.testing.assert_allclose(output(layers.BilinearUpsampling(scale), x), expected, atol=1e-5)


@pytest.mark.jax
def test_depth_to_space_equals_the_definition():
    x = random(2, 3, 4, 12)
    y = output(layers.DepthToSpace(2), x)
    for row in range(2):
        for column in range(2):
            start = 3 * (2 * row + column)
            np.testing.assert_array_equal(y[:, row::2, column::2], x[..., start : start + 3])


def test_depth_to_space_equals_tensorflow():
    tf = pytest.importorskip("tensorflow")
    x = random(1, 4, 5, 27)
    np.testing.assert_array_equal(output(layers.DepthToSpace(3), x), tf.nn.depth_to_space(x, 3))


def test_depth_to_space_refuses_channels_that_do_not_fit():
    with pytest.raises(ValueError, match="multiple of 4"):
        layers.DepthToSpace(2)(random(1, 4, 4, 6))


@pytest.mark.jax
@pytest.mark.parametrize(("height", "width"), [(8, 16), (9, 23), (1, 3), (17, 8)])
def test_padding_reflects_and_cropping_undoes_it(height, width):
    x = random(1, height, width, 3)
    padded = output(layers.PadToMultiple(8), x)
    assert padded.shape[1] % 8 == padded.shape[2] % 8 == 0
    assert padded.shape[1] - height < 8 and padded.shape[2] - width < 8
    np.testing.assert_array_equal(padded[:, :height, :width], x)
    if height > 8 and height % 8:
        np.testing.assert_array_equal(padded[:, height, :width], x[:, height - 2])
    np.testing.assert_array_equal(output(layers.CropLike(), [padded, x]), x)
