"""python train.py stgan, and the manipulation that its preset makes."""

import json

import numpy as np
import pytest

import train
from datasets.manipulations.stgan import WEIGHTS, STGANManipulation, edit
from tests.helpers.tiny_trainings import write_config, write_faces, write_prose


@pytest.fixture
def command(tmp_path):
    """The command line on a small config and made-up faces."""
    faces = write_faces(tmp_path / "faces")
    config = write_config(tmp_path, "stgan")
    return ["stgan", "--config", config, "--val-data", faces, "--data", faces]


@pytest.mark.slow
@pytest.mark.usefixtures("without_graphs")
def test_command_trains_and_ships(command, tmp_path):
    out, preset = tmp_path / "out", write_prose(tmp_path / "presets" / "small")
    assert train.main([*command, "--out", str(out), "--presets", str(preset.parent)]) == 0
    grids = sorted(path.name for path in (out / "small" / "samples").iterdir())
    assert grids == ["epoch_0001.png", "epoch_0002.png"]
    assert json.loads((out / "small" / "experiment.json").read_text())["name"] == "small"
    card = WEIGHTS.card(preset)
    assert card["attributes"] == ["mask"] and card["measured"]["pictures"] == 8
    assert 0 <= card["measured"]["edits_recognized"] <= 1

    images = np.random.default_rng(0).integers(0, 256, (3, 64, 96, 3)).astype(np.uint8)
    manipulation = STGANManipulation(preset, direction=1)
    first = manipulation(images, [1, 2, 3])
    assert manipulation.family == "generative" and manipulation.name == "small"
    assert manipulation.sha256 == card["sha256"]
    model = WEIGHTS.load(preset)
    for result, expected in zip(first, edit(model, images, np.ones((3, 1))), strict=True):
        assert result.mask is None and result.image.shape == (64, 96, 3)
        np.testing.assert_array_equal(result.image, expected)
    either = STGANManipulation(preset)
    drawn = either(np.repeat(images[:1], 8, axis=0), range(8))
    assert len({result.image.tobytes() for result in drawn}) == 2
    with pytest.raises(ValueError, match="has 1 attributes, not number 1"):
        STGANManipulation(preset, attribute=1)(images, [1, 2, 3])


def test_errors_are_one_line(command, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    changed = [*command[:-1], str(tmp_path / "empty"), "--out", str(tmp_path / "out")]
    assert train.main(changed) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert "empty: has no pictures" in error
    assert not (tmp_path / "out").exists()
