"""Config files of trainings that take seconds, and pictures for them."""

import importlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from unittest import mock

import numpy as np

from forensics_keras.images import write_png

CONFIGS = {
    "irl": """
from training.experiments import IRLExperiment
from datasets.forging import ForgingRecipe

experiment = IRLExperiment(
    recipe=ForgingRecipe(size=32, mask_size=64),
    model={"width": 0.125},
    learning_rate=3e-3,
    final_learning_rate=3e-4,
    clipnorm=1.0,
    batch_size=4,
    epochs=2,
    steps_per_epoch=12,
    validation_size=64,
)
""",
    "malp": """
from training.experiments import MaLPExperiment
from datasets.protection_batches import ProtectionRecipe
from malp_keras.losses import LossWeights

experiment = MaLPExperiment(
    recipe=ProtectionRecipe(
        size=128, manipulations={"splice": 1.0, "erase": 1.0}, sides=(128, 160), harmless_share=0.5
    ),
    model={
        "strength": 0.05, "normalize": True, "filters": 4, "stride": 2, "matched": True,
        "classifier_filters": 4, "classifier_pool": 4,
    },
    vit={"depth": 1},
    loss=LossWeights(cnn_ssim=0.0, vit_ssim=0.0, cnn_segmentation=1.0),
    exact_mask=True,
    batch_size=2,
    epochs=2,
    steps_per_epoch=2,
)
""",
    "inpaint": """
from training.experiments import InpainterExperiment
from datasets.inpainting.resynthesis import ResynthesisTraining
from dataclasses import replace

small = InpainterExperiment(
    architecture={"name": "autoencoder", "arguments":
        {"stride": 2, "upsampling": "nearest", "norm": None, "width": 4}},
    training=ResynthesisTraining,
    size=32, mask_size=64, batch_size=2, epochs=2, steps_per_epoch=4, learning_rate=5e-3,
)
stages = {"small": small, "further": replace(small, starts_from="small")}
""",
    "stgan": """
from training.experiments import EditorExperiment

stages = {"small": EditorExperiment(
    attributes=("mask",),
    generator={"width": 4},
    critic={"width": 4, "head": 8, "spectral": True},
    training={"loss": "hinge", "change_weight": 5.0},
    size=32,
    batch_size=4,
    epochs=2,
    steps_per_epoch=3,
)}
""",
}
"""Texts of config files by the command that trains them."""

PROSE = """
training_data = "made up"
limits = ["A test."]
intended_use = "tests"
licence = "Apache-2.0"
"""
"""What people write into card.toml."""


@contextmanager
def graphs_off() -> Iterator[None]:
    """Runs training steps as plain calls: tracing their graphs takes longer than a few of them."""
    import tensorflow as tf  # the tests on JAX do without it

    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(False)


def shallow_irl_net() -> AbstractContextManager:
    """Makes IRL-Nets of one block a stage: tracing all 21 takes most of a short training."""
    module = importlib.import_module("irl_keras.irl_net")  # the package has a function named so
    stages = [(filters, 1) for filters, _ in module.ENCODER_STAGES]
    return mock.patch.object(module, "ENCODER_STAGES", stages)


def write_config(folder: Path, command: str, *changes: tuple[str, str]) -> str:
    """Writes the config file `tiny.py` of a command, with texts replaced, and returns its path."""
    text = CONFIGS[command]
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tiny.py").write_text(text)
    return str(folder / "tiny.py")


def write_prose(folder: Path) -> Path:
    """Writes the card's prose into the folder of a preset, and returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "card.toml").write_text(PROSE)
    return folder


def write_faces(folder: Path) -> str:
    """Writes bright faces with a mask and dark ones without, and returns the folder."""
    rng = np.random.default_rng(0)
    for index in range(4):
        for name, low in (("mask", 150), ("nomask", 0)):
            image = rng.integers(low, low + 100, (40 + 8 * index, 48, 3)).astype(np.uint8)
            write_png(folder / f"{name}_{index}.png", image)
    return str(folder)
