"""The options and the end of every command over many pictures."""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

from forensics_keras.command_line import ExitCode


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds what every command over pictures has: PATH..., -o OUT and --overwrite."""
    parser.add_argument("paths", nargs="+", metavar="PATH", help="picture or folder of pictures")
    parser.add_argument("-o", "--output", required=True, metavar="OUT", help="output folder")
    parser.add_argument(
        "--overwrite", action="store_true", help="make outputs again that exist already"
    )


def print_summary(counts: Counter[str], out: Path) -> ExitCode:
    """Prints what became of the inputs; returns the exit code.

    Args:
        counts: Number of inputs by outcome, as `run` returns it.
        out: Output folder.
    """
    found = ", ".join(f"{number} {what}" for what, number in sorted(counts.items()))
    print(f"{counts.total()} inputs: {found}; see {out / 'report.jsonl'}")
    return ExitCode.SOME_FAILED if counts["failed"] else ExitCode.DONE
