"""Trains MaLP; the command line is `python train.py malp`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import keras
import numpy as np

from datasets.manipulations import MANIPULATIONS
from datasets.open import open_photographs
from datasets.protection_batches import ProtectedBatches
from forensics_keras import schedules
from forensics_keras.metrics import localization_scores
from forensics_keras.presets import load_model_file
from malp_keras import from_preset, malp
from malp_keras.baselines import second_branch
from malp_keras.ground_truth import cosine, difference_map
from malp_keras.malp import MaLP
from malp_keras.training import MaLPTraining
from training import loop
from training.experiments import MaLPExperiment
from training.run import TrainingRun

MONITORS = {True: "val_F1", False: "val_cosine"}
"""What chooses the best epoch, by whether masks are exact."""
VALIDATION_BATCHES = 8


@dataclass(frozen=True, kw_only=True)
class MaLPRun(TrainingRun):
    """A training of MaLP; without `val_data` the bundled test photographs validate it."""

    kind = MaLPExperiment
    experiment: MaLPExperiment

    @property
    def monitor(self) -> str:
        """Name of the validation's measure of maps."""
        return MONITORS[self.experiment.exact_mask]

    @cached_property
    def inputs(self) -> tuple[list[Path], list[Path]]:
        """The photographs to train and to validate on."""
        return open_photographs(self.data, "train"), open_photographs(self.val_data, "test")

    def new_model(self) -> MaLPTraining:
        """Builds and compiles the training model, with the weights of `source` if there is one."""
        experiment = self.experiment
        model = MaLPTraining(
            malp(**experiment.architecture["arguments"], seed=self.seed),
            None
            if experiment.vit is None
            else second_branch(experiment.recipe.size, **experiment.vit),
            experiment.loss,
            experiment.exact_mask,
        )
        if self.source is not None:
            take_weights(model, self.source)
        compile_model(model, experiment, self.steps, experiment.warmup_steps)
        return model

    def batches(self, model: MaLPTraining, first_step: int = 0) -> ProtectedBatches:
        """Makes endless batches, protected with the templates that the model has at the time."""
        photographs = self.inputs[0]
        return protected_batches(photographs, self.experiment, model.malp, self.seed, first_step)

    def callbacks(self) -> list[keras.callbacks.Callback]:
        """Makes the validation."""
        return [Validation(self.inputs[1], self.experiment, self.seed + 1)]

    def preset_model(self, model: MaLPTraining) -> MaLP:
        """Returns the `MaLP`, without a second branch."""
        return model.malp

    def record(self) -> dict:
        """Returns what `experiment.json` holds, with a list of folders, however many."""
        folders = {"data": self.data, "val_data": self.val_data}
        return super().record() | {name: [*map(str, paths)] for name, paths in folders.items()}


def compile_model(
    model: MaLPTraining, experiment: MaLPExperiment, steps: int, warmup: int, share: float = 1.0
) -> None:
    """Compiles a training of some steps, at a share of the experiment's learning rate."""
    peak = share * experiment.learning_rate
    rate = schedules.cosine(peak, steps, warmup=min(warmup, steps // 2))
    loop.compile_by_part(model, rate, experiment.factors, clipnorm=1.0)


def protected_batches(
    photographs: Sequence[Path],
    experiment: MaLPExperiment,
    model: MaLP,
    seed: int,
    first_batch: int = 0,
) -> ProtectedBatches:
    """Makes endless batches, protected with the templates that a `MaLP` has at the time."""

    def protect(images, index):
        return np.asarray(keras.ops.convert_to_numpy(model.template_layer(images, index)), "uint8")

    recipe, size = experiment.recipe, experiment.batch_size
    return ProtectedBatches(photographs, recipe, MANIPULATIONS, protect, size, seed, first_batch)


def take_weights(model: MaLPTraining, init: str) -> None:
    """Copies the weights of a preset, of a MaLP that Keras saved, or of a training of one.

    The second branch stays new where `init` has none.

    Raises:
        ValueError: If `init` cannot be loaded, or its networks are not those of `model`.
    """
    source = load_model_file(init) if init.endswith(".keras") else from_preset(init)
    branch = getattr(source, "vit", None)
    try:
        model.malp.set_weights(getattr(source, "malp", source).get_weights())
        if model.vit is not None and branch is not None:
            model.vit.set_weights(branch.get_weights())
    except ValueError as error:
        raise ValueError(f"{init}: does not fit the networks of the experiment: {error}") from error


class Validation(keras.callbacks.Callback):
    """Adds scores of held-out photographs to the logs of each epoch.

    They are `val_accuracy`, and of the maps `val_F1` against exact masks or `val_cosine` with the
    difference of eq. (5).

    The pictures are protected with the templates of the time, so they cannot be made beforehand.

    Args:
        photographs: Paths of pristine photographs.
        experiment: The `MaLPExperiment`.
        seed: Seed of the manipulations, the same in every epoch.
    """

    def __init__(self, photographs: Sequence[Path], experiment: MaLPExperiment, seed: int):
        super().__init__()
        self.photographs = photographs
        self.experiment = experiment
        self.seed = seed

    def on_train_begin(self, logs=None):
        # Once, for it keeps the photographs that it has read.
        malp = self.model.malp
        self.source = protected_batches(self.photographs, self.experiment, malp, self.seed)

    def on_epoch_end(self, epoch, logs=None):
        malp = self.model.malp
        scores, right = [], []
        for number in range(VALIDATION_BATCHES):
            (batch,) = self.source.make(number)
            authentic, manipulated = (malp(batch[k]) for k in ("protected", "manipulated"))
            right += [
                *(np.asarray(authentic["logit"]) < 0),
                *(np.asarray(manipulated["logit"]) >= 0),
            ]
            maps = np.asarray(manipulated["map"])[..., 0]
            scores += self._map_scores(maps, batch)
        logs[MONITORS[self.experiment.exact_mask]] = float(np.mean(scores)) if scores else 0.0
        logs["val_accuracy"] = float(np.mean(right))

    def _map_scores(self, maps, batch):
        if self.experiment.exact_mask:
            pairs = zip(maps, batch["mask"][..., 0], strict=True)
            return [localization_scores(*pair)["F1"] for pair in pairs if pair[1].any()]
        triples = zip(maps, batch["image"], batch["manipulated"], strict=True)
        return [cosine(found, difference_map(*pictures)) for found, *pictures in triples]
