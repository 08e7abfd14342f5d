"""The passive networks that MaLP is compared with."""

import keras
import numpy as np
import pytest

from malp_keras import baselines


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


def test_a_passive_localizer_finds_no_template():
    picture = keras.Input((None, None, 3))
    network = keras.Model(picture, keras.layers.Conv2D(1, 1, activation="sigmoid")(picture))
    localizer = baselines.passive_localizer(network, count=2)
    image, templates = np.full((1, 32, 48, 3), 9.0), np.ones((1, 32, 48, 2))
    outputs = localizer({"image": image, "templates": templates})
    np.testing.assert_array_equal(outputs["map"], network(image))
    assert outputs["template"].shape == (1, 32, 48, 1) and not np.any(outputs["template"])
