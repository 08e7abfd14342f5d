"""python train.py key: fine-tunes and calibrates a private key."""

import json

import numpy as np
import pytest

import malp_keras
import train
from datasets.photographs.sources import bundled_photographs
from malp_keras import keys
from malp_keras.__main__ import main
from malp_keras.calibration import Calibration
from malp_keras.key_making import make_key
from tests.helpers.tiny_trainings import write_config
from training.configs import read_stage
from training.malp_key import KeyTraining

pytestmark = pytest.mark.usefixtures("without_graphs")

LOSSES = ("cnn_ssim=0.0, vit_ssim=0.0, cnn_segmentation=1.0", "template_magnitude=0")


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    folder = tmp_path_factory.mktemp("config")
    return write_config(folder, "malp", ("size=128", "size=64"), ("(128, 160)", "(64,)"), LOSSES)


@pytest.mark.slow
def test_a_key_is_made_that_verifies(tmp_path, tiny_preset, config, capsys):
    path = str(tmp_path / "mine.key")
    command = ["key", path, "--preset", tiny_preset, "--config", config, "--steps", "2"]
    assert train.main(command) == 0
    said = capsys.readouterr().out
    card = keys.read_key_card(path)
    assert card["sha256"] in said and "minutes" in said
    assert card["recipe"]["steps"] == 2 and "splice" in card["calibration"]["data"]
    old, new = malp_keras.from_preset(tiny_preset), keys.load_key(path)
    assert any(
        (np.asarray(a) != np.asarray(b)).any()
        for a, b in zip(old.localizer.weights, new.localizer.weights, strict=True)
    )
    # Training leaves the templates as they were drawn: of the preset's spectrum.
    templates = [np.asarray(model.template_layer.templates) for model in (old, new)]
    spectra = [np.abs(np.fft.fft2(one)) for one in templates]
    np.testing.assert_allclose(spectra[1], spectra[0], rtol=0.02, atol=0.05)
    picture = str(bundled_photographs("test")[0])
    for action, out in (("protect", "copies"), ("verify", "verdicts")):
        assert main([action, picture, "-o", str(tmp_path / out), "--key", path]) == 0
    (line,) = (tmp_path / "verdicts/report.jsonl").read_text().splitlines()
    assert json.loads(line)["calibrated_on"] == card["calibration"]["data"]
    assert train.main(command) == 2
    assert "exists" in capsys.readouterr().err


@pytest.mark.slow
def test_a_seed_repeats_a_key_and_thresholds_are_of_photographs_kept_apart(
    tmp_path, tiny_preset, config
):
    asked = []

    def calibrate(model, photographs, manipulations, seed):
        asked.append((photographs, manipulations, seed))
        return Calibration(data="here")

    training = KeyTraining(experiment=read_stage(config), steps=1, calibrate=calibrate, seed=3)
    for name in ("one", "two"):
        make_key(tmp_path / name, tiny_preset, training.fine_tune, seed=4)
    one, two = (keys.load_key(tmp_path / name).get_weights() for name in ("one", "two"))
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a, b)
    assert keys.read_key_card(tmp_path / "one")["calibration"]["data"] == "here"
    photographs, held_out = training.photographs
    assert asked[0] == asked[1] == (held_out, ["splice", "erase"], 3)
    bundled = set(bundled_photographs("train"))
    assert {*held_out, *photographs} == bundled
    assert not {*held_out} & {*photographs}
    assert len(held_out) == min(len(bundled) // 5, 40)


def test_it_says_what_it_lacks(tmp_path, tiny_preset, capsys):
    path = str(tmp_path / "mine.key")
    for reason, options in (
        ("neither a preset", ["--preset", "no_such_preset"]),
        ("is no experiment of configs", ["--preset", tiny_preset]),
        ("missing: no such folder", ["--data", str(tmp_path / "missing")]),
        ("as MaLPExperiment", ["--config", "irl_paper"]),
    ):
        assert train.main(["key", path, *options]) == 2
        error = capsys.readouterr().err
        assert error.startswith("error: ") and error.count("\n") == 1, error
        assert reason in error, error
    for wrong in (["key"], ["key", path, "--steps", "0"], ["key", path, "--photos", "photos"]):
        with pytest.raises(SystemExit) as caught:
            train.main(wrong)
        assert caught.value.code == 2
    assert "error: --photos is called --data now\n" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
