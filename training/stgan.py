"""Trains STGAN, an editor of faces' attributes; the command line is `python train.py stgan`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import keras
import numpy as np

from datasets.faces import FaceCrops, face_crop, labelled_faces
from datasets.manipulations.stgan import (
    WEIGHTS,
    STGANTraining,
    edit,
    stgan_critic,
    stgan_generator,
)
from forensics_keras.images import read_image
from training.adversarial import AdversarialRun
from training.experiments import EditorExperiment

SAMPLES = 8
"""Validation faces in the grid that is written after each epoch."""
MEASURED = 256
"""Most validation faces that are read."""


@dataclass(frozen=True, kw_only=True)
class STGANRun(AdversarialRun):
    """A training of STGAN.

    `data` and `val_data` name one folder each: CelebA's, or one of faces whose names begin with
    the attribute.
    """

    kind = EditorExperiment
    given = "labels"
    cell = 128
    experiment: EditorExperiment

    @cached_property
    def inputs(self) -> tuple[FaceCrops, tuple[np.ndarray, np.ndarray]]:
        """The training set, and central crops of held-out faces with their labels."""
        e = self.experiment
        faces = labelled_faces(*self.data, e.attributes, "train")
        crops = FaceCrops(faces, e.size, e.min_scale, self.seed, e.tint)
        held_out = labelled_faces(*self.val_data, e.attributes, "val")
        last = len(held_out.photographs) - 1
        chosen = np.unique(np.linspace(0, last, MEASURED).astype(int))
        images = [face_crop(read_image(held_out.photographs[i]), e.size) for i in chosen]
        return crops, (np.stack(images), held_out.labels[chosen])

    def new_model(self) -> STGANTraining:
        """Builds and compiles the training model."""
        e = self.experiment
        generator = self.started(stgan_generator(**e.generator, **e.shape))
        critic = stgan_critic(**e.critic, **e.shape)
        return self.compile(STGANTraining(generator, critic, **e.training, seed=self.seed))

    def columns(self, generator: keras.Model) -> dict[str, np.ndarray]:
        """Reconstructs some validation faces, and gives and takes each attribute, for a grid."""
        images = self.inputs[1][0]
        images = images[np.linspace(0, len(images) - 1, SAMPLES).astype(int)]
        attributes = self.experiment.attributes
        changes = {"reconstruction": np.zeros(len(attributes))}
        for name, one in zip(attributes, np.eye(len(attributes)), strict=True):
            changes |= {f"with {name}": one, f"without {name}": -one}
        edited = {
            title: edit(generator, images, np.tile(change, (len(images), 1)))
            for title, change in changes.items()
        }
        return {"original": images, **edited}

    def record(self) -> dict:
        """Returns what `experiment.json` holds, with the experiment's name."""
        return super().record() | {"name": self.name}

    def card_fields(self) -> dict:
        """Returns the names of the attributes."""
        return {"attributes": self.experiment.attributes}

    def measure(self, preset: Path, model: STGANTraining) -> dict:
        """Measures reconstructions and edits of the validation faces."""
        return measure(WEIGHTS.load(preset), model.critic, *self.inputs[1])


def measure(
    generator: keras.Model, critic: keras.Model, images: np.ndarray, labels: np.ndarray
) -> dict:
    """Measures how well pictures are reconstructed and edited, in 8-bit levels and shares.

    `edits_recognized` is judged by the critic that the generator learned from, and no independent
    proof; `labels_recognized` is the same head's accuracy on the untouched pictures.
    """
    rebuilt = edit(generator, images, np.zeros_like(labels))
    change, recognized = [], []
    for index in range(labels.shape[1]):
        difference = np.zeros_like(labels)
        difference[:, index] = 1 - 2 * labels[:, index]
        edited = edit(generator, images, difference)
        change.append(np.abs(edited.astype(float) - rebuilt).mean())
        found = critic_attributes(critic, edited)[:, index]
        recognized.append(np.mean(found != labels[:, index]))
    return {
        "pictures": len(images),
        "reconstruction_L1": float(np.abs(rebuilt.astype(float) - images).mean()),
        "change_L1": float(np.mean(change)),
        "edits_recognized": float(np.mean(recognized)),
        "labels_recognized": float(np.mean(critic_attributes(critic, images) == labels)),
    }


def critic_attributes(critic: keras.Model, images: np.ndarray) -> np.ndarray:
    """Returns the attributes that the critic's head sees, float (N, attributes), 0 or 1."""
    outputs = critic.predict(images.astype("float32") / 127.5 - 1, batch_size=SAMPLES, verbose=0)
    return (outputs["attributes"] > 0).astype(float)
