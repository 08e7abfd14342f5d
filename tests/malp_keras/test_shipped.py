"""The shipped MaLP as a user meets it: protect, change something, verify."""

import json
from pathlib import Path

import numpy as np
import pytest

import malp_keras
from datasets.degradations import degrade
from datasets.manipulations import MANIPULATIONS
from datasets.photographs.sources import bundled_photographs
from forensics_keras.images import read_image, write_jpeg, write_png
from forensics_keras.metrics import localization_scores, picture_psnr
from malp_keras.__main__ import main
from malp_keras.calibration import AUTHENTIC, MANIPULATED, UNPROTECTED, Calibration
from malp_keras.ground_truth import cosine, difference_map
from malp_keras.protection import protect
from malp_keras.verification import scale_picture, verify

WEIGHTS = Path(malp_keras.__file__).parent / "weights"


@pytest.fixture(scope="module")
def model():
    return malp_keras.from_preset("malp_local")


@pytest.fixture(scope="module")
def calibration():
    return Calibration.of_card(malp_keras.read_card("malp_local"))


@pytest.fixture(scope="module")
def photographs():
    return [read_image(path) for path in bundled_photographs("test")]


@pytest.fixture(scope="module")
def protected(model, photographs):
    return [protect(model, photograph) for photograph in photographs]


@pytest.mark.parametrize("name", ["malp_local", "malp_stgan_faces"])
def test_the_weights_are_small_and_described(name):
    assert name in malp_keras.list_presets()
    assert (WEIGHTS / name / "weights.npz").stat().st_size <= 8 * 2**20
    for results in malp_keras.read_card(name)["measured"]:
        methods = {row["method"] for row in results["summaries"]["maps"]}
        assert {"all zeros", "all ones", "noise", name} <= methods


def test_protection_is_nearly_invisible(photographs, protected):
    psnr = [picture_psnr(*pair) for pair in zip(protected, photographs, strict=True)]
    assert np.mean(psnr) >= 38.2
    assert min(psnr) > 38


@pytest.mark.parametrize("spec", ["clean", "jpeg:80"])
def test_edits_of_kinds_never_seen_in_training_are_found(model, calibration, protected, spec):
    scores, verdicts = [], []
    for number, picture in enumerate(protected):
        name = ("copy_move", "pixelate", "sticker")[number % 3]
        [edited] = MANIPULATIONS[name](picture[None], [number])
        found = verify(model, degrade(edited.image, spec), calibration)
        scores.append(localization_scores(found.map, edited.mask, calibration.map_threshold)["F1"])
        verdicts.append(found.verdict)
    assert np.mean(scores) > 0.75
    assert verdicts.count(MANIPULATED) >= 5


def test_unchanged_and_unprotected_pictures_are_told_apart(
    model, calibration, photographs, protected
):
    verdicts = [verify(model, degrade(p, "jpeg:80"), calibration).verdict for p in protected]
    assert verdicts.count(AUTHENTIC) >= 5
    verdicts = [verify(model, photograph, calibration).verdict for photograph in photographs]
    assert verdicts.count(UNPROTECTED) >= 5


@pytest.mark.slow
def test_the_papers_setting_locates_what_stgan_changes(photographs):
    model = malp_keras.from_preset("malp_stgan_faces")
    calibration = Calibration.of_card(malp_keras.read_card("malp_stgan_faces"))
    gains, verdicts = [], {"protected": [], "edited": []}
    for seed, photograph in enumerate(photographs):
        original = scale_picture(photograph, model.size)
        copy = protect(model, original)
        [edited] = MANIPULATIONS["stgan_faces"](copy[None], [seed])
        found = verify(model, edited.image, calibration)
        difference = difference_map(original, edited.image)
        trivial = cosine(np.ones_like(difference), difference)
        gains.append(cosine(found.map, difference) - trivial)
        verdicts["edited"].append(found.verdict)
        verdicts["protected"].append(verify(model, copy, calibration).verdict)
    # The photographs show no faces; on those the gain is larger.
    assert np.mean(gains) > 0.08
    assert verdicts["protected"].count(AUTHENTIC) >= 5
    assert AUTHENTIC not in verdicts["edited"]


def test_the_commands_say_what_the_protector_says(tmp_path, photographs):
    protector = malp_keras.Protector.from_preset("malp_local")
    write_jpeg(tmp_path / "in" / "a" / "photo.jpg", photographs[0])
    assert main(["protect", str(tmp_path / "in"), "-o", str(tmp_path / "protected")]) == 0
    copy = read_image(tmp_path / "protected" / "a" / "photo.png")
    original = read_image(tmp_path / "in" / "a" / "photo.jpg")
    np.testing.assert_array_equal(copy, protector.protect(original))
    [edited] = MANIPULATIONS["sticker"](copy[None], [3])
    write_png(tmp_path / "found" / "authentic.png", copy)
    write_png(tmp_path / "found" / "manipulated.png", edited.image)
    write_png(tmp_path / "found" / "unprotected.png", photographs[1])
    assert main(["verify", str(tmp_path / "found"), "-o", str(tmp_path / "checked")]) == 0
    lines = (tmp_path / "checked" / "report.jsonl").read_text().splitlines()
    for line in map(json.loads, lines):
        found = protector.verify(read_image(line["path"]))
        assert line["verdict"] == found.verdict == Path(line["path"]).stem
        assert line["score"] == pytest.approx(found.score, abs=1e-5)
        assert line["changed_share"] == pytest.approx(found.changed_share, abs=1e-3)
        assert line["map_threshold"] == protector.threshold
