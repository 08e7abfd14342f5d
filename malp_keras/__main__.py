"""MaLP protects photographs, and later shows where they were changed."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from forensics_keras.command_line import program_name, run_program
from malp_keras.commands import COMMANDS


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command.

    Args:
        arguments: Without the program's name; those of the process by default.

    Returns:
        Exit status: 0 done, 1 some inputs failed, 2 wrong usage, 130 interrupted.
    """
    return run_program(program_name("malp_keras"), __doc__, COMMANDS, arguments)


if __name__ == "__main__":
    sys.exit(main())
