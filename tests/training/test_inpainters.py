"""python train.py inpaint: what its presets are, and its sample grids."""

import json

import numpy as np
import pytest

import train
from datasets.inpainting.learned import WEIGHTS
from datasets.photographs.sources import bundled_photographs
from forensics_keras.images import read_image, write_png
from tests.helpers.tiny_trainings import write_config, write_prose


@pytest.fixture
def command(tmp_path):
    """The command line on a small config and small photographs."""
    for path in bundled_photographs("test")[:3]:
        write_png(tmp_path / "photographs" / f"{path.stem}.png", read_image(path)[:96, :96])
    data = str(tmp_path / "photographs")
    config = write_config(tmp_path, "inpaint")
    return [
        *("inpaint", "--config", config, "--data", data, "--val-data", data),
        *("--out", str(tmp_path / "out")),
    ]


@pytest.mark.usefixtures("without_graphs")
def test_trains_a_chain_and_ships_its_end(command, tmp_path):
    presets = tmp_path / "presets"
    write_prose(presets / "further")
    assert train.main([*command, "--presets", str(presets)]) == 0
    assert [path.name for path in presets.iterdir()] == ["further"]
    card = WEIGHTS.card(presets / "further")
    assert card["measured"]["pictures"] == 3 and 0 < card["measured"]["hole_L1"] < 128
    assert card["recipe"] == str(tmp_path / "tiny.py") and card["limits"] == ["A test."]
    generator = WEIGHTS.load(presets / "further")
    assert generator({"image": np.zeros((1, 9, 7, 3))})["completed"].shape == (1, 9, 7, 3)
    for name in ("small", "further"):
        folder = tmp_path / "out" / name
        assert sorted(path.name for path in (folder / "samples").iterdir()) == [
            "epoch_0001.png",
            "epoch_0002.png",
        ]
        grid = read_image(folder / "samples" / "epoch_0001.png")
        assert np.ptp(grid.reshape(-1, 3), axis=0).min() > 100
        assert json.loads((folder / "experiment.json").read_text())["config"] == "tiny"


def test_a_preset_needs_its_prose(command, tmp_path, capsys):
    presets = tmp_path / "presets"
    assert train.main([*command, "--stage", "small", "--presets", str(presets)]) == 2
    assert f"{presets / 'small' / 'card.toml'}: missing" in capsys.readouterr().err


def test_a_stage_needs_the_one_before(command, capsys):
    assert train.main([*command, "--stage", "further"]) == 2
    error = capsys.readouterr().err
    assert "small/last.keras" in error and error.count("\n") == 1
