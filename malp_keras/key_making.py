"""`python -m malp_keras keygen`: makes a private key from a preset.

The templates of the preset are replaced by secret ones (`keys.renew_templates`), and the localizer
and the classifier are trained for some hundred steps more to know them. The training needs more
than this library: the repository's code that makes training pictures.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from forensics_keras.command_line import at_least
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
        seed: For tests, see `keys.renew_templates`.

    Returns:
        The card of the key.

    Raises:
        ValueError: The file exists, there is no such preset, or as `fine_tune` does.
        OSError: The file cannot be written.
    """
    keys.refuse_existing(path, overwrite)
    card = read_card(preset)
    model = from_preset(preset)
    keys.renew_templates(model, seed)
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


def add_command(commands: argparse._SubParsersAction) -> None:
    """Adds `keygen` to the commands of a parser."""
    parser = commands.add_parser(
        "keygen",
        help="make a private key",
        description="Makes a private key: own templates, and a localizer trained to know them.",
    )
    parser.set_defaults(run=_run)
    parser.add_argument("file", metavar="FILE", help="the key file to write")
    parser.add_argument(
        "--preset",
        default=keys.DEFAULT_PRESET,
        help="shipped preset or its folder to start from (default: %(default)s)",
    )
    parser.add_argument(
        "--photos",
        nargs="+",
        type=Path,
        metavar="FOLDER",
        help="photographs to train and calibrate on, hundreds if possible; the bundled ones "
        "without it",
    )
    parser.add_argument(
        "--config", type=Path, help="experiment file (default: the one that trained the preset)"
    )
    parser.add_argument(
        "--steps", type=at_least(1), default=400, help="of training (default: %(default)s)"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an existing key")


def _run(options: argparse.Namespace) -> int:
    start = time.monotonic()
    try:
        keys.refuse_existing(options.file, options.overwrite)
        own = options.config
        config = own.resolve() if own else read_card(options.preset)["recipe"]
        fine_tune = _training_code()(config, options.photos, options.steps)
        card = make_key(options.file, options.preset, fine_tune, options.overwrite)
    except (OSError, ValueError) as error:
        print("error: " + " ".join(str(error).splitlines()), file=sys.stderr)
        return 2
    minutes = (time.monotonic() - start) / 60
    print(
        f"{options.file}: {card['name']}, SHA-256 {card['sha256']}, made in {minutes:.1f} minutes. "
        "Keep it secret, and keep a copy: nothing else can verify what it protects."
    )
    return 0


def _training_code() -> Callable[..., Callable[[MaLP], FineTuned]]:
    """Finds the repository's training code, which is no part of the library."""
    try:
        from training.malp_key import prepare
    except ModuleNotFoundError as error:
        raise ValueError(
            f"keygen trains, which needs the repository's code ({error}); "
            "run it in the folder of a checkout"
        ) from error
    return prepare
