"""Trains the localizer of a private key; the command line is `python train.py key`."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import keras

from datasets.open import open_photographs
from malp_keras.calibration import Calibration
from malp_keras.key_making import FineTuned
from malp_keras.malp import MaLP
from malp_keras.training import MaLPTraining
from training.experiments import MaLPExperiment
from training.malp import compile_model, protected_batches

CALIBRATION_PHOTOGRAPHS = 40
"""At most this many, and at most a fifth of them, are kept apart for choosing thresholds."""
WARMUP = 20

Calibrate = Callable[[MaLP, Sequence[Path], Sequence[str], int], Calibration]
"""Chooses a model's thresholds on photographs, for manipulations by name, with a seed."""


@dataclass(frozen=True, kw_only=True)
class KeyTraining:
    """Some hundred steps in which a localizer learns to know new templates.

    Attributes:
        experiment: The one that trained the preset.
        data: Folders of photographs; the bundled training photographs when empty.
        steps: Steps of training.
        calibrate: Function that chooses thresholds.
        seed: Seed of the training pictures; the templates do not depend on it.
    """

    experiment: MaLPExperiment
    data: tuple[Path, ...] = ()
    steps: int
    calibrate: Calibrate
    seed: int = 0

    @cached_property
    def photographs(self) -> tuple[list[Path], list[Path]]:
        """The photographs to train on, and those kept apart to choose thresholds on.

        Raises:
            ValueError: If there are too few.
            OSError: If a folder cannot be read.
        """
        photographs = open_photographs(self.data, "train")
        count = min(CALIBRATION_PHOTOGRAPHS, len(photographs) // 5)
        if count < 1:
            raise ValueError(f"{len(photographs)} photographs are too few; give at least 5")
        held_out = photographs[:: len(photographs) // count][:count]
        return [path for path in photographs if path not in set(held_out)], held_out

    def fine_tune(self, model: MaLP) -> FineTuned:
        """Trains a model in place, but for its templates, and chooses its thresholds."""
        start = time.monotonic()
        photographs, held_out = self.photographs
        keras.utils.set_random_seed(self.seed)
        model.template_layer.trainable = False
        training = MaLPTraining(model, None, self.experiment.loss, self.experiment.exact_mask)
        compile_model(training, self.experiment, self.steps, WARMUP, share=0.5)
        history = training.fit(
            protected_batches(photographs, self.experiment, model, self.seed),
            steps_per_epoch=self.steps,
            shuffle=False,
        )
        logs = {name: values[-1] for name, values in history.history.items()}
        recipe = {
            "photographs": len(photographs),
            "steps": self.steps,
            "batch_size": self.experiment.batch_size,
            "loss": logs["loss"],
            "accuracy": logs["accuracy"],
            "minutes": round((time.monotonic() - start) / 60, 1),
        }
        names = list(self.experiment.recipe.manipulations)
        calibration = self.calibrate(model, held_out, names, self.seed)
        return FineTuned(dataclasses.asdict(calibration), recipe)
