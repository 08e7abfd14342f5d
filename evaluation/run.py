"""What a command line asks to be evaluated, as values; and the options that both systems share."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TypeVar

from datasets import degradations
from evaluation.tables.core import TableRun
from forensics_keras.command_line import at_least, checked_by

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
        inpainters: Inpainters or families that photographs are forged with; `None` for the usual
            ones, or those of the table.
        threshold: A pixel is flagged from this probability on, 0 to 1.
        published: Folder of pair folders forged by others, for tables.
    """

    inpainters: tuple[str, ...] | None = None
    threshold: float = 0.5
    published: Path | None = None


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
        export: Folder that only the protected pictures are written into.
        calibrate: Whether the preset's thresholds are chosen, instead of measuring.
        config: Stem of the config file that a table's trainings start from, instead of its own.
    """

    key: Path | None = None
    passive: Path | None = None
    manipulations: tuple[str, ...] | None = None
    value_range: tuple[float, float] = (-1.0, 1.0)
    network_size: int | None = None
    export: Path | None = None
    calibrate: bool = False
    config: str | None = None


Run = TypeVar("Run", bound=EvaluationRun)


def read_options(kind: type[Run], options: argparse.Namespace, table: TableRun | None) -> Run:
    """Makes a run of parsed options, whose names are those of its fields."""
    values = {one.name: getattr(options, one.name) for one in fields(kind) if one.name != "table"}
    values = {name: tuple(v) if isinstance(v, list) else v for name, v in values.items()}
    return kind(**values, table=table)


def add_options(
    parser: argparse.ArgumentParser, preset: str, out: str, size: str, conditions: Sequence[str]
) -> argparse._MutuallyExclusiveGroup:
    """Adds the options that both systems have.

    Args:
        parser: The parser.
        preset: Default of `--preset`.
        out: Default of `--out`.
        size: Help of `--size`.
        conditions: Default degradations, for the help.

    Returns:
        The group of what names the model.
    """
    model = parser.add_mutually_exclusive_group()
    model.add_argument(
        "--preset",
        default=preset,
        help="shipped preset or a preset's folder (default: %(default)s)",
    )
    model.add_argument("--weights", type=Path, metavar="FILE.keras", help="model saved by Keras")
    parser.add_argument(
        "--data",
        type=Path,
        metavar="FOLDER",
        help="pristine photographs, or for irl also pairs of pictures and masks; "
        "by default the bundled test photographs",
    )
    parser.add_argument(
        "--out", type=Path, default=Path(out), help="output folder (default: %(default)s)"
    )
    parser.add_argument("--size", type=at_least(16), help=size)
    parser.add_argument(
        "--degradations",
        nargs="+",
        type=checked_by(degradations.parse),
        metavar="SPEC",
        help="conditions, for example clean jpeg:90 webp:80 blur:1 noise:5 resize:0.75 "
        f"(default: {' '.join(conditions)}, or those of the table)",
    )
    parser.add_argument(
        "--seed", type=at_least(0), default=0, help="seed of all that is drawn (default: 0)"
    )
    parser.add_argument("--limit", type=at_least(1), metavar="N", help="number of pictures at most")
    return model
