"""Verdicts of pictures: in Python by stand-ins, and by `python -m malp_keras verify`."""

import hashlib
import re

import cv2
import numpy as np
import pytest

import malp_keras
from forensics_keras import figures, images
from malp_keras import keys, verification
from malp_keras.__main__ import main
from malp_keras.verification import inspect, scale_picture, verify
from tests.helpers.picture_jobs import files_in, read_report, save
from tests.helpers.protected_pictures import CALIBRATION, save_tiny_preset

pytestmark = pytest.mark.usefixtures("without_tracing")


class Red:
    """Stands for a model: the map is the red channel; score and cosine are chosen."""

    size = 32

    def __init__(self, logit=0.0, cosine=0.5):
        self.logit, self.cosine = logit, cosine

    def predict_on_batch(self, pictures):
        assert pictures.shape == (1, 32, 32, 3) and pictures.dtype == np.uint8
        return {
            "map": pictures[..., :1] / np.float32(255),
            "logit": np.array([self.logit]),
            "cosine": np.array([self.cosine]),
        }


LIMITS = {"map_threshold": 0.5, "score_threshold": 0.7, "cosine_threshold": 0.4, "data": "-"}


def half_red(height=64, width=96):
    image = np.zeros((height, width, 3), np.uint8)
    image[:, : width // 2, 0] = 255
    return image


def logit(score):
    return float(np.log(score / (1 - score)))


# --- in Python --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "score, cosine, verdict, share",
    [
        (0.69, 0.41, "authentic", None),
        (0.71, 0.41, "manipulated", 0.5),
        (0.71, 0.39, "unprotected", None),
        (0.69, 0.39, "unprotected", None),
    ],
)
def test_verdicts_follow_the_thresholds(score, cosine, verdict, share):
    found = verify(Red(logit(score), cosine), half_red(), LIMITS)
    assert found.verdict == verdict and found.cosine == cosine
    assert found.score == pytest.approx(score)
    assert found.changed_share == (share and pytest.approx(share, abs=0.01))
    assert found.map.shape == (64, 96) and found.map.dtype == np.float32


def test_a_threshold_that_is_reached_counts():
    limits = {**LIMITS, "score_threshold": 0.5, "cosine_threshold": 0.5, "map_threshold": 1.0}
    found = verify(Red(0.0, 0.5), half_red(), limits)
    assert found.verdict == "manipulated" and 0.4 < found.changed_share <= 0.5


def test_extreme_logits_are_no_overflow():
    assert inspect(Red(-2000.0), half_red()).score == 0
    assert inspect(Red(2000.0), half_red()).score == 1


@pytest.mark.parametrize("size", [(64, 96), (16, 20), (16, 400), (333, 17), (32, 32)])
def test_maps_have_the_picture_s_size_and_place(size):
    image = half_red(*size)
    found = inspect(Red(), image).map
    assert found.shape == size
    margin = 2 + size[1] // 16
    assert (found[:, : size[1] // 2 - margin] == 1).all()
    assert (found[:, size[1] // 2 + margin :] == 0).all()


def test_shrinking_averages_the_area_on_either_axis():
    fine = np.tile(np.array([[0, 255], [255, 0]], np.uint8)[..., None], (64, 64, 3))
    assert np.abs(scale_picture(fine, 32).astype(int) - 127).max() <= 1
    for picture in (fine[:20], fine[:, :20]):  # one axis grows
        lines = np.repeat(picture[:1], len(picture), 0) if len(picture) < 32 else picture
        assert scale_picture(lines, 32).std(axis=None) < 60
    assert scale_picture(fine[:32, :32], 32) is not fine
    np.testing.assert_array_equal(scale_picture(fine[:32, :32], 32), fine[:32, :32])
    shrunk = cv2.resize(fine[:96, :64], (32, 32), interpolation=cv2.INTER_AREA)
    np.testing.assert_array_equal(scale_picture(fine[:96, :64], 32), shrunk)


def test_bad_pictures_and_weights_are_refused():
    with pytest.raises(ValueError, match="too small"):
        verify(Red(), half_red(15, 40), LIMITS)
    with pytest.raises(ValueError, match="must be uint8"):
        verify(Red(), half_red() / 255, LIMITS)
    for model in (Red(np.nan), Red(0.0, np.inf)):
        with pytest.raises(ValueError, match="weights are damaged"):
            verify(model, half_red(), LIMITS)


# --- the command ------------------------------------------------------------------------------


def test_command_writes_maps_overlays_and_report(tmp_path, tiny_preset, capsys):
    folder, out = tmp_path / "in", tmp_path / "out"
    picture = save(folder / "a/b.png", 50, 31)
    assert main(["verify", str(folder), "-o", str(out), "--preset", tiny_preset]) == 0
    assert files_in(out) == ["map/a/b.png", "overlay/a/b.jpg", "report.jsonl"]
    expected = verify(malp_keras.from_preset(tiny_preset), picture, CALIBRATION)
    found = images.read_image(out / "map/a/b.png")[..., 0]
    assert np.abs(found - 255 * expected.map).max() <= 1
    overlay = images.read_image(out / "overlay/a/b.jpg").astype(int)
    assert np.abs(overlay - figures.overlay(picture, expected.map)).mean() < 8
    (line,) = read_report(out).values()
    assert 0 < line.pop("seconds")
    assert set(line.pop("outputs_sha256")) == {"map", "overlay"}
    near = {"abs": 1e-4}
    share = expected.changed_share
    assert line == {
        "path": str(folder / "a/b.png"),
        "width": 31,
        "height": 50,
        "sha256": hashlib.sha256((folder / "a/b.png").read_bytes()).hexdigest(),
        "preset": "tiny",
        "preset_sha256": keys.read_card(tiny_preset)["sha256"],
        "map_threshold": 0.5,
        "score_threshold": 0.5,
        "cosine_threshold": -1.0,
        "calibrated_on": "nothing",
        "verdict": expected.verdict,
        "score": pytest.approx(expected.score, **near),
        "cosine": pytest.approx(expected.cosine, **near),
        "conversions": [],
        "changed_share": None if share is None else pytest.approx(share, abs=0.01),
        "map": "map/a/b.png",
        "overlay": "overlay/a/b.jpg",
    }
    said = capsys.readouterr()
    assert said.err == "" and f"b.png: {expected.verdict}" in said.out
    assert f"1 input: 1 {expected.verdict}" in said.out


def test_verdicts_are_printed_and_counted_also_when_reused(
    tmp_path, tiny_preset, monkeypatch, capsys
):
    for name in ("changed.png", "good.png", "other.png"):
        save(tmp_path / "in" / name)
    zeros = np.zeros((40, 33), np.float32)
    found = {
        "changed.png": verification.Verification(zeros, 0.9, 0.8, "manipulated", 0.123),
        "good.png": verification.Verification(zeros, 0.1, 0.8, "authentic", None),
        "other.png": verification.Verification(zeros, 0.1, 0.0, "unprotected", None),
    }
    queue = iter(found.values())
    monkeypatch.setattr(verification, "verify", lambda *arguments: next(queue))
    folders = str(tmp_path / "in"), "-o", str(tmp_path / "out")
    arguments = ["verify", *folders, "--preset", tiny_preset]
    for _ in range(2):
        assert main(arguments) == 0
        said = capsys.readouterr().out
        assert "changed.png: manipulated, 12.3% of the area changed (score 0.900" in said
        assert "good.png: authentic (score" in said and "other.png: unprotected (score" in said
        assert "3 inputs: 1 authentic, 1 manipulated, 1 unprotected" in said
        monkeypatch.setattr(keys, "from_preset", None)  # nothing is left to do


def test_other_thresholds_are_not_passed_off_as_these(tmp_path, tiny_preset, capsys):
    save(tmp_path / "a.png")
    arguments = ["verify", str(tmp_path / "a.png"), "-o", str(tmp_path / "out"), "--preset"]
    assert main([*arguments, tiny_preset]) == 0
    stricter = str(tmp_path / "stricter")
    save_tiny_preset(stricter, {**CALIBRATION, "score_threshold": 0.99})
    assert main([*arguments, stricter]) == 1
    error = capsys.readouterr().err
    assert re.search(r"has outputs of tiny \(\w{12}\) at the thresholds 0.5, 0.5, -1", error)
    assert main([*arguments, stricter, "--overwrite"]) == 0
    (line,) = read_report(tmp_path / "out").values()
    assert line["score_threshold"] == 0.99


def test_bad_inputs_are_reported_and_the_others_go_on(tmp_path, tiny_preset, capsys):
    folder, out = tmp_path / "in", tmp_path / "out"
    save(folder / "good.png"), save(folder / "small.png", 8, 8)
    (folder / "text.jpg").write_text("This is no picture.")
    paths = [str(folder), str(tmp_path / "missing.png")]
    assert main(["verify", *paths, "-o", str(out), "--preset", tiny_preset]) == 1
    said = capsys.readouterr()
    assert len(said.err.splitlines()) == 3 and "Traceback" not in said.err
    for reason in ("small.png: .*too small", "text.jpg: .*not a picture", "missing.png: no such"):
        assert re.search(reason, said.err)
    assert files_in(out) == ["map/good.png", "overlay/good.jpg", "report.jsonl"]
    assert len(read_report(out)) == 4


def test_presets_without_calibration_and_reports_of_protect_are_refused(
    tmp_path, tiny_preset, capsys
):
    save(tmp_path / "a.png")
    for calibration in ({**CALIBRATION, "score_threshold": None}, {"data": "x"}):
        save_tiny_preset(tmp_path / "raw", calibration)
        arguments = ["verify", str(tmp_path / "a.png"), "-o", str(tmp_path / "out")]
        assert main([*arguments, "--preset", str(tmp_path / "raw")]) == 2
        assert "has no calibration" in capsys.readouterr().err
    arguments = [str(tmp_path / "a.png"), "-o", str(tmp_path / "out"), "--preset", tiny_preset]
    assert main(["protect", *arguments]) == 0
    before = (tmp_path / "out/report.jsonl").read_bytes()
    assert main(["verify", *arguments]) == 2
    assert "not a report line of this command" in capsys.readouterr().err
    assert (tmp_path / "out/report.jsonl").read_bytes() == before
