"""Trains the networks of this repository, and makes presets and keys of them.

`python train.py COMMAND --help` lists a command's options.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial

from forensics_keras.command_line import run_program
from training import commands


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command.

    Args:
        arguments: Without the program's name; those of the process by default.

    Returns:
        Exit status: 0 done, 2 refused, 130 interrupted.
    """
    key = partial(commands.add_key, calibrate=_calibrate)
    add_commands = (
        *(commands.add_irl, commands.add_malp, commands.add_stgan, commands.add_inpaint),
        *(key, commands.add_preset, commands.add_cards),
    )
    return run_program("train.py", __doc__, add_commands, arguments)


def _calibrate(*arguments):
    from evaluation.calibration import calibrate_photographs  # loads TensorFlow

    return calibrate_photographs(*arguments)


if __name__ == "__main__":
    sys.exit(main())
