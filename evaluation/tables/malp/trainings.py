"""Trains the networks of a table that have no weights yet, or says how long that would take."""

from __future__ import annotations

import argparse
import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import keras

from evaluation.methods import Proactive
from evaluation.tables.malp.specs import CORPORA, Row
from forensics_keras.images import read_bytes
from forensics_keras.presets import load_model_file
from malp_keras.training import MaLPTraining
from training import loop
from training import malp as train_malp
from training.experiments import MaLPExperiment
from training.records import is_trained, read_config

CONFIGS = Path(__file__).parents[3] / "configs"
TIMED_STEPS = 2
STEPS_PER_EPOCH = 50
"""Least number in shortened trainings; each epoch ends with a validation."""


@dataclass(frozen=True)
class Budget:
    """Where trainings are smaller than their configurations; `None` keeps what these say.

    Attributes:
        steps: Steps in all.
        batch_size: Photographs per step.
        size: Side of the pictures, in pixels.
        model: Arguments of `malp_keras.malp` that differ.
        vit: Arguments of the transformer that differ.
        mixed_precision: Policy of Keras, as `train.py` takes it.
    """

    steps: int | None = None
    batch_size: int | None = None
    size: int | None = None
    model: dict | None = None
    vit: dict | None = None
    mixed_precision: str | None = None


QUICK = Budget(
    steps=4,
    batch_size=2,
    size=128,
    model={"filters": 4, "classifier_filters": 4},
    vit={"depth": 1, "mlp": 32},
)
"""Seconds a training: shows that everything works, and nothing about the methods."""


@dataclass(frozen=True)
class Trainings:
    """Where the networks of a table are trained, and with what.

    Attributes:
        folder: Of all trainings, one folder in it each.
        corpora: Has `scenes/` and `faces/`, each with `train/`, `val/` and `test/`; `None` for the
            bundled photographs.
        budget: How much smaller than configured.
        seed: Of the trainings, equal for all rows.
    """

    folder: Path
    corpora: Path | None
    budget: Budget
    seed: int

    def experiment(self, row: Row) -> MaLPExperiment:
        """What trains a row."""
        experiment = row.apply(read_config(CONFIGS / f"{row.config}.py", MaLPExperiment))
        budget, recipe = self.budget, experiment.recipe
        if budget.size:
            recipe = replace(recipe, size=budget.size, sides=(budget.size,))
        vit = experiment.vit
        if vit is not None and vit.get("backbone", "vit") == "vit":
            vit = {**vit, **(budget.vit or {})}
        if budget.steps:
            epochs = min(experiment.epochs, max(budget.steps // STEPS_PER_EPOCH, 1))
            experiment = replace(experiment, epochs=epochs, steps_per_epoch=budget.steps // epochs)
        return replace(
            experiment,
            recipe=recipe,
            model={**experiment.model, **(budget.model or {})},
            vit=vit,
            batch_size=budget.batch_size or experiment.batch_size,
        )

    def photographs(self, row: Row, part: str) -> list[Path] | None:
        """Folders of photographs, or `None` for the bundled ones."""
        if self.corpora is None:
            return None
        return [self.corpora / name / part for name in CORPORA[row.config]]

    def arguments(self, row: Row) -> argparse.Namespace:
        """What `train_malp.train_experiment` takes beside the experiment."""
        return argparse.Namespace(
            data=self.photographs(row, "train"),
            val_data=self.photographs(row, "val"),
            out=self.folder / row.training,
            init=None,
            mixed_precision=self.budget.mixed_precision,
            seed=self.seed,
        )

    def is_trained(self, row: Row) -> bool:
        """Whether a training is finished.

        Raises:
            ValueError: If its folder holds another experiment.
        """
        arguments = self.arguments(row)
        record = train_malp.experiment_record(self.experiment(row), arguments)
        return is_trained(arguments.out, record)

    def train(self, row: Row) -> None:
        """Trains a row, from where an earlier run stopped."""
        keras.utils.clear_session()
        train_malp.train_experiment(self.experiment(row), self.arguments(row))

    def load(self, row: Row) -> tuple[Proactive, dict]:
        """Loads a trained row.

        Returns:
            The method, and what weights it has: `name`, `sha256` and `training`.
        """
        path = self.folder / row.training / "last.keras"
        model = load_model_file(path)
        weights = {
            "name": row.training,
            "sha256": hashlib.sha256(read_bytes(path)).hexdigest(),
            "training": describe(self.experiment(row), self.budget),
        }
        branch = model.vit if row.measured_branch else None
        return Proactive(model.malp, row.method, branch=branch), weights


def describe(experiment: MaLPExperiment, budget: Budget) -> str:
    """One line about the size of a training."""
    pictures = experiment.epochs * experiment.steps_per_epoch * experiment.batch_size
    size, names = experiment.recipe.size, ", ".join(experiment.recipe.manipulations)
    precision = f", {budget.mixed_precision}" if budget.mixed_precision else ""
    changed = "".join(f", {name} {value}" for name, value in (budget.model or {}).items())
    return f"{pictures} photographs of {size}x{size} pixels; {names}{changed}{precision}"


def plan(trainings: Trainings, missing: Sequence[Row]) -> list[dict]:
    """Says what would be trained, and how long it takes on this machine.

    Args:
        trainings: Where and with what.
        missing: Rows without weights.

    Returns:
        Rows of a table; the hours follow from some steps of each network, with the making of
        their pictures.
    """
    rows = []
    for row in missing:
        experiment = trainings.experiment(row)
        seconds, parameters = seconds_per_step(experiment, trainings.arguments(row))
        steps = experiment.epochs * experiment.steps_per_epoch
        rows.append(
            {
                "training": row.training,
                "method": row.method,
                "parameters": parameters,
                "steps": steps,
                "seconds a step": f"{seconds:.3g}",
                "hours": f"{seconds * steps / 3600:.3g}",
            }
        )
    return rows


def seconds_per_step(
    experiment: MaLPExperiment, arguments: argparse.Namespace
) -> tuple[float, int]:
    """Times training steps of an experiment; also returns the number of parameters."""
    keras.utils.clear_session()
    with loop.precision(arguments.mixed_precision):
        model: MaLPTraining = train_malp.start_model(experiment, arguments)
    photographs = train_malp.read_folders(arguments.data, "train")
    source = train_malp.batches(photographs, experiment, model.malp, arguments.seed)
    model.train_on_batch(*source.make(0))  # builds the step
    start = time.perf_counter()
    for number in range(1, TIMED_STEPS + 1):
        model.train_on_batch(*source.make(number))
    return (time.perf_counter() - start) / TIMED_STEPS, model.count_params()
