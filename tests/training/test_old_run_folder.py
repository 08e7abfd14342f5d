"""A folder that version 0.1 began to train in is trained further, or the way to do so is said."""

import shutil

import pytest

import train

CONFIG = """
from datasets.forging import ForgingRecipe
from training.experiments import IRLExperiment

experiment = IRLExperiment(
    recipe=ForgingRecipe(size=32, inpainters={"telea": 1.0}),
    model={"width": 0.03, "attention": False},
    batch_size=2,
    epochs=2,
    steps_per_epoch=2,
    validation_size=32,
)
"""


def test_all_stages_are_not_begun_anew_in_a_folder_of_one(tmp_path, capsys):
    (tmp_path / "experiment.json").write_text("{}")
    assert train.main(["irl", "--config", "irl_small", "--out", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "--stage" in error, error
    assert [path.name for path in tmp_path.iterdir()] == ["experiment.json"]


@pytest.mark.slow
@pytest.mark.usefixtures("without_graphs")
def test_a_run_folder_of_version_0_1_goes_on(old_files, tmp_path):
    out = tmp_path / "tiny_run"
    shutil.copytree(old_files / "tiny_run", out)
    (tmp_path / "tiny_run.py").write_text(CONFIG)
    first = (out / "log.csv").read_text().splitlines()
    assert len(first) == 2
    arguments = ["irl", "--config", str(tmp_path / "tiny_run.py"), "--out", str(out)]
    assert train.main(arguments) == 0
    both = (out / "log.csv").read_text().splitlines()
    assert both[:2] == first and len(both) == 3
    assert [path.name for path in (out / "backup").iterdir()] == ["epoch_0002.keras"]
    assert (out / "last.keras").exists()
