"""Measures whether training waits for its data: forging alone, and training with and without it.

    python -m benchmarks.pipeline --out runs/benchmarks [--data PHOTOGRAPHS]

Crops are forged by the recipe of the shipped weights from the bundled photographs, or from those of
a folder, by the tf.data pipeline of `train.py irl`; the shipped network trains on them.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import keras
import tensorflow as tf

from benchmarks.common import (
    Table,
    rates,
    run_benchmark,
    shipped_architecture,
    summarize,
    write_results,
)
from benchmarks.speed import EXPERIMENT, build_network
from datasets.photographs.sources import bundled_photographs, list_photographs
from datasets.tf_data import training_dataset
from datasets.training_sets import ForgedPhotographs

FULL = {
    "forging": {"warmup": 8, "batches": 25, "repeats": 5},
    "training": {"warmup": 3, "steps": 12, "repeats": 3},
}
QUICK = {
    "forging": {"warmup": 1, "batches": 2, "repeats": 2},
    "training": {"warmup": 1, "steps": 2, "repeats": 1},
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    data = {"type": Path, "metavar": "FOLDER", "help": "Photographs instead of the bundled ones"}
    return run_benchmark("pipeline", __doc__, _measure_all, arguments, data=data)


def _measure_all(options: argparse.Namespace) -> None:
    settings = QUICK if options.quick else FULL
    photographs = list_photographs(options.data) if options.data else bundled_photographs("train")
    training_set = ForgedPhotographs(photographs, EXPERIMENT.recipe, seed=0)
    batches = training_dataset(training_set, EXPERIMENT.batch_size)
    tables = [
        Table(
            "The pipeline alone",
            {"threads": "threads", "crops_per_second": "crops a second", "ratio": "ratio"},
            forging_rows(batches, **settings["forging"]),
            f"Forged crops of side {training_set.size}, in batches of {EXPERIMENT.batch_size}. "
            "Ratio to one thread.",
        ),
        Table(
            "Training the shipped network",
            {
                "batches": "batches",
                "pictures_per_second": "pictures a second",
                "ratio": "ratio",
                "waiting_percent": "% of time waiting for a batch",
            },
            training_rows(batches, **settings["training"]),
            "Ratio to training on one batch again and again, which needs no pipeline. On a "
            "machine without a GPU forging and training share the cores.",
        ),
    ]
    described = {
        **settings,
        "photographs": len(photographs),
        "data": options.data or "the bundled training photographs",
        "crop_size": training_set.size,
        "batch_size": EXPERIMENT.batch_size,
        "architecture": shipped_architecture(),
    }
    write_results(options.out, options.quick, "pipeline", "Pipeline", described, tables)


def forging_rows(dataset: tf.data.Dataset, warmup: int, batches: int, repeats: int) -> list[dict]:
    """Crops per second of the pipeline by number of threads."""
    single = tf.data.Options()
    single.threading.private_threadpool_size = 1
    rows = []
    for threads, source in {"1": dataset.with_options(single), "AUTOTUNE": dataset}.items():
        iterator = iter(source)
        _take(iterator, warmup)
        seconds = [_take(iterator, batches) for _ in range(repeats)]
        crops = rates(batches * EXPERIMENT.batch_size, seconds)
        rows.append({"threads": threads, "crops_per_second": crops})
    one = rows[0]["crops_per_second"]["median"]
    return [{**row, "ratio": row["crops_per_second"]["median"] / one} for row in rows]


def _take(iterator: Iterator, count: int) -> float:
    """Seconds to get some batches."""
    start = time.perf_counter()
    for _ in range(count):
        next(iterator)
    return time.perf_counter() - start


def training_rows(batches: tf.data.Dataset, warmup: int, steps: int, repeats: int) -> list[dict]:
    """Pictures per second of training on one cached batch and on the pipeline, in turn."""
    model = build_network(shipped_architecture())
    cached = tf.data.Dataset.from_tensors(next(iter(batches))).repeat()
    sources = {"one, cached (baseline)": cached, "from the pipeline": batches}
    runs = {name: [] for name in sources}
    for _ in range(repeats):
        for name, dataset in sources.items():
            iterator = iter(dataset)  # a new one, so that it does not fill while the other trains
            train(model, iterator, warmup)
            runs[name].append(train(model, iterator, steps))
    pictures = steps * EXPERIMENT.batch_size
    rows = [
        {
            "batches": name,
            "pictures_per_second": rates(pictures, [total for total, _ in times]),
            "waiting_percent": summarize([100 * waited / total for total, waited in times]),
        }
        for name, times in runs.items()
    ]
    baseline = statistics.median(total for total, _ in runs["one, cached (baseline)"])
    for row, times in zip(rows, runs.values(), strict=True):
        row["ratio"] = baseline / statistics.median(total for total, _ in times)
    return rows


def train(model: keras.Model, iterator: Iterator, steps: int) -> tuple[float, float]:
    """Trains some steps; returns their seconds and those of them spent waiting for batches."""
    waited = 0.0
    start = time.perf_counter()
    for _ in range(steps):
        waiting_since = time.perf_counter()
        images, masks = next(iterator)
        waited += time.perf_counter() - waiting_since
        model.train_on_batch(images, masks)
    return time.perf_counter() - start, waited


if __name__ == "__main__":
    sys.exit(main())
