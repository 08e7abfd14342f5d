"""Checkpoints that survive kills, and the log that goes with them."""

import keras
import numpy as np
import pytest

from forensics_keras.callbacks import BestCheckpoint, EpochBackup, trim_csv_log


@pytest.fixture
def model():
    return keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])


def run_epoch(callback, model, epoch, **logs):
    callback.set_model(model)
    callback.on_epoch_end(epoch, logs)


def test_backup_keeps_the_last_complete_epoch(tmp_path, model):
    backup = EpochBackup(tmp_path / "backup")
    assert backup.latest() is None
    run_epoch(backup, model, 0, loss=1.0)
    model.set_weights([np.ones((2, 1)), np.ones(1)])
    run_epoch(backup, model, 1, loss=0.5)
    (tmp_path / "backup" / f".unfinished-{'0' * 32}.keras").write_bytes(b"half")
    epochs, path = backup.latest()
    assert epochs == 2
    assert keras.models.load_model(path).get_weights()[0][0] == 1
    assert [p.name for p in path.parent.glob("epoch_*")] == ["epoch_0002.keras"]


@pytest.mark.parametrize("loss", [np.nan, np.inf])
def test_a_failed_epoch_replaces_nothing(tmp_path, model, loss):
    backup = EpochBackup(tmp_path / "backup")
    best = BestCheckpoint(tmp_path / "best.keras", "val_F1")
    for callback in (backup, best):
        run_epoch(callback, model, 0, loss=0.3, val_F1=0.5)
        run_epoch(callback, model, 1, loss=loss, val_F1=0.6)
    assert backup.latest()[0] == 1
    assert best.best == 0.5


def test_best_checkpoint_keeps_the_best_of_all_runs(tmp_path, model):
    path = tmp_path / "best.keras"
    best = BestCheckpoint(path, "val_F1", best=0.7)
    run_epoch(best, model, 3, val_F1=0.6)
    assert not path.exists()
    for epoch, (value, kept) in enumerate([(0.8, 4), (0.75, 4), (0.9, 6), (0.9, 6)], start=4):
        model.set_weights([np.full((2, 1), epoch), np.zeros(1)])
        run_epoch(best, model, epoch, val_F1=value)
        assert (keras.models.load_model(path).get_weights()[0] == kept).all()


def test_log_is_cut_to_the_complete_epochs(tmp_path):
    log = tmp_path / "log.csv"
    assert trim_csv_log(log, 3) == []
    log.write_text("epoch,loss,val_F1\n0,1.0,0.1\n1,0.9,0.2\n2,0.8,0.3\n3,0.")
    rows = trim_csv_log(log, 2)
    assert [row["val_F1"] for row in rows] == ["0.1", "0.2"]
    assert log.read_text().split() == ["epoch,loss,val_F1", "0,1.0,0.1", "1,0.9,0.2"]
    assert trim_csv_log(log, 0) == [] and not log.exists()
