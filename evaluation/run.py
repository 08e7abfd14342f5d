"""What a command line asks to be evaluated, as values; and the options that both systems share."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

from datasets import degradations
from evaluation.tables.core import TableRun
from forensics_keras.command_line import at_least, checked_by, nonempty_path

QUICK_PICTURES = 3
"""Pictures of a quick run, at most."""


@dataclass(frozen=True, kw_only=True)
class EvaluationRun:
    """What is measured.

    Attributes:
        preset: Name or folder of a preset.
        weights: Model that Keras saved, instead of the preset.
        data: Folder of pictures; `None` for the bundled test photographs.
        out: Folder for the results.
        size: Side of the pictures, in pixels; `None` for the method's.
        degradations: Specs of `datasets.degradations`; `None` for those of the system or table.
        limit: The greatest number of pictures; `None` for all.
        seed: Seed of all that is drawn, and of the bootstrap.
        table: Table that is made, instead of one evaluation.
    """

    preset: str
    weights: Path | None = None
    data: Path | None = None
    out: Path
    size: int | None = None
    degradations: tuple[str, ...] | None = None
    limit: int | None = None
    seed: int = 0
    table: TableRun | None = None

    def limited(self) -> EvaluationRun:
        """Returns the run with few pictures, if it is for a quick table."""
        if not (self.table and self.table.quick):
            return self
        return replace(self, limit=min(self.limit or QUICK_PICTURES, QUICK_PICTURES))


@dataclass(frozen=True, kw_only=True)
class IRLEvaluation(EvaluationRun):
    """What is measured of methods that find inpainting.

    Attributes:
        inpainters: Photographs are forged with these; `None` for the usual or the table's.
        threshold: A pixel is flagged from this probability on, 0 to 1; `None` for the preset's.
        published: Folder of pair folders forged by others, for tables.
        pristine: Folders of photographs, measured whole beside `data`, each a source of its own.
        calibrate: Whether the preset's thresholds are chosen, instead of measuring.
    """

    inpainters: tuple[str, ...] | None = None
    threshold: float | None = None
    published: Path | None = None
    pristine: tuple[Path, ...] = ()
    calibrate: bool = False


@dataclass(frozen=True, kw_only=True)
class MaLPEvaluation(EvaluationRun):
    """What is measured of methods that protect photographs.

    Attributes:
        key: Private key, instead of a preset.
        passive: Model that is measured beside it, which protects nothing.
        manipulations: As `trials.find_manipulation` takes them; `None` for those of the preset's
            card, or of the table.
        value_range: Numbers of black and white for a user's network.
        network_size: Side of the pictures that a user's network takes, in pixels.
        trust: Whether a SavedModel, which is a program, may be loaded.
        export: Folder that only the protected pictures are written into.
        calibrate: Whether the preset's thresholds are chosen, instead of measuring.
        config: Stem of the config file that a table's trainings start from, instead of its own.
    """

    key: Path | None = None
    passive: Path | None = None
    manipulations: tuple[str, ...] | None = None
    value_range: tuple[float, float] = (-1.0, 1.0)
    network_size: int | None = None
    trust: bool = False
    export: Path | None = None
    calibrate: bool = False
    config: str | None = None


def add_command(
    commands, name: str, text: str, description: str, run: Callable[[argparse.Namespace], int]
) -> argparse.ArgumentParser:
    """Adds a command of `evaluate.py`, whose description keeps its line breaks, and returns it."""
    layout = argparse.RawDescriptionHelpFormatter
    parser = commands.add_parser(name, help=text, description=description, formatter_class=layout)
    parser.set_defaults(run=run)
    return parser


def read_options(kind: type, options: argparse.Namespace, table: TableRun | None) -> EvaluationRun:
    """Makes a run of parsed options, whose names are those of its fields."""
    values = {one.name: getattr(options, one.name) for one in fields(kind) if one.name != "table"}
    lists = {name: tuple(value) for name, value in values.items() if isinstance(value, list)}
    return kind(**{**values, **lists}, table=table)


def add_options(parser, preset: str, out: str, size: str, conditions: Sequence[str]):
    """Adds the options that both systems have; returns the group of what names the model.

    `size` is the help of `--size`, `conditions` are the default degradations, for the help.
    """
    model, add = parser.add_mutually_exclusive_group(), parser.add_argument
    default = "(default: %(default)s)"
    model.add_argument("--preset", default=preset, help=f"Name or folder of a preset {default}")
    model.add_argument(
        "--weights", type=nonempty_path, metavar="FILE.keras", help="Model saved by Keras"
    )
    text = "Pristine photographs, or for irl also forgeries with masks (default: bundled ones)"
    add("--data", type=nonempty_path, metavar="FOLDER", help=text)
    add("--out", type=nonempty_path, default=Path(out), help=f"Output folder {default}")
    add("--size", type=at_least(16), help=size)
    text = "Conditions, such as clean jpeg:90 webp:80 blur:1 noise:5 resize:0.75 (default: "
    text += f"{' '.join(conditions)}, or those of the table)"
    spec = checked_by(degradations.parse)
    add("--degradations", nargs="+", type=spec, metavar="SPEC", help=text)
    add("--seed", type=at_least(0), default=0, help=f"Seed of all that is drawn {default}")
    add("--limit", type=at_least(1), metavar="N", help="Number of pictures at most")
    return model
