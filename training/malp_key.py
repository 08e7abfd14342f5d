"""Trains the localizer of a private key; the command line is `python train.py key`."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
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
"""Chooses thresholds: of a model, on photographs, for manipulations by name, with a seed."""


@dataclass(frozen=True)
class KeyTraining:
    """Some hundred steps in which a localizer learns to know new templates.

    Attributes:
        experiment: The one that trained the preset.
        photographs: To train on.
        held_out: To choose thresholds on.
        steps: Of training.
        calibrate: Chooses thresholds.
        seed: Of the training pictures; the templates do not depend on it.
    """

    experiment: MaLPExperiment
    photographs: Sequence[Path]
    held_out: Sequence[Path]
    steps: int
    calibrate: Calibrate
    seed: int = 0

    @classmethod
    def of_folders(cls, experiment: MaLPExperiment, folders: Sequence[Path], *rest) -> KeyTraining:
        """Keeps some of the photographs apart, before any time is spent.

        Args:
            experiment: As the attribute.
            folders: Of photographs; the bundled training photographs when empty.
            *rest: `steps`, `calibrate` and perhaps `seed`.

        Raises:
            ValueError: If there are too few photographs.
            OSError: If a folder cannot be read.
        """
        photographs = open_photographs(folders, "train")
        count = min(CALIBRATION_PHOTOGRAPHS, len(photographs) // 5)
        if count < 1:
            raise ValueError(f"{len(photographs)} photographs are too few; give at least 5")
        every = len(photographs) // count
        held_out = photographs[::every][:count]
        others = [path for path in photographs if path not in set(held_out)]
        return cls(experiment, others, held_out, *rest)

    def fine_tune(self, model: MaLP) -> FineTuned:
        """Trains a model in place, but for its templates, and chooses its thresholds."""
        start = time.monotonic()
        keras.utils.set_random_seed(self.seed)
        model.template_layer.trainable = False
        training = MaLPTraining(model, None, self.experiment.loss, self.experiment.exact_mask)
        compile_model(training, self.experiment, self.steps, WARMUP, share=0.5)
        history = training.fit(
            protected_batches(self.photographs, self.experiment, model, self.seed),
            steps_per_epoch=self.steps,
            shuffle=False,
        )
        logs = {name: values[-1] for name, values in history.history.items()}
        recipe = {
            "photographs": len(self.photographs),
            "steps": self.steps,
            "batch_size": self.experiment.batch_size,
            "loss": logs["loss"],
            "accuracy": logs["accuracy"],
            "minutes": round((time.monotonic() - start) / 60, 1),
        }
        names = list(self.experiment.recipe.manipulations)
        calibration = self.calibrate(model, self.held_out, names, self.seed)
        return FineTuned(dataclasses.asdict(calibration), recipe)
