"""What all trainings share: options, and a `fit` that can be killed at any moment and repeated."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Callable, Iterator, Sequence
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
from forensics_keras.command_line import at_least
from forensics_keras.optimizers import AdamByPart


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options that change an experiment's numbers, and `--out` and `--seed`."""
    parser.add_argument(
        "--out",
        type=Path,
        help="folder; resumes what is there (default: the experiment's name, in runs/)",
    )
    parser.add_argument("--epochs", type=at_least(1), help="instead of the experiment's")
    parser.add_argument("--steps-per-epoch", type=at_least(1), help="instead of the experiment's")
    parser.add_argument("--batch-size", type=at_least(1), help="instead of the experiment's")
    parser.add_argument("--seed", type=at_least(0), default=0)


def add_precision(parser: argparse.ArgumentParser) -> None:
    """Adds the option `--mixed-precision`."""
    parser.add_argument(
        "--mixed-precision",
        choices=["mixed_bfloat16", "mixed_float16"],
        help="computes in 16 bits and keeps the weights in 32: up to twice as fast where the "
        "processor has such arithmetic (bfloat16 on CPUs, both on GPUs)",
    )


@contextlib.contextmanager
def precision(policy: str | None) -> Iterator[None]:
    """Models that are built inside compute in a precision of Keras; `None` changes nothing."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy or before)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def output_folder(args: argparse.Namespace, experiment: str) -> Path:
    """The folder that a training writes into: `--out`, or one with the experiment's name."""
    return args.out or Path("runs") / experiment


def resume(out: Path, start: Callable[[], keras.Model]) -> tuple[int, keras.Model]:
    """The model of an earlier run in `out` and its number of complete epochs, or a new one and 0.

    Args:
        out: Folder of the training.
        start: Makes a new compiled model.
    """
    epochs_done, checkpoint = EpochBackup(out / "backup").latest() or (0, None)
    return epochs_done, keras.models.load_model(checkpoint) if checkpoint else start()


def fit(
    model: keras.Model,
    batches,
    experiment,
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


def compile_adversarial(model: keras.Model, experiment) -> None:
    """Compiles a generator's training with the experiment's rates, betas and factors by part."""
    rate = keras.optimizers.schedules.CosineDecay(
        experiment.learning_rate, experiment.epochs * experiment.steps_per_epoch, alpha=0.01
    )
    beta_1, beta_2 = experiment.betas
    optimizer = AdamByPart(rate, experiment.factors, beta_1=beta_1, beta_2=beta_2)
    # XLA's convolutions are several times slower than oneDNN's on a CPU.
    model.compile(optimizer, jit_compile=keras.config.backend() == "jax")
