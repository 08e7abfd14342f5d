"""What is measured of every method, how means are made of it, and how it is written."""

import json
from functools import partial

import numpy as np
import pytest

from datasets.forging import Forging
from datasets.manipulations import MANIPULATIONS
from datasets.manipulations.base import Manipulated, PictureEdit
from evaluation import measure, report, summaries
from evaluation.measure import Trial, measure_all
from evaluation.pictures import Source, forged_photographs, work_through
from evaluation.report import Report, refuse_others_files, write_run
from evaluation.trials import (
    Conditions,
    Contestant,
    difference_scores,
    forged_trials,
    protected_trials,
)
from forensics_keras import metrics
from forensics_keras.images import read_image
from forensics_keras.localizer import Finding, Localizer
from malp_keras.calibration import AUTHENTIC, MANIPULATED, UNPROTECTED, Calibration
from malp_keras.ground_truth import cosine, difference_map
from tests.helpers.methods import Brightness


class Parity(Localizer):
    """Makes all levels even; finds the pixels that are odd. Exact until something re-encodes."""

    name = "parity"
    protects = True
    calibration = Calibration(0.5, 0.01, 0.5, "by construction")
    thresholds = {"score_threshold": 0.01}

    def protect(self, image):
        return image & 0xFE

    def localize(self, image):
        odd = (image & 1).any(axis=2).astype(np.float32)
        share = float(odd.mean())
        agreement = float(share < 0.5)
        verdict = self.calibration.verdict(share, agreement)
        return Finding(odd, share, verdict, 0.5, {"cosine": agreement})


def white_square(image, seed):
    mask = np.zeros(image.shape[:2], np.uint8)
    mask[10:30, 20:40] = 1
    return Manipulated(np.where(mask[..., None] == 1, 255, image).astype(np.uint8), mask)


SQUARE = PictureEdit("square", "local", white_square)
UNKNOWN = PictureEdit(
    "unknown", "generative", lambda *given: Manipulated(white_square(*given).image, None)
)


@pytest.fixture
def picture(photograph):
    return photograph[:64, :64]


def records_of(picture, conditions, names="a", trivial=()):
    trials = protected_trials([Parity()], conditions, 3, trivial)
    sources = [Source(name, lambda: picture) for name in names]
    return measure_all(sources, trials, 3, difference_scores)


def by_condition(measured):
    keys = ("method", "truth", "manipulation", "degradation")
    return {tuple(record[key] for key in keys): record for record in measured.records}


def test_a_constant_map_has_a_cosine_that_can_be_computed_by_hand():
    difference = np.zeros((16, 16), np.uint8)
    difference[:4] = 128
    ones, zeros = np.ones((16, 16), np.float32), np.zeros((16, 16), np.float32)
    black = np.zeros((16, 16, 3), np.uint8)
    gray = np.repeat(difference[..., None], 3, axis=2)
    scored = partial(Trial, Parity(), gray, truth=MANIPULATED, original=black)
    scores = difference_scores(scored(), Finding(ones, 1.0, MANIPULATED, 0.5))
    assert scores["cosine"] == pytest.approx(0.5)  # the root of the share of 1/4
    assert all(np.isnan(scores[name]) for name in measure.LOCALIZATION_MEASURES)
    mask = (difference > 0).astype(np.uint8)
    scores = difference_scores(scored(mask=mask), Finding(zeros, 0.0, AUTHENTIC, 0.5))
    assert scores["cosine"] == 0 and scores["constant"] == pytest.approx(0.5)
    assert scores["F1"] == 0 and scores["AUC"] == 0.5
    assert scores["PSNR"] == pytest.approx(10 * np.log10(1 / (0.25 * (128 / 255) ** 2)))


def test_a_photograph_goes_through_every_condition(picture):
    conditions = Conditions([SQUARE, UNKNOWN], ["clean", "jpeg:50"], [MANIPULATIONS["erase"]])
    measured = records_of(picture, conditions, trivial=measure.baselines(0))
    found = by_condition(measured)
    assert len(found) == len(measured.records) == 4 + 1 + 2 * 2 + 3 * 3

    clean = found["parity", MANIPULATED, "square", "clean"]
    assert clean["verdict"] == MANIPULATED
    assert [clean["scores"][name] for name in ("F1", "IoU", "AUC")] == [1, 1, 1]
    manipulated = white_square(picture & 0xFE, 0)
    expected = cosine(manipulated.mask, difference_map(picture, manipulated.image))
    assert clean["scores"]["cosine"] == pytest.approx(expected)
    assert np.isnan(found["parity", MANIPULATED, "unknown", "clean"]["scores"]["F1"])

    untouched = found["parity", AUTHENTIC, "none", "clean"]
    assert untouched["verdict"] == AUTHENTIC
    assert untouched["scores"] == {"pixels_flagged": 0, "picture_flagged": False}
    assert found["parity", UNPROTECTED, "none", "clean"]["verdict"] == UNPROTECTED
    compressed = found["parity", MANIPULATED, "square", "jpeg:50"]
    assert compressed["verdict"] == UNPROTECTED and compressed["scores"]["F1"] < 0.5
    assert found["all ones", MANIPULATED, "square", "any"]["scores"]["F1"] < 0.5
    assert found["all ones", MANIPULATED, "square", "any"]["verdict"] == MANIPULATED
    assert found["all zeros", MANIPULATED, "square", "any"]["verdict"] == AUTHENTIC
    assert found["parity", AUTHENTIC, "none", "harmless:erase"]["family"] == ""
    [quality] = measured.quality
    assert quality["scores"]["PSNR"] == metrics.picture_psnr(picture & 0xFE, picture)
    again = by_condition(records_of(picture, conditions, trivial=measure.baselines(0)))
    key = ("parity", MANIPULATED, "square", "jpeg:50")
    assert again[key] == found[key]


def test_groups_and_detection(picture):
    conditions = Conditions([SQUARE], ["clean", "jpeg:50"])
    records = records_of(picture, conditions, "abc").records
    maps = summaries.means(summaries.manipulated(records), ("method", "degradation"), 0)
    assert [(row["degradation"], row["pictures"]) for row in maps] == [("clean", 3), ("jpeg:50", 3)]
    assert maps[0]["scores"]["F1"] == {"mean": 1, "low": 1, "high": 1}
    by = ("method", "manipulation", "degradation")
    clean, compressed = summaries.classification(records, by, [Parity()], 0)
    assert clean["manipulated"] == clean["authentic"] == 3
    assert {name: value["mean"] for name, value in clean["scores"].items()} == {
        "accuracy": 1,
        "EER": 0,
        "AUC": 1,
        "average_precision": 1,
    }
    assert compressed["scores"]["AUC"]["mean"] < 1
    [every] = summaries.classification(records, ("method",), [Parity()], 0)
    assert every["manipulated"] == every["authentic"] == 6
    shares = summaries.means(summaries.judged(records), ("truth", "degradation"), 0)
    right = {(row["truth"], row["degradation"]): row["scores"]["right"]["mean"] for row in shares}
    assert right[AUTHENTIC, "clean"] == right[UNPROTECTED, "clean"] == 1
    assert right[MANIPULATED, "jpeg:50"] == 0


def test_detection_compares_pictures_of_the_same_degradation_only():
    def record(truth, degradation, score):
        inpainter = "ns" if truth == MANIPULATED else "none"
        fields = {"method": "m", "inpainter": inpainter, "degradation": degradation}
        return {"truth": truth, "score": score, **fields}

    records = [record(MANIPULATED, "clean", 0.6), record(AUTHENTIC, "clean", 0.2)]
    records += [record(MANIPULATED, "jpeg:75", 0.6), record(AUTHENTIC, "jpeg:75", 0.9)]
    records += [record(MANIPULATED, "blur:1", 0.6)]  # nothing to be told from
    by = ("method", "inpainter", "degradation")
    clean, compressed = summaries.false_alarms(records, by, 0)
    assert clean["scores"]["AUC"]["mean"] == 1 and compressed["scores"]["AUC"]["mean"] == 0
    assert clean["pictures"] == 1 and compressed["degradation"] == "jpeg:75"


def test_crop_and_mask_are_the_same_under_every_inpainter():
    [source, *_] = forged_photographs(None, Forging(("telea", "ns"), 32, 0))
    versions = source.read()
    outside = versions.mask == 0
    for inpainter in ("telea", "ns"):
        forged, original = versions.images[inpainter], versions.images["none"]
        assert (forged[outside] == original[outside]).all() and (forged != original).any()
    contestant = Contestant(Brightness(), ("clean", "jpeg:90", "jpeg:75", "resize:0.75"))
    records = measure_all([source], forged_trials([contestant], 0, 0.5), 0).records
    assert len(records) == 2 * 3 + 3 * 4
    expected = metrics.localization_scores(np.ones(versions.mask.shape), versions.mask)
    [all_ones] = [r for r in records if r["method"] == "all ones" and r["inpainter"] == "any"]
    assert all_ones["scores"] == expected


def test_threads_change_neither_the_order_nor_the_values():
    sources = forged_photographs(None, Forging(("telea", "ns"), 32, 0))
    trials = forged_trials([Contestant(Brightness(), ("noise:20",))], 0, 0.5)
    one, many = (measure_all(sources, trials, 0, workers=workers) for workers in (1, 3))
    assert one.records == many.records
    for (label, row), (other_label, other) in zip(one.grid, many.grid, strict=True):
        assert label == other_label
        assert all((row[header] == other[header]).all() for header in row)


def test_what_fails_is_named_and_what_is_a_mistake_stops(capsys):
    def work(number, source):
        if source.name == "bad":
            raise ValueError("no picture")
        return number, source.name

    failed = []
    sources = [Source(name, None) for name in ("a", "bad", "c")]
    assert list(work_through(sources, work, failed)) == [(0, "a"), (2, "c")]
    assert failed == [{"picture": "bad", "error": "no picture"}]
    assert "bad: no picture" in capsys.readouterr().err
    with pytest.raises(ZeroDivisionError):
        list(work_through(sources, lambda *given: 1 / 0, []))


def test_the_grid_shows_manipulations_in_turn(picture):
    measured = records_of(picture, Conditions([SQUARE, UNKNOWN]), "abc")
    labels = [label for label, _ in measured.grid]
    begins = ("a, square, clean: cosine 0.", "b, unknown, clean: cosine 0.", "c, square, clean: ")
    assert all(label.startswith(begin) for label, begin in zip(labels, begins, strict=True))
    assert "F1 1.000, manipulated" in labels[0] and "F1" not in labels[1]
    headers = ["original", "protected", "manipulated", "truth", "map", "flagged (from 0.5)"]
    assert list(measured.grid[0][1]) == headers
    assert measured.grid[0][1]["flagged (from 0.5)"].any()


def test_a_table_and_a_run_are_written_by_one_writer(tmp_path, capsys):
    grid = [("a", {"original": np.zeros((8, 8, 3), np.uint8)})]
    sections = {"Scores": [{"method": "m", "F1": "0.5\n0.4-0.6", "pictures": 2}], "None": []}
    found = report.Report("Title", sections, ["A note."], {"seed": 3}, grid)
    report.write_run(found, tmp_path)
    report.write_table(found, tmp_path / "quick", "irl_table_9", quick=True)
    names = {path.name for path in tmp_path.rglob("*.*")}
    assert names >= {"metrics.json", "tables.md", "grid.png"}
    assert names >= {"irl_table_9.json", "irl_table_9.md", "irl_table_9.png"}
    results = json.loads((tmp_path / "metrics.json").read_text())
    assert results["seed"] == 3 and list(results["sections"]) == ["Scores"]
    assert "numpy" in results["versions"] and results["notes"] == ["A note."]
    page = (tmp_path / "tables.md").read_text()
    assert page.startswith("# Title\n") and "| m | 0.5 (0.4-0.6) | 2 |" in page
    marked = json.loads((tmp_path / "quick" / "irl_table_9.json").read_text())
    assert marked["sections"]["Scores"][0]["F1"].startswith("0.5q")
    assert marked["title"] == "Title (quick run)" and report.QUICK_NOTE in marked["notes"]
    assert read_image(tmp_path / "grid.png").shape[1] == 256 + 16
    assert capsys.readouterr().out.count("All values: ") == 2


@pytest.mark.parametrize("name", ["metrics.json", "tables.md", "grid.png"])
def test_reports_replace_only_reports(tmp_path, name):
    found = Report("Numbers", {"All": [{"a": "1"}]}, ["a note"])
    (tmp_path / name).write_text('{"title": "mine"}')
    for check in (refuse_others_files, partial(write_run, found)):
        with pytest.raises(ValueError, match=f"{name}: exists and is of no evaluation"):
            check(tmp_path)
    assert [file.read_text() for file in tmp_path.iterdir()] == ['{"title": "mine"}']
    for _ in range(2):
        write_run(found, tmp_path / "out")
        refuse_others_files(tmp_path / "out")
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == [
        "metrics.json",
        "tables.md",
    ]
