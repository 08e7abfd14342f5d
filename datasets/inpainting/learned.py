"""Inpainters that are trained networks, with their shipped weights."""

import threading
from contextlib import nullcontext
from pathlib import Path

import keras
import numpy as np

from datasets.inpainting.ca import ca_generator
from datasets.inpainting.ec import ec_generator
from datasets.inpainting.gc import gc_generator
from datasets.inpainting.resynthesis import autoencoder
from forensics_keras.presets import PresetStore

ON_JAX = keras.backend.backend() == "jax"

WEIGHTS = PresetStore(
    Path(__file__).parent / "weights",
    lambda: {
        "autoencoder": autoencoder,
        "gc_generator": gc_generator,
        "ca_generator": ca_generator,
        "ec_generator": ec_generator,
    },
)
"""The shipped inpainters, by name."""


class LearnedInpainter:
    """A trained network as an `Inpainter`; its weights are read at the first use.

    Args:
        preset: Name in `WEIGHTS`, or a preset's folder.
    """

    def __init__(self, preset):
        self.preset = preset
        self._model = None
        # tf.data calls from several threads.
        self._lock = threading.Lock()

    def __call__(self, images: np.ndarray, masks: np.ndarray) -> np.ndarray:
        with self._lock:
            if self._model is None:
                self._model = WEIGHTS.load(self.preset)
        # Keras' `predict`, which `complete` uses on JAX, is not made for several threads.
        with self._lock if ON_JAX else nullcontext():
            return complete(self._model, images, masks)

    @property
    def sha256(self) -> str:
        """Gives the hash of the weights, hexadecimal."""
        return WEIGHTS.card(self.preset)["sha256"]


def complete(model, images: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Lets a generator complete pictures.

    Args:
        model: `keras.Model` from a dictionary, `image` (N, H, W, 3) in [-1, 1] and, if it wants,
            `mask` (N, H, W, 1), to a dictionary with `completed`, like the image.
        images: uint8 (N, H, W, 3).
        masks: uint8 (N, H, W), 1 = hole.

    Returns:
        The network's pictures, uint8 (N, H, W, 3), not composited.
    """
    given = {"image": images.astype("float32") / 127.5 - 1, "mask": masks[..., None] * 1.0}
    inputs = {name: given[name] for name in model.input}
    if ON_JAX:
        # Called, each of its operations would be compiled by itself.
        outputs = model.predict_on_batch(inputs)
    else:
        # Predicted, TensorFlow would compile a graph for each size of picture, and after a few
        # sizes one of unknown size, whose results differ in the last bit.
        outputs = model(inputs, training=False)
    completed = keras.ops.convert_to_numpy(outputs["completed"])
    return np.clip(np.rint((completed + 1) * 127.5), 0, 255).astype(np.uint8)
