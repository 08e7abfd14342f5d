"""How much two pictures differ: PSNR and SSIM, whatever made one of the other."""

from __future__ import annotations

import math
from collections.abc import Iterator

import cv2
import numpy as np

_BAND_PIXELS = 2**18


_SSIM_SIDE, _SSIM_DEVIATION = 11, 1.5


def picture_psnr(picture: np.ndarray, original: np.ndarray, max_value: float = 255.0) -> float:
    """Measures a picture's peak signal-to-noise ratio against its original, over all channels.

    Args:
        picture: (H, W) or (H, W, C), of any dtype; works in bands, so that memory is bounded.
        original: Picture of the same shape.
        max_value: The largest value there can be: 255 for 8-bit pictures, 1 for maps.

    Returns:
        `10 log10(max_value^2 / mean squared difference)` in dB; infinity for equal pictures, which
        `forensics_keras.records.to_json` writes as null.

    Raises:
        ValueError: If the shapes differ.
    """
    squared = 0.0
    for one, other in _bands(picture, original):
        squared += float(np.sum((one.astype(np.float64) - other) ** 2))
    return 10 * math.log10(max_value**2 * picture.size / squared) if squared else math.inf


def picture_ssim(picture: np.ndarray, original: np.ndarray, max_value: float = 255.0) -> float:
    """Measures the structural similarity of a picture to its original: `ssim_map`'s mean inside.

    As Wang et al. (2004) do and scikit-image with `gaussian_weights=True` and
    `use_sample_covariance=False`, the mean is over the windows that lie wholly in the picture, and
    over the channels.

    Args:
        picture: (H, W) or (H, W, C), of any dtype, sides at least 11 pixels; works in bands, so
            that memory is bounded.
        original: Picture of the same shape.
        max_value: The largest value there can be: 255 for 8-bit pictures, 1 for maps.

    Returns:
        At most 1, which only equal pictures have.

    Raises:
        ValueError: If the shapes differ or a side is shorter than the window.

    Example:
        >>> picture_ssim(np.zeros((16, 16), np.uint8), np.zeros((16, 16), np.uint8))
        1.0
    """
    if min(picture.shape[:2]) < _SSIM_SIDE:
        raise ValueError(f"structural similarity needs sides of {_SSIM_SIDE}, not {picture.shape}")
    margin = _SSIM_SIDE // 2
    inside = slice(margin, -margin)
    total, count = 0.0, 0
    for one, other in _bands(picture, original, margin):
        values = ssim_map(one, other, max_value)[inside, inside]
        total += float(values.sum())
        count += values.size
    return total / count


def ssim_map(one: np.ndarray, other: np.ndarray, max_value: float = 255.0) -> np.ndarray:
    """Measures the structural similarity of two pictures at each pixel (Wang et al., 2004, eq. 13).

    Means, variances and covariance are those of a Gaussian window of 11 pixels and standard
    deviation 1.5; pictures are reflected at their borders.

    Args:
        one: (H, W) or (H, W, C), of any dtype.
        other: Picture of the same shape.
        max_value: The largest value there can be: 255 for 8-bit pictures, 1 for maps.

    Returns:
        float64, of the same shape, -1 to 1.
    """
    a, b = one.astype(np.float64), other.astype(np.float64)
    mean_a, mean_b = _window_mean(a), _window_mean(b)
    variance_a = _window_mean(a * a) - mean_a**2
    variance_b = _window_mean(b * b) - mean_b**2
    covariance = _window_mean(a * b) - mean_a * mean_b
    c1, c2 = (0.01 * max_value) ** 2, (0.03 * max_value) ** 2
    luminance = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
    return luminance * (2 * covariance + c2) / (variance_a + variance_b + c2)


def _window_mean(values: np.ndarray) -> np.ndarray:
    window = _SSIM_SIDE, _SSIM_SIDE
    return cv2.GaussianBlur(values, window, _SSIM_DEVIATION, borderType=cv2.BORDER_REFLECT)


def _bands(
    one: np.ndarray, other: np.ndarray, margin: int = 0
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Cuts two pictures into the same bands of rows.

    Neighbouring bands share `2 * margin` rows, so that their insides, with `margin` rows left out
    at the top and the bottom of each, make the inside of the picture, each row once.
    """
    if one.shape != other.shape:
        raise ValueError(f"pictures of {one.shape} and {other.shape} differ in shape")
    step = max(1, _BAND_PIXELS // one.shape[1])
    for top in range(margin, one.shape[0] - margin, step):
        band = slice(top - margin, min(top + step, one.shape[0] - margin) + margin)
        yield one[band], other[band]
