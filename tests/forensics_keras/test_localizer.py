"""The contract: any model, whole or in tiles, and the trivial baselines."""

import keras
import numpy as np
import pytest

from forensics_keras.localizer import (
    AllOnes,
    AllZeros,
    Finding,
    ModelLocalizer,
    Noise,
    check_picture,
    trivial_baselines,
)


def random_image(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


@pytest.fixture(scope="module")
def blur_model():
    """A mean over 5x5 pixels of red / 255: what a pixel gets depends on its neighbours alone."""
    picture = keras.Input((None, None, 3))
    mean = keras.layers.Conv2D(1, 5, padding="same", use_bias=False)
    model = keras.Model(picture, mean(picture))
    kernel = np.zeros((5, 5, 3, 1), np.float32)
    kernel[:, :, 0] = 1 / 25 / 255
    mean.set_weights([kernel])
    return model


def test_small_pictures_are_localized_whole(blur_model):
    image = random_image(40, 50)
    result = ModelLocalizer(blur_model).localize(image).map
    assert result.shape == (40, 50) and result.dtype == np.float32
    np.testing.assert_array_equal(result, blur_model.predict_on_batch(image[None])[0, ..., 0])


def test_large_pictures_agree_in_tiles_and_whole_but_for_the_context(blur_model):
    image = random_image(150, 230)
    whole = ModelLocalizer(blur_model).localize(image).map
    tiles = ModelLocalizer(blur_model, whole_limit=100, tile=64, overlap=16).localize(image).map
    # Outermost pixels of tiles miss two pixels of context and have the least weight.
    assert np.abs(whole - tiles).max() < 0.05
    assert np.median(np.abs(whole - tiles)) < 1e-6


def test_one_compilation_serves_all_sizes():
    traces = []

    class Red(keras.layers.Layer):
        def call(self, picture):
            traces.append(picture.shape)
            return picture[..., :1] / 255

    picture = keras.Input((None, None, 3))
    localizer = ModelLocalizer(keras.Model(picture, Red()(picture)))
    traces.clear()
    for side in range(20, 60, 4):
        assert localizer.localize(random_image(side, 2 * side)).map.shape == (side, 2 * side)
    if keras.backend.backend() == "tensorflow":
        assert len(traces) <= 2


@pytest.mark.parametrize("shape", [(1, 1), (15, 100), (100, 15)])
def test_too_small_pictures_are_refused(blur_model, shape):
    with pytest.raises(ValueError, match=f"{shape[1]}x{shape[0]} pixels is too small.*16x16"):
        ModelLocalizer(blur_model).localize(random_image(*shape))


def test_other_arrays_are_refused(blur_model):
    for image in (np.zeros((20, 20, 3)), np.zeros((20, 20, 4), np.uint8)):
        with pytest.raises(ValueError, match="uint8"):
            ModelLocalizer(blur_model).localize(image)


def test_unsuitable_models_are_refused():
    picture = keras.Input((None, None, 3))
    pooled = keras.Model(picture, keras.layers.GlobalAveragePooling2D()(picture))
    with pytest.raises(ValueError, match="each pixel"):
        ModelLocalizer(pooled).localize(random_image(20, 20))
    layer = keras.layers.Conv2D(1, 1, kernel_initializer=keras.initializers.Constant(np.nan))
    with pytest.raises(ValueError, match="damaged"):
        ModelLocalizer(keras.Model(picture, layer(picture))).localize(random_image(20, 20))


def test_trivial_baselines():
    image = random_image(30, 20)
    zeros, ones, noise = trivial_baselines(seed=3)
    for localizer, value, verdict in (
        (zeros, 0, "nothing found"),
        (ones, 1, "manipulated"),
    ):
        found = localizer.localize(image)
        assert found.map.shape == (30, 20) and found.map.dtype == np.float32
        assert (found.map == value).all()
        assert (found.score, found.verdict, found.flagged_share) == (value, verdict, value)
        assert localizer.protect(image) is image and not localizer.protects
    assert [type(zeros), type(ones), type(noise)] == [AllZeros, AllOnes, Noise]
    np.testing.assert_array_equal(noise.localize(image).map, Noise(3).localize(image).map)
    assert [zeros.name, ones.name, noise.name] == ["all zeros", "all ones", "noise"]


def test_findings_know_their_mask_and_are_arrays():
    probability = np.array([[0.2, 0.5], [0.7, 0.4]], np.float32)
    found = Finding(probability, 0.7, "manipulated", threshold=0.5)
    np.testing.assert_array_equal(found.mask, [[False, True], [True, False]])
    assert found.flagged_share == 0.5
    np.testing.assert_array_equal(np.asarray(found), probability)
    assert np.asarray(found, "float64").dtype == np.float64


def test_models_judge_by_their_own_threshold(blur_model):
    image = np.full((20, 20, 3), 102, np.uint8)  # 0.4 everywhere but at the borders
    for threshold, verdict in ((0.3, "manipulated"), (0.5, "nothing found")):
        found = ModelLocalizer(blur_model, threshold=threshold).localize(image)
        assert found.verdict == verdict and found.threshold == threshold
        assert found.score == pytest.approx(0.4)


def test_noise_depends_on_picture_and_seed_only():
    image = random_image(100, 80)
    noise = Noise(3).localize(image).map
    assert noise.dtype == np.float32 and noise.min() >= 0 and noise.max() < 1
    assert abs(noise.mean() - 0.5) < 0.02
    np.testing.assert_array_equal(noise, Noise(3).localize(image.copy()).map)
    assert (noise != Noise(4).localize(image).map).mean() > 0.99
    assert (noise != Noise(3).localize(255 - image).map).mean() > 0.99


@pytest.mark.parametrize(
    ("image", "remedy"),
    [
        (np.zeros((20, 30), np.uint8), "np.repeat(image[..., np.newaxis], 3, -1)"),
        (np.zeros((20, 30, 1), np.uint8), "np.repeat(image, 3, -1)"),
        (np.zeros((20, 30, 4), np.uint8), "image[..., :3]"),
        (np.zeros((3, 20, 30), np.uint8), "np.moveaxis(image, 0, -1)"),
        (np.zeros((20, 30, 3), np.float32), "np.rint(image * 255).astype(np.uint8)"),
        (np.full((20, 30, 3), 99.0), "np.rint(image).astype(np.uint8)"),
    ],
)
def test_pictures_of_other_forms_are_told_what_makes_them_right(image, remedy):
    with pytest.raises(ValueError, match="must be uint8") as caught:
        check_picture(image)
    assert remedy in str(caught.value)
    right = eval(remedy, {"np": np, "image": image})
    if right.dtype == np.uint8:
        check_picture(right)


def test_a_picture_is_one_of_a_batch():
    with pytest.raises(ValueError, match="one picture of the batch at a time"):
        check_picture(np.zeros((1, 20, 30, 3), np.uint8))


def test_a_longest_side_scales_the_picture_down_and_the_map_back():
    seen = []

    class Shapes(ModelLocalizer):
        def _run(self, image):
            seen.append(image.shape)
            return image[..., 0] / np.float32(255)

    image = np.zeros((40, 120, 3), np.uint8)
    image[:, 60:, 0] = 255
    found = Shapes(None, max_side=60).localize(image)
    assert seen == [(20, 60, 3)] and found.map.shape == (40, 120)
    np.testing.assert_allclose(found.map[:, [10, 110]], [[0, 1]] * 40)
    assert Shapes(None, max_side=120).localize(image).map.shape == seen[-1][:2] == (40, 120)
