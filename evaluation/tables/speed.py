"""How long networks take for one picture."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module

import keras
import numpy as np

from malp_keras import baselines, malp_localizer
from malp_keras.malp import MaLP

SIZES = (128, 256, 512)


def networks(model: MaLP, name: str) -> dict[str, keras.Model]:
    """Builds the networks of the table: MaLP's CNN of the paper, a preset's, and passive ones."""
    return {
        "MaLP, CNN of the paper": malp_localizer(),
        f"{name}, CNN": model.localizer,
        f"{name}, whole": model,
        "ResNet-50 (passive)": baselines.resnet50_map(),
        "DeepLabv3, ResNet-101 (passive)": baselines.deeplab_v3_map(),
    }


def milliseconds(
    network: keras.Model, size: int, repeats: int, clock: Callable[[], float] = time.perf_counter
) -> float:
    """Times a forward pass of one picture: the median, after a first one that is not counted."""
    inputs = np.random.default_rng(0).uniform(0, 255, (1, size, size, 3)).astype("float32")
    if isinstance(getattr(network, "input", None), dict):  # a CNN that is given the templates
        count = network.input["templates"].shape[-1]
        inputs = {"image": inputs, "templates": np.ones((1, size, size, count), "float32")}
    forward = _compiled(network)
    times = []
    for _ in range(repeats + 1):
        start = clock()
        keras.tree.map_structure(np.asarray, forward(inputs))
        times.append(clock() - start)
    return 1000 * statistics.median(times[1:])


def _compiled(network: keras.Model):
    """Makes a forward pass that is traced once for each size, as inference does it."""

    def forward(inputs):
        return network(inputs, training=False)

    backend = keras.backend.backend()
    compiler = {"tensorflow": "function", "jax": "jit"}.get(backend)
    return getattr(import_module(backend), compiler)(forward) if compiler else forward


def device() -> str:
    """Names what the times are of."""
    return f"{keras.distribution.list_devices()[0]} with {os.cpu_count()} processors"


def rows(
    networks: Mapping[str, keras.Model],
    sizes: Sequence[int],
    repeats: int,
    timed: Callable[[keras.Model, int, int], float] = milliseconds,
) -> list[dict]:
    """Times every network at every size, with the ratio to the first network."""
    found = []
    for size in sizes:
        times = {name: timed(network, size, repeats) for name, network in networks.items()}
        reference = next(iter(times.values()))
        found += [
            {
                "size": size,
                "network": name,
                "parameters": networks[name].count_params(),
                "ms a picture": f"{duration:.1f}",
                "times MaLP's": f"{duration / reference:.2f}",
            }
            for name, duration in times.items()
        ]
    return found
