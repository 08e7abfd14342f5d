"""Measures methods beside trivial baselines; `python evaluate.py irl --help` lists the options.

Exit code 0; 1 when some pictures failed, which are named; 2 for bad options, data or weights.
"""

import os
import sys
from collections.abc import Sequence

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from evaluation import inpainters, irl, malp
from forensics_keras.command_line import run_program


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    commands = [irl.add_parser, malp.add_parser, inpainters.add_parser]
    return run_program("evaluate.py", __doc__, commands, arguments)


if __name__ == "__main__":
    sys.exit(main())
