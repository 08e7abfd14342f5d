"""What holds for all layers of MaLP, and the small ones by their formulas."""

import keras
import numpy as np
import pytest
from keras import ops

from malp_keras.layers import Enlarge, PositionEmbedding, TemplateAgreement, TemplateLayer
from tests.helpers.check_layer import check_layer, each_layer, layers_defined_in

PICTURES = np.random.default_rng(0).integers(0, 256, (2, 16, 12, 3)).astype("float32")
INDEX = np.array([2, 0], "int32")

LAYERS = [
    ((Enlarge(3), (2, 5, 7, 3)), {}),
    ((PositionEmbedding(), (2, 9, 4)), {"any_size": False}),
    ((TemplateAgreement((3, 5)), (2, 9, 7, 1), (2, 9, 7, 3)), {}),
    (
        (TemplateLayer(3, 16, normalize=True, seed=7), PICTURES, INDEX),
        # Another order of sums may round a tie to the other side.
        {"half_gives": "float32", "atol": 1.0},
    ),
    (
        (TemplateLayer(3, 8, band=(0.2, 0.5), seed=7), PICTURES, INDEX),
        {"half_gives": "float32", "atol": 1.0},
    ),
]


@pytest.mark.jax
@each_layer(LAYERS)
def test_layer_is_sound(arguments, options):
    check_layer(*arguments, **options)


def test_every_layer_is_checked():
    assert {type(layer) for (layer, *_), _ in LAYERS} == layers_defined_in("malp_keras")


def test_enlarging_equals_bilinear_upsampling():
    x = np.random.default_rng(0).normal(size=(2, 5, 7, 3)).astype("float32")
    expected = keras.layers.UpSampling2D(3, interpolation="bilinear")(x)
    np.testing.assert_allclose(Enlarge(3)(x), expected, atol=1e-5)


def test_agreement_is_the_product_with_the_template_that_fits_best():
    rng = np.random.default_rng(0)
    known = rng.normal(size=(2, 12, 14, 3)).astype("float32")
    recovered = known[[0, 1], ..., [2, 0]][..., None] + 0.1
    outputs = ops.convert_to_numpy(TemplateAgreement((3,))(recovered, known))
    product = np.stack([known[0, ..., 2], known[1, ..., 0]]) * recovered[..., 0]
    np.testing.assert_allclose(outputs[..., 0], product, atol=1e-6)
    window = np.s_[:, 3:6, 7:10]
    assert outputs[:, 4, 8, 1] == pytest.approx(product[window].mean((1, 2)), abs=1e-5)
    square = recovered[..., 0] ** 2
    assert outputs[:, 4, 8, 2] == pytest.approx(square[window].mean((1, 2)), abs=1e-5)
