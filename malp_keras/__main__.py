"""Command line: `python -m malp_keras COMMAND`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from forensics_keras.command_line import run_program
from malp_keras import key_making, protection, verification

COMMANDS = protection.add_command, verification.add_command, key_making.add_command


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command.

    Args:
        arguments: Without the program's name; those of the process by default.

    Returns:
        Exit status: 0 done, 1 some inputs failed, 2 wrong usage, 130 interrupted.
    """
    return run_program("python -m malp_keras", __doc__, COMMANDS, arguments)


if __name__ == "__main__":
    sys.exit(main())
