"""Makes a private key from a preset; the command line is `python train.py key`.

The templates of the preset are replaced by secret ones (`keys.renew_templates`), and the localizer
and the classifier are trained for some hundred steps more to know them. The training needs more
than this library, and so is handed in: the repository has the code that makes training pictures.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

from malp_keras import keys
from malp_keras.malp import MaLP
from malp_keras.presets import from_preset, read_card


class FineTuned(NamedTuple):
    """What training a localizer for new templates gives, besides its weights.

    Attributes:
        calibration: Thresholds of the new localizer, the fields of `keys.CALIBRATION`.
        recipe: How it was trained, for the card; values that JSON can hold.
    """

    calibration: Mapping[str, object]
    recipe: Mapping[str, object]


def make_key(
    path: str | os.PathLike,
    preset: str | os.PathLike,
    fine_tune: Callable[[MaLP], FineTuned],
    overwrite: bool = False,
    seed: int | None = None,
) -> dict:
    """Makes a private key from a preset.

    Args:
        path: Path of the key file.
        preset: Name or folder.
        fine_tune: Trains the model in place to know its new templates, which it must leave as they
            are.
        overwrite: Whether an existing file may be replaced.
        seed: Seed of the templates, for tests; see `keys.renew_templates`.

    Returns:
        The card of the key.

    Raises:
        ValueError: The file exists, there is no such preset, or as `fine_tune` does.
        OSError: The file cannot be written.
    """
    keys.refuse_existing(path, overwrite)
    card = read_card(preset)
    model = from_preset(preset)
    keys.renew_templates(model.template_layer, seed)
    calibration, recipe = fine_tune(model)
    content = {
        "name": f"{card['name']} with own templates",
        "preset": {"name": card["name"], "sha256": card["sha256"]},
        "architecture": card["architecture"],
        "calibration": calibration,
        "made": time.strftime("%Y-%m-%d", time.gmtime()),
        "recipe": recipe,
    }
    keys.save_key(path, model, content, overwrite)
    return keys.read_key_card(path)
