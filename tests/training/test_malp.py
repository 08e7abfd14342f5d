"""train.py malp end to end: training, resuming, and the preset that is made of it."""

import argparse
import json
from pathlib import Path

import keras
import numpy as np
import pytest

import train
from datasets.manipulations import MANIPULATIONS
from malp_keras import from_preset, malp, read_card
from malp_keras.baselines import second_branch
from training import malp as train_malp
from training.experiments import MaLPExperiment
from training.records import read_config

ROOT = Path(__file__).resolve().parents[2]

CONFIG = """
from training.experiments import MaLPExperiment
from datasets.protection_batches import ProtectionRecipe
from malp_keras.losses import LossWeights

experiment = MaLPExperiment(
    recipe=ProtectionRecipe(
        size=128, manipulations={"splice": 1.0, "erase": 1.0}, sides=(128, 160), harmless_share=0.5
    ),
    model={
        "strength": 0.05, "normalize": True, "filters": 4, "stride": 2, "matched": True,
        "classifier_filters": 4, "classifier_pool": 4,
    },
    vit={"depth": 1},
    loss=LossWeights(cnn_ssim=0.0, vit_ssim=0.0, cnn_segmentation=1.0),
    exact_mask=True,
    batch_size=2,
    epochs=2,
    steps_per_epoch=2,
    card={
        "training_data": "six photographs", "limits": ["A test."], "intended_use": "Testing.",
        "licence": "Apache-2.0",
    },
)
"""


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    path = tmp_path_factory.mktemp("config") / "malp_tiny.py"
    path.write_text(CONFIG)
    return path


@pytest.fixture(scope="module")
def trained(config, tmp_path_factory):
    out = tmp_path_factory.mktemp("training") / "out"
    assert train.main(["malp", "--config", str(config), "--out", str(out)]) == 0
    return out


@pytest.mark.parametrize(
    "path", sorted((ROOT / "configs").glob("malp_*.py")), ids=lambda path: path.stem
)
def test_every_config_names_manipulations_and_builds(path):
    experiment = read_config(path, MaLPExperiment)
    assert set(experiment.recipe.manipulations) <= set(MANIPULATIONS)
    model = malp(**experiment.architecture["arguments"])
    assert model.size == experiment.recipe.size
    if experiment.vit is not None:
        branch = second_branch(model.size, **experiment.vit)
        assert branch.output_shape[1:3] == (model.size, model.size)
    assert path.name in path.read_text().split('"""')[1]  # the command


def test_a_training_ends_with_what_it_needs(trained):
    rows = (trained / "log.csv").read_text().splitlines()
    assert len(rows) == 3 and "val_F1" in rows[0] and "cnn_segmentation" in rows[0]
    assert {"best.keras", "last.keras", "experiment.json", "backup"} <= {
        path.name for path in trained.iterdir()
    }


def test_without_exact_masks_the_best_epoch_has_the_best_cosine(tmp_path):
    config = tmp_path / "malp_tiny.py"
    config.write_text(CONFIG.replace("exact_mask=True", "exact_mask=False"))
    out = tmp_path / "out"
    command = ["malp", "--config", str(config), "--out", str(out), "--epochs", "2"]
    assert train.main([*command, "--steps-per-epoch", "1"]) == 0
    header, *rows = (line.split(",") for line in (out / "log.csv").read_text().splitlines())
    assert "val_F1" not in header
    assert all(0 < float(row[header.index("val_cosine")]) < 1 for row in rows)
    assert (out / "best.keras").is_file()


def test_a_training_in_two_parts_goes_on_from_the_first(config, trained, tmp_path, capsys):
    command = ["malp", "--config", str(config), "--out", str(tmp_path)]
    assert train.main([*command, "--epochs", "1"]) == 0
    assert train.main(command) == 1
    assert "another experiment" in capsys.readouterr().err
    record = json.loads((tmp_path / "experiment.json").read_text())
    record["experiment"]["epochs"] = 2
    (tmp_path / "experiment.json").write_text(json.dumps(record))
    assert train.main(command) == 0
    assert len((tmp_path / "log.csv").read_text().splitlines()) == 3
    resumed = keras.models.load_model(tmp_path / "last.keras")
    assert int(resumed.optimizer.iterations) == 4


def test_a_further_part_starts_with_the_weights_of_the_part_before(config, trained, tmp_path):
    experiment = read_config(config, MaLPExperiment)
    before = keras.models.load_model(trained / "last.keras")
    preset = tmp_path / "malp_tiny"
    command = ["preset", "--config", str(config), "--training", str(trained)]
    assert train.main([*command, "--out", str(preset)]) == 0
    for init in (str(trained / "last.keras"), str(preset)):
        model = train_malp.start_model(experiment, argparse.Namespace(init=init, seed=1))
        for found, expected in zip(
            model.malp.get_weights(), before.malp.get_weights(), strict=True
        ):
            np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)
        same_branch = all(map(np.array_equal, model.vit.get_weights(), before.vit.get_weights()))
        assert same_branch == init.endswith(".keras")  # a preset has no second branch


def test_a_further_part_is_trained_and_recorded(config, trained, tmp_path):
    init = str(trained / "last.keras")
    command = ["malp", "--config", str(config), "--init", init, "--out", str(tmp_path)]
    assert train.main([*command, "--epochs", "1"]) == 0
    assert json.loads((tmp_path / "experiment.json").read_text())["init"] == init


def test_the_preset_is_the_trained_model(config, trained, tmp_path, capsys):
    folder = tmp_path / "malp_tiny"
    command = ["preset", "--config", str(config), "--training", str(trained), "--out", str(folder)]
    assert train.main(command) == 0
    assert read_card(folder)["architecture"]["name"] == "malp"
    model = keras.models.load_model(trained / "last.keras").malp
    picture = np.random.default_rng(0).integers(0, 256, (1, 128, 128, 3), dtype=np.uint8)
    expected, found = model(picture), from_preset(folder)(picture)
    for name in ("map", "template", "logit"):
        np.testing.assert_allclose(found[name], expected[name], atol=0.03)


def test_the_preset_can_be_the_best_epoch(config, trained, tmp_path):
    training = tmp_path / "training"
    training.mkdir()
    (training / "experiment.json").write_bytes((trained / "experiment.json").read_bytes())
    (training / "best.keras").write_bytes((trained / "best.keras").read_bytes())
    command = ["preset", "--config", str(config), "--training", str(training), "--best"]
    assert train.main([*command, "--out", str(tmp_path / "best")]) == 0
    expected = keras.models.load_model(trained / "best.keras").malp.get_weights()
    for found, weights in zip(from_preset(tmp_path / "best").get_weights(), expected, strict=True):
        np.testing.assert_allclose(found, weights, rtol=1e-3, atol=1e-4)


def test_without_data_a_short_training_has_a_folder_of_its_name(monkeypatch):
    trained = []
    monkeypatch.setattr(train_malp, "train_experiment", lambda *call: trained.append(call))
    assert train.main(["malp"]) == train.main(["malp", "--data", "photographs"]) == 0
    (short, bundled), (full, own) = trained
    assert bundled.out == Path("runs/malp_samples") and own.out == Path("runs/malp_local")
    pictures = [one.epochs * one.steps_per_epoch * one.batch_size for one in (short, full)]
    assert pictures == [300, 8000]


def test_one_line_says_what_is_wrong(tmp_path, capsys):
    missing = str(tmp_path / "missing")
    assert train.main(["malp", "--data", missing, "--out", str(tmp_path / "out")]) == 1
    assert missing in capsys.readouterr().err
    for init, cause in (("irl_small", "neither a preset"), ("malp_local", "does not fit")):
        config = str(ROOT / "configs" / "malp_stgan_faces.py")
        command = ["malp", "--config", config, "--init", init, "--out", str(tmp_path / "out")]
        assert train.main(command) == 1
        message = capsys.readouterr().err
        assert init in message and cause in message and message.count("\n") == 1
    config = str(ROOT / "configs" / "irl_paper.py")
    assert train.main(["malp", "--config", config, "--out", str(tmp_path / "out")]) == 1
    assert "MaLPExperiment" in capsys.readouterr().err
