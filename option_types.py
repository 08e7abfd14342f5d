"""Types of command-line options that several commands have."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from datasets.degradations import parse


def at_least(least: int) -> Callable[[str], int]:
    """Makes the type of a whole number that must not be smaller than some other."""

    def number(text: str) -> int:
        value = int(text)
        if value < least:
            raise argparse.ArgumentTypeError(f"{value} is less than {least}")
        return value

    return number


def threshold(text: str) -> float:
    """A number above 0 and at most 1."""
    value = float(text)
    if not 0 < value <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not above 0 and at most 1")
    return value


def degradation(text: str) -> str:
    """A spec of `datasets.degradations`."""
    try:
        parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return text
