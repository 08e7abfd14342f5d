"""The networks of MaLP: their sizes, their parts, any picture size, saving, half precision."""

import keras
import numpy as np
import pytest
from keras import ops

from malp_keras import fakeness_classifier, malp, malp_localizer, presets, vit_branch

PARAMETERS = 373_510  # of the shared CNN, facts of the authors' program


def pictures(count=2, height=32, width=32, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (count, height, width, 3), dtype=np.uint8)


def small(**arguments):
    keras.utils.set_random_seed(0)
    sizes = {"size": 32, "filters": 8, "classifier_filters": 4, "seed": 0}
    return malp(**{**sizes, **arguments})


def in_numpy(outputs):
    return {name: ops.convert_to_numpy(value) for name, value in outputs.items()}


def parameters(model):
    return sum(int(np.prod(variable.shape)) for variable in model.trainable_variables)


@pytest.fixture(scope="module")
def model():
    return small(count=3)


# The localizer.


def test_the_shared_cnn_has_the_papers_size():
    assert parameters(malp_localizer()) == PARAMETERS
    assert parameters(malp().localizer) == PARAMETERS


def test_the_two_heads_share_a_trunk_of_five_convolutions():
    localizer = malp_localizer(filters=8)
    convolutions = [x.name for x in localizer.layers if isinstance(x, keras.layers.Conv2D)]
    assert len(convolutions) == 5 + 2 * 4
    assert sum("trunk" in name or "stem" in name for name in convolutions) == 5


@pytest.mark.parametrize(("stride", "matched"), [(1, False), (1, True), (2, False), (2, True)])
def test_variants_map_pictures_of_any_size(stride, matched):
    localizer = malp_localizer(count=2, filters=4, stride=stride, matched=matched)
    for height, width in [(16, 24), (32, 20)]:
        templates = np.random.default_rng(0).normal(size=(1, height, width, 2)).astype("float32")
        image = pictures(1, height, width).astype("float32")
        outputs = localizer.predict_on_batch({"image": image, "templates": templates})
        assert set(outputs) == {"map", "template"}
        assert all(value.shape == (1, height, width, 1) for value in outputs.values())
        assert outputs["map"].min() >= 0 and outputs["map"].max() <= 1


def test_the_map_depends_on_the_templates_only_where_they_are_matched():
    rng = np.random.default_rng(0)
    image = pictures(1, 16, 16).astype("float32")
    for matched in (False, True):
        keras.utils.set_random_seed(0)
        localizer = malp_localizer(filters=4, matched=matched)
        one, other = (
            localizer.predict_on_batch({"image": image, "templates": templates.astype("float32")})
            for templates in rng.normal(size=(2, 1, 16, 16, 1))
        )
        assert np.array_equal(one["map"], other["map"]) != matched
        np.testing.assert_array_equal(one["template"], other["template"])


def test_the_map_is_local():
    """Ten layers of 3 x 3 see at most 10 pixels away."""
    localizer = malp_localizer(filters=4)
    image = pictures(1, 48, 48).astype("float32")
    changed = image.copy()
    changed[0, 20, 24] = 255 - changed[0, 20, 24]
    templates = np.zeros((1, 48, 48, 1), "float32")
    before, after = (
        localizer.predict_on_batch({"image": x, "templates": templates})["map"][0, ..., 0]
        for x in (image, changed)
    )
    rows, columns = np.nonzero(np.abs(before - after) > 1e-7)
    assert len(rows)
    assert np.abs(rows - 20).max() <= 10 and np.abs(columns - 24).max() <= 10


# The transformer.


def test_the_transformer_has_the_papers_size():
    dim, mlp = 64, 512
    block = 4 * (dim * dim + dim) + 2 * dim * mlp + mlp + dim + 4 * dim
    patches = 8 * 8 * 3 * dim + dim
    expected = patches + 256 * dim + 6 * block + 2 * dim + dim * dim + dim
    assert parameters(vit_branch()) == expected


@pytest.mark.parametrize("size", [128, 256])
def test_each_token_fills_its_own_part_of_the_map(size):
    """Without blocks, nothing passes between tokens."""
    keras.utils.set_random_seed(0)
    vit, side = vit_branch(size, depth=0, dropout=0.0), size // 16
    assert vit.get_layer("vit_tokens").output.shape[1:] == (256, 64)
    image = pictures(1, size, size).astype("float32")
    changed = image.copy()
    row, column = 5, 11
    patch = np.s_[0, row * side : (row + 1) * side, column * side : (column + 1) * side]
    changed[patch] = 255 - changed[patch]
    before, after = (vit.predict_on_batch(x)[0, ..., 0] for x in (image, changed))
    rows, columns = np.nonzero(before != after)
    blur = size // 128 - 1  # of the enlarged map's borders
    assert rows.min() == row * side - blur and rows.max() == (row + 1) * side - 1 + blur
    assert columns.min() == column * side - blur and columns.max() == (column + 1) * side - 1 + blur


def test_the_values_of_a_token_are_its_pixels_in_reading_order():
    vit = vit_branch(depth=0)
    head = vit.get_layer("vit_head")
    values = np.linspace(-2, 2, 64)
    head.kernel.assign(np.zeros(head.kernel.shape))
    head.bias.assign(values)
    fakeness = vit.predict_on_batch(np.zeros((1, 128, 128, 3), "float32"))[0, ..., 0]
    expected = np.tile(1 / (1 + np.exp(-values.reshape(8, 8))), (16, 16))
    np.testing.assert_allclose(fakeness, expected, atol=1e-6)


def test_transformer_blocks_see_the_whole_picture():
    keras.utils.set_random_seed(0)
    vit = vit_branch(depth=1, heads=2, mlp=16)
    image = pictures(1, 128, 128).astype("float32")
    changed = image.copy()
    changed[0, :8, :8] = 255 - changed[0, :8, :8]
    before, after = (vit.predict_on_batch(x)[0, ..., 0] for x in (image, changed))
    assert np.mean(before != after) > 0.9


def test_the_transformer_refuses_other_sizes():
    with pytest.raises(ValueError, match="multiple of 128"):
        vit_branch(200)


# The classifier.


@pytest.mark.parametrize("pool", [1, 4])
def test_the_classifier_takes_maps_of_any_size(pool):
    classifier = fakeness_classifier(filters=4, pool=pool)
    for height, width in [(32, 32), (20, 44)]:
        assert classifier.predict_on_batch(np.ones((3, height, width, 1))).shape == (3, 2)


# All together.


def test_outputs_are_maps_templates_cosines_and_logits(model):
    outputs = in_numpy(model(pictures()))
    shapes = {name: value.shape for name, value in outputs.items()}
    maps = (2, 32, 32, 1)
    expected = {"map": maps, "template": maps, "cosines": (2, 3), "cosine": (2,), "logit": (2,)}
    assert shapes == expected
    assert {value.dtype for value in outputs.values()} == {np.dtype("float32")}
    assert outputs["map"].min() >= 0 and outputs["map"].max() <= 1


def test_cosines_and_logits_follow_eq_10(model):
    outputs = in_numpy(model(pictures()))
    templates = ops.convert_to_numpy(model.template_layer.at_size(32, 32)).astype("float64")
    templates = templates[:, 2:-2, 2:-2]  # a sixteenth of each side is left out
    for picture in range(2):
        recovered = outputs["template"][picture, 2:-2, 2:-2, 0].astype("float64")
        norms = np.linalg.norm(recovered) * np.linalg.norm(templates, axis=(1, 2))
        cosines = (templates * recovered).sum((1, 2)) / norms
        assert outputs["cosines"][picture] == pytest.approx(cosines, abs=1e-5)
        assert outputs["cosine"][picture] == pytest.approx(cosines.max(), abs=1e-5)
        two = model.classifier.predict_on_batch(outputs["map"])[picture]
        logit = (two[1] - two[0] - cosines.max()) / 2
        assert outputs["logit"][picture] == pytest.approx(logit, abs=1e-5)


@pytest.mark.parametrize(("height", "width"), [(16, 40), (130, 66)])
def test_pictures_of_any_size_are_inspected(model, height, width):
    outputs = in_numpy(model(pictures(1, height, width)))
    assert outputs["map"].shape == outputs["template"].shape == (1, height, width, 1)
    assert np.all(np.isfinite(outputs["logit"]))


def test_pictures_are_taken_as_0_to_255_of_any_dtype(model):
    from_bytes, from_floats = (in_numpy(model(x)) for x in (pictures(), pictures().astype("f4")))
    for name, value in from_bytes.items():
        np.testing.assert_array_equal(value, from_floats[name])


def test_pictures_do_not_influence_each_other(model):
    alone, together = (in_numpy(model(x)) for x in (pictures()[1:], pictures()))
    for name, value in alone.items():
        np.testing.assert_allclose(value[0], together[name][1], atol=1e-5)


def test_predict_equals_the_call_at_every_size():
    """The second size makes TensorFlow trace a graph of unknown sizes."""
    model = small(stride=2, matched=True, filters=4)
    for height, width in [(32, 32), (24, 40), (32, 32)]:
        x = pictures(2, height, width)
        called, predicted = in_numpy(model(x)), model.predict_on_batch(x)
        for name, value in called.items():
            np.testing.assert_allclose(predicted[name], value, atol=1e-5)


def test_weights_have_names_of_their_own_by_part(model):
    paths = [variable.path for variable in model.weights]
    assert len(set(paths)) == len(paths)
    starts = {path.split("/")[0].split("_")[0] for path in paths}
    assert starts == {"template", "cnn", "classifier"}
    assert all(variable.path.startswith("vit_") for variable in vit_branch(depth=1).weights)


def test_keras_file_round_trip(model, tmp_path):
    model.save(tmp_path / "model.keras")
    twin = keras.models.load_model(tmp_path / "model.keras")
    assert twin.size == model.size
    before, after = in_numpy(model(pictures())), in_numpy(twin(pictures()))
    for name, value in before.items():
        np.testing.assert_allclose(after[name], value, atol=1e-5)


def test_preset_round_trip(tmp_path):
    arguments = {"size": 32, "count": 2, "filters": 4, "stride": 2, "matched": True}
    arguments |= {"classifier_filters": 4, "normalize": True, "strength": 0.03}
    model = malp(**arguments)
    for variable in model.weights:  # so that float16 holds them exactly
        variable.assign(ops.convert_to_numpy(variable).astype("float16"))
    fields = ("name", "training_data", "recipe", "commit", "seed", "measured", "limits")
    card = dict.fromkeys([*fields, "intended_use", "licence"], "test")
    card["architecture"] = {"name": "malp", "arguments": arguments}
    presets.save_preset(model, tmp_path / "mine", card)
    twin = presets.from_preset(tmp_path / "mine")
    before, after = in_numpy(model(pictures())), in_numpy(twin(pictures()))
    for name, value in before.items():
        np.testing.assert_allclose(after[name], value, atol=1e-5)
    assert twin.template_layer.strength == 0.03


@pytest.mark.slow
@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="exports by TensorFlow")
def test_saved_model_round_trip(tmp_path):
    import tensorflow as tf

    model = small(count=2, stride=2, matched=True, filters=4)
    model(pictures())  # Keras exports only models that were called
    model.export(tmp_path / "saved_model", verbose=False)
    loaded = tf.saved_model.load(tmp_path / "saved_model")
    for height, width in [(32, 32), (24, 40)]:
        x = pictures(3, height, width)
        outputs = loaded.serve(tf.constant(x, tf.float32))
        for name, value in in_numpy(model(x)).items():
            np.testing.assert_allclose(outputs[name].numpy(), value, atol=1e-5)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_half_precision_answers_in_float32(policy):
    keras.config.set_dtype_policy(policy)
    try:
        half, vit = small(count=2, matched=True), vit_branch(depth=1)
        outputs = in_numpy(half(pictures()))
        fakeness = ops.convert_to_numpy(vit(pictures(1, 128, 128)))
    finally:
        keras.config.set_dtype_policy("float32")
    assert half.localizer.get_layer("cnn_trunk1_conv").compute_dtype == policy.removeprefix(
        "mixed_"
    )
    assert {value.dtype for value in outputs.values()} == {np.dtype("float32")}
    assert fakeness.dtype == np.float32
    whole = small(count=2, matched=True)
    whole.set_weights(half.get_weights())
    for name, value in in_numpy(whole(pictures())).items():
        np.testing.assert_allclose(outputs[name], value, atol=0.05)
