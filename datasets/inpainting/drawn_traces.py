"""Traces of decoders that nobody trained: drawn at random on the untouched pixels.

Like a re-synthesizer's fill, only faster and of endless make: the content of the hole stays, its
finest detail is lost and partly made up, and a lattice remains as upsampling leaves one.
"""

import zlib

import cv2
import numpy as np

_PERIODS = (2, 4, 8, 16)
"""Of lattices, in pixels: the strides of decoders."""
_SHRINKING = (cv2.INTER_NEAREST, cv2.INTER_LINEAR, cv2.INTER_CUBIC)


def drawn_traces(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Redraws a picture with the traces of a decoder; arguments as `datasets.inpainting.Inpainter`.

    What is drawn depends on the picture alone: the same input gives the same output.
    """
    rng = np.random.default_rng(zlib.crc32(np.ascontiguousarray(image)))
    picture = _without_detail(image, rng).astype(np.float32)
    coarse = cv2.GaussianBlur(picture, (0, 0), rng.uniform(1.0, 3.0))
    # Decoders sharpen, and do so differently at each phase of their upsampling.
    gain = 1.0 + rng.uniform(-0.2, 0.8) + rng.uniform(0.0, 0.5) * _lattice(image.shape, rng)
    picture = coarse + gain * (picture - coarse)
    picture += np.exp(rng.uniform(np.log(0.2), np.log(4.0))) * _lattice(image.shape, rng)
    grain = rng.standard_normal(image.shape, np.float32)
    grain = cv2.GaussianBlur(grain, (0, 0), rng.uniform(0.3, 1.0))
    picture += rng.uniform(0.0, 3.0) * grain
    return np.rint(np.clip(picture, 0, 255)).astype(np.uint8)


def _without_detail(image, rng):
    """The picture after one of the ways to lose its finest detail."""
    kind = rng.integers(4)
    if kind == 0:
        return cv2.medianBlur(image, 3)
    if kind == 1:
        return cv2.bilateralFilter(image, 5, rng.uniform(10, 40), 2.0)
    if kind == 2:
        return cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.2))
    height, width = image.shape[:2]
    factor = rng.uniform(0.4, 0.8)
    small = (max(round(width * factor), 1), max(round(height * factor), 1))
    shrunk = cv2.resize(image, small, interpolation=cv2.INTER_AREA)
    method = _SHRINKING[rng.integers(len(_SHRINKING))]
    return cv2.resize(shrunk, (width, height), interpolation=method)


def _lattice(shape, rng):
    """A periodic pattern (height, width, 3), mean 0 and variance 1: rows, columns, or both."""
    height, width, channels = shape
    period = rng.choice(_PERIODS)
    both, own = ((period, period, n) for n in (1, channels))
    tile = rng.standard_normal(both) + rng.uniform(0.0, 0.6) * rng.standard_normal(own)
    axis = rng.integers(4)
    if axis < 2:
        tile = np.broadcast_to(tile.mean(axis, keepdims=True), tile.shape)
    tile = tile - tile.mean((0, 1))
    tile = tile / max(tile.std(), 1e-6)
    repeats = -(-height // period), -(-width // period), 1
    top, left = rng.integers(period, size=2)
    tile = np.roll(tile, (top, left), (0, 1))
    return np.tile(tile, repeats)[:height, :width].astype(np.float32)
