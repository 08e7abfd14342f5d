"""The passive networks that MaLP is compared with."""

import keras
import numpy as np
import pytest

from malp_keras import baselines, malp


@pytest.mark.slow
@pytest.mark.parametrize("build", [baselines.resnet50_map, baselines.deeplab_v3_map])
def test_passive_networks_give_maps_of_their_pictures_size(build):
    """The second size makes TensorFlow trace a graph of unknown sizes."""
    keras.utils.set_random_seed(0)
    network = build(width=8)
    maps = []
    for height, width in [(64, 96), (96, 32)]:
        pictures = np.random.default_rng(0).integers(0, 256, (1, height, width, 3))
        fakeness = network.predict_on_batch(pictures.astype("float32"))
        assert fakeness.shape == (1, height, width, 1) and fakeness.dtype == np.float32
        assert 0 <= fakeness.min() < fakeness.max() <= 1
        maps.append(fakeness)
    called = np.asarray(network(pictures.astype("float32")))
    np.testing.assert_allclose(maps[-1], called, atol=1e-5)


def test_a_passive_malp_finds_no_template(monkeypatch):
    def one_convolution():
        picture = keras.Input((None, None, 3))
        return keras.Model(picture, keras.layers.Conv2D(1, 1, activation="sigmoid")(picture))

    monkeypatch.setattr("malp_keras.malp.resnet50_map", one_convolution)
    model = malp(size=32, count=2, backbone="resnet50", classifier_filters=2)
    outputs = model.predict_on_batch(np.full((1, 32, 48, 3), 9, np.uint8))
    assert outputs["map"].shape == (1, 32, 48, 1)
    assert not outputs["template"].any() and not outputs["cosines"].any()
