"""MaLP's evaluation: its command line, foreign manipulations, and calibration."""

import dataclasses
import json
from pathlib import Path

import cv2
import keras
import numpy as np
import pytest

import evaluate
import malp_keras
from datasets.photographs.sources import bundled_photographs
from evaluation.calibration import Calibrator, calibrate_photographs, f1_curve
from evaluation.measure import Inspection, Trial
from evaluation.methods import Proactive
from evaluation.trials import find_manipulation
from forensics_keras.images import read_image, write_png
from forensics_keras.localizer import Finding
from forensics_keras.metrics import localization_scores
from forensics_keras.model_card import CARD_FIELDS
from malp_keras import keys
from malp_keras.calibration import AUTHENTIC, MANIPULATED, UNPROTECTED, Calibration

pytestmark = pytest.mark.usefixtures("without_tracing")

ARGUMENTS = {"size": 64, "filters": 4, "classifier_filters": 4, "seed": 0}


@pytest.fixture
def preset(tmp_path) -> Path:
    card = {**dict.fromkeys(CARD_FIELDS, "for a test"), "name": "tiny"}
    card["architecture"] = {"name": "malp", "arguments": ARGUMENTS}
    malp_keras.save_preset(malp_keras.malp(**ARGUMENTS), tmp_path / "tiny", card)
    return tmp_path / "tiny"


# --- calibration ------------------------------------------------------------------------------


def inspected(truth, fakeness, score, cosine, mask=None):
    trial = Trial(None, np.zeros((*fakeness.shape, 3), np.uint8), mask, truth)
    finding = Finding(fakeness, score, truth, 0.5, {"cosine": cosine})
    return Inspection(trial, trial.image, finding, {})


def test_calibration_chooses_the_best_f1_and_few_false_alarms():
    mask = np.zeros((20, 20), np.uint8)
    mask[:5] = 1
    fakeness = np.where(mask == 1, 0.31, 0.12).astype(np.float32)
    calibrator = Calibrator()
    calibrator.add(inspected(MANIPULATED, fakeness, 0.9, 0.4, mask))
    for index in range(200):
        calibrator.add(inspected(AUTHENTIC, fakeness, index / 1000, 0.9))
        calibrator.add(inspected(UNPROTECTED, fakeness, 0.9, index / 500))
    chosen = calibrator.choose("made up")
    assert 0.12 < chosen.map_threshold <= 0.31
    assert sum(index / 1000 >= chosen.score_threshold for index in range(200)) == 2  # 1 %
    assert chosen.cosine_threshold == pytest.approx((197 / 500 + 0.9) / 2)
    curve = f1_curve(fakeness, mask)
    expected = localization_scores(fakeness, mask, 0.1)["F1"]
    assert curve[100] == pytest.approx(expected) and curve[200] == 1 and curve[500] == 0
    with pytest.raises(ValueError, match="protected and unprotected"):
        Calibrator().choose("nothing")


def test_where_cosines_overlap_few_unprotected_pictures_count_as_protected():
    calibrator = Calibrator()
    for index in range(200):
        for truth, cosine in ((UNPROTECTED, index / 500), (AUTHENTIC, index / 400)):
            calibrator.add(inspected(truth, np.zeros((2, 2), np.float32), 0.1, cosine))
    chosen = calibrator.choose("made up")
    assert sum(index / 500 >= chosen.cosine_threshold for index in range(200)) == 2


def test_without_exact_masks_few_pixels_of_authentic_pictures_are_flagged():
    calibrator = Calibrator()
    fakeness = np.linspace(0, 0.4995, 1000, dtype=np.float32).reshape(10, 100)
    for truth in (AUTHENTIC, UNPROTECTED, MANIPULATED):
        calibrator.add(inspected(truth, fakeness, 0.1, 0.2))
    flagged = fakeness >= calibrator.choose("made up").map_threshold
    assert 0.005 < flagged.mean() <= 0.01


def test_a_model_is_calibrated_on_photographs_as_its_preset_would_be(tmp_path, preset):
    photographs = bundled_photographs("train")[:2]
    for path in photographs:
        (tmp_path / "val").mkdir(exist_ok=True)
        (tmp_path / "val" / path.name).write_bytes(path.read_bytes())
    model = malp_keras.from_preset(preset)
    found = calibrate_photographs(model, photographs, ["erase"], seed=4)
    assert found.data.startswith("2 photographs kept apart; erase; clean, jpeg:90, jpeg:70")
    command = ["malp", "--preset", str(preset), "--manipulations", "erase", "--seed", "4"]
    assert evaluate.main([*command, "--data", str(tmp_path / "val"), "--calibrate"]) == 0
    calibration = malp_keras.read_card(preset)["calibration"]
    for name in ("map_threshold", "score_threshold", "cosine_threshold"):
        assert calibration[name] == pytest.approx(getattr(found, name), abs=1e-6)


# --- the command line -------------------------------------------------------------------------


def run(out, preset, *arguments, code=0):
    command = ["malp", "--preset", str(preset), "--out", str(out), "--limit", "2", *arguments]
    assert evaluate.main(command) == code
    return json.loads((out / "metrics.json").read_text())


def test_command_line_on_the_bundled_photographs(tmp_path, preset, capsys):
    arguments = ["--manipulations", "erase", "splice", "--degradations", "clean", "jpeg:75"]
    results = run(tmp_path / "out", preset, *arguments)
    sections = results["sections"]
    maps = sections["Fakeness maps"]
    methods = ["tiny", "tiny", "all zeros", "all ones", "noise"]
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
    assert read_image(tmp_path / "out" / "grid.png").shape[1] == 6 * (256 + 8) + 8
    page = (tmp_path / "out" / "tables.md").read_text()
    assert page.startswith("# tiny") and "| noise | splice | any | 2 |" in page
    assert "Verdicts" in capsys.readouterr().out


def test_calibration_goes_into_the_card_and_is_used(tmp_path, preset):
    samples = bundled_photographs("train")[0].parent
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
    assert results["calibration"] == calibration
    assert {row["method"] for row in results["summaries"]["detection"]} >= {"tiny", "noise"}


def test_a_private_key_is_measured_with_its_own_thresholds(tmp_path):
    card = {"name": "mine", "preset": {"name": "tiny", "sha256": "-"}, "made": "-", "recipe": {}}
    card["architecture"] = {"name": "malp", "arguments": ARGUMENTS}
    card["calibration"] = dataclasses.asdict(Calibration(0.4, 0.6, 0.2, "here"))
    keys.save_key(tmp_path / "my.key", malp_keras.malp(**ARGUMENTS), card)
    arguments = ["--manipulations", "erase", "--degradations", "clean", "--limit", "1"]
    command = ["malp", "--key", str(tmp_path / "my.key"), "--out", str(tmp_path), *arguments]
    assert evaluate.main(command) == 0
    results = json.loads((tmp_path / "metrics.json").read_text())
    assert results["thresholds"]["mine"] == card["calibration"]
    assert results["weights"]["sha256"] == keys.read_key_card(tmp_path / "my.key")["sha256"]


def test_another_program_manipulates_exported_pictures(tmp_path, preset, capsys):
    folder = tmp_path / "elsewhere"
    command = ["malp", "--preset", str(preset), "--limit", "2", "--export", str(folder)]
    assert evaluate.main(command) == 0
    assert str(folder / "manipulated") in capsys.readouterr().out
    for path in (folder / "protected").iterdir():
        edited, mask = read_image(path), np.zeros((64, 64), np.uint8)
        edited[10:30, 20:40], mask[10:30, 20:40] = 255, 255
        write_png(folder / "manipulated" / path.name, edited)
        write_png(folder / "mask" / path.name, mask)
    arguments = ["--degradations", "clean", "--manipulations", str(folder)]
    results = run(tmp_path / "out", preset, *arguments)
    row = results["sections"]["Fakeness maps"][2]
    assert (row["method"], row["manipulation"], row["pictures"]) == ("all ones", "elsewhere", 2)
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
    assert "b.png: " in errors and "1 of 3 pictures failed" in errors


def test_a_network_in_a_file_is_a_manipulation(tmp_path):
    picture = keras.Input((None, None, 3))
    keras.Model(picture, -picture).save(tmp_path / "negative.keras")
    negative = find_manipulation(str(tmp_path / "negative.keras"))
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
    finding = Proactive(model).localize(image)
    small = cv2.resize(image, (64, 64), interpolation=cv2.INTER_AREA)
    outputs = model(small[None])
    assert finding.map.shape == (96, 128)
    assert finding.score == pytest.approx(1 / (1 + np.exp(-float(outputs["logit"][0]))), abs=1e-6)
    assert finding.details["cosine"] == pytest.approx(float(outputs["cosine"][0]), abs=1e-6)
    whole = Proactive(model, scaled=False).localize(image)
    expected = np.asarray(model(image[None])["map"])[0, ..., 0]
    np.testing.assert_allclose(whole.map, expected, atol=1e-6)


def test_bad_photographs_are_named_and_the_others_go_on(tmp_path, preset, capsys):
    write_png(tmp_path / "data" / "a.png", np.full((70, 80, 3), 90, np.uint8))
    (tmp_path / "data" / "b.jpg").write_bytes(b"no picture")
    arguments = ["--manipulations", "erase", "--degradations", "clean"]
    results = run(tmp_path / "o", preset, *arguments, "--data", str(tmp_path / "data"), code=1)
    assert [failure["picture"] for failure in results["failed"]] == ["b.jpg"]
    errors = capsys.readouterr().err
    assert "b.jpg: is not a picture" in errors and "1 of 2 pictures failed" in errors
    (tmp_path / "data" / "a.png").unlink()
    command = ["malp", "--preset", str(preset), "--data", str(tmp_path / "data"), *arguments]
    assert evaluate.main(command) == 2
    assert "none of the 1 pictures" in capsys.readouterr().err


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


def test_programs_are_loaded_only_when_they_are_trusted(tmp_path):
    (tmp_path / "saved_model.pb").touch()
    with pytest.raises(ValueError, match="is a program .*--trust"):
        find_manipulation(str(tmp_path))
    with pytest.raises(ValueError, match="cannot be read as a SavedModel"):
        find_manipulation(str(tmp_path), trust=True)
