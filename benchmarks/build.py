"""Times the building of data sets: pairs a second of each inpainter, in batches and one by one.

    python -m benchmarks.build --out runs/benchmarks

One process of `datasets.build` forges 256-pixel pairs of the bundled photographs and writes them as
PNG, in batches of `datasets.build.BATCH` pairs and in batches of one. Of each family of inpainters
one member is timed.

Profile (cProfile, one core): with the classical inpainters, Pillow's PNG encoder takes 50 to 60 %
of the time, the inpainter 20 to 30 %, the JPEG decoder 10 %; with a re-synthesizer the encoder
takes 40 % and the network 35 %. All of these are compiled code, of which a batch can spare the
calls only. The patch-copying inpainter takes 20 times as long as the rest, three quarters of it
in its search.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from benchmarks.common import Table, rates, run_benchmark, time_in_turn, write_results
from datasets import build
from datasets.inpainting import FAMILIES, INPAINTERS
from datasets.photographs.sources import bundled_photographs

FULL = {"size": 256, "pairs": build.BATCH, "repeats": 3}
QUICK = {"size": 32, "pairs": 2, "repeats": 1}
COLUMNS = {
    "inpainter": "inpainter",
    "batched": "pairs a second, batched",
    "one_by_one": "pairs a second, one by one (baseline)",
    "ratio": "speed ratio",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    return run_benchmark("build", __doc__, _measure_all, arguments)


def _measure_all(options: argparse.Namespace) -> None:
    settings = QUICK if options.quick else FULL
    members = {name for family in FAMILIES.values() for name in family[1:]}
    inpainters = [name for name in INPAINTERS if name not in members]
    rows = [measure(name, **settings) for name in inpainters]
    note = (
        f"Pairs of {settings['size']} pixels, batches of {settings['pairs']}, one process. "
        "Speed ratio: batched to one by one (medians)."
    )
    tables = [Table("Built pairs", COLUMNS, rows, note)]
    write_results(options.out, options.quick, "build", "Building data sets", settings, tables)


def measure(inpainter: str, size: int, pairs: int, repeats: int) -> dict:
    """Times both ways in turn."""
    photographs = bundled_photographs("train")
    plan = build.Plan(
        folder=photographs[0].parent,
        photographs=tuple(path.name for path in photographs),
        inpainters=(inpainter,),
        masks=(),
        size=size,
        seed=0,
    )
    with tempfile.TemporaryDirectory() as folder:
        write = partial(build.write_unit, plan, Path(folder), "png")

        def one_by_one():
            for number in range(pairs):
                write(range(number, number + 1))

        calls = {"batched": partial(write, range(pairs)), "one_by_one": one_by_one}
        seconds = time_in_turn(calls, repeats)
    medians = {way: statistics.median(values) for way, values in seconds.items()}
    return {
        "inpainter": inpainter,
        **{way: rates(pairs, values) for way, values in seconds.items()},
        "ratio": medians["one_by_one"] / medians["batched"],
    }


if __name__ == "__main__":
    sys.exit(main())
