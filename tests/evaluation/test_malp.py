"""MaLP's evaluation: what is measured, the command line, and calibration."""

import json
from pathlib import Path

import cv2
import keras
import numpy as np
import pytest

import evaluate
import malp_keras
import train
from datasets.manipulations import MANIPULATIONS
from datasets.manipulations.base import Manipulated, PictureEdit
from evaluation import malp as evaluate_malp
from evaluation import measuring_malp
from evaluation.measuring_malp import (
    AUTHENTIC,
    MANIPULATED,
    UNPROTECTED,
    Calibrator,
    Conditions,
    Finding,
    Method,
    Photograph,
    Thresholds,
    measure,
)
from forensics_keras.images import read_image, write_png
from forensics_keras.model_card import CARD_FIELDS
from malp_keras import keys

ARGUMENTS = {"size": 64, "filters": 4, "classifier_filters": 4, "seed": 0}


class Parity(Method):
    """Makes all levels even; finds the pixels that are odd. Exact until something re-encodes."""

    name = "parity"
    protects = True
    thresholds = Thresholds(0.5, 0.01, 0.5, "by construction")

    def protect(self, image):
        return image & 0xFE

    def inspect(self, image):
        odd = (image & 1).any(axis=2).astype(np.float32)
        share = float(odd.mean())
        return Finding(odd, share, float(share < 0.5))


def _white_square(image, seed):
    mask = np.zeros(image.shape[:2], np.uint8)
    mask[10:30, 20:40] = 1
    return Manipulated(np.where(mask[..., None] == 1, 255, image).astype(np.uint8), mask)


SQUARE = PictureEdit("square", "local", _white_square)


def _unknown(image, seed):
    return Manipulated(_white_square(image, seed).image, None)


@pytest.fixture
def photograph_(photograph):
    return Photograph("a", photograph[:64, :64], 3)


@pytest.fixture
def preset(tmp_path) -> Path:
    card = {**dict.fromkeys(CARD_FIELDS, "for a test"), "name": "tiny"}
    card["architecture"] = {"name": "malp", "arguments": ARGUMENTS}
    malp_keras.save_preset(malp_keras.malp(**ARGUMENTS), tmp_path / "tiny", card)
    return tmp_path / "tiny"


def records_of(photograph, conditions, others=()):
    found = measure(photograph, Parity(), conditions, others)
    return {
        tuple(one.record[key] for key in ("method", "truth", "manipulation", "degradation")): one
        for one in found
    }


def test_difference_is_absolute_and_not_stretched():
    original = np.full((4, 4, 3), 100, np.uint8)
    manipulated = original.copy()
    manipulated[0, 0] = 151
    manipulated[0, 1] = 49
    difference = measuring_malp.difference_map(original, manipulated)
    expected = np.zeros((4, 4))
    expected[0, :2] = 51 / 255
    np.testing.assert_allclose(difference, expected, atol=1e-6)
    red = original.copy()
    red[2, 2, 0] = 0
    gray = measuring_malp.difference_map(original, red)[2, 2]
    assert gray == pytest.approx(0.299 * 100 / 255, abs=1e-4)


def test_a_constant_map_has_a_cosine_that_can_be_computed_by_hand():
    difference = np.zeros((16, 16), np.float32)
    difference[:4] = 0.5
    ones, zeros = np.ones((16, 16), np.float32), np.zeros((16, 16), np.float32)
    scores = measuring_malp.map_scores(ones, difference, None, 0.5)
    assert scores["cosine"] == pytest.approx(0.5)  # the root of the share of 1/4
    assert np.isnan(scores["F1"])
    mask = (difference > 0).astype(np.uint8)
    scores = measuring_malp.map_scores(zeros, difference, mask, 0.5)
    assert scores["cosine"] == 0 and scores["constant"] == pytest.approx(0.5)
    assert scores["F1"] == 0 and scores["AUC"] == 0.5
    assert scores["PSNR"] == pytest.approx(10 * np.log10(1 / (0.25 * 0.25)))


def test_a_photograph_goes_through_every_condition(photograph_):
    unknown = PictureEdit("unknown", "generative", _unknown)
    conditions = Conditions([SQUARE, unknown], ["clean", "jpeg:50"], [MANIPULATIONS["erase"]])
    found = records_of(photograph_, conditions, measuring_malp.trivial_methods(0))
    assert len(found) == 4 + 1 + 2 * 2 + 3 * 3

    clean = found["parity", MANIPULATED, "square", "clean"]
    assert clean.record["verdict"] == MANIPULATED
    assert [clean.record["scores"][name] for name in ("F1", "IoU", "AUC")] == [1, 1, 1]
    difference = measuring_malp.difference_map(photograph_.image, clean.picture)
    expected = measuring_malp.cosine(clean.finding.map, difference)
    assert clean.record["scores"]["cosine"] == pytest.approx(expected)
    assert np.isnan(found["parity", MANIPULATED, "unknown", "clean"].record["scores"]["F1"])

    untouched = found["parity", AUTHENTIC, "none", "clean"]
    assert untouched.record["verdict"] == AUTHENTIC
    assert untouched.record["scores"] == {"pixels_flagged": 0, "map_mean": 0}
    bare = found["parity", UNPROTECTED, "none", "clean"]
    assert bare.record["verdict"] == UNPROTECTED
    compressed = found["parity", MANIPULATED, "square", "jpeg:50"].record
    assert compressed["verdict"] == UNPROTECTED and compressed["scores"]["F1"] < 0.5
    assert found["all one", MANIPULATED, "square", "any"].record["scores"]["F1"] < 0.5
    assert found["parity", AUTHENTIC, "none", "harmless:erase"].record["family"] == ""
    again = records_of(photograph_, conditions, measuring_malp.trivial_methods(0))
    key = ("parity", MANIPULATED, "square", "jpeg:50")
    assert again[key].record == found[key].record


def test_groups_and_detection(photograph_):
    conditions = Conditions([SQUARE], ["clean", "jpeg:50"])
    records = [
        one.record
        for name in "abc"
        for one in measure(photograph_._replace(name=name), Parity(), conditions)
    ]
    maps = measuring_malp.localization(records, ("method", "degradation"), 0)
    assert [(row["degradation"], row["pictures"]) for row in maps] == [("clean", 3), ("jpeg:50", 3)]
    assert maps[0]["scores"]["F1"] == {"mean": 1, "low": 1, "high": 1}
    thresholds = {"parity": Parity.thresholds}
    by = measuring_malp.CONDITION
    clean, compressed = measuring_malp.detection(records, by, thresholds, 0)
    assert clean["manipulated"] == clean["authentic"] == 3
    assert {name: value["mean"] for name, value in clean["scores"].items()} == {
        "accuracy": 1,
        "EER": 0,
        "AUC": 1,
        "average_precision": 1,
    }
    assert compressed["scores"]["AUC"]["mean"] < 1
    [every] = measuring_malp.detection(records, ("method",), thresholds, 0)
    assert every["manipulated"] == every["authentic"] == 6
    shares = measuring_malp.verdict_shares(records, ("truth", "degradation"), 0)
    right = {(row["truth"], row["degradation"]): row["scores"]["right"]["mean"] for row in shares}
    assert right[AUTHENTIC, "clean"] == right[UNPROTECTED, "clean"] == 1
    assert right[MANIPULATED, "jpeg:50"] == 0


def test_calibration_chooses_the_best_f1_and_few_false_alarms():
    mask = np.zeros((20, 20), np.uint8)
    mask[:5] = 1
    fakeness = np.where(mask == 1, 0.31, 0.12).astype(np.float32)
    calibrator = Calibrator()
    image = np.zeros((20, 20, 3), np.uint8)

    def add(truth, score, cosine, mask=None):
        finding = Finding(fakeness, score, cosine)
        inspection = ({"truth": truth}, image, image, image, mask, finding)
        calibrator.add(measuring_malp.Inspection(*inspection))

    add(MANIPULATED, 0.9, 0.4, mask)
    for index in range(200):
        add(AUTHENTIC, index / 1000, 0.9)
        add(UNPROTECTED, 0.9, index / 500)
    chosen = calibrator.thresholds("made up")
    assert 0.12 < chosen.map <= 0.31
    assert sum(index / 1000 >= chosen.score for index in range(200)) == 2  # 1 %
    assert chosen.cosine == pytest.approx((197 / 500 + 0.9) / 2)
    curve = measuring_malp.f1_curve(fakeness, mask)
    expected = measuring_malp.map_scores(fakeness, fakeness, mask, 0.1)["F1"]
    assert curve[100] == pytest.approx(expected) and curve[200] == 1 and curve[500] == 0
    with pytest.raises(ValueError, match="protected and unprotected"):
        Calibrator().thresholds("nothing")


def test_where_cosines_overlap_few_unprotected_pictures_count_as_protected():
    calibrator = Calibrator()
    image = np.zeros((2, 2, 3), np.uint8)
    for index in range(200):
        for truth, cosine in ((UNPROTECTED, index / 500), (AUTHENTIC, index / 400)):
            finding = Finding(np.zeros((2, 2), np.float32), 0.1, cosine)
            inspection = ({"truth": truth}, image, image, image, None, finding)
            calibrator.add(measuring_malp.Inspection(*inspection))
    chosen = calibrator.thresholds("made up")
    assert sum(index / 500 >= chosen.cosine for index in range(200)) == 2


def test_without_exact_masks_few_pixels_of_authentic_pictures_are_flagged():
    calibrator = Calibrator()
    image = np.zeros((10, 100, 3), np.uint8)
    fakeness = np.linspace(0, 0.4995, 1000, dtype=np.float32).reshape(10, 100)
    for truth in (AUTHENTIC, UNPROTECTED, MANIPULATED):
        inspection = ({"truth": truth}, image, image, image, None, Finding(fakeness, 0.1, 0.2))
        calibrator.add(measuring_malp.Inspection(*inspection))
    flagged = fakeness >= calibrator.thresholds("made up").map
    assert 0.005 < flagged.mean() <= 0.01


def run(out, preset, *arguments, code=0):
    command = ["malp", "--preset", str(preset), "--out", str(out), "--limit", "2", *arguments]
    assert evaluate.main(command) == code
    return json.loads((out / "metrics.json").read_text())


def test_command_line_on_the_bundled_photographs(tmp_path, preset, capsys):
    arguments = ["--manipulations", "erase", "splice", "--degradations", "clean", "jpeg:75"]
    results = run(tmp_path / "out", preset, *arguments)
    sections = results["sections"]
    maps = sections["Fakeness maps"]
    methods = ["tiny", "tiny", "all zero", "all one", "noise"]
    assert [row["method"] for row in maps] == methods * 2
    assert {row["pictures"] for row in maps} == {2}
    apart = sections["Manipulated or not, all conditions"]
    counts = {row["method"]: (row["manipulated"], row["authentic"]) for row in apart}
    assert counts["tiny"] == (2 * 2 * 2, 2 * (2 + 6))
    [quality] = sections["Protected pictures"]
    protected = [record["scores"]["PSNR"] for record in results["quality"]]
    assert quality["PSNR, dB"].startswith(f"{np.mean(protected):.3f}")
    assert results["weights"]["sha256"] == malp_keras.read_card(preset)["sha256"]
    assert results["thresholds"]["tiny"]["data"] == "not calibrated"
    assert read_image(tmp_path / "out" / "metrics.png").shape[1] == 6 * (256 + 8) + 8
    page = (tmp_path / "out" / "metrics.md").read_text()
    assert page.startswith("# tiny") and "| noise | splice | any | 2 |" in page
    assert "Verdicts" in capsys.readouterr().out


def test_calibration_goes_into_the_card_and_is_used(tmp_path, preset):
    samples = Path(evaluate_malp.bundled_photographs("train")[0]).parent
    arguments = ["--manipulations", "erase", "--degradations", "clean", "--limit", "2"]
    command = ["malp", "--preset", str(preset), *arguments]
    assert evaluate.main([*command, "--data", str(samples), "--calibrate"]) == 0
    card = malp_keras.read_card(preset)
    calibration = card["calibration"]
    assert set(calibration) == {"map_threshold", "score_threshold", "cosine_threshold", "data"}
    assert "2 photographs of samples/train, seed 0; erase; clean" in calibration["data"]
    assert malp_keras.from_preset(preset).size == 64
    results = run(tmp_path / "out", preset, *arguments)
    assert list(results["thresholds"]["tiny"].values()) == list(calibration.values())

    # A preset that is made again with what was measured keeps both.
    measured = train.read_measured(tmp_path / "out" / "metrics.json", card["sha256"])
    assert measured["calibration"] == calibration
    assert {row["method"] for row in measured["summaries"]["detection"]} >= {"tiny", "noise"}
    assert "pictures" not in measured


def test_a_private_key_is_measured_with_its_own_thresholds(tmp_path):
    card = {"name": "mine", "preset": {"name": "tiny", "sha256": "-"}, "made": "-", "recipe": {}}
    card["architecture"] = {"name": "malp", "arguments": ARGUMENTS}
    card["calibration"] = {**Thresholds(0.4, 0.6, 0.2, "here").calibration()}
    keys.save_key(tmp_path / "my.key", malp_keras.malp(**ARGUMENTS), card)
    arguments = ["--manipulations", "erase", "--degradations", "clean", "--limit", "1"]
    command = ["malp", "--key", str(tmp_path / "my.key"), "--out", str(tmp_path), *arguments]
    assert evaluate.main(command) == 0
    results = json.loads((tmp_path / "metrics.json").read_text())
    assert results["thresholds"]["mine"] == Thresholds(0.4, 0.6, 0.2, "here")._asdict()
    assert results["weights"]["sha256"] == keys.read_key_card(tmp_path / "my.key")["sha256"]


def test_another_program_manipulates_exported_pictures(tmp_path, preset, capsys):
    folder = tmp_path / "elsewhere"
    command = ["malp", "--preset", str(preset), "--limit", "2", "--export", str(folder)]
    assert evaluate.main(command) == 0
    assert str(folder / "manipulated") in capsys.readouterr().out
    for path in (folder / "protected").iterdir():
        edited = _white_square(read_image(path), 0)
        write_png(folder / "manipulated" / path.name, edited.image)
        write_png(folder / "mask" / path.name, edited.mask * 255)
    arguments = ["--degradations", "clean", "--manipulations", str(folder)]
    results = run(tmp_path / "out", preset, *arguments)
    row = results["sections"]["Fakeness maps"][2]
    assert (row["method"], row["manipulation"], row["pictures"]) == ("all one", "elsewhere", 2)
    share = 20 * 20 / 64**2
    assert row["F1"].startswith(f"{2 * share / (1 + share):.3f}")


def test_export_leaves_out_what_cannot_be_read_and_loses_no_namesake(tmp_path, preset, capsys):
    photographs, folder = tmp_path / "photographs", tmp_path / "elsewhere"
    for name, level in (("a.bmp", 90), ("a.png", 120)):
        write_png(photographs / "square.png", np.full((64, 64, 3), level, np.uint8))
        (photographs / "square.png").rename(photographs / name)
    (photographs / "b.png").write_bytes(b"no picture")
    command = ["malp", "--preset", str(preset), "--data", str(photographs), "--export", str(folder)]
    assert evaluate.main(command) == 1
    exported = sorted((folder / "protected").iterdir())
    assert [path.name for path in exported] == ["a.png", "a.png.png"]
    levels = [read_image(path).mean() for path in exported]
    assert levels[1] - levels[0] == pytest.approx(30, abs=1)
    errors = capsys.readouterr().err
    assert "b.png: " in errors and "1 of 3 photographs failed" in errors


def test_a_network_in_a_file_is_a_manipulation(tmp_path):
    picture = keras.Input((None, None, 3))
    keras.Model(picture, -picture).save(tmp_path / "negative.keras")
    negative = evaluate_malp.find_manipulation(str(tmp_path / "negative.keras"))
    [made] = negative(np.full((1, 64, 64, 3), 200, np.uint8), [0])
    assert negative.name == "negative" and made.mask is None
    assert np.unique(made.image).tolist() == [55]


def test_a_passive_network_is_measured_without_protection(tmp_path, preset):
    path = tmp_path / "passive" / "last.keras"
    path.parent.mkdir()
    malp_keras.malp(**ARGUMENTS, strength=0.0).save(path)
    arguments = ["--manipulations", "erase", "--degradations", "clean", "--limit", "1"]
    results = run(tmp_path / "out", preset, *arguments, "--passive", str(path))
    of_passive = [one for one in results["pictures"] if one["method"] == "passive"]
    # Its photographs are authentic, not unprotected.
    assert {one["truth"] for one in of_passive} == {"authentic", "manipulated"}
    assert {one["verdict"] for one in of_passive} <= {"authentic", "manipulated"}
    assert [row["method"] for row in results["sections"]["Protected pictures"]] == ["tiny"]
    assert results["passive"][0]["name"] == "passive"


def test_pictures_are_scaled_for_inspection_and_maps_back(preset):
    model = malp_keras.from_preset(preset)
    image = np.random.default_rng(0).integers(0, 256, (96, 128, 3), np.uint8)
    finding = measuring_malp.Proactive(model).inspect(image)
    small = cv2.resize(image, (64, 64), interpolation=cv2.INTER_AREA)
    outputs = model(small[None])
    assert finding.map.shape == (96, 128)
    assert finding.score == pytest.approx(1 / (1 + np.exp(-float(outputs["logit"][0]))), abs=1e-6)
    assert finding.cosine == pytest.approx(float(outputs["cosine"][0]), abs=1e-6)
    whole = measuring_malp.Proactive(model, scaled=False).inspect(image)
    expected = np.asarray(model(image[None])["map"])[0, ..., 0]
    np.testing.assert_allclose(whole.map, expected, atol=1e-6)


def test_bad_photographs_are_named_and_the_others_go_on(tmp_path, preset, capsys):
    write_png(tmp_path / "data" / "a.png", np.full((70, 80, 3), 90, np.uint8))
    (tmp_path / "data" / "b.jpg").write_bytes(b"no picture")
    arguments = ["--manipulations", "erase", "--degradations", "clean"]
    results = run(tmp_path / "o", preset, *arguments, "--data", str(tmp_path / "data"), code=1)
    assert [failure["picture"] for failure in results["failed"]] == ["b.jpg"]
    errors = capsys.readouterr().err
    assert "b.jpg: is not a picture" in errors and "1 of 2 photographs failed" in errors
    (tmp_path / "data" / "a.png").unlink()
    command = ["malp", "--preset", str(preset), "--data", str(tmp_path / "data"), *arguments]
    assert evaluate.main(command) == 2
    assert "none of the 1 photographs" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--preset", "no_such_preset"], "no_such_preset: neither a preset"),
        (["--manipulations", "magic"], "unknown manipulation 'magic'"),
        (["--data", "no_such_folder"], "no_such_folder"),
        (["--calibrate"], "--calibrate needs"),
        (["--key", "no_such_key"], "no_such_key"),
        (["--calibrate", "--table", "fig5"], "--calibrate and --table are two commands"),
    ],
)
def test_what_cannot_be_used_is_one_line(arguments, message, preset, capsys):
    first = [] if {"--preset", "--key"} & set(arguments) else ["--preset", str(preset)]
    assert evaluate.main(["malp", *first, *arguments]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and message in error
