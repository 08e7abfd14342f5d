"""The trained weights of MaLP that this package ships."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from forensics_keras.presets import PresetStore, save_preset

if TYPE_CHECKING:
    from malp_keras.malp import MaLP

__all__ = ["from_preset", "list_presets", "read_card", "save_preset"]


def _builders() -> dict:
    from malp_keras.malp import malp  # imports Keras

    return {"malp": malp}


STORE = PresetStore(Path(__file__).parent / "weights", _builders)

read_card = STORE.card
list_presets = STORE.names
build = STORE.build


def from_preset(name_or_folder: str | os.PathLike) -> MaLP:
    """Builds the network of a preset and gives it the trained weights; see `PresetStore.load`.

    Args:
        name_or_folder: One of `list_presets()`, or else a folder that `save_preset` wrote.

    Returns:
        The model, not compiled.

    Raises:
        ValueError: If there is no such preset, it is damaged, or its templates protect nothing.
        OSError: If its weights are missing or cannot be read.
    """
    model = STORE.load(name_or_folder)
    check_templates(model, name_or_folder)
    return model


def check_templates(model: MaLP, path: str | os.PathLike) -> None:
    """Raises ValueError for templates that would leave pictures unprotected."""
    from keras import ops

    strength = model.template_layer.strength
    if not (math.isfinite(strength) and strength > 0):
        raise ValueError(f"{path}: protects with a strength of {strength}, which is nothing")
    templates = ops.convert_to_numpy(model.template_layer.templates)
    if not (np.isfinite(templates).all() and templates.any(axis=(1, 2)).all()):
        raise ValueError(f"{path}: has a template that is empty or not finite; it is damaged")
