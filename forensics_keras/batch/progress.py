"""How far a command over many pictures is."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from typing import TypeVar

from tqdm import tqdm

EVERY = 30
"""Seconds between two lines where there is no terminal."""

Item = TypeVar("Item")


def progress(pictures: Sequence[Item]) -> Iterator[Item]:
    """Yields pictures, and says on stderr how many are done, how fast, and how long it will take.

    On a terminal that is a bar; in log files and notebooks it is a line every half minute.
    """
    if sys.stderr.isatty():
        yield from tqdm(pictures, unit="picture", dynamic_ncols=True)
        return
    start = said = time.monotonic()
    for done, picture in enumerate(pictures):
        now = time.monotonic()
        if done and now - said >= EVERY:
            said = now
            rate = done / (now - start)
            left = tqdm.format_interval((len(pictures) - done) / rate)
            print(
                f"{done:,} of {len(pictures):,} pictures, {rate:.2g} a second, {left} left",
                file=sys.stderr,
            )
        yield picture
