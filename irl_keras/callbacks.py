"""Keras callbacks with which a training survives being killed; see `forensics_keras.callbacks`."""

from forensics_keras.callbacks import (
    BestCheckpoint,
    EpochBackup,
    save_model_atomically,
    tensorboard,
    trim_csv_log,
)

__all__ = [
    "BestCheckpoint",
    "EpochBackup",
    "save_model_atomically",
    "tensorboard",
    "trim_csv_log",
]
