"""The options and the end of every command over many pictures."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds what every command over pictures has: PATH..., -o OUT and --overwrite."""
    parser.add_argument("paths", nargs="+", metavar="PATH", help="picture or folder of pictures")
    parser.add_argument("-o", "--output", required=True, metavar="OUT", help="output folder")
    parser.add_argument(
        "--overwrite", action="store_true", help="make outputs again that exist already"
    )


def exit_status(run_job: Callable[[], Counter[str]], out: str) -> int:
    """Runs a job for the command line and prints the summary, or the error that prevented it.

    Args:
        run_job: Does the job, as `run` does, or raises ValueError or OSError.
        out: Output folder, for the summary.

    Returns:
        0 done, 1 some inputs failed, 2 nothing done, 130 interrupted.
    """
    try:
        counts = run_job()
    except (OSError, ValueError) as error:
        print("error: " + " ".join(str(error).splitlines()), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; the same command goes on where it stopped", file=sys.stderr)
        return 130
    found = ", ".join(f"{number} {what}" for what, number in sorted(counts.items()))
    print(f"{counts.total()} inputs: {found}; see {Path(out) / 'report.jsonl'}")
    return 1 if counts["failed"] else 0
