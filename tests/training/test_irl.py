"""train.py end to end: training, fine-tuning, resuming after a kill, several devices."""

import argparse
import csv
import inspect
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

import train
from datasets.forging import ForgingRecipe
from forensics_keras.images import write_png
from forensics_keras.localizer import ModelLocalizer
from forensics_keras.metrics import localization_scores
from irl_keras.networks import NETWORKS
from irl_keras.presets import from_preset
from training.experiments import IRLExperiment
from training.records import read_config

ROOT = Path(__file__).resolve().parents[2]

CONFIG = """
from training.experiments import IRLExperiment
from datasets.forging import ForgingRecipe

experiment = IRLExperiment(
    recipe=ForgingRecipe(size=32, mask_size=64),
    model={"width": 0.125},
    learning_rate=3e-3,
    final_learning_rate=3e-4,
    clipnorm=1.0,
    batch_size=4,
    epochs=3,
    steps_per_epoch=12,
    validation_size=64,
)
"""


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    path = tmp_path_factory.mktemp("config") / "tiny.py"
    path.write_text(CONFIG)
    return str(path)


@pytest.fixture(scope="module")
def uninterrupted(config, tmp_path_factory):
    out = tmp_path_factory.mktemp("uninterrupted") / "run"
    assert train.main(["irl", "--config", config, "--out", str(out)]) == 0
    return out


def final_weights(out):
    return keras.models.load_model(out / "last.keras").get_weights()


def test_a_training_leaves_models_logs_and_its_definition(uninterrupted):
    names = {path.name for path in uninterrupted.iterdir()}
    assert {"best.keras", "last.keras", "log.csv", "tensorboard", "experiment.json"} <= names
    with (uninterrupted / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["epoch"]) for row in rows] == [0, 1, 2]
    assert float(rows[-1]["loss"]) < float(rows[0]["loss"])
    assert all(0 <= float(row["val_F1"]) <= 1 for row in rows)
    record = json.loads((uninterrupted / "experiment.json").read_text())
    assert record["experiment"]["model"] == {"width": 0.125} and record["seed"] == 0
    assert any(path.is_file() for path in (uninterrupted / "tensorboard").rglob("*events*"))


def test_killed_mid_epoch_the_same_command_ends_with_the_same_weights(
    uninterrupted, config, tmp_path
):
    out = tmp_path / "run"
    command = [sys.executable, "train.py", "irl", "--config", config, "--out", str(out)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        deadline = time.monotonic() + 200
        while not (out / "backup" / "epoch_0001.keras").exists():
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.01)
        time.sleep(0.2)  # into the second epoch
        assert process.poll() is None
        process.send_signal(signal.SIGKILL)
    assert not (out / "last.keras").exists()
    for path in out.rglob("*.keras"):
        if not path.name.startswith("."):
            keras.models.load_model(path)  # nothing half-written under a final name

    assert train.main(["irl", "--config", config, "--out", str(out)]) == 0
    for resumed, whole in zip(final_weights(out), final_weights(uninterrupted), strict=True):
        np.testing.assert_allclose(resumed, whole, atol=1e-5)
    assert [row.split(",")[0] for row in (out / "log.csv").read_text().split()[1:]] == list("012")


def test_another_experiment_is_refused_in_the_same_folder(uninterrupted, config, capsys):
    arguments = ["irl", "--config", config, "--out", str(uninterrupted), "--seed", "1"]
    assert train.main(arguments) == 1
    message = capsys.readouterr().err
    assert "seed" in message and str(uninterrupted) in message and message.count("\n") == 1


def test_fine_tuning_starts_from_the_given_weights(uninterrupted, config, tmp_path, monkeypatch):
    pairs = tmp_path / "pairs"
    rng = np.random.default_rng(0)
    for name in "ab":
        write_png(pairs / "image" / f"{name}.png", rng.integers(0, 256, (40, 40, 3), np.uint8))
        write_png(pairs / "mask" / f"{name}.png", np.eye(40, dtype=np.uint8) * 255)
    photographs = ROOT / "datasets" / "samples" / "test"
    started = []
    compile_model = train.compile_model
    monkeypatch.setattr(
        train,
        "compile_model",
        lambda model, experiment: (
            started.append(model.get_weights()),
            compile_model(model, experiment),
        ),
    )
    init = str(uninterrupted / "last.keras")
    arguments = ["irl", "--config", config, "--out", str(tmp_path / "run"), "--init", init]
    arguments += ["--data", str(pairs), "--val-data", str(photographs)]
    assert train.main([*arguments, "--epochs", "1", "--steps-per-epoch", "2"]) == 0
    for at_start, given in zip(started[0], final_weights(uninterrupted), strict=True):
        np.testing.assert_array_equal(at_start, given)


def test_pairs_of_several_inpainters_are_mixed_by_the_recipe(config, tmp_path):
    for value, name in enumerate(["telea", "none"], start=1):
        picture = np.full((40, 40, 3), value, np.uint8)
        write_png(tmp_path / "pairs" / name / "image" / "a.png", picture)
        (tmp_path / "pairs" / name / "mask").mkdir()
    photographs = ROOT / "datasets" / "samples" / "test"
    recipe = ForgingRecipe(size=32, mask_size=64, inpainters={"telea": 5.0}, untouched=0.25)
    args = argparse.Namespace(data=tmp_path / "pairs", val_data=photographs, seed=0)
    mixture, held_out = train.open_data(args, IRLExperiment(recipe))
    values = [mixture.sample(index)[0].max() for index in range(200)]
    assert set(values) == {1, 2} and 0.15 < np.mean(np.equal(values, 2)) < 0.35
    assert all(path.parent == photographs for path in held_out)

    more = replace(recipe, inpainters={"telea": 1.0, "ns": 1.0, "gc": 1.0})
    with pytest.raises(ValueError, match="has no pairs of ns, gc; build them"):
        train.open_data(args, IRLExperiment(more))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--config", "missing.py"], "missing.py"),
        (["--data", "missing-folder"], "missing-folder"),
        (["--init", "no-such-preset"], "no-such-preset"),
        (["--init", "missing.keras"], "missing.keras"),
    ],
)
def test_bad_arguments_give_one_clear_line(arguments, message, config, tmp_path, capsys):
    arguments = ["irl", "--config", config, "--out", str(tmp_path / "run"), *arguments]
    assert train.main(arguments) == 1
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert message in error and error.startswith("train.py: ")


def test_a_training_that_diverged_says_so(config, tmp_path, monkeypatch, capsys):
    def diverge(model, *args, **kwargs):
        model.stop_training = True  # as TerminateOnNaN does

    monkeypatch.setattr(keras.Model, "fit", diverge)
    out = tmp_path / "run"
    assert train.main(["irl", "--config", config, "--out", str(out)]) == 1
    assert "not a number" in capsys.readouterr().err
    assert not list(out.rglob("*.keras"))


@pytest.mark.slow
def test_two_devices_give_the_losses_of_one(uninterrupted, config, tmp_path):
    """MirroredStrategy splits each batch over two logical CPU devices."""
    program = """
        import sys
        import tensorflow as tf
        cpu = tf.config.list_physical_devices("CPU")[0]
        halves = [tf.config.LogicalDeviceConfiguration()] * 2
        tf.config.set_logical_device_configuration(cpu, halves)
        import train
        strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
        assert strategy.num_replicas_in_sync == 2
        train.distribution = strategy.scope
        sys.exit(train.main(["irl", "--config", sys.argv[1], "--out", sys.argv[2]]))
    """
    command = [sys.executable, "-c", textwrap.dedent(program), config, str(tmp_path / "run")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment)
    assert result.returncode == 0, result.stderr[-3000:]
    two, one = (read_losses(out / "log.csv") for out in (tmp_path / "run", uninterrupted))
    # Sums of other order differ in the last bit, which training magnifies.
    np.testing.assert_allclose(two[0], one[0], atol=1e-4)
    np.testing.assert_allclose(two, one, atol=1e-3)


CONFIGS = sorted((ROOT / "configs").glob("*.py"))


@pytest.mark.parametrize(
    "path",
    [p for p in CONFIGS if "experiment = " in p.read_text() and "malp" not in p.stem],
    ids=lambda path: path.stem,
)
def test_every_config_names_a_network_and_fits_it(path):
    experiment = read_config(path, IRLExperiment)
    network = NETWORKS[experiment.network]
    inspect.signature(network.build).bind(**experiment.model)
    assert isinstance(network.loss(**experiment.loss), keras.losses.Loss)
    assert path.name in path.read_text().split('"""')[1]  # the command


def test_the_learning_rate_halves_after_each_epoch():
    experiment = read_config(ROOT / "configs" / "ldicn.py", IRLExperiment)
    rate = train.learning_rate(experiment)
    last = experiment.steps_per_epoch - 1
    values = [float(rate(step)) for step in (0, last, last + 1, 3 * (last + 1))]
    np.testing.assert_allclose(values, [1e-4, 1e-4, 5e-5, 1.25e-5], rtol=1e-5)


@pytest.mark.slow
def test_a_rival_trains_and_becomes_a_preset(tmp_path):
    config = tmp_path / "rival.py"
    text = CONFIG.replace('model={"width": 0.125}', 'network="ldicn", model={"width": 0.0625}')
    text = text.replace("final_learning_rate=3e-4", "epoch_decay=0.5")
    card = {"training_data": "a", "limits": "b", "intended_use": "c", "licence": "d"}
    config.write_text(text.replace("epochs=3", f"card={card}, epochs=2"))
    out, preset = tmp_path / "run", tmp_path / "preset"
    assert train.main(["irl", "--config", str(config), "--out", str(out)]) == 0
    losses = read_losses(out / "log.csv")
    assert losses[1][0] < losses[0][0]
    arguments = ["--config", str(config), "--training", str(out), "--out", str(preset)]
    assert train.main(["preset", *arguments]) == 0
    trained, loaded = keras.models.load_model(out / "last.keras"), from_preset(preset)
    picture = np.random.default_rng(0).integers(0, 256, (1, 40, 32, 3), np.uint8)
    maps = [model.predict_on_batch(picture) for model in (trained, loaded)]
    np.testing.assert_allclose(*maps, atol=2e-2)


def test_the_edge_map_of_a_rival_is_for_its_loss_only():
    experiment = IRLExperiment(
        recipe=ForgingRecipe(),
        network="mvss_net",
        model={"width": 0.0625, "units": (1, 1, 1, 1), "training_outputs": True},
    )
    model = train.start_model(None, experiment)
    train.compile_model(model, experiment)
    picture = np.random.default_rng(0).integers(0, 256, (1, 32, 32, 3), np.uint8)
    output = model.predict_on_batch(picture)
    assert output.shape == (1, 32, 32, 2)
    mask = (output[..., :1] >= 0.5).astype(np.uint8)
    mask[0, :16, 0] = 1
    expected = localization_scores(output[0, ..., 0], mask[0, ..., 0])["F1"]
    logs = model.test_on_batch(picture, mask, return_dict=True)
    assert logs["F1"] == pytest.approx(expected, abs=1e-5) and np.isfinite(logs["loss"])
    np.testing.assert_allclose(ModelLocalizer(model).localize(picture[0]), output[0, ..., 0])


def read_losses(log):
    with log.open() as file:
        return [[float(row["loss"]), float(row["val_loss"])] for row in csv.DictReader(file)]
