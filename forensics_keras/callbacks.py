"""Keras callbacks with which a training survives being killed at any moment."""

import csv
import importlib.util
import os
from pathlib import Path

import keras
import numpy as np

from forensics_keras.files import replacing


class EpochBackup(keras.callbacks.Callback):
    """Saves the whole training state after each epoch, in one atomic step.

    Keras' `BackupAndRestore` writes weights and epoch number to two files in place: a process
    killed between or within them goes on from a wrong state. Here the epoch is part of the
    file's name, and the file is renamed into place when it is complete.

    Args:
        folder: Where the backup `epoch_0007.keras` (after seven epochs) is kept; made if missing.

    Example:
    ```python
    backup = forensics_keras.callbacks.EpochBackup("runs/irl/backup")
    if (found := backup.latest()) is not None:
        epochs_done, path = found
        model = keras.models.load_model(path)
    ```
    """

    def __init__(self, folder: str | os.PathLike):
        super().__init__()
        self.folder = Path(folder)

    def latest(self) -> tuple[int, Path] | None:
        """Returns the number of complete epochs and the file, or `None` without a backup."""
        paths = sorted(self.folder.glob("epoch_*.keras"))
        return (int(paths[-1].stem.removeprefix("epoch_")), paths[-1]) if paths else None

    def on_epoch_end(self, epoch, logs=None):
        if not _is_finite(logs):
            return
        path = self.folder / f"epoch_{epoch + 1:04d}.keras"
        save_model_atomically(self.model, path)
        for older in self.folder.glob("epoch_*.keras"):
            if older != path:
                older.unlink()


class BestCheckpoint(keras.callbacks.Callback):
    """Keeps the model with the highest value of a logged measure, written atomically.

    Args:
        path: The `.keras` file.
        monitor: Name of the measure in the logs; larger is better.
        best: Best value of the epochs before, when a training goes on.
    """

    def __init__(self, path: str | os.PathLike, monitor: str, best: float = -np.inf):
        super().__init__()
        self.path = Path(path)
        self.monitor = monitor
        self.best = best

    def on_epoch_end(self, epoch, logs=None):
        value = logs[self.monitor]
        if _is_finite(logs) and value > self.best:
            self.best = value
            save_model_atomically(self.model, self.path)


def tensorboard(folder: str | os.PathLike) -> list[keras.callbacks.Callback]:
    """Makes Keras' TensorBoard callback, where TensorFlow is installed, which it writes with.

    Args:
        folder: Folder of the event files.

    Returns:
        List of one callback, or of none.
    """
    found = importlib.util.find_spec("tensorflow") is not None
    return [keras.callbacks.TensorBoard(folder)] if found else []


def save_model_atomically(model: keras.Model, path: str | os.PathLike) -> None:
    """Saves a model as `.keras` under a temporary name, then renames it.

    Args:
        model: A `keras.Model`.
        path: The `.keras` file, replaced if it exists; its folder is made if missing.
    """
    with replacing(path) as temporary:
        model.save(temporary)


def trim_csv_log(path: str | os.PathLike, epochs: int) -> list[dict[str, str]]:
    """Drops the rows of epochs that a resumed training runs again, and a torn last row.

    Args:
        path: Log of `keras.callbacks.CSVLogger`, which may be missing.
        epochs: Number of complete epochs whose rows stay.

    Returns:
        The rows that stay, as dictionaries of strings.
    """
    path = Path(path)
    if not path.exists():
        return []
    with path.open(newline="") as file:
        reader = csv.DictReader(file)
        fields = reader.fieldnames or []
        rows = [row for row in reader if None not in row.values() and int(row["epoch"]) < epochs]
    if not rows:
        path.unlink()
        return []
    with replacing(path) as temporary, temporary.open("w", newline="") as file:
        writer = csv.DictWriter(file, fields)
        writer.writeheader()
        writer.writerows(rows)
    return rows


def _is_finite(logs):
    return all(np.isfinite(value) for value in (logs or {}).values())
