"""Measures methods beside trivial baselines; `python evaluate.py irl --help` lists the options.

Exit code 0; 1 when some pictures failed, which are named; 2 for bad options, data or weights.
"""

import sys
from collections.abc import Sequence
from functools import partial

from forensics_keras.command_line import run_program

COMMANDS = {
    "irl": "IRL-Net and its baselines: inpainted regions",
    "malp": "MaLP: pictures that were protected beforehand",
    "inpainters": "How good inpainters are",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    commands = [partial(_add, name, name in arguments[:1]) for name in COMMANDS]
    return run_program("evaluate.py", __doc__, commands, arguments)


def _add(name: str, is_chosen: bool, commands) -> None:
    """Adds a command; only the chosen one imports what its options name, and with it Keras."""
    if is_chosen:
        from evaluation import inpainters, irl, malp

        chosen = {"irl": irl, "malp": malp, "inpainters": inpainters}[name]
        chosen.add_parser(commands, COMMANDS[name])
    else:
        commands.add_parser(name, help=COMMANDS[name])


if __name__ == "__main__":
    sys.exit(main())
