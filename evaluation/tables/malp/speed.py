"""How long networks take for one picture."""

from __future__ import annotations

import os
import statistics
import time

import keras
import numpy as np

from malp_keras import baselines, malp_localizer
from malp_keras.malp import MaLP

SIZES = (128, 256, 512)


def networks(model: MaLP, name: str) -> dict[str, keras.Model]:
    """The networks of the table: MaLP's CNN of the paper, a preset's, and the passive ones.

    Args:
        model: Of a preset; its localizer is the CNN alone, the rest of it finds the verdict.
        name: Of the preset.
    """
    return {
        "MaLP, CNN of the paper": malp_localizer(),
        f"{name}, CNN": model.localizer,
        f"{name}, whole": model,
        "ResNet-50 (passive)": baselines.resnet50_map(),
        "DeepLabv3, ResNet-101 (passive)": baselines.deeplab_v3_map(),
    }


def milliseconds(network: keras.Model, size: int, repeats: int) -> float:
    """Median time of a forward pass of one picture, after a first one that is not counted."""
    inputs = np.random.default_rng(0).uniform(0, 255, (1, size, size, 3)).astype("float32")
    if isinstance(getattr(network, "input", None), dict):  # a CNN that is given the templates
        count = network.input["templates"].shape[-1]
        inputs = {"image": inputs, "templates": np.ones((1, size, size, count), "float32")}
    forward = _compiled(network)
    times = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        keras.tree.map_structure(np.asarray, forward(inputs))
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times[1:])


def _compiled(network: keras.Model):
    """A forward pass that is traced once for each size, as inference does it."""

    def forward(inputs):
        return network(inputs, training=False)

    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.function(forward)
    if keras.backend.backend() == "jax":
        import jax

        return jax.jit(forward)
    return forward


def device() -> str:
    """What the times are of."""
    return f"{keras.distribution.list_devices()[0]} with {os.cpu_count()} processors"


def rows(model: MaLP, name: str, sizes: tuple[int, ...], repeats: int) -> list[dict]:
    """Times every network at every size, with the ratio to MaLP's CNN of the paper."""
    compared = networks(model, name)
    found = []
    for size in sizes:
        times = {one: milliseconds(compared[one], size, repeats) for one in compared}
        reference = next(iter(times.values()))
        found += [
            {
                "size": size,
                "network": one,
                "parameters": compared[one].count_params(),
                "ms a picture": f"{duration:.1f}",
                "times MaLP's": f"{duration / reference:.2f}",
            }
            for one, duration in times.items()
        ]
    return found
