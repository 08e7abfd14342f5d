"""Presets: round trip in float16, model cards, and the refusal of anything else."""

import hashlib
import io
import json
import os
import shutil
import zipfile

import keras
import numpy as np
import pytest

from forensics_keras import presets
from forensics_keras.model_card import card_markdown
from irl_keras.irl_net import irl_net
from irl_keras.layers import BayarConv2D

ARGUMENTS = {"input_shape": [None, None, 3], "width": 0.06}
CARD = {
    "name": "tiny",
    "architecture": {"name": "irl_net", "arguments": ARGUMENTS},
    "training_data": ["some photographs", "some more"],
    "recipe": "configs/tiny.py",
    "commit": "0123abc",
    "seed": 0,
    "measured": {"clean": {"F1": 0.5}},
    "limits": "not trained",
    "intended_use": "tests",
    "licence": "Apache-2.0",
}


def _small_model(filters: int = 2, value: float | None = None) -> keras.Model:
    picture = keras.Input((None, None, 3), name="picture")
    x = BayarConv2D(filters, 3, name="bayar")(picture)
    x = keras.layers.BatchNormalization(name="norm")(x)
    model = keras.Model(picture, keras.layers.Conv2D(1, 1, name="logits")(x), name="small")
    if value is not None:
        model.get_layer("logits").kernel.assign(np.full((1, 1, filters, 1), value))
    return model


SMALL_CARD = {**CARD, "architecture": {"name": "small", "arguments": {"filters": 2}}}


@pytest.fixture
def store(tmp_path) -> presets.PresetStore:
    presets.save_preset(_small_model(), tmp_path / "tiny", SMALL_CARD)
    return presets.PresetStore(tmp_path, lambda: {"small": _small_model})


def test_network_survives_the_round_trip(tmp_path):
    keras.utils.set_random_seed(0)
    model = irl_net(**ARGUMENTS)
    card = presets.save_preset(model, tmp_path / "tiny", CARD)
    copy = presets.PresetStore("none", lambda: {"irl_net": irl_net}).load(tmp_path / "tiny")
    assert [v.path for v in copy.weights] == [v.path for v in model.weights]
    for original, loaded in zip(model.weights, copy.weights, strict=True):
        assert loaded.dtype == "float32"
        np.testing.assert_allclose(loaded.numpy(), original.numpy(), rtol=2**-10, atol=1e-4)
    image = np.random.default_rng(0).integers(0, 256, (1, 33, 40, 3), dtype=np.uint8)
    np.testing.assert_allclose(copy(image), model(image), atol=0.01)
    assert card == presets.PresetStore("none", lambda: {}).card(tmp_path / "tiny")
    data = (tmp_path / "tiny" / "weights.npz").read_bytes()
    # Two bytes a weight, and the header of each array.
    assert card["bytes"] == len(data) < 2 * model.count_params() + 320 * len(model.weights)
    assert card["sha256"] == hashlib.sha256(data).hexdigest()


def test_a_preset_is_loaded_with_another_policy_or_without_its_weights(store):
    model = store.load("tiny", dtype="mixed_bfloat16")
    assert {layer.compute_dtype for layer in model.layers if layer.weights} == {"bfloat16"}
    assert keras.config.dtype_policy().name == "float32"
    trained = store.load("tiny").get_layer("bayar").kernel.numpy()
    np.testing.assert_array_equal(model.get_layer("bayar").kernel.numpy(), trained)
    untrained = store.load("tiny", load_weights=False).get_layer("bayar").kernel.numpy()
    assert untrained.shape == trained.shape and np.any(untrained != trained)


def test_rounded_constrained_kernels_satisfy_their_constraint_again(tmp_path):
    model = _small_model()
    presets.save_preset(model, tmp_path, SMALL_CARD)
    rounded = model.get_layer("bayar").kernel.numpy().astype(np.float16).astype(np.float32)
    assert np.abs(rounded.sum(axis=(0, 1))).max() > 1e-5  # the rounding alone breaks it
    kernel = presets.PresetStore("none", lambda: {"small": _small_model}).load(tmp_path)
    kernel = kernel.get_layer("bayar").kernel.numpy()
    assert (kernel[1, 1] == -1).all()
    np.testing.assert_allclose(kernel.sum(axis=(0, 1)), 0, atol=1e-6)


def test_equal_weights_give_equal_bytes_and_no_other_files(tmp_path):
    model = _small_model()
    for name in ("one", "two"):
        presets.save_preset(model, tmp_path / name, SMALL_CARD)
    presets.save_preset(model, tmp_path / "two", SMALL_CARD)
    assert sorted(os.listdir(tmp_path / "two")) == ["card.json", "weights.npz"]
    for file in ("card.json", "weights.npz"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()
    with zipfile.ZipFile(tmp_path / "one" / "weights.npz") as archive:
        assert {entry.date_time[0] for entry in archive.infolist()} == {1980}


def test_large_weights_lie_in_several_files(tmp_path, monkeypatch):
    store = presets.PresetStore(tmp_path, lambda: {"small": _small_model})
    model = _small_model(value=0.5)
    whole = presets.save_preset(model, tmp_path / "whole", SMALL_CARD)
    presets.save_preset(_small_model(), tmp_path / "parts", SMALL_CARD)
    monkeypatch.setattr(presets, "PART_BYTES", whole["bytes"] // 2 + 1)
    assert presets.save_preset(model, tmp_path / "parts", SMALL_CARD) == whole
    files = ["weights.npz.01", "weights.npz.02"]
    assert sorted(os.listdir(tmp_path / "parts")) == ["card.json", *files]
    assert store.load("parts").get_layer("logits").kernel.numpy().max() == 0.5
    (tmp_path / "parts" / files[0]).unlink()
    with pytest.raises(ValueError, match="wrong or damaged weights"):
        store.load("parts")
    monkeypatch.undo()
    presets.save_preset(_small_model(), tmp_path / "parts", SMALL_CARD)
    assert sorted(os.listdir(tmp_path / "parts")) == ["card.json", "weights.npz"]


def test_store_lists_its_presets_and_names_them_when_one_is_missing(store, tmp_path):
    shutil.copytree(tmp_path / "tiny", tmp_path / "another")
    (tmp_path / "no_card").mkdir()
    assert store.names() == ["another", "tiny"]
    assert store.load("another").name == "small"
    with pytest.raises(ValueError, match=r"typo: neither a preset \(another, tiny\) nor a folder"):
        store.load("typo")
    with pytest.raises(ValueError, match="none installed"):
        presets.PresetStore(tmp_path / "empty", lambda: {}).card("tiny")


@pytest.mark.parametrize("damage", [lambda data: data[:-100], lambda data: data[::-1]])
def test_wrong_or_truncated_weights_are_refused_by_name_and_hash(store, tmp_path, damage):
    path = tmp_path / "tiny" / "weights.npz"
    data = damage(path.read_bytes())
    path.write_bytes(data)
    with pytest.raises(ValueError) as error:
        store.load("tiny")
    for part in (str(path), hashlib.sha256(data).hexdigest(), store.card("tiny")["sha256"]):
        assert part in str(error.value)


def test_missing_weights_are_an_os_error_with_the_path(store, tmp_path):
    (tmp_path / "tiny" / "weights.npz").unlink()
    with pytest.raises(OSError, match="weights.npz"):
        store.load("tiny")


def _replace_weights(folder, change) -> None:
    """Puts other arrays into the preset, with a card that vouches for them."""
    with np.load(folder / "weights.npz") as arrays:
        weights = change(dict(arrays))
    file = io.BytesIO()
    np.savez(file, allow_pickle=True, **weights)
    _vouch_for(folder, file.getvalue())


def _vouch_for(folder, data: bytes) -> None:
    (folder / "weights.npz").write_bytes(data)
    card = json.loads((folder / "card.json").read_text())
    card["sha256"] = hashlib.sha256(data).hexdigest()
    (folder / "card.json").write_text(json.dumps(card))


class _Bomb:
    def __reduce__(self):
        return os.abort, ()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: {k: v for k, v in w.items() if k != "norm/gamma"}, r"missing \['norm/gamma'\]"),
        (lambda w: {**w, "extra/bias": np.zeros(1)}, r"unknown \['extra/bias'\]"),
        (lambda w: {**w, "logits/bias": np.zeros(2)}, r"logits/bias is float64 of shape \(2,\)"),
        (lambda w: {**w, "logits/bias": np.array(["x"])}, "logits/bias is <U1"),
        (lambda w: {**w, "logits/bias": np.array([_Bomb()])}, r"logits/bias is object"),
        (lambda w: {**w, "logits/bias": np.array([np.nan])}, "logits/bias has values that are not"),
        (lambda w: {**w, "logits/bias": np.array([np.inf])}, "logits/bias has values that are not"),
    ],
)
def test_weights_that_do_not_fit_are_refused_by_name(store, tmp_path, change, message):
    _replace_weights(tmp_path / "tiny", change)
    with pytest.raises(ValueError, match=message) as error:
        store.load("tiny")
    assert "weights.npz" in str(error.value)


@pytest.mark.parametrize("data", [b"", b"text", b"PK\x03\x04" + bytes(50)])
def test_weights_that_are_no_archive_are_refused(store, tmp_path, data):
    _vouch_for(tmp_path / "tiny", data)
    with pytest.raises(ValueError, match="weights.npz: (not a weights file|is empty)"):
        store.load("tiny")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not a model card"),
        ("", "is empty"),
        ("[]", "is no JSON object"),
        ("7", "is no JSON object"),
        ("[" * 100_000, "not a model card"),
        ("{" + '"a": {' * 100_000, "not a model card"),
        ('{"seed": ' + "9" * 5000 + "}", "not a model card"),
        ('{"seed": ' + "9" * 400 + "}", "more than 64 bits"),
        ('{"measured": {"F1": [NaN]}}', "not a model card"),
        ('{"measured": {"F1": [1e999]}}', "not finite"),
        ('{"a": "' + "x" * 2**22 + '"}', "bytes"),
        ("\xff", "not a model card"),
        (json.dumps({k: v for k, v in SMALL_CARD.items() if k != "limits"}), "lacks .*limits"),
    ],
)
def test_damaged_cards_are_refused(store, tmp_path, content, message):
    (tmp_path / "tiny" / "card.json").write_text(content, "latin-1")
    with pytest.raises(ValueError, match=f"card.json.*{message}") as error:
        store.card("tiny")
    assert len(str(error.value)) < 500


def _with_field(folder, **fields) -> None:
    path = folder / "card.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"sha256": "x"}, "sha256"),
        ({"sha256": 7}, "sha256"),
        ({"bytes": -1}, "bytes"),
        ({"name": ["tiny"]}, "name"),
        ({"name": "tiny\nverified"}, "control characters"),
        ({"name": "\x1b[2J"}, "control characters"),
        ({"seed": [1]}, "seed"),
        ({"recipe": {"run": "this"}}, "recipe"),
        ({"calibration": "high"}, "calibration"),
        ({"architecture": "small"}, "architecture"),
        ({"architecture": {"name": "small"}}, "arguments"),
        ({"architecture": {"name": "small", "arguments": {"filters": {"class_name": "x"}}}}, "arg"),
        ({"architecture": {"name": "small", "arguments": [2]}}, "arguments"),
    ],
)
def test_cards_of_another_form_are_refused_before_anything_is_built(
    tmp_path, store, fields, message
):
    _with_field(tmp_path / "tiny", **fields)
    store.builders = None
    for read in (store.card, store.load):
        with pytest.raises(ValueError, match=f"card.json: the card.*{message}"):
            read("tiny")


@pytest.mark.parametrize(
    "arguments", [{"filters": 10**6}, {"filters": 65}, {"filters": -(10**6)}, {"filters": [10**6]}]
)
def test_networks_too_large_to_be_honest_are_not_built(tmp_path, store, arguments):
    def build(filters=2):
        raise AssertionError("must not be built")

    _with_field(tmp_path / "tiny", architecture={"name": "small", "arguments": arguments})
    store.builders = lambda: {"small": build}
    with pytest.raises(ValueError, match="card.json: cannot build .*the most is 64"):
        store.load("tiny")


@pytest.mark.parametrize("name", ["card.json", "weights.npz"])
def test_pipes_and_devices_are_not_opened(tmp_path, store, name):
    (tmp_path / "tiny" / name).unlink()
    os.mkfifo(tmp_path / "tiny" / name)
    with pytest.raises((OSError, ValueError), match="not a regular file|neither a preset"):
        store.load(tmp_path / "tiny")
    (tmp_path / "tiny" / name).unlink()
    (tmp_path / "tiny" / name).symlink_to("/dev/zero")
    with pytest.raises((OSError, ValueError), match="not a regular file|neither a preset"):
        store.load(tmp_path / "tiny")


@pytest.mark.parametrize(
    "architecture",
    [{"name": "os.system", "arguments": {}}, {"name": "small", "arguments": {"x": 1}}],
)
def test_unknown_architectures_are_refused(store, tmp_path, architecture):
    path = tmp_path / "tiny" / "card.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "architecture": architecture}))
    with pytest.raises(ValueError, match=r"card.json: cannot build .*\(known: small\)"):
        store.load("tiny")


@pytest.mark.parametrize("value", [1e5, float("nan")])
def test_weights_beyond_float16_are_not_saved(tmp_path, value):
    with pytest.raises(ValueError, match="logits/kernel: has values that float16 cannot hold"):
        presets.save_preset(_small_model(value=value), tmp_path / "new", SMALL_CARD)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [({"limits": ""}, "needs limits"), ({"architecture": "irl_net"}, "architecture")],
)
def test_incomplete_cards_are_not_saved(tmp_path, change, message):
    with pytest.raises(ValueError, match=message):
        presets.save_preset(_small_model(), tmp_path / "new", {**SMALL_CARD, **change})
    assert not (tmp_path / "new").exists()


class _Twins(keras.layers.Layer):
    def __init__(self):
        super().__init__(name="twins")
        self.both = [keras.layers.Dense(3, name="dense") for _ in range(2)]

    def build(self, input_shape):
        for layer in self.both:
            layer.build(input_shape)

    def call(self, inputs):
        return self.both[1](self.both[0](inputs))


def test_variables_of_one_path_are_not_saved(tmp_path):
    picture = keras.Input((None, None, 3))
    model = keras.Model(picture, _Twins()(picture))
    with pytest.raises(ValueError, match="same path"):
        presets.save_preset(model, tmp_path / "new", SMALL_CARD)


def test_card_as_markdown(store):
    lines = card_markdown(store.card("tiny")).split("\n")
    assert lines[0] == "### tiny"
    assert "- **Training data**: some photographs; some more" in lines
    architecture = lines.index("- **Architecture**")
    assert lines[architecture + 1].startswith("  - **name**: ")
    assert not any("Measured" in line for line in lines)
    assert any("SHA-256" in line and store.card("tiny")["sha256"] in line for line in lines)
