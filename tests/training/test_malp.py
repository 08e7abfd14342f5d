"""python train.py malp: its validation, further stages, and the presets that are made of it."""

import shutil
from pathlib import Path

import keras
import numpy as np
import pytest

import train
from malp_keras import from_preset, read_card
from tests.helpers.tiny_trainings import graphs_off, write_config, write_prose
from training.configs import read_stage
from training.malp import MaLPRun


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    changes = ("exact_mask=True", "exact_mask=False"), ("steps_per_epoch=2", "steps_per_epoch=1")
    return write_config(tmp_path_factory.mktemp("config"), "malp", *changes)


@pytest.fixture(scope="module")
def trained(config, tmp_path_factory):
    out = tmp_path_factory.mktemp("training") / "out"
    with graphs_off():
        assert train.main(["malp", "--config", config, "--out", str(out)]) == 0
    return out


@pytest.mark.slow
def test_without_exact_masks_the_best_epoch_has_the_best_cosine(trained):
    header, *rows = (line.split(",") for line in (trained / "log.csv").read_text().splitlines())
    assert "val_F1" not in header and "val_accuracy" in header
    assert all(0 < float(row[header.index("val_cosine")]) < 1 for row in rows)
    cosines = [float(row[header.index("val_cosine")]) for row in rows]
    last, best = (keras.models.load_model(trained / f"{name}.keras") for name in ("last", "best"))
    same = all(map(np.array_equal, last.get_weights(), best.get_weights()))
    assert same == (cosines[1] > cosines[0])


def test_a_further_stage_starts_with_the_weights_of_the_stage_before(config, trained, tmp_path):
    experiment = read_stage(config)
    before = keras.models.load_model(trained / "last.keras")
    preset = write_prose(tmp_path / "malp_tiny")
    command = ["preset", "--config", config, "--training", str(trained)]
    assert train.main([*command, "--out", str(preset)]) == 0
    for init in (str(trained / "last.keras"), str(preset)):
        run = MaLPRun(experiment=experiment, out=tmp_path / "further", init=init, seed=1)
        model = run.new_model()
        for found, expected in zip(
            model.malp.get_weights(), before.malp.get_weights(), strict=True
        ):
            np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)
        same_branch = all(map(np.array_equal, model.vit.get_weights(), before.vit.get_weights()))
        assert same_branch == init.endswith(".keras")  # a preset has no second branch


def test_the_preset_is_the_trained_model(config, trained, tmp_path):
    folder = write_prose(tmp_path / "malp_tiny")
    command = ["preset", "--config", config, "--training", str(trained), "--out", str(folder)]
    assert train.main(command) == 0
    assert read_card(folder)["architecture"]["name"] == "malp"
    model = keras.models.load_model(trained / "last.keras").malp
    picture = np.random.default_rng(0).integers(0, 256, (1, 128, 128, 3), dtype=np.uint8)
    expected, found = model(picture), from_preset(folder)(picture)
    for name in ("map", "template", "logit"):
        np.testing.assert_allclose(found[name], expected[name], atol=0.03)


def test_the_preset_can_be_the_best_epoch(config, trained, tmp_path):
    training, folder = tmp_path / "training", write_prose(tmp_path / "best")
    training.mkdir()
    for name in ("experiment.json", "best.keras"):
        shutil.copy(trained / name, training)
    command = ["preset", "--config", config, "--training", str(training), "--best"]
    assert train.main([*command, "--out", str(folder)]) == 0
    expected = keras.models.load_model(trained / "best.keras").malp.get_weights()
    for found, weights in zip(from_preset(folder).get_weights(), expected, strict=True):
        np.testing.assert_allclose(found, weights, rtol=1e-3, atol=1e-4)


def test_without_data_a_short_training_has_a_folder_of_its_name(monkeypatch, tmp_path):
    runs = []
    monkeypatch.setattr(MaLPRun, "train", lambda run: runs.append(run))
    assert train.main(["malp"]) == train.main(["malp", "--data", str(tmp_path)]) == 0
    assert [run.out for run in runs] == [
        Path("runs/malp_samples"),
        Path("runs/malp_local/malp_local"),
        Path("runs/malp_local/malp_local_harmless"),
    ]
    pictures = [run.steps * run.experiment.batch_size for run in runs]
    assert pictures == [300, 8000, 4000]
    assert runs[2].source == "runs/malp_local/malp_local/last.keras"
    assert runs[0].data == () and runs[1].data == (tmp_path,)


def test_further_training_of_given_weights_is_that_of_the_last_stage(monkeypatch):
    runs = []
    monkeypatch.setattr(MaLPRun, "train", lambda run: runs.append(run))
    assert train.main(["malp", "--init", "malp_local", "--out", "runs/mine"]) == 0
    (run,) = runs
    assert run.experiment == read_stage("malp_local", "malp_local_harmless")
    assert run.out == Path("runs/mine") and run.source == "malp_local"


def test_one_line_says_what_is_wrong(tmp_path, capsys):
    out = ["--out", str(tmp_path / "out")]
    for init, cause in (("irl_small", "neither a preset"), ("malp_local", "does not fit")):
        command = ["malp", "--config", "malp_stgan_faces", "--init", init, *out]
        assert train.main(command) == 2
        message = capsys.readouterr().err
        assert init in message and cause in message and message.count("\n") == 1
    assert train.main(["malp", "--config", "configs/irl_paper.py", *out]) == 2
    assert "MaLPExperiment" in capsys.readouterr().err
