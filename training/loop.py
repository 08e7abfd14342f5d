"""What all trainings share: a `fit` that can be killed at any moment and repeated."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import keras
import numpy as np

from forensics_keras.callbacks import (
    BestCheckpoint,
    EpochBackup,
    save_model_atomically,
    tensorboard,
    trim_csv_log,
)
from forensics_keras.optimizers import AdamByPart
from training.commands import add_precision  # noqa: F401 - for evaluation
from training.experiments import Experiment


@contextlib.contextmanager
def precision(policy: str | None) -> Iterator[None]:
    """Models that are built inside compute in a precision of Keras; `None` changes nothing."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy or before)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def compile_by_part(model: keras.Model, rate, factors: Mapping[str, float], **adam) -> None:
    """Compiles a model that has its own losses.

    Args:
        model: Whose parts may learn at different rates.
        rate: Learning rate, or its schedule.
        factors: On the rate, see `forensics_keras.optimizers.AdamByPart`.
        **adam: Further arguments of the optimizer.
    """
    # XLA's convolutions are several times slower than oneDNN's on a CPU.
    jit_compile = keras.config.backend() == "jax"
    model.compile(AdamByPart(rate, factors, **adam), jit_compile=jit_compile)


def resume(out: Path, start: Callable[[], keras.Model]) -> tuple[int, keras.Model]:
    """Finds the number of complete epochs in `out` and their model, or 0 and a new one.

    Args:
        out: Folder of the training.
        start: Makes a new compiled model.
    """
    epochs_done, checkpoint = EpochBackup(out / "backup").latest() or (0, None)
    return epochs_done, keras.models.load_model(checkpoint) if checkpoint else start()


def fit(
    model: keras.Model,
    batches,
    experiment: Experiment,
    out: Path,
    epochs_done: int,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    monitor: str | None = None,
    **options,
) -> None:
    """Trains to the experiment's last epoch; each complete epoch outlives a killed process.

    Writes `log.csv`, `tensorboard/`, `backup/`, `last.keras` and, with a monitor, `best.keras`.

    Args:
        model: As `resume` gives it.
        batches: The first is that of the first step to take.
        experiment: Has `epochs` and `steps_per_epoch`.
        out: Folder of the training.
        epochs_done: As `resume` gives it.
        callbacks: Called before an epoch's numbers are written, so that they can add some.
        monitor: Measure in the logs that decides which epoch is best; larger is better.
        **options: Of Keras' `fit`.

    Raises:
        ValueError: If the training diverged.
    """
    log = out / "log.csv"
    rows = trim_csv_log(log, epochs_done)
    if monitor:
        reached = max((float(row[monitor]) for row in rows), default=-np.inf)
        best = [BestCheckpoint(out / "best.keras", monitor, reached)]
    else:
        best = []
    model.fit(
        batches,
        initial_epoch=epochs_done,
        epochs=experiment.epochs,
        steps_per_epoch=experiment.steps_per_epoch,
        shuffle=False,  # samples come in their own random order
        callbacks=[
            keras.callbacks.TerminateOnNaN(),
            *callbacks,
            keras.callbacks.CSVLogger(log, append=True),
            *tensorboard(out / "tensorboard"),
            *best,
            # Last: an epoch counts as done when everything else of it is written.
            EpochBackup(out / "backup"),
        ],
        **options,
    )
    if model.stop_training:
        raise ValueError(f"the loss became infinite or not a number; see {log}")
    save_model_atomically(model, out / "last.keras")
