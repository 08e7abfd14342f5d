"""python train.py inpaint: trains, resumes, chains stages and writes presets."""

import csv
import json

import keras
import numpy as np
import pytest

import train
from datasets.inpainting.learned import WEIGHTS
from datasets.photographs.sources import bundled_photographs
from forensics_keras.images import read_image, write_png
from training import inpainters as train_inpainter

CONFIG = """
from training.experiments import InpainterExperiment
from datasets.inpainting.resynthesis import ResynthesisTraining
from dataclasses import replace

first = InpainterExperiment(
    architecture={"name": "autoencoder", "arguments":
        {"stride": 2, "upsampling": "nearest", "norm": None, "width": 4}},
    training=ResynthesisTraining,
    size=32, mask_size=64, batch_size=2, epochs=2, steps_per_epoch=4, learning_rate=5e-3,
    card={"training_data": "made up", "limits": ["none"], "intended_use": "tests", "licence": "x"},
)
experiments = {"small": first, "further": replace(first, starts_from="small")}
"""


@pytest.fixture
def command(tmp_path, monkeypatch):
    """The command line on a small config and small photographs."""
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "inpaint_tiny.py").write_text(CONFIG)
    monkeypatch.setattr(train_inpainter, "CONFIGS", tmp_path / "configs")
    for path in bundled_photographs("test")[:3]:
        write_png(tmp_path / "photographs" / f"{path.stem}.png", read_image(path)[:96, :96])
    data = str(tmp_path / "photographs")
    return ["inpaint", "tiny", "--data", data, "--val-data", data, "--out", str(tmp_path / "out")]


def test_trains_a_chain_and_ships_its_end(command, tmp_path):
    presets = tmp_path / "presets"
    assert train.main([*command, "--presets", str(presets)]) == 0
    assert [path.name for path in presets.iterdir()] == ["further"]
    card = WEIGHTS.card(presets / "further")
    assert card["measured"]["pictures"] == 3 and 0 < card["measured"]["hole_L1"] < 128
    generator = WEIGHTS.load(presets / "further")
    assert generator({"image": np.zeros((1, 9, 7, 3))})["completed"].shape == (1, 9, 7, 3)
    for name in ("small", "further"):
        folder = tmp_path / "out" / name
        assert sorted(path.name for path in (folder / "samples").iterdir()) == [
            "epoch_0001.png",
            "epoch_0002.png",
        ]
        assert json.loads((folder / "experiment.json").read_text())["config"] == "tiny"
    # The second stage begins where the first ended.
    losses = {
        name: [
            float(row["L1"])
            for row in csv.DictReader((tmp_path / "out" / name / "log.csv").open(newline=""))
        ]
        for name in ("small", "further")
    }
    assert losses["further"][0] < losses["small"][0]


@pytest.mark.slow
def test_a_stopped_training_goes_on_to_the_same_weights(command, tmp_path, monkeypatch):
    only = [*command, "--only", "small"]
    assert train.main(only) == 0
    whole = keras.models.load_model(tmp_path / "out" / "small" / "last.keras")

    class Stopped(BaseException):
        pass

    def stop(self, epoch, logs=None):
        if epoch == 1:
            raise Stopped

    other = [*only[:-4], "--out", str(tmp_path / "other"), *only[-2:]]
    with monkeypatch.context() as patch, pytest.raises(Stopped):
        patch.setattr(train_inpainter.SampleGrid, "on_epoch_begin", stop, raising=False)
        train.main(other)
    assert not (tmp_path / "other" / "small" / "last.keras").exists()
    assert train.main(other) == 0
    resumed = keras.models.load_model(tmp_path / "other" / "small" / "last.keras")
    for one, two in zip(whole.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_allclose(one, two, atol=1e-6)


def test_errors_are_one_line(command, capsys):
    assert train.main([*command, "--only", "unknown"]) == 1
    assert "small, further" in capsys.readouterr().err
    assert train.main([*command, "--only", "further"]) == 1
    error = capsys.readouterr().err
    assert "small" in error and error.count("\n") == 1
