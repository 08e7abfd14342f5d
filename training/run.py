"""A training as one value: what is trained, on what, and where; all systems' runs are alike."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import keras

from forensics_keras.callbacks import (
    BestCheckpoint,
    EpochBackup,
    save_model_atomically,
    tensorboard,
    trim_csv_log,
)
from forensics_keras.files import locked
from forensics_keras.presets import load_model_file
from training import loop
from training.experiments import Experiment
from training.records import check_same_experiment, write_record


@dataclass(frozen=True, kw_only=True)
class TrainingRun(ABC):
    """A training in a folder, which can be killed at any moment and repeated.

    A system's subclass says what its data, its model and its batches are; how they come together
    is here.

    Attributes:
        experiment: What is trained.
        data: Folders of photographs, or of what else the system trains on; the bundled training
            photographs when empty.
        val_data: The same for validation; what a system takes when empty is in its class.
        out: Folder that everything is written into; a training that began there goes on.
        init: Preset or `.keras` file whose weights are trained further. Without it, a stage that
            starts from another takes `last.keras` of the folder beside `out` that is named so.
        precision: Keras' policy for computing in 16 bits, or `None`.
        seed: Non-negative integer; with the experiment and the data it decides everything.
        config: Stem of the config file.
        name: The stage of the config file.
    """

    kind: ClassVar[type[Experiment]]
    """Class of its experiments."""

    experiment: Experiment
    data: tuple[Path, ...] = ()
    val_data: tuple[Path, ...] = ()
    out: Path
    init: str | None = None
    precision: str | None = None
    seed: int = 0
    config: str = ""
    name: str = ""

    @property
    def monitor(self) -> str | None:
        """Measure in the logs that decides which epoch is best, the larger the better."""
        return None

    @property
    def steps(self) -> int:
        """Steps of the whole training."""
        return self.experiment.epochs * self.experiment.steps_per_epoch

    @property
    def source(self) -> str | None:
        """Preset or `.keras` file that a new model takes its weights from, or `None`."""
        before = self.experiment.starts_from
        if self.init is not None or before is None:
            return self.init
        return str(self.out.parent / before / "last.keras")

    # --- what a system fills in ---------------------------------------------------------------

    @cached_property
    @abstractmethod
    def inputs(self) -> tuple:
        """What is trained on and what is validated on, read once.

        Raises:
            ValueError: If they cannot be used.
            OSError: If they cannot be read.
        """

    @abstractmethod
    def new_model(self) -> keras.Model:
        """Builds and compiles the model, new or with the weights of `source`.

        Raises:
            ValueError: If `source` cannot be loaded or does not fit the experiment.
        """

    @abstractmethod
    def batches(self, model: keras.Model, first_step: int = 0) -> Iterable:
        """Makes endless batches.

        Args:
            model: The one that is trained on them.
            first_step: The step that the first batch is for.
        """

    def callbacks(self) -> Sequence[keras.callbacks.Callback]:
        """Makes callbacks that see an epoch before its numbers are written, and may add some."""
        return ()

    def fit_options(self) -> dict:
        """Returns further options of Keras' `fit`."""
        return {"verbose": 2}

    def scope(self) -> contextlib.AbstractContextManager:
        """Returns the context that models are made in."""
        return contextlib.nullcontext()

    def card_fields(self) -> dict:
        """Returns further fields of a preset's model card."""
        return {}

    def preset_model(self, model: keras.Model) -> keras.Model:
        """Returns the part of a trained model that a preset keeps."""
        return model

    # --- what all share -----------------------------------------------------------------------

    def record(self) -> dict:
        """Returns what `experiment.json` holds, but for the commit."""
        fields = dataclasses.asdict(self.experiment)
        definition = {name: value for name, value in fields.items() if not callable(value)}
        if self.source == self.init:  # which says more
            del definition["starts_from"]
        record = {
            "experiment": definition,
            "data": record_folders(self.data),
            "val_data": record_folders(self.val_data),
            "init": self.init,
            "mixed_precision": self.precision,
            "seed": self.seed,
        }
        return json.loads(json.dumps(record))

    def is_finished(self) -> bool:
        """Says whether the training is at its end.

        Raises:
            ValueError: If the folder holds another experiment.
        """
        check_same_experiment(self.out / "experiment.json", self.record())
        return (self.out / "last.keras").is_file()

    def _check_source(self) -> None:
        """Refuses a file of weights that is not there, before time is spent on the data."""
        if self.source is None or not self.source.endswith(".keras"):
            return
        if not Path(self.source).is_file():
            before = self.experiment.starts_from
            remedy = (
                "check the path" if self.init else f"train the stage {before} first, or give --init"
            )
            raise FileNotFoundError(f"{self.source}: no such file; {remedy}")

    def train(self) -> keras.Model:
        """Trains from where an earlier run stopped; what is finished is only loaded.

        Each complete epoch outlives a killed process. Writes `experiment.json`, `log.csv`,
        `tensorboard/`, `backup/`, `last.keras` and, with a monitor, `best.keras`.

        Returns:
            The trained model.

        Raises:
            ValueError: If the folder holds another experiment, or the training diverged; and as
                the readers of data and weights.
            OSError: If something cannot be read or written, or another process writes there.
        """
        self._refuse_others_files()
        if self.is_finished():
            return load_model_file(self.out / "last.keras")
        self._check_source()
        keras.utils.set_random_seed(self.seed)
        _ = self.inputs  # before time is spent on the model
        backup = EpochBackup(self.out / "backup")
        epochs_done, checkpoint = backup.latest() or (0, None)
        with self.scope(), loop.precision(self.precision):
            model = keras.models.load_model(checkpoint) if checkpoint else self.new_model()
        # After all inputs were read: a mistyped one leaves no folder that would refuse the right.
        with locked(self.out):
            self._fit(model, epochs_done, backup)
        return model

    def _refuse_others_files(self) -> None:
        """Refuses a folder with files of a training's names, but no record of one."""
        if (self.out / "experiment.json").exists():
            return
        for name in ("last.keras", "best.keras", "log.csv", "backup"):
            if os.path.lexists(self.out / name):
                raise ValueError(
                    f"{self.out / name}: exists, without the experiment.json of a training; "
                    "choose another --out"
                )

    def _fit(self, model: keras.Model, epochs_done: int, backup: EpochBackup) -> None:
        write_record(self.out / "experiment.json", self.record())
        log = self.out / "log.csv"
        rows = trim_csv_log(log, epochs_done)
        model.fit(
            self.batches(model, epochs_done * self.experiment.steps_per_epoch),
            initial_epoch=epochs_done,
            epochs=self.experiment.epochs,
            steps_per_epoch=self.experiment.steps_per_epoch,
            shuffle=False,  # samples come in their own random order
            callbacks=[
                keras.callbacks.TerminateOnNaN(),
                *self.callbacks(),
                keras.callbacks.CSVLogger(log, append=True),
                *tensorboard(self.out / "tensorboard"),
                *self._best_checkpoint(rows),
                backup,  # last: an epoch counts as done when everything else of it is written
            ],
            **self.fit_options(),
        )
        if model.stop_training:
            raise ValueError(f"the loss became infinite or not a number; see {log}")
        save_model_atomically(model, self.out / "last.keras")

    def _best_checkpoint(self, rows: Sequence[Mapping[str, str]]) -> list[BestCheckpoint]:
        """Keeps the best epoch of all, those in the rows of the log included."""
        if self.monitor is None:
            return []
        reached = max((float(row[self.monitor]) for row in rows), default=-math.inf)
        return [BestCheckpoint(self.out / "best.keras", self.monitor, reached)]


def record_folders(folders: Sequence[Path]) -> str | list[str]:
    """Records one folder by its path, none as `"None"`: as records always were."""
    texts = [str(folder) for folder in folders]
    return texts if len(texts) > 1 else "".join(texts) or "None"
