"""Private keys: the file, its templates, and how a preset becomes one."""

import hashlib
import json
import os
import stat

import numpy as np
import pytest

import malp_keras
from malp_keras import key_files, keys
from malp_keras.key_making import FineTuned, make_key
from malp_keras.protection import protect
from tests.helpers.protected_pictures import ARGUMENTS, CALIBRATION, tiny_malp

CARD = {
    "name": "mine",
    "preset": {"name": "tiny", "sha256": "0" * 64},
    "architecture": {"name": "malp", "arguments": ARGUMENTS},
    "calibration": CALIBRATION,
    "made": "2000-01-01",
    "recipe": {"steps": 1},
}


@pytest.fixture(scope="module")
def model():
    return tiny_malp()


def templates(model):
    return np.asarray(model.template_layer.templates)


def cosine(a, b):
    return float(np.sum(a * b) / np.linalg.norm(a) / np.linalg.norm(b))


# --- templates --------------------------------------------------------------------------------


def test_new_templates_have_the_old_spectrum_and_nothing_else(model):
    model = tiny_malp()
    old = templates(model)
    keys.renew_templates(model.template_layer)
    first = templates(model)
    keys.renew_templates(model.template_layer)
    second = templates(model)
    assert first.shape == old.shape
    spectra = [np.abs(np.fft.fft2(values)) for values in (old, first, second)]
    np.testing.assert_allclose(spectra[1], spectra[0], rtol=1e-2, atol=1e-2)
    np.testing.assert_allclose(first.mean(axis=(1, 2)), old.mean(axis=(1, 2)), atol=1e-5)
    centred = [x - x.mean(axis=(1, 2), keepdims=True) for x in (old, first, second)]
    for i in range(3):
        for other in (centred[0], centred[2]):
            assert max(abs(cosine(centred[1][i], other[j])) for j in range(3)) < 0.05


def test_seeds_repeat_templates(model):
    found = []
    for seed in (1, 1, 2):
        model = tiny_malp()
        keys.renew_templates(model.template_layer, seed)
        found.append(templates(model))
    assert (found[0] == found[1]).all() and (found[0] != found[2]).any()


# --- the file ---------------------------------------------------------------------------------


def test_a_key_comes_back_and_is_private(tmp_path, model):
    path = tmp_path / "folder" / "mine.key"
    keys.save_key(path, model, CARD)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["mine.key"]
    card = keys.read_key_card(path)
    assert {**CARD, "sha256": card["sha256"]} == card and len(card["sha256"]) == 64
    copy = keys.load_key(path)
    for old, new in zip(model.weights, copy.weights, strict=True):
        assert old.path == new.path
        np.testing.assert_array_equal(np.asarray(old).astype(np.float16), np.asarray(new))
    picture = np.full((40, 40, 3), 90, np.uint8)
    assert np.abs(protect(copy, picture).astype(int) - protect(model, picture)).max() <= 1
    keys.save_key(tmp_path / "again.key", model, CARD)
    assert (tmp_path / "again.key").read_bytes() == path.read_bytes()


def test_an_existing_key_is_kept(tmp_path, model):
    path = tmp_path / "mine.key"
    path.write_text("precious")
    path.chmod(0o644)
    with pytest.raises(ValueError, match="exists"):
        keys.save_key(path, model, CARD)
    assert path.read_text() == "precious"
    keys.save_key(path, model, CARD, overwrite=True)
    assert keys.read_key_card(path)["name"] == "mine"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_damaged_keys_are_refused(tmp_path, model):
    path = tmp_path / "mine.key"
    keys.save_key(path, model, CARD)
    content = path.read_bytes()
    places = [*range(0, 120, 7), *np.random.default_rng(0).integers(0, len(content), 40)]
    for place in places:
        damaged = bytearray(content)
        damaged[place] ^= 1 << (place % 8)
        path.write_bytes(damaged)
        for read in (keys.read_key_card, keys.load_key):
            with pytest.raises(ValueError, match="mine.key: is (not a key|damaged)"):
                read(path)
    for cut in (1, 100, len(content) - 90, len(content) - 5):
        path.write_bytes(content[:-cut])
        with pytest.raises(ValueError, match="mine.key: is (not a key|damaged)"):
            keys.read_key_card(path)
    path.write_bytes(content + b"\n")
    with pytest.raises(ValueError, match="damaged"):
        keys.read_key_card(path)
    path.write_bytes(b"")
    with pytest.raises(ValueError, match="is empty"):
        keys.read_key_card(path)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"filters": 8}, "needs floats of shape"),
        ({"count": 2}, "needs floats of shape"),
        ({"matched": False}, "needs floats of shape"),
        ({"colour": 1}, "cannot build"),
    ],
)
def test_keys_that_do_not_fit_their_model_are_refused(tmp_path, model, arguments, message):
    architecture = {"name": "malp", "arguments": {**ARGUMENTS, **arguments}}
    keys.save_key(tmp_path / "mine.key", model, {**CARD, "architecture": architecture})
    with pytest.raises(ValueError, match=f"mine.key: .*{message}"):
        keys.load_key(tmp_path / "mine.key")


def test_cards_are_checked(tmp_path, model):
    for field in CARD:
        card = {key: value for key, value in CARD.items() if key != field}
        with pytest.raises(ValueError, match=f"lacks {field}"):
            keys.save_key(tmp_path / "key", model, card)
    for change in ({"map_threshold": "high"}, {"score_threshold": np.nan}, {"data": ""}):
        with pytest.raises(ValueError, match="no calibration"):
            keys.save_key(
                tmp_path / "key", model, {**CARD, "calibration": {**CALIBRATION, **change}}
            )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("template", [0.0, np.nan, np.inf])
@pytest.mark.parametrize("number", [0, 2])
def test_templates_that_protect_nothing_are_refused(tmp_path, template, number):
    model = tiny_malp()
    changed = templates(model).copy()
    changed[number] = template
    model.template_layer.templates.assign(changed)
    with pytest.raises(ValueError, match="key: has a template that is empty or not finite"):
        keys.save_key(tmp_path / "mine.key", model, CARD)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("strength", [0.0, -0.1, 1e6])
def test_strengths_that_protect_nothing_are_refused(tmp_path, model, strength):
    architecture = {"name": "malp", "arguments": {**ARGUMENTS, "strength": strength}}
    keys.save_key(tmp_path / "mine.key", model, {**CARD, "architecture": architecture})
    with pytest.raises(ValueError, match="mine.key: .*(strength of|the most is)"):
        keys.load_key(tmp_path / "mine.key")


@pytest.mark.parametrize("card", [b"[]", b"[" * 10**5, b'{"name": NaN}', b"7", b"", b'{"name": 1}'])
def test_hostile_cards_of_keys_are_refused_by_their_file(tmp_path, card):
    body = card + b"\nPK"
    sha256 = hashlib.sha256(body).hexdigest().encode()
    (tmp_path / "mine.key").write_bytes(b"MaLP key 1\n" + sha256 + b"\n" + body)
    with pytest.raises(ValueError, match="mine.key: "):
        keys.read_key_card(tmp_path / "mine.key")


SMALL_KEY = {"id": "0" * 8, "made": "2000-01-01", "publisher": "", "secret": "0" * 64}


@pytest.mark.parametrize(
    "content",
    ["[]", "7", "[" * 100_000, "{}", {"secret": "0" * 62}, {"secret": 7}, {"secret": "g" * 64}]
    + [{"id": "../../x"}, {"made": "\n"}, {"publisher": "\x1b[2J"}, {"more": 1}],
)
def test_hostile_key_files_are_refused_by_their_path(tmp_path, content):
    text = content if isinstance(content, str) else json.dumps({**SMALL_KEY, **content})
    body = text.encode() + b"\n"
    sha256 = hashlib.sha256(body).hexdigest().encode()
    (tmp_path / "mine.key").write_bytes(b"MaLP key 2\n" + sha256 + b"\n" + body)
    assert key_files.is_key_file(tmp_path / "mine.key")
    with pytest.raises(ValueError, match="mine.key: "):
        key_files.read_key_file(tmp_path / "mine.key")


def test_pipes_are_no_keys(tmp_path):
    os.mkfifo(tmp_path / "mine.key")
    for read in (key_files.is_key_file, key_files.read_key_file, keys.read_key_card):
        with pytest.raises(OSError, match="mine.key: is not a regular file"):
            read(tmp_path / "mine.key")


# --- making one -----------------------------------------------------------------------------------


def test_make_key_trains_a_renewed_preset(tmp_path, tiny_preset):
    seen = []

    def fine_tune(model):
        seen.append(templates(model))
        for weight in model.classifier.weights:
            weight.assign(weight + 1)
        return FineTuned({**CALIBRATION, "data": "here"}, {"steps": 3})

    card = make_key(tmp_path / "mine.key", tiny_preset, fine_tune, seed=4)
    preset_card = malp_keras.read_card(tiny_preset)
    assert card["name"] == "tiny with own templates" and card["recipe"] == {"steps": 3}
    assert card["preset"] == {"name": "tiny", "sha256": preset_card["sha256"]}
    assert card["calibration"]["data"] == "here"
    old, new = malp_keras.from_preset(tiny_preset), keys.load_key(tmp_path / "mine.key")
    np.testing.assert_allclose(templates(new), seen[0], atol=1e-3)
    assert np.abs(templates(new) - templates(old)).max() > 0.1
    for a, b in zip(old.classifier.weights, new.classifier.weights, strict=True):
        np.testing.assert_allclose(np.asarray(a) + 1, np.asarray(b), atol=2e-3)
    with pytest.raises(ValueError, match="exists"):
        make_key(tmp_path / "mine.key", tiny_preset, None)
