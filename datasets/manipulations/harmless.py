"""Mild changes that happen to every published picture and are no manipulation.

| change       | strength, drawn uniformly                                                       |
|--------------|----------------------------------------------------------------------------------|
| `jpeg`       | quality 70 to 95                                                                |
| `webp`       | quality 75 to 95                                                                |
| `resize`     | the whole picture by a factor of 0.5 to 1.5, then back to its size              |
| `blur`       | Gaussian, sigma 0.2 to 1 pixel                                                  |
| `noise`      | Gaussian, sigma 0.5 to 3 levels                                                 |
| `brightness` | contrast (around middle grey) and brightness, each changed by up to 10 % of 255 |
"""

from collections.abc import Sequence

import cv2
import numpy as np

from datasets.degradations import degrade, random_degradation
from datasets.manipulations.base import Manipulated, Manipulation, PictureEdit
from datasets.manipulations.compositing import choices

_RANGES = {
    "jpeg": (1.0, 70, 95),
    "webp": (1.0, 75, 95),
    "resize": (1.0, 0.5, 0.999),
    "blur": (1.0, 0.2, 1.0),
    "noise": (1.0, 0.5, 3.0),
}
_LARGEST_FACTOR = 1.5
_BRIGHTNESS = 0.1


def _degraded(name: str):
    ranges = {name: _RANGES[name]}

    def change(image: np.ndarray, seed: int) -> Manipulated:
        return _unchanged_mask(degrade(image, random_degradation(choices(seed), ranges), seed))

    return change


def _unchanged_mask(image: np.ndarray) -> Manipulated:
    return Manipulated(image, np.zeros(image.shape[:2], np.uint8))


def _resized(image: np.ndarray, seed: int) -> Manipulated:
    rng = choices(seed)
    if rng.random() < 0.5:  # as wide as the range above 1
        return _unchanged_mask(
            degrade(image, random_degradation(rng, {"resize": _RANGES["resize"]}))
        )
    height, width = image.shape[:2]
    factor = rng.uniform(1, _LARGEST_FACTOR)
    larger = round(width * factor), round(height * factor)
    up = cv2.resize(image, larger, interpolation=cv2.INTER_CUBIC)
    return _unchanged_mask(cv2.resize(up, (width, height), interpolation=cv2.INTER_AREA))


def _brightened(image: np.ndarray, seed: int) -> Manipulated:
    contrast, brightness = choices(seed).uniform(-_BRIGHTNESS, _BRIGHTNESS, 2)
    levels = (np.arange(256) - 127.5) * (1 + contrast) + 127.5 + 255 * brightness
    return _unchanged_mask(cv2.LUT(image, np.rint(np.clip(levels, 0, 255)).astype(np.uint8)))


HARMLESS: dict[str, Manipulation] = {
    name: PictureEdit(name, "harmless", change)
    for name, change in {
        "jpeg": _degraded("jpeg"),
        "webp": _degraded("webp"),
        "resize": _resized,
        "blur": _degraded("blur"),
        "noise": _degraded("noise"),
        "brightness": _brightened,
    }.items()
}
"""The harmless changes, by name; their masks are all 0."""


def harmless(images: np.ndarray, seeds: Sequence[int]) -> np.ndarray:
    """Changes each picture harmlessly, by a kind of `HARMLESS` or none, each as likely.

    The size of pictures is kept, and so masks of manipulations made before stay true.

    Args:
        images: RGB pictures, uint8, shape (N, H, W, 3), sides of at least 64 pixels.
        seeds: N non-negative integers, which decide kinds and strengths.

    Returns:
        The pictures, a new uint8 array (N, H, W, 3).

    Raises:
        ValueError: If the pictures or the seeds are not as stated.
    """
    kinds = [None, *HARMLESS.values()]
    changed = images.copy()
    for index, seed in enumerate(seeds):
        kind = kinds[choices(seed, stream=2).integers(len(kinds))]
        if kind is not None:
            changed[index] = kind(images[index : index + 1], [seed])[0].image
    return changed
