"""What the trainings of generators against critics share: inpainters' and STGAN's."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import keras
import numpy as np

from datasets.batches import SampleBatches
from datasets.training_sets import TrainingSet
from forensics_keras import schedules
from forensics_keras.figures import CELL, picture_grid
from forensics_keras.images import write_png
from forensics_keras.presets import load_model_file
from training import loop
from training.experiments import AdversarialExperiment
from training.run import TrainingRun


@dataclass(frozen=True, kw_only=True)
class AdversarialRun(TrainingRun):
    """A training of a generator against a critic."""

    given: ClassVar[str]
    """What the generator is given with pictures: `mask`, 1 = hole, or `labels`."""
    cell: ClassVar[int] = CELL
    """Side of a picture in the grids, in pixels."""
    experiment: AdversarialExperiment

    @abstractmethod
    def columns(self, generator: keras.Model) -> dict[str, np.ndarray]:
        """Makes the columns of the grid of validation pictures that each epoch ends with.

        Returns:
            Pictures, uint8 (N, H, W, 3), by the title of their column.
        """

    @abstractmethod
    def measure(self, preset: Path, model: keras.Model) -> dict:
        """Measures a preset, whose weights are float16, for its model card.

        Args:
            preset: Its folder.
            model: The training model.

        Returns:
            Values that JSON can hold.
        """

    def batches(self, model: keras.Model, first_step: int = 0) -> GeneratorBatches:
        """Makes endless batches of pictures and what is `given` with them."""
        size = self.experiment.batch_size
        return GeneratorBatches(self.inputs[0], size, first_step * size, self.given)

    def callbacks(self) -> list[keras.callbacks.Callback]:
        """Makes the grid of validation pictures."""
        return [PictureGrid(self.out / "samples", self.columns, self.cell)]

    def record(self) -> dict:
        """Returns what `experiment.json` holds: of `init` and the precision only what is given."""
        optional = "init", "mixed_precision"
        return {k: v for k, v in super().record().items() if k not in optional or v is not None}

    def started(self, generator: keras.Model) -> keras.Model:
        """Gives a generator the weights of that of `source`, if there is one, and returns it.

        Raises:
            ValueError: If `source` cannot be loaded or has another generator.
        """
        if self.source is not None:
            before = load_model_file(self.source)
            generator.set_weights(before.generator.get_weights())
        return generator

    def compile(self, model: keras.Model) -> keras.Model:
        """Compiles a training model, which it returns."""
        experiment = self.experiment
        beta_1, beta_2 = experiment.betas
        rate = schedules.cosine(experiment.learning_rate, self.steps)
        loop.compile_by_part(model, rate, experiment.factors, beta_1=beta_1, beta_2=beta_2)
        return model

    def preset_model(self, model: keras.Model) -> keras.Model:
        """Returns the generator."""
        return model.generator


class GeneratorBatches(SampleBatches):
    """Batches in the form that generators take: `image` in [-1, 1], and what else they are given.

    Args:
        training_set: Its samples are pictures with masks or labels.
        batch_size: Samples per batch.
        first_sample: Number of the first sample, a multiple of the batch size.
        given: Name of what comes with the pictures.
    """

    def __init__(self, training_set: TrainingSet, batch_size: int, first_sample: int, given: str):
        super().__init__(training_set, batch_size, first_sample)
        self.given = given

    def __getitem__(self, index: int) -> tuple[dict[str, np.ndarray]]:
        """Returns batch `index`, all float32."""
        images, given = super().__getitem__(index)
        image = images.astype("float32") / 127.5 - 1
        return ({"image": image, self.given: given.astype("float32")},)


class PictureGrid(keras.callbacks.Callback):
    """Writes a grid of what the generator makes of validation pictures after each epoch.

    Args:
        folder: Where `epoch_0007.png` (after seven epochs) is written.
        columns: Function that makes the columns with a generator; see `AdversarialRun`.
        cell: Side of a picture in the grid, in pixels.
    """

    def __init__(
        self,
        folder: Path,
        columns: Callable[[keras.Model], Mapping[str, np.ndarray]],
        cell: int,
    ):
        super().__init__()
        self.folder = folder
        self.columns = columns
        self.cell = cell

    def on_epoch_end(self, epoch, logs=None):
        columns = self.columns(self.model.generator)
        rows = [("", pictures) for pictures in zip(*columns.values(), strict=True)]
        grid = picture_grid(rows, [*columns], self.cell)
        write_png(self.folder / f"epoch_{epoch + 1:04d}.png", grid)
