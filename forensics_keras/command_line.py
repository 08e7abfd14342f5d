"""Command lines: types of options, exit codes, and how a program with several commands runs."""

from __future__ import annotations

import argparse
import difflib
import enum
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NoReturn

from forensics_keras import __version__
from forensics_keras.native_output import quiet_libraries
from forensics_keras.terminal import printable, unfailing_output

_BACKENDS = ("tensorflow", "jax", "torch")
"""Keras' backends, each of which is a package of this name."""


class ExitCode(enum.IntEnum):
    """How every command of this repository ends."""

    DONE = 0
    SOME_FAILED = 1  # the others are done, and the failed ones are named
    REFUSED = 2  # bad options or input, or something cannot be written
    INTERRUPTED = 130


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
    """Reads a number above 0 and at most 1."""
    value = float(text)
    if not 0 < value <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not above 0 and at most 1")
    return value


def nonempty_path(text: str) -> Path:
    """Reads a path, which must not be empty: that would be the current folder."""
    if not text:
        raise argparse.ArgumentTypeError("the path is empty ('.' is the current folder)")
    return Path(text)


def checked_by(check: Callable[[str], object]) -> Callable[[str], str]:
    """Makes the type of a text that a function refuses, with a message, by a `ValueError`."""

    def checked(text: str) -> str:
        try:
            check(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error
        return text

    return checked


def renamed(parser: argparse.ArgumentParser, old: str, new: str) -> None:
    """Lets an option that has another name now answer with one line that says the new one.

    Args:
        parser: Parser that does not have the old option.
        old: Old name, such as `"--source"`.
        new: New name, such as `"--data"`.
    """

    class Renamed(argparse.Action):
        def __call__(self, parser, *_):
            refuse(parser, f"{old} is called {new} now")

    hidden = argparse.SUPPRESS
    parser.add_argument(old, nargs="?", action=Renamed, default=hidden, help=hidden)


def refuse(parser: argparse.ArgumentParser, message: str) -> NoReturn:
    """Ends the program with one line on stderr, without the usage that `parser.error` prints."""
    parser.exit(ExitCode.REFUSED, f"error: {printable(message)}\n")


def one_line(error: Exception) -> str:
    """Returns the message of an error without line breaks and control characters."""
    return printable(" ".join(str(error).split()))


def program_name(package: str) -> str:
    """Returns how the program of a package was called, for its usage.

    Args:
        package: Name of the package, which may also be run by `python -m`.
    """
    started = os.path.basename(sys.argv[0])
    return f"python -m {package}" if started == "__main__.py" else package.replace("_", "-")


def run_program(
    prog: str | None,
    description: str | None,
    add_commands: Iterable[Callable[[argparse._SubParsersAction], None]],
    arguments: Sequence[str] | None = None,
) -> int:
    """Runs one of several commands.

    Args:
        prog: How the program is called; `None` for the name of its file.
        description: Text for its help, whose line breaks are kept.
        add_commands: Each adds a command to the parser, with `run` among its defaults: a function
            from the parsed options to an exit code, or to `None` when all is done.
        arguments: Without the program's name; those of the process by default.

    Returns:
        As `run_command`.
    """
    parser = argparse.ArgumentParser(
        prog=prog, description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for add_command in add_commands:
        add_command(commands)
    for command in commands.choices.values():
        command.set_defaults(command_parser=command)
        if command.prefix_chars == "-":
            command.add_argument(
                "--verbose",
                action="store_true",
                help="Also show what TensorFlow and the decoders of pictures log",
            )
    return run_command(parser, lambda options: options.run(options), arguments)


def run_command(
    parser: argparse.ArgumentParser,
    run: Callable[[argparse.Namespace], int | None],
    arguments: Sequence[str] | None = None,
) -> int:
    """Parses and runs a command: the one place where errors are reported.

    Args:
        parser: The parser of its options.
        run: Function from the parsed options to an exit code, or to `None` when all is done.
        arguments: Without the program's name; those of the process by default.

    Returns:
        The command's exit code; `ExitCode.REFUSED`, after one line on stderr, for a `ValueError`
        or an `OSError`; `ExitCode.INTERRUPTED` for Ctrl-C. Wrong usage raises SystemExit with
        `ExitCode.REFUSED`.
    """
    with unfailing_output():
        options, unknown = parser.parse_known_args(arguments)
        if unknown:
            _refuse_unknown(getattr(options, "command_parser", parser), unknown)
    with quiet_libraries(getattr(options, "verbose", None)), unfailing_output():
        try:
            return run(options) or ExitCode.DONE
        except ModuleNotFoundError as error:
            if error.name not in _BACKENDS:
                raise
            print(
                f"error: Keras' backend is not installed: pip install {error.name}, or set "
                f"KERAS_BACKEND to one that is ({', '.join(_BACKENDS)})",
                file=sys.stderr,
            )
            return ExitCode.REFUSED
        except (OSError, ValueError) as error:
            print(f"error: {one_line(error)}", file=sys.stderr)
            return ExitCode.REFUSED
        except KeyboardInterrupt:
            print("interrupted; the same command goes on where it stopped", file=sys.stderr)
            return ExitCode.INTERRUPTED


def _refuse_unknown(parser: argparse.ArgumentParser, unknown: Sequence[str]) -> NoReturn:
    """Ends the program with the usage of the command that does not know these arguments."""
    hints = []
    for option in (text.partition("=")[0] for text in unknown if text.startswith("-")):
        hints += difflib.get_close_matches(option, parser._option_string_actions, n=1)
    meant = f"; did you mean {', '.join(hints)}?" if hints else ""
    parser.error(printable(f"unrecognized arguments: {' '.join(unknown)}{meant}"))
