"""Thresholds and probabilities of verdicts, chosen for a method that sees brightness."""

import json

import numpy as np
import pytest

import evaluate
from datasets.inpainting import UNTOUCHED
from evaluation.irl_calibration import MOST_PICTURES, MOST_PIXELS, calibrate
from evaluation.pictures import pristine_photographs, published_pairs
from forensics_keras import batch
from forensics_keras.images import read_image, write_png
from forensics_keras.model_card import CARD_FIELDS
from irl_keras import Localizer, irl_net, presets
from irl_keras.integrity import Integrity
from irl_keras.prediction import prediction
from tests.helpers.methods import Brightness


@pytest.fixture
def folders(tmp_path):
    """Fills are bright, with dark ones among them; a tenth of a pristine picture is fairly so."""
    rng = np.random.default_rng(0)
    for number in range(12):
        picture = rng.integers(0, 100, (40, 48)).astype(np.uint8)
        mask = np.zeros((40, 48), np.uint8)
        mask[8:24, 8:32] = 255
        forged = np.where(mask > 0, 230 if number % 4 else 60, picture).astype(np.uint8)
        write_png(tmp_path / f"tools/one/image/{number}.png", np.dstack([forged] * 3))
        write_png(tmp_path / f"tools/one/mask/{number}.png", mask)
        picture[:4] = rng.integers(150, 170, (4, 48))
        write_png(tmp_path / f"photographs/{number}.png", np.dstack([picture] * 3))
    return tmp_path / "tools", tmp_path / "photographs"


def test_few_pristine_pixels_and_pictures_are_flagged_afterwards(folders):
    method = Brightness()
    sources = [*published_pairs(folders[0]), *pristine_photographs(folders[1])]
    found, failed = calibrate(method, sources, ["clean"], 0, "made up")
    assert failed == []
    assert 149 / 255 < found["threshold"] < 171 / 255, "the brightest hundredth, and no more"
    assert 0 < found["score_threshold"] <= 1
    assert set(found["calibration_error"]) == {"score", "reliability"}
    integrity = Integrity.from_card(json.loads(json.dumps(found)))
    scores = {"forged": [], "pristine": []}
    flagged = []
    for source in sources:
        versions = source.read()
        kind = "pristine" if UNTOUCHED in versions.images else "forged"
        [image] = versions.images.values()
        probability = method.localize(image).map
        scores[kind].append(integrity.score(probability))
        if kind == "pristine":
            flagged.append((probability >= found["threshold"]).mean())
    assert np.mean(flagged) <= MOST_PIXELS
    assert np.mean(np.array(scores["pristine"]) >= found["score_threshold"]) <= MOST_PICTURES
    assert np.mean(scores["forged"]) > np.mean(scores["pristine"]) + 0.2


def test_a_preset_is_calibrated_by_command_and_then_judges_so(folders, tmp_path):
    arguments = {"width": 0.125, "attention": False}
    card = {**dict.fromkeys(CARD_FIELDS, "for a test"), "seed": 0}
    card["architecture"] = {"name": "irl_net", "arguments": arguments}
    presets.save_preset(irl_net(**arguments), tmp_path / "preset", card)
    command = ["irl", "--data", str(folders[0]), "--pristine", str(folders[1])]
    command += ["--preset", str(tmp_path / "preset"), "--degradations", "clean"]
    assert evaluate.main([*command, "--calibrate", "--limit", "3"]) == 0
    localizer = Localizer.from_preset(tmp_path / "preset")
    calibration = presets.read_card(tmp_path / "preset")["calibration"]
    assert localizer.threshold == calibration["threshold"]
    assert localizer.score_threshold == calibration["score_threshold"]
    image = np.random.default_rng(1).integers(0, 256, (40, 48, 3)).astype(np.uint8)
    found = localizer.localize(image)
    assert found.reliability.shape == (40, 48)
    assert 0 <= found.score <= 1
    assert (found.verdict == "manipulated") == (found.score >= localizer.score_threshold)
    job = prediction(str(tmp_path / "preset"), None, None)
    write_png(tmp_path / "one.png", image)
    batch.run(job, [str(tmp_path / "one.png")], tmp_path / "predicted")
    stored = read_image(tmp_path / "predicted/reliability/one.png")[..., 0] / 255
    np.testing.assert_allclose(stored, found.reliability, atol=0.003)
    [line] = (tmp_path / "predicted/report.jsonl").read_text().splitlines()
    assert json.loads(line)["score"] == pytest.approx(found.score)
    assert json.loads(line)["mean_reliability"] == pytest.approx(found.reliability.mean(), abs=1e-4)


def test_calibration_needs_pristine_photographs(folders, tmp_path, capsys):
    command = ["irl", "--data", str(folders[0]), "--calibrate", "--out", str(tmp_path / "out")]
    assert evaluate.main(command) == 2
    assert "--pristine" in capsys.readouterr().err
