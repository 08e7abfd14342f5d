"""Trains the networks of a table that have no weights yet, or says how long that would take."""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import keras
import numpy as np

import train
from datasets import build
from datasets.forging import ForgingRecipe
from evaluation.tables.specs import Row
from forensics_keras.images import read_bytes
from forensics_keras.localizer import Localizer, ModelLocalizer
from forensics_keras.presets import load_model_file
from irl_keras import presets
from irl_keras.networks import NETWORKS
from training import loop
from training.experiments import IRLExperiment
from training.records import is_trained, read_config

CONFIGS = Path(__file__).parent.parent.parent / "configs"
TIMED_STEPS = 2


@dataclass(frozen=True)
class Budget:
    """Where trainings are smaller than their configurations; `None` keeps what these say.

    Attributes:
        width: Of every network.
        size: Side of training crops, in pixels.
        batch_size: Crops per step.
        epochs: Number of epochs.
        steps: Steps in all.
        learning_rate: Peak of a cosine decay to a hundredth, of every network: with the rates of
            their configurations, short trainings would hardly begin.
        pairs: Built for each inpainter, of which crops are cut; without it every crop is forged
            anew, which takes longer than to train a small network on it.
        mixed_precision: Policy of Keras, as `train.py` takes it.
    """

    width: float | None = None
    size: int | None = None
    batch_size: int | None = None
    epochs: int | None = None
    steps: int | None = None
    learning_rate: float | None = None
    pairs: int | None = None
    mixed_precision: str | None = None


QUICK = Budget(width=0.125, size=64, batch_size=4, epochs=1, steps=60)
"""Seconds a network: shows that everything works, and nothing about the methods."""


@dataclass(frozen=True)
class Trainings:
    """Where the networks of a table are trained, and with what.

    Attributes:
        folder: Of all trainings, one folder in it each.
        pairs: Folder of the pairs that are built for them, one folder in it for each inpainter.
        corpus: Folder with `train/` and `val/`, or `None` for the bundled photographs.
        budget: How much smaller than configured.
        seed: Of the trainings: equal for all rows, which so see the same crops.
    """

    folder: Path
    pairs: Path
    corpus: Path | None
    budget: Budget
    seed: int

    def experiment(self, row: Row) -> IRLExperiment:
        """What trains a row: its network's configuration on the crops of its table."""
        network = read_config(CONFIGS / f"{row.config}.py", IRLExperiment)
        crops = read_config(CONFIGS / f"{row.crops}.py", IRLExperiment)
        size = self.budget.size or crops.recipe.size
        weights = {name: crops.recipe.inpainters.get(name, 1.0) for name in row.trained_on}
        width = {} if self.budget.width is None else {"width": self.budget.width}
        rate = self.budget.learning_rate
        rates = {"learning_rate": rate, "final_learning_rate": rate / 100} if rate else {}
        epochs = self.budget.epochs or crops.epochs
        steps = self.budget.steps or crops.epochs * crops.steps_per_epoch
        return replace(
            network,
            recipe=replace(crops.recipe, inpainters=weights, size=size),
            model={**network.model, **row.model, **width},
            batch_size=self.budget.batch_size or crops.batch_size,
            epochs=epochs,
            steps_per_epoch=max(steps // epochs, 1),
            validation_degradations=crops.validation_degradations,
            validation_size=size,
            **rates,
        )

    def arguments(self, row: Row) -> argparse.Namespace:
        """What `train.train_experiment` takes beside the experiment."""
        photographs = self.corpus and self.corpus / "train"
        return argparse.Namespace(
            data=self.pairs if self.budget.pairs else photographs,
            val_data=self.corpus and self.corpus / "val",
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
        record = train.experiment_record(self.experiment(row), arguments)
        return is_trained(arguments.out, record)

    def train(self, row: Row) -> None:
        """Trains a row's network, from where an earlier run stopped."""
        experiment = self.experiment(row)
        if self.budget.pairs:
            self.build_pairs(experiment.recipe)
        keras.utils.clear_session()
        train.train_experiment(experiment, self.arguments(row))

    def build_pairs(self, recipe: ForgingRecipe) -> None:
        """Builds the pairs that a recipe mixes and that are not there yet.

        Raises:
            ValueError, OSError: As `datasets.build.Build.run`.
        """
        for name in train.pair_folders(recipe):
            # Fewer of what is rare in the mixture, which may be slow.
            count = round(self.budget.pairs * min(recipe.inpainters.get(name, 1.0), 1.0))
            print(f"Pairs of {name}:", flush=True)
            build.Build(
                data=self.corpus,
                split="train",
                inpainters=(name,),
                count=max(count, 1),
                seed=self.seed,
                out=self.pairs / name,
            ).run()

    def load(self, row: Row, shipped: bool) -> tuple[Localizer, dict]:
        """Loads a row's network.

        Args:
            row: A trained one.
            shipped: Whether its weights are the preset of that name.

        Returns:
            The method, and what weights it has: `name`, `sha256` and `training`.
        """
        if shipped:
            card = presets.read_card(row.training)
            weights = {"sha256": card["sha256"], "training": f"shipped, {card['recipe']}"}
            model = presets.from_preset(row.training)
        else:
            path = self.folder / row.training / "last.keras"
            digest = hashlib.sha256(read_bytes(path)).hexdigest()
            weights = {"sha256": digest, "training": describe(self.experiment(row), self.budget)}
            model = load_model_file(path)
        return ModelLocalizer(model, row.method), {"name": row.training, **weights}


def describe(experiment: IRLExperiment, budget: Budget) -> str:
    """One line about the size of a training."""
    pictures = experiment.epochs * experiment.steps_per_epoch * experiment.batch_size
    parts = [
        f"{experiment.network} {experiment.model}",
        f"{pictures} crops of {experiment.recipe.size}x{experiment.recipe.size} pixels",
    ]
    if budget.pairs:
        parts.append(f"cut from {budget.pairs} pairs of each inpainter")
    if budget.mixed_precision:
        parts.append(budget.mixed_precision)
    return ", ".join(parts)


def plan(trainings: Trainings, missing: Sequence[Row]) -> list[dict]:
    """Says what would be trained, and how long it takes on this machine.

    Args:
        trainings: Where and with what.
        missing: Rows without weights.

    Returns:
        Rows of a table; the hours follow from some steps of each network, timed on random
        pictures, without the forging of the crops.
    """
    seconds: dict[str, tuple[float, int]] = {}
    rows = []
    for row in missing:
        experiment = trainings.experiment(row)
        kind = json.dumps([experiment.network, experiment.model, experiment.recipe.size])
        if kind not in seconds:
            with loop.precision(trainings.budget.mixed_precision):
                seconds[kind] = seconds_per_crop(experiment)
        each, parameters = seconds[kind]
        crops = experiment.epochs * experiment.steps_per_epoch * experiment.batch_size
        rows.append(
            {
                "training": row.training,
                "network": experiment.network,
                "parameters": parameters,
                "trained on": row.label,
                "crops": crops,
                "seconds a crop": f"{each:.3g}",
                "hours": f"{each * crops / 3600:.3g}",
            }
        )
    return rows


def seconds_per_crop(experiment: IRLExperiment) -> tuple[float, int]:
    """Times training steps of an experiment; also returns the network's number of parameters.

    Batches are those of the experiment on an accelerator, and of two crops elsewhere: there
    memory is short, and larger batches are hardly faster.
    """
    keras.utils.clear_session()
    model = NETWORKS[experiment.network].build(**experiment.model)
    train.compile_model(model, experiment)
    on_cpu = keras.distribution.list_devices()[0].lower().startswith("cpu")
    count = 2 if on_cpu else experiment.batch_size
    side = experiment.recipe.size
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (count, side, side, 3), np.uint8)
    masks = random.integers(0, 2, (count, side, side, 1), np.uint8)
    model.train_on_batch(images, masks)  # builds the step
    start = time.perf_counter()
    for _ in range(TIMED_STEPS):
        model.train_on_batch(images, masks)
    return (time.perf_counter() - start) / (TIMED_STEPS * count), model.count_params()
