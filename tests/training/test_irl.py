"""python train.py irl: fine-tuning, resuming after a kill, several devices."""

import csv
import os
import signal
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

import train
from datasets.forging import ForgingRecipe, whole_picture
from datasets.open import open_data
from datasets.photographs.selection import select, write_selection
from forensics_keras.images import read_image, write_png
from forensics_keras.localizer import ModelLocalizer
from forensics_keras.metrics import localization_scores
from irl_keras.presets import from_preset
from tests.helpers.made_up import make_celeba
from tests.helpers.tiny_trainings import shallow_irl_net, write_config, write_prose
from training.configs import read_stage
from training.experiments import IRLExperiment
from training.irl import IRLRun, compile_model, learning_rate, start_model
from training.records import check_same_experiment

ROOT = Path(__file__).resolve().parents[2]
TELEA = {"telea": 1.0}
TEST_PHOTOGRAPHS = ROOT / "datasets" / "samples" / "test"


@pytest.fixture(scope="module", autouse=True)
def shallow_networks():
    with shallow_irl_net():
        yield


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    return write_config(tmp_path_factory.mktemp("config"), "irl")


@pytest.fixture(scope="module")
def uninterrupted(config, tmp_path_factory):
    out = tmp_path_factory.mktemp("uninterrupted") / "run"
    assert train.main(["irl", "--config", config, "--out", str(out)]) == 0
    return out


def run_in_a_process(program, *arguments):
    """Runs a program on the networks of this module, and returns the finished process."""
    command = [sys.executable, "-c", textwrap.dedent(program), *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment)


def final_weights(out):
    return keras.models.load_model(out / "last.keras").get_weights()


@pytest.mark.slow
def test_a_training_learns_and_its_best_epoch_is_kept(uninterrupted):
    rows = read_log(uninterrupted)
    assert float(rows[-1]["loss"]) < float(rows[0]["loss"])
    scores = [float(row["val_F1"]) for row in rows]
    assert all(0 <= score <= 1 for score in scores)
    last, best = (
        keras.models.load_model(uninterrupted / f"{name}.keras") for name in ("last", "best")
    )
    same = all(map(np.array_equal, last.get_weights(), best.get_weights()))
    assert same == (scores[-1] > max(scores[:-1]))


@pytest.mark.slow
def test_killed_mid_epoch_the_same_command_ends_with_the_same_weights(
    uninterrupted, config, tmp_path
):
    program = """
        import os, signal, sys
        import train
        from forensics_keras.callbacks import EpochBackup
        from tests.helpers.tiny_trainings import shallow_irl_net

        def kill_in_the_second_epoch(callback, batch, logs=None):
            if int(callback.model.optimizer.iterations) == 17:
                os.kill(os.getpid(), signal.SIGKILL)

        EpochBackup.on_train_batch_end = kill_in_the_second_epoch
        with shallow_irl_net():
            train.main(["irl", "--config", sys.argv[1], "--out", sys.argv[2]])
    """
    out = tmp_path / "run"
    process = run_in_a_process(program, config, out)
    assert process.returncode == -signal.SIGKILL, process.stderr[-3000:]
    assert (out / "backup" / "epoch_0001.keras").exists()
    assert not (out / "last.keras").exists()
    for path in out.rglob("*.keras"):
        if not path.name.startswith("."):
            keras.models.load_model(path)  # nothing half-written under a final name

    assert train.main(["irl", "--config", config, "--out", str(out)]) == 0
    for resumed, whole in zip(final_weights(out), final_weights(uninterrupted), strict=True):
        np.testing.assert_allclose(resumed, whole, atol=1e-5)
    assert [row.split(",")[0] for row in (out / "log.csv").read_text().split()[1:]] == list("01")


@pytest.mark.slow
@pytest.mark.usefixtures("without_graphs")
def test_fine_tuning_starts_from_the_given_weights(uninterrupted, config, tmp_path, monkeypatch):
    pairs = tmp_path / "pairs"
    rng = np.random.default_rng(0)
    for name in "ab":
        write_png(pairs / "image" / f"{name}.png", rng.integers(0, 256, (40, 40, 3), np.uint8))
        write_png(pairs / "mask" / f"{name}.png", np.eye(40, dtype=np.uint8) * 255)
    started, fit = [], keras.Model.fit

    def keep(model, *args, **kwargs):
        started.append(model.get_weights())
        return fit(model, *args, **kwargs)

    monkeypatch.setattr(keras.Model, "fit", keep)
    init = str(uninterrupted / "last.keras")
    arguments = ["irl", "--config", config, "--out", str(tmp_path / "run"), "--init", init]
    arguments += ["--data", str(pairs), "--val-data", str(TEST_PHOTOGRAPHS)]
    assert train.main([*arguments, "--epochs", "1", "--steps-per-epoch", "2"]) == 0
    for at_start, given in zip(started[0], final_weights(uninterrupted), strict=True):
        np.testing.assert_array_equal(at_start, given)


def test_pairs_of_several_inpainters_are_mixed_by_the_recipe(tmp_path):
    for value, name in enumerate(["telea", "none"], start=1):
        picture = np.full((40, 40, 3), value, np.uint8)
        write_png(tmp_path / "pairs" / name / "image" / "a.png", picture)
        (tmp_path / "pairs" / name / "mask").mkdir()
    recipe = ForgingRecipe(size=32, mask_size=64, inpainters={"telea": 5.0}, untouched=0.25)
    folders = [tmp_path / "pairs"], [TEST_PHOTOGRAPHS]
    mixture, held_out = open_data(*folders, recipe, seed=0)
    values = [mixture.sample(index)[0].max() for index in range(200)]
    assert set(values) == {1, 2} and 0.15 < np.mean(np.equal(values, 2)) < 0.35
    assert all(path.parent == TEST_PHOTOGRAPHS for path in held_out)

    more = replace(recipe, inpainters={"telea": 1.0, "ns": 1.0, "gc": 1.0})
    with pytest.raises(ValueError, match="has no pairs of ns, gc; build them"):
        open_data(*folders, more, seed=0)
    with pytest.raises(ValueError, match="give one folder"):
        open_data([TEST_PHOTOGRAPHS, *folders[0]], [TEST_PHOTOGRAPHS], recipe, seed=0)
    with pytest.raises(ValueError, match="name photographs or pairs with --val-data"):
        open_data(folders[0], [], recipe, seed=0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--init", "no-such-preset"], "no-such-preset"),
        (["--init", "missing.keras"], "missing.keras"),
    ],
)
def test_a_bad_init_gives_one_clear_line(arguments, message, config, tmp_path, capsys):
    arguments = ["irl", "--config", config, "--out", str(tmp_path / "run"), *arguments]
    assert train.main(arguments) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert message in error and error.startswith("error: ")


def test_a_training_that_diverged_says_so(config, tmp_path, monkeypatch, capsys):
    def diverge(model, *args, **kwargs):
        model.stop_training = True  # as TerminateOnNaN does

    monkeypatch.setattr(keras.Model, "fit", diverge)
    out = tmp_path / "run"
    assert train.main(["irl", "--config", config, "--out", str(out)]) == 2
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
        from tests.helpers.tiny_trainings import shallow_irl_net
        from training import irl
        strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
        assert strategy.num_replicas_in_sync == 2
        irl.distribution = strategy.scope
        with shallow_irl_net():
            sys.exit(train.main(["irl", "--config", sys.argv[1], "--out", sys.argv[2]]))
    """
    result = run_in_a_process(program, config, tmp_path / "run")
    assert result.returncode == 0, result.stderr[-3000:]
    two, one = (read_losses(out) for out in (tmp_path / "run", uninterrupted))
    # Sums of other order differ in the last bit, which training magnifies.
    np.testing.assert_allclose(two[0], one[0], atol=1e-4)
    np.testing.assert_allclose(two, one, atol=1e-3)


def test_the_learning_rate_halves_after_each_epoch():
    experiment = read_stage("irl_paper", "ldicn")
    rate = learning_rate(experiment)
    last = experiment.steps_per_epoch - 1
    values = [float(rate(step)) for step in (0, last, last + 1, 3 * (last + 1))]
    np.testing.assert_allclose(values, [1e-4, 1e-4, 5e-5, 1.25e-5], rtol=1e-5)


@pytest.mark.slow
def test_a_baseline_trains_and_becomes_a_preset(tmp_path):
    config = write_config(
        tmp_path,
        "irl",
        ('model={"width": 0.125}', 'network="ldicn", model={"width": 0.0625}'),
        ("final_learning_rate=3e-4", "epoch_decay=0.5"),
    )
    out, preset = tmp_path / "run", write_prose(tmp_path / "preset")
    assert train.main(["irl", "--config", config, "--out", str(out)]) == 0
    losses = read_losses(out)
    assert losses[1][0] < losses[0][0]
    arguments = ["--config", config, "--training", str(out), "--out", str(preset)]
    assert train.main(["preset", *arguments]) == 0
    trained, loaded = keras.models.load_model(out / "last.keras"), from_preset(preset)
    picture = np.random.default_rng(0).integers(0, 256, (1, 40, 32, 3), np.uint8)
    maps = [model.predict_on_batch(picture) for model in (trained, loaded)]
    np.testing.assert_allclose(*maps, atol=2e-2)


def test_the_edge_map_of_a_baseline_is_for_its_loss_only():
    experiment = IRLExperiment(
        recipe=ForgingRecipe(),
        network="mvss_net",
        model={"width": 0.0625, "units": (1, 1, 1, 1), "training_outputs": True},
    )
    model = start_model(None, experiment)
    compile_model(model, experiment)
    picture = np.random.default_rng(0).integers(0, 256, (1, 32, 32, 3), np.uint8)
    output = model.predict_on_batch(picture)
    assert output.shape == (1, 32, 32, 2)
    mask = (output[..., :1] >= 0.5).astype(np.uint8)
    mask[0, :16, 0] = 1
    expected = localization_scores(output[0, ..., 0], mask[0, ..., 0])["F1"]
    logs = model.test_on_batch(picture, mask, return_dict=True)
    assert logs["F1"] == pytest.approx(expected, abs=1e-5) and np.isfinite(logs["loss"])
    np.testing.assert_allclose(ModelLocalizer(model).localize(picture[0]).map, output[0, ..., 0])


def read_log(out):
    return list(csv.DictReader((out / "log.csv").open(newline="")))


def read_losses(out):
    return [[float(row["loss"]), float(row["val_loss"])] for row in read_log(out)]


def test_a_published_data_set_is_named_by_its_layout(tmp_path, monkeypatch, capsys):
    folder, manifest = tmp_path / "celeba", tmp_path / "some.json"
    make_celeba(folder)
    for path in (folder / "img_align_celeba").iterdir():
        write_png(path, np.random.default_rng(0).integers(0, 256, (218, 178, 3), np.uint8))
    selection = select("celeba", folder, {"train": 3, "test": 2})
    write_selection(manifest, selection)
    runs = []
    monkeypatch.setattr(IRLRun, "train", lambda run: runs.append(run))
    arguments = ["--config", "irl_paper", "--stage", "irl_gc", "--batch-size", "2"]
    arguments += ["--data", str(folder), "--layout", "celeba"]
    more = ["--selection", str(manifest), "--out", str(tmp_path / "run")]
    assert train.main(["irl", *arguments, *more]) == 0
    [run] = runs
    assert run.record()["layout"] == "celeba" and run.record()["selection"] == str(manifest)
    experiment = replace(run.experiment, recipe=replace(run.experiment.recipe, inpainters=TELEA))
    training_set, (images, masks) = replace(run, experiment=experiment).inputs
    assert training_set.photographs == [folder / name for name in selection.parts["train"]]
    image, mask = training_set.sample(0)
    expected = whole_picture(read_image(training_set.photographs[0]), 256)
    np.testing.assert_array_equal(image[mask[..., 0] == 0], expected[mask[..., 0] == 0])
    assert len(images) == len(masks) == 3  # all of the validation part

    for wrong, message in {
        ("--selection", str(manifest)): "--selection needs --layout",
        ("--layout", "celeba"): "--layout needs --data",
    }.items():
        assert train.main(["irl", *wrong, "--out", str(tmp_path / "wrong")]) == 2
        assert message in capsys.readouterr().err


def test_records_from_before_a_field_are_those_without_it(tmp_path):
    path = tmp_path / "experiment.json"
    path.write_text('{"experiment": {"recipe": {"size": 8}, "model": {}}, "commit": "1"}')
    record = {"experiment": {"recipe": {"size": 8, "whole": None}, "model": {}}, "layout": None}
    check_same_experiment(path, record)
    record["experiment"]["recipe"]["whole"] = True
    with pytest.raises(ValueError, match="experiment's recipe"):
        check_same_experiment(path, record)
    other = {"experiment": {"recipe": {"size": 8}, "model": {"attention": False}}}
    with pytest.raises(ValueError, match="experiment's model"):
        check_same_experiment(path, other)
