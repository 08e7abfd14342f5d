"""Trains IRL-Net and its baselines; the command line is `python train.py irl`."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import keras
import numpy as np
from tqdm import tqdm

from datasets.batches import SampleBatches
from datasets.forging import ForgingRecipe, forge
from datasets.history import HistoryRecipe
from datasets.open import (
    Layout,
    has_masks,
    held_out_photographs,
    open_data,
    open_histories,
    validation_crops,
)
from datasets.training_sets import TrainingSet
from forensics_keras import schedules
from forensics_keras.images import read_image
from forensics_keras.metrics import LocalizationF1
from forensics_keras.presets import load_model_file
from irl_keras.networks import NETWORKS
from irl_keras.presets import from_preset
from irl_keras.pruning import narrow
from irl_keras.trace_net import TRACE_LAYERS
from training.experiments import IRLExperiment
from training.run import TrainingRun

ON_TENSORFLOW = keras.backend.backend() == "tensorflow"
if ON_TENSORFLOW:  # other backends train without it
    import tensorflow as tf

    from datasets.tf_data import training_dataset


@dataclass(frozen=True, kw_only=True)
class IRLRun(TrainingRun):
    """A training of a localizer.

    `data` may name photographs, a folder of pairs, what `datasets.packed` made of one, or a folder
    with one of these for each inpainter, named so. `val_data` may name photographs, which are
    forged, and real fills or pair folders, which are validated on as they are. Without it, a tenth
    of the training photographs is kept apart.

    Attributes:
        layout: How the folders of photographs are organized, a key of
            `datasets.photographs.sources.SOURCES`; its training and validation parts are taken.
        selection: Manifest of `datasets.photographs.selection` that names some of them.
    """

    kind = IRLExperiment
    monitor = "val_F1"
    experiment: IRLExperiment
    layout: str | None = None
    selection: Path | None = None

    @cached_property
    def inputs(self) -> tuple[TrainingSet, tuple[np.ndarray, np.ndarray]]:
        """The training set, and the validation forgeries with their masks."""
        recipe = self.experiment.recipe
        if isinstance(recipe, HistoryRecipe):
            if self.layout:
                raise ValueError("--layout: an experiment with histories takes plain folders")
            training_set = open_histories(self.data, recipe, self.seed)
            photographs = held_out_photographs(self.val_data)
        else:
            layout = Layout(self.layout, self.selection) if self.layout else None
            training_set, photographs = open_data(
                self.data, self.val_data, recipe, self.seed, layout
            )
        if not any(map(has_masks, self.val_data)):
            return training_set, forge_validation_set(photographs, self.experiment)
        crops = validation_crops(self.val_data, self.experiment.validation_size)
        images, masks = map(np.stack, zip(*crops, strict=True))
        return training_set, (images, masks[..., None])

    def record(self) -> dict:
        """Returns what `experiment.json` holds, but for the commit."""
        selection = str(self.selection) if self.selection else None
        return {**super().record(), "layout": self.layout, "selection": selection}

    @property
    def source(self) -> str | None:
        """Preset or `.keras` file that a new model takes its weights from, or `None`."""
        return super().source or self.experiment.preset

    def new_model(self) -> keras.Model:
        """Builds and compiles the network, or the narrowed or whole one of `source`."""
        model = start_model(self.source, self.experiment)
        if self.experiment.traces_from:
            stage = self.out.parent / self.experiment.traces_from / "last.keras"
            take_traces(model, load_model_file(stage))
        compile_model(model, self.experiment)
        return model

    def batches(self, model: keras.Model, first_step: int = 0):
        """Makes endless batches, as the backend takes them best."""
        make = training_dataset if ON_TENSORFLOW else SampleBatches
        size = self.experiment.batch_size
        return make(self.inputs[0], size, first_step * size)

    def fit_options(self) -> dict:
        """Returns the validation set."""
        return {
            "validation_data": self.inputs[1],
            "validation_batch_size": self.experiment.batch_size,
        }

    def scope(self) -> contextlib.AbstractContextManager:
        """Returns the scope of all GPUs."""
        return distribution()


def forge_validation_set(
    photographs: Sequence[Path], experiment: IRLExperiment
) -> tuple[np.ndarray, np.ndarray]:
    """Forges each photograph, the same in every run: inpainters and degradations in turn.

    A few photographs are forged several times, up to one batch, which several devices can share.

    Returns:
        Pictures, uint8 (count, size, size, 3), and masks, uint8 (count, size, size, 1).
    """
    inpainters = list(experiment.recipe.inpainters)
    degradations = experiment.validation_degradations
    count = max(len(photographs), experiment.batch_size)
    forgeries = [
        forge(
            read_image(photographs[index % len(photographs)]),
            experiment.validation_size,
            seed=index,
            inpainter=inpainters[index % len(inpainters)],
            degradation=degradations[index // len(inpainters) % len(degradations)],
            whole=isinstance(experiment.recipe, ForgingRecipe) and bool(experiment.recipe.whole),
        )
        for index in tqdm(range(count), "forging the validation set")
    ]
    images = np.stack([forgery.image for forgery in forgeries])
    masks = np.stack([forgery.mask[..., None] for forgery in forgeries])
    return images, masks


def distribution() -> contextlib.AbstractContextManager:
    """Returns the scope of all GPUs of this machine, if there are several, with TensorFlow."""
    if ON_TENSORFLOW and len(tf.config.list_logical_devices("GPU")) > 1:
        return tf.distribute.MirroredStrategy().scope()
    return contextlib.nullcontext()


def start_model(init: str | None, experiment: IRLExperiment) -> keras.Model:
    """Builds a new network, or loads the preset or file to fine-tune."""
    if init is None:
        return NETWORKS[experiment.network].build(**experiment.model)
    model = load_model_file(init) if init.endswith(".keras") else from_preset(init)
    return narrow(model, **experiment.model) if experiment.narrow_init else model


def take_traces(model: keras.Model, source: keras.Model) -> None:
    """Copies the weights of the trace branch of one network into another."""
    for layer in model.layers:
        if layer.name.startswith(TRACE_LAYERS):
            layer.set_weights(source.get_layer(layer.name).get_weights())


def compile_model(model: keras.Model, experiment: IRLExperiment) -> None:
    """Compiles with the experiment's optimizer and loss."""
    model.compile(
        optimizer=keras.optimizers.Adam(learning_rate(experiment), clipnorm=experiment.clipnorm),
        loss=NETWORKS[experiment.network].loss(**experiment.loss),
        metrics=[LocalizationF1(name="F1")],
        # XLA's convolutions are several times slower than oneDNN's on a CPU.
        jit_compile=bool(tf.config.list_physical_devices("GPU")) if ON_TENSORFLOW else "auto",
    )
    # TensorFlow traces a step twice if the optimizer makes its variables in it.
    model.optimizer.build(model.trainable_variables)


def learning_rate(experiment: IRLExperiment):
    """Returns the experiment's learning rate, or its schedule."""
    first, last = experiment.learning_rate, experiment.final_learning_rate
    if last is None:
        return schedules.by_epoch(first, experiment.steps_per_epoch, experiment.epoch_decay)
    steps = experiment.epochs * experiment.steps_per_epoch
    return schedules.cosine(first, steps, warmup=max(steps // 50, 1), end=last / first)
