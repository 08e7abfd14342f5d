"""What holds for the trainings of all systems: `python train.py irl|malp|inpaint|stgan`."""

import csv
import dataclasses
import json
from pathlib import Path

import keras
import numpy as np
import pytest

import train
from datasets.forging import ForgingRecipe
from forensics_keras.callbacks import EpochBackup
from forensics_keras.files import locked
from tests.helpers.tiny_trainings import shallow_irl_net, write_config, write_faces
from training.experiments import IRLExperiment
from training.inpainters import InpainterRun
from training.irl import IRLRun
from training.malp import MaLPRun
from training.records import check_same_experiment
from training.stgan import STGANRun

RUNS = {"irl": IRLRun, "malp": MaLPRun, "inpaint": InpainterRun, "stgan": STGANRun}
STAGE = {"irl": [], "malp": [], "inpaint": ["--stage", "small"], "stgan": ["--stage", "small"]}
SLOW = pytest.mark.slow
SYSTEMS = [pytest.param("malp", marks=SLOW), "inpaint", pytest.param("stgan", marks=SLOW), "irl"]
SCORES = {"irl": {"val_F1"}, "malp": {"val_F1", "val_accuracy", "cnn_segmentation"}}
"""Some of the columns of their logs."""
OLD_RECORDS = Path(__file__).parent / "old_records"
"""The experiment.json that the code before `TrainingRun` wrote for the same trainings."""


@dataclasses.dataclass
class Trained:
    """A finished training: what was trained, its command line but for `--out`, its folder."""

    system: str
    command: list[str]
    out: Path


@pytest.fixture(scope="module", autouse=True)
def shallow_networks():
    with shallow_irl_net():
        yield


@pytest.fixture(scope="module", params=SYSTEMS)
def trained(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    command = [request.param, "--config", write_config(folder, request.param)]
    command += STAGE[request.param]
    if request.param == "stgan":
        faces = write_faces(folder / "faces")
        command += ["--data", faces, "--val-data", faces]
    assert train.main([*command, "--out", str(folder / "out")]) == 0
    return Trained(request.param, command, folder / "out")


def weights(out):
    return keras.models.load_model(out / "last.keras").get_weights()


def rows(out):
    return list(csv.DictReader((out / "log.csv").open(newline="")))


def test_a_training_leaves_its_model_its_log_and_its_definition(trained):
    names = {path.name for path in trained.out.iterdir()}
    assert {"last.keras", "log.csv", "tensorboard", "backup", "experiment.json"} <= names
    assert ("best.keras" in names) == (trained.system in ("irl", "malp"))
    assert ("samples" in names) == (trained.system in ("inpaint", "stgan"))
    assert [int(row["epoch"]) for row in rows(trained.out)] == [0, 1]
    assert SCORES.get(trained.system, set()) <= set(rows(trained.out)[0])
    for row in rows(trained.out):
        validated = any(name in row for name in ("val_F1", "val_accuracy"))
        # Without a validation, Keras writes a column for each of its measures nevertheless.
        values = [row[name] for name in row if validated or not name.startswith("val_")]
        assert all(np.isfinite(float(value)) for value in values) and "loss" in row
    assert any(path.is_file() for path in (trained.out / "tensorboard").rglob("*events*"))
    assert "commit" in json.loads((trained.out / "experiment.json").read_text())


def test_the_record_is_that_of_earlier_code_whose_folders_so_go_on(trained, tmp_path):
    old = json.loads((OLD_RECORDS / f"{trained.system}.json").read_text())
    new = json.loads((trained.out / "experiment.json").read_text())
    for record in (old, new):
        record.pop("commit")
    if trained.system == "stgan":  # its faces lie in a folder of this test
        old |= {"data": new["data"], "val_data": new["val_data"]}
    (tmp_path / "experiment.json").write_text(json.dumps(old))
    check_same_experiment(tmp_path / "experiment.json", new)
    # Fields that came later are `None` unless they are asked for.
    assert {name: new[name] for name in old if name != "experiment"} == {
        name: value for name, value in old.items() if name != "experiment"
    }


@pytest.mark.slow
@pytest.mark.parametrize("trained", SYSTEMS[:-1], indirect=True)
def test_a_stopped_training_goes_on_to_the_same_weights(trained, tmp_path, monkeypatch, request):
    """Of an IRL-Net, tests/training/test_irl.py asks the same after a kill."""
    if trained.system == "malp":  # the others have more steps, and less to trace
        request.getfixturevalue("without_graphs")

    class Stopped(BaseException):
        pass

    def stop(self, epoch, logs=None):
        if epoch == 1:
            raise Stopped

    command = [*trained.command, "--out", str(tmp_path)]
    with monkeypatch.context() as patch, pytest.raises(Stopped):
        patch.setattr(EpochBackup, "on_epoch_begin", stop)
        train.main(command)
    assert not (tmp_path / "last.keras").exists() and len(rows(tmp_path)) == 1
    assert train.main(command) == 0
    # MaLP's batches carry the templates of some steps before they are trained on, and the first
    # ones after a stop those of the moment.
    tolerance = 0.02 if trained.system == "malp" else 1e-5
    for resumed, whole in zip(weights(tmp_path), weights(trained.out), strict=True):
        np.testing.assert_allclose(resumed, whole, atol=tolerance)
    assert [row["epoch"] for row in rows(tmp_path)] == ["0", "1"]


@pytest.mark.usefixtures("without_graphs")
def test_a_training_in_two_parts_goes_on_from_the_first(tmp_path, capsys):
    config, out = write_config(tmp_path, "inpaint"), tmp_path / "out"
    command = ["inpaint", "--config", config, *STAGE["inpaint"], "--out", str(out)]
    assert train.main([*command, "--epochs", "1"]) == 0
    assert train.main(command) == 2
    assert "another experiment" in capsys.readouterr().err
    record = json.loads((out / "experiment.json").read_text())
    record["experiment"]["epochs"] = 2
    (out / "experiment.json").write_text(json.dumps(record))
    (out / "last.keras").unlink()  # as after a stop
    assert train.main(command) == 0
    assert len(rows(out)) == 2
    resumed = keras.models.load_model(out / "last.keras")
    assert int(resumed.optimizer.iterations) == 8


def test_a_finished_training_is_not_trained_again(trained, monkeypatch):
    def fit(*args, **kwargs):
        raise AssertionError("trains")

    monkeypatch.setattr(keras.Model, "fit", fit)
    before = (trained.out / "last.keras").stat().st_mtime_ns
    assert train.main([*trained.command, "--out", str(trained.out)]) == 0
    assert (trained.out / "last.keras").stat().st_mtime_ns == before


def test_another_experiment_is_refused_in_the_same_folder(trained, capsys):
    for changed, name in (
        (["--seed", "1"], "(seed: not the same)"),
        (["--mixed-precision", "mixed_bfloat16"], "(mixed_precision: not the same)"),
        (["--epochs", "5", "--batch-size", "3"], "experiment's epochs"),
    ):
        assert train.main([*trained.command, "--out", str(trained.out), *changed]) == 2
        message = capsys.readouterr().err
        assert name in message and str(trained.out) in message and message.count("\n") == 1


def test_weights_that_are_not_there_are_named_with_the_remedy(tmp_path, capsys):
    command = ["inpaint", "--config", write_config(tmp_path, "inpaint"), "--stage", "further"]
    for more, remedy in (
        ([], "train the stage small first, or give --init"),
        (["--init", str(tmp_path / "mine.keras")], "mine.keras: no such file; check the path"),
    ):
        assert train.main([*command, "--out", str(tmp_path / "out" / "further"), *more]) == 2
        message = capsys.readouterr().err
        assert remedy in message and message.count("\n") == 1
        assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("system", RUNS)
def test_what_cannot_be_read_is_one_line_and_leaves_no_folder(system, tmp_path, capsys):
    config = write_config(tmp_path, system)
    missing, out = str(tmp_path / "missing"), str(tmp_path / "out")
    given = ["--config", config, "--val-data", str(tmp_path), "--out", out]
    for arguments, cause in (
        ([*given, "--data", missing], "missing: no such folder"),
        ([*given, "--data", missing, "--config", missing], "missing: no such config file"),
        ([*given, "--data", str(tmp_path), "--stage", "third"], "has no stage third"),
    ):
        assert train.main([system, *arguments]) == 2
        message = capsys.readouterr().err.strip().splitlines()[-1]
        assert message.startswith("error: ") and cause in message
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("without_graphs")
def test_a_chain_goes_on_in_any_of_its_stages(tmp_path, monkeypatch):
    config, out = write_config(tmp_path, "inpaint"), tmp_path / "out"
    command = ["inpaint", "--config", config, "--out", str(out)]
    fit, trained = keras.Model.fit, []

    def stop(model, *args, **kwargs):
        trained.append(model)
        if len(trained) == 2:
            raise KeyboardInterrupt
        return fit(model, *args, **kwargs)

    monkeypatch.setattr(keras.Model, "fit", stop)
    assert train.main(command) == 130
    assert (out / "small" / "last.keras").exists()
    assert not (out / "further" / "last.keras").exists()
    assert train.main(command) == 0 and len(trained) == 3
    for one, two in zip(
        trained[1].generator.get_weights(),
        keras.models.load_model(out / "small" / "last.keras").generator.get_weights(),
        strict=True,
    ):
        np.testing.assert_array_equal(one, two)  # the second stage begins where the first ended
    # By itself: beside the first stage it knows what to start from, elsewhere it is told.
    alone = [*command[:3], "--stage", "further", "--out"]
    assert train.main([*alone, str(out / "further")]) == 0 and len(trained) == 3
    init = ["--init", str(out / "small" / "last.keras")]
    assert train.main([*alone, str(tmp_path / "alone"), *init]) == 0 and len(trained) == 4
    for one, two in zip(weights(tmp_path / "alone"), weights(out / "further"), strict=True):
        np.testing.assert_allclose(one, two, atol=1e-5)


def test_a_record_says_what_a_stage_starts_from_once(tmp_path):
    experiment = dataclasses.replace(irl_experiment(), starts_from="before")
    run = IRLRun(experiment=experiment, out=tmp_path / "after")
    assert run.source == str(tmp_path / "before" / "last.keras")
    assert run.record()["experiment"]["starts_from"] == "before" and run.record()["init"] is None
    given = dataclasses.replace(run, init="irl_small")
    assert given.source == "irl_small" and given.record()["init"] == "irl_small"
    assert "starts_from" not in given.record()["experiment"]
    assert (
        "starts_from"
        not in IRLRun(experiment=irl_experiment(), out=tmp_path).record()["experiment"]
    )


def test_folders_of_data_are_recorded_as_ever(tmp_path):
    folders = Path("scenes"), Path("faces")
    for data, expected in (((), "None"), (folders[:1], "scenes"), (folders, ["scenes", "faces"])):
        record = IRLRun(experiment=irl_experiment(), out=tmp_path, data=data).record()
        assert record["data"] == expected


def irl_experiment():
    return IRLExperiment(recipe=ForgingRecipe(size=32, mask_size=64))


@pytest.mark.parametrize("name", ["last.keras", "best.keras", "log.csv", "backup"])
def test_a_folder_with_files_of_others_is_not_trained_in(tmp_path, capsys, name):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / name).write_text("mine")
    command = ["irl", "--config", write_config(tmp_path, "irl"), "--out", str(tmp_path / "out")]
    assert train.main(command) == 2
    assert f"{name}: exists, without the experiment.json" in capsys.readouterr().err
    assert [file.read_text() for file in (tmp_path / "out").iterdir()] == ["mine"]


def test_two_trainings_never_share_a_folder(tmp_path, capsys):
    command = ["irl", "--config", write_config(tmp_path, "irl"), "--out", str(tmp_path / "out")]
    with locked(tmp_path / "out"):
        assert train.main(command) == 2
    assert "another process writes here" in capsys.readouterr().err
