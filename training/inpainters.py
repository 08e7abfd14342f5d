"""Trains the learned inpainters; the command line is `python train.py inpaint`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import keras
import numpy as np

from datasets.forging import crop, random_window
from datasets.gan.training import InpainterTraining
from datasets.inpainting.learned import WEIGHTS, complete
from datasets.masks import free_form_mask
from datasets.open import open_photographs
from datasets.training_sets import CropsWithHoles
from forensics_keras.images import read_image
from training.adversarial import AdversarialRun
from training.experiments import InpainterExperiment

SAMPLES = 6
"""Validation pictures in the grid that is written after each epoch."""


@dataclass(frozen=True, kw_only=True)
class InpainterRun(AdversarialRun):
    """A training of an inpainter; without `val_data` the bundled test photographs show it."""

    kind = InpainterExperiment
    given = "mask"
    experiment: InpainterExperiment

    @cached_property
    def inputs(self) -> tuple[CropsWithHoles, tuple[np.ndarray, np.ndarray]]:
        """The training set, and the validation crops with their holes."""
        e = self.experiment
        photographs = open_photographs(self.data, "train")
        crops = CropsWithHoles(photographs, e.size, e.mask_size, e.min_scale, self.seed)
        return crops, validation_samples(open_photographs(self.val_data, "test"), e.mask_size)

    def new_model(self) -> InpainterTraining:
        """Builds and compiles the training model."""
        architecture = self.experiment.architecture
        generator = WEIGHTS.builders()[architecture["name"]](**architecture["arguments"])
        return self.compile(self.experiment.training(self.started(generator)))

    def columns(self, generator: keras.Model) -> dict[str, np.ndarray]:
        """Completes some validation pictures, for a grid."""
        images, masks = (samples[:SAMPLES] for samples in self.inputs[1])
        completed = complete(generator, images, masks)
        holes = masks[..., None] == 1
        return {
            "original": images,
            "hole": np.where(holes, np.uint8(255), images),
            "composite": np.where(holes, completed, images),
            "network's output": completed,
        }

    def record(self) -> dict:
        """Returns what `experiment.json` holds, with the stage before and the config file."""
        record = super().record() | {"config": self.config.removeprefix("inpaint_")}
        record["experiment"]["starts_from"] = self.experiment.starts_from
        return record

    def measure(self, preset: Path, model: InpainterTraining) -> dict:
        """Measures the error inside the holes of the validation crops."""
        images, masks = self.inputs[1]
        error = hole_error(WEIGHTS.load(preset), images, masks)
        return {"pictures": len(images), "size": self.experiment.mask_size, "hole_L1": error}


def validation_samples(photographs: Sequence[Path], size: int) -> tuple[np.ndarray, np.ndarray]:
    """Cuts one crop and draws one hole for each held-out photograph, the same in every run.

    Returns:
        Pictures, uint8 (count, size, size, 3), and masks, uint8 (count, size, size), 1 = hole.
    """
    images, masks = [], []
    for seed, path in enumerate(photographs):
        photograph = read_image(path)
        window = random_window(photograph, size, 1.0, np.random.default_rng(seed))
        images.append(crop(photograph, window, size))
        masks.append(free_form_mask(size, size, seed))
    return np.stack(images), np.stack(masks)


def hole_error(generator: keras.Model, images: np.ndarray, masks: np.ndarray) -> float:
    """Measures the mean absolute error inside the holes, in 8-bit levels."""
    errors = []
    for image, mask in zip(images, masks, strict=True):
        completed = complete(generator, image[None], mask[None])[0]
        errors.append(np.abs(completed.astype(float) - image)[mask == 1].mean())
    return float(np.mean(errors))
