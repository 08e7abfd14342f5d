"""Command line: `python -m irl_keras COMMAND`."""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Sequence

from irl_keras import prediction


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command.

    Args:
        arguments: Without the program's name; those of the process by default.

    Returns:
        Exit status: 0 done, 1 some inputs failed, 2 wrong usage, 130 interrupted.
    """
    parser = argparse.ArgumentParser(prog="python -m irl_keras", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    prediction.add_command(commands)
    options = parser.parse_args(arguments)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="PIL")  # errors say what matters
            return options.run(options)
    except KeyboardInterrupt:
        print("interrupted; the same command goes on where it stopped", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
