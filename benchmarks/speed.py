"""Times the forward pass and the training step of the full and of the shipped network.

    python -m benchmarks.speed --out runs/benchmarks

The training step is that of `train.py irl`: loss, gradients, Adam. Pictures are forged from the
bundled photographs. Both networks are timed in turn in the same run; ratios are to the full one.
"""

from __future__ import annotations

import argparse
import dataclasses
import statistics
import sys
from collections.abc import Sequence
from functools import partial

import keras
import numpy as np

from benchmarks.common import (
    Table,
    rates,
    run_benchmark,
    shipped_architecture,
    summarize,
    time_in_turn,
    write_results,
)
from datasets.photographs.sources import bundled_photographs
from datasets.training_sets import ForgedPhotographs
from irl_keras import irl_net
from training.configs import read_stage
from training.irl import compile_model

EXPERIMENT = read_stage("irl_small", "irl_small")
FULL = {"batch_sizes": {128: 8, 256: 2, 512: 1}, "forward_repeats": 7, "training_repeats": 3}
QUICK = {"batch_sizes": {32: 1}, "forward_repeats": 2, "training_repeats": 1}
BASELINE, SHIPPED = "full network (baseline)", "shipped network"
COLUMNS = {
    "network": "network",
    "size": "side, pixels",
    "batch_size": "batch",
    "seconds": "seconds a batch",
    "pictures_per_second": "pictures a second",
    "ratio": "speed ratio",
}
NOTE = "Speed ratio: seconds of the full network over seconds of this one (medians)."


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    return run_benchmark("speed", __doc__, _measure_all, arguments)


def _measure_all(options: argparse.Namespace) -> None:
    settings = QUICK if options.quick else FULL
    architectures = {BASELINE: {}, SHIPPED: shipped_architecture()}
    networks = {name: build_network(kwargs) for name, kwargs in architectures.items()}
    forward, training = [], []
    for size, batch_size in settings["batch_sizes"].items():
        images, masks = forged_batch(size, batch_size)
        calls = {name: partial(net.predict_on_batch, images) for name, net in networks.items()}
        forward += measure(calls, size, batch_size, settings["forward_repeats"])
        calls = {name: partial(net.train_on_batch, images, masks) for name, net in networks.items()}
        training += measure(calls, size, batch_size, settings["training_repeats"])
    tables = [
        Table("Forward pass", COLUMNS, forward, NOTE),
        Table("Training step", COLUMNS, training, NOTE),
    ]
    parameters = {name: network.count_params() for name, network in networks.items()}
    described = {**settings, "architectures": architectures, "parameters": parameters}
    write_results(options.out, options.quick, "speed", "Speed", described, tables)


def build_network(architecture: dict) -> keras.Model:
    """Builds a network as `train.py irl` trains it, with random weights."""
    keras.utils.set_random_seed(0)
    model = irl_net(**architecture)
    compile_model(model, EXPERIMENT)
    model.optimizer.build(model.trainable_variables)  # else the first step is traced twice
    return model


def forged_batch(size: int, batch_size: int) -> tuple[np.ndarray, np.ndarray]:
    """Pictures, uint8 (batch, size, size, 3), and masks, uint8 (batch, size, size, 1)."""
    recipe = EXPERIMENT.recipe
    recipe = dataclasses.replace(recipe, size=size, mask_size=max(size, recipe.mask_size))
    training_set = ForgedPhotographs(bundled_photographs("train"), recipe, seed=0)
    images, masks = zip(*map(training_set.sample, range(batch_size)), strict=True)
    return np.stack(images), np.stack(masks)


def measure(calls: dict, size: int, batch_size: int, repeats: int) -> list[dict]:
    """Times the networks in turn on one size; a row for each."""
    seconds = time_in_turn(calls, repeats)
    baseline = statistics.median(seconds[BASELINE])
    return [
        {
            "network": name,
            "size": size,
            "batch_size": batch_size,
            "seconds": summarize(values),
            "pictures_per_second": rates(batch_size, values),
            "ratio": baseline / statistics.median(values),
        }
        for name, values in seconds.items()
    ]


if __name__ == "__main__":
    sys.exit(main())
