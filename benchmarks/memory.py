"""Measures peak memory: of localizing pictures of growing size, and of the attention layer.

    python -m benchmarks.memory --out runs/benchmarks

Every row is measured in a fresh process, because a process' high-water mark never falls: it is the
resident memory of the whole process, with Python, TensorFlow, the network and the picture.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import cv2
import keras
import numpy as np

from benchmarks.common import (
    ROOT,
    Table,
    run_benchmark,
    shipped_architecture,
    summarize,
    time_in_turn,
    write_results,
)
from datasets.photographs.sources import bundled_photographs
from forensics_keras.images import read_image
from forensics_keras.localizer import ModelLocalizer
from irl_keras import irl_net
from irl_keras.layers import EncoderQueryAttention

FULL = {"picture_sides": [512, 1024, 2048, 4096], "attention_sides": [64, 128]}
QUICK = {"picture_sides": [64], "attention_sides": [8]}
CHANNELS = 128
"""Channels of both maps at the full network's attention."""
LIMIT = 3 * 2**30
"""Bytes that localizing a 4096x4096 picture must stay under."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    child = {"nargs": 2, "metavar": ("KIND", "SIDE"), "help": "Measure one row in this process"}
    return run_benchmark("memory", __doc__, _measure_all, arguments, child=child)


def _measure_all(options: argparse.Namespace) -> None:
    if options.child:
        kind, side = options.child
        row = localize_picture(int(side)) if kind == "picture" else attend(kind, int(side))
        print(json.dumps(row))
        return
    settings = QUICK if options.quick else FULL
    pictures = [picture_row(side) for side in settings["picture_sides"]]
    attention = [row for side in settings["attention_sides"] for row in attention_rows(side)]
    tables = [
        Table(
            "Localizing a picture with the shipped network",
            {
                "side": "side, pixels",
                "before": "before, GiB",
                "peak": "peak, GiB",
                "pixels_ratio": "pixels ratio",
                "peak_ratio": "peak ratio",
                "within_limit": "under 3 GiB",
                "seconds": "seconds",
            },
            [{**row, **_ratios(row, pictures[0])} for row in pictures],
            "Memory of the whole process, before and after `ModelLocalizer.localize`; ratios to "
            "the first row. Seconds are of the first call, in which TensorFlow also builds its "
            "graph.",
        ),
        Table(
            "Attention layer, in blocks of queries and with the plain matrix (baseline)",
            {
                "side": "side of the map",
                "method": "method",
                "added": "added memory, GiB",
                "memory_ratio": "memory ratio",
                "seconds": "seconds",
            },
            attention,
            f"Forward pass on maps of {CHANNELS} channels, a quarter of the picture's side. Added: "
            "peak minus the memory before the first call. Ratio to the plain matrix.",
        ),
    ]
    described = {**settings, "architecture": shipped_architecture(), "channels": CHANNELS}
    described["limit_bytes"] = LIMIT
    write_results(options.out, options.quick, "memory", "Memory", described, tables)


def _ratios(row: dict, first: dict) -> dict:
    return {
        "pixels_ratio": (row["side"] / first["side"]) ** 2,
        "peak_ratio": row["peak"] / first["peak"],
    }


def picture_row(side: int) -> dict:
    """Measures the memory in GiB of localizing one square picture."""
    row = run_child("picture", side)
    within = "yes" if row["peak_bytes"] < LIMIT else "no"
    gib = {key: row[f"{key}_bytes"] / 2**30 for key in ("before", "peak")}
    return {"side": side, **row, **gib, "within_limit": within}


def attention_rows(side: int) -> list[dict]:
    """Measures the memory in GiB that the attention adds on one size of map, by both methods."""
    rows = []
    for method in ("plain", "blocks"):
        row = run_child(method, side)
        added = (row["peak_bytes"] - row["before_bytes"]) / 2**30
        rows.append({"side": side, "method": method, **row, "added": added})
    return [{**row, "memory_ratio": row["added"] / rows[0]["added"]} for row in rows]


def run_child(kind: str, side: int) -> dict:
    """Measures one row in a fresh process."""
    command = [sys.executable, "-m", "benchmarks.memory", "--child", kind, str(side)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise ValueError(f"{kind} of side {side}: exit code {done.returncode}; is memory short?")
    return json.loads(done.stdout.splitlines()[-1])


def localize_picture(side: int) -> dict:
    """Localizes a photograph scaled to a square."""
    localizer = ModelLocalizer(irl_net(**shipped_architecture()))
    photograph = read_image(bundled_photographs("test")[0])
    image = cv2.resize(photograph, (side, side), interpolation=cv2.INTER_CUBIC)
    before = peak_memory()
    start = time.perf_counter()
    localizer.localize(image)
    seconds = time.perf_counter() - start
    return {"before_bytes": before, "peak_bytes": peak_memory(), "seconds": seconds}


def attend(method: str, side: int) -> dict:
    """Runs the attention layer; one block of all queries is the plain matrix."""
    block = {"query_block": side * side} if method == "plain" else {}
    inputs = [keras.Input((side, side, CHANNELS)) for _ in range(2)]
    model = keras.Model(inputs, EncoderQueryAttention(**block)(inputs))
    maps = list(np.random.default_rng(0).random((2, 1, side, side, CHANNELS), np.float32))
    before = peak_memory()
    seconds = time_in_turn({method: lambda: model.predict_on_batch(maps)}, repeats=3)[method]
    return {
        "before_bytes": before,
        "peak_bytes": peak_memory(),
        "seconds": summarize(seconds),
    }


def peak_memory() -> int:
    """Returns the high-water mark of this process' resident memory, in bytes."""
    status = Path("/proc/self/status")
    if status.exists():
        # Not getrusage: on Linux a child starts with its parent's mark there.
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


if __name__ == "__main__":
    sys.exit(main())
