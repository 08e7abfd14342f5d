"""Traces of generators without a generator: random upsampling, texture and periodic filters.

A generator's last layers enlarge a coarse map, and so filter each position of a small grid in its
own way: a filter that varies with the period of the grid, the cause of the peaks in the spectra of
generated pictures (Odena et al., "Deconvolution and Checkerboard Artifacts", 2016; Zhang et al.,
"Detecting and Simulating Artifacts in GAN Fake Images", 2019). Drawn at random, such filters are
endless in number and cost milliseconds, and no two pictures have the same. As by the
re-synthesizers, the content of the hole is kept, so that only the traces differ.
"""

import zlib

import cv2
import numpy as np

_INTERPOLATIONS = (cv2.INTER_NEAREST, cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4)
_PERIODS, _PERIOD_SHARES = (2, 4, 8), (0.5, 0.35, 0.15)
_WEAKEST, _STRONGEST = 0.01, 0.15
"""Deviation of a periodic filter's weights: hardly to be measured, and to be seen."""
_RESAMPLED, _PERIODIC = 0.7, 0.8
"""Shares of the fills that are resampled and that are filtered periodically."""
_DETAIL_SIGMA = 3.0
"""Of the window in which the strength of detail is measured, in pixels."""


def upsampling_traces(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Makes a picture look, to a detector, as if a generator had made it.

    What is drawn follows from the picture alone: the same input gives the same output.

    Args:
        image: RGB picture, uint8, shape (H, W, 3).
        mask: uint8, shape (H, W), 1 inside the hole; not used, as the whole picture changes.

    Returns:
        The changed picture, uint8 (H, W, 3).
    """
    rng = np.random.default_rng(zlib.crc32(image.tobytes()))
    picture = image.astype(np.float32)
    resampled, periodic = rng.random() < _RESAMPLED, rng.random() < _PERIODIC
    if resampled:
        picture = _resampled(picture, rng)
    if periodic or not resampled:
        picture = _periodically_filtered(picture, rng)
    picture = _finished(picture, rng)
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def _resampled(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Shrinks and enlarges; some of the lost detail stays, some is replaced by noise like it."""
    height, width = picture.shape[:2]
    factor = rng.choice((2, 4))
    small = (max(width // factor, 1), max(height // factor, 1))
    coarse = cv2.resize(picture, small, interpolation=cv2.INTER_AREA)
    interpolation = int(rng.choice(_INTERPOLATIONS))
    enlarged = cv2.resize(coarse, (width, height), interpolation=interpolation)
    detail = picture - enlarged
    strength = cv2.GaussianBlur(detail.mean(axis=2) ** 2, (0, 0), _DETAIL_SIGMA) ** 0.5
    kernel = rng.normal(size=(5, 5)) * cv2.getGaussianKernel(5, 1.0)
    noise = cv2.filter2D(rng.normal(size=(height, width)).astype(np.float32), -1, kernel)
    texture = (rng.uniform(0, 1.2) * strength * noise / noise.std())[..., None]
    return enlarged + rng.uniform(0, 0.6) * detail + texture


def _periodically_filtered(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Filters each position of a small grid in its own way."""
    period = int(rng.choice(_PERIODS, p=_PERIOD_SHARES))
    deviation = np.exp(rng.uniform(np.log(_WEAKEST), np.log(_STRONGEST)))
    result = np.empty_like(picture)
    for top in range(period):
        for left in range(period):
            kernel = rng.normal(scale=deviation, size=(3, 3))
            kernel -= kernel.mean()  # flat areas keep their colour, but for the offset
            kernel[1, 1] += 1
            offset = rng.normal(scale=5 * deviation, size=3)
            position = slice(top, None, period), slice(left, None, period)
            result[position] = (cv2.filter2D(picture, -1, kernel) + offset)[position]
    return result


def _finished(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Blurs or sharpens a little, and shifts the colours a little."""
    blurred = cv2.GaussianBlur(picture, (0, 0), 0.8)
    picture = picture + rng.uniform(-1.0, 0.5) * (picture - blurred)
    return picture * rng.normal(1, 0.01, size=3) + rng.normal(0, 1.5, size=3)
