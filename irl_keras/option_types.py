"""Types of command-line options that several commands have."""

from __future__ import annotations

import argparse
from collections.abc import Callable


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
