"""Command lines: types of options, and how a program with several commands runs."""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Callable, Iterable, Sequence


def at_least(least: int, most: int | None = None) -> Callable[[str], int]:
    """Makes the type of a whole number that must lie in a range.

    Args:
        least: The smallest one.
        most: The largest one; `None` for no limit.
    """

    def number(text: str) -> int:
        value = int(text)
        if value < least:
            raise argparse.ArgumentTypeError(f"{value} is less than {least}")
        if most is not None and value > most:
            raise argparse.ArgumentTypeError(f"{value} is more than {most}")
        return value

    return number


def threshold(text: str) -> float:
    """A number above 0 and at most 1."""
    value = float(text)
    if not 0 < value <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not above 0 and at most 1")
    return value


def checked_by(check: Callable[[str], object]) -> Callable[[str], str]:
    """Makes the type of a text that a function refuses, with a message, by a `ValueError`."""

    def checked(text: str) -> str:
        try:
            check(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error
        return text

    return checked


def run_program(
    prog: str,
    description: str | None,
    add_commands: Iterable[Callable[[argparse._SubParsersAction], None]],
    arguments: Sequence[str] | None = None,
) -> int:
    """Runs one of several commands.

    Args:
        prog: How the program is called.
        description: For its help.
        add_commands: Each adds a command to the parser, with `run` among its defaults: a function
            from the parsed options to the exit status.
        arguments: Without the program's name; those of the process by default.

    Returns:
        Exit status: what the command's `run` gave, or 130 when interrupted. Wrong usage raises
        SystemExit with status 2.
    """
    parser = argparse.ArgumentParser(prog=prog, description=description)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for add_command in add_commands:
        add_command(commands)
    options = parser.parse_args(arguments)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="PIL")  # errors say what matters
            return options.run(options)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
