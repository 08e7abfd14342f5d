"""Degradations that a picture meets after it was forged: compression, blur, noise and resizing.

They serve as training augmentation (`random_degradation`) and as evaluation conditions (`degrade`
with a fixed spec). A degradation is named by a short string, its *spec*:

| spec        | strength                              | allowed strength  |
|-------------|---------------------------------------|-------------------|
| `clean`     | none: the picture is left as it is    |                   |
| `jpeg:90`   | quality, baseline JPEG, 4:2:0 chroma  | integer 1 to 100  |
| `webp:80`   | quality, lossy WebP                   | integer 1 to 100  |
| `blur:1.0`  | sigma of the Gaussian, in pixels      | over 0, up to 50  |
| `noise:5`   | sigma of the Gaussian, on 0 to 255    | over 0, up to 255 |
| `resize:0.75` | factor of both sides, then back     | over 0, below 1   |
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np


def _jpeg(image: np.ndarray, quality: float, seed: int) -> np.ndarray:
    options = [
        cv2.IMWRITE_JPEG_QUALITY,
        int(quality),
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420,
    ]
    return _encode_and_decode(image, ".jpg", options)


def _webp(image: np.ndarray, quality: float, seed: int) -> np.ndarray:
    return _encode_and_decode(image, ".webp", [cv2.IMWRITE_WEBP_QUALITY, int(quality)])


def _encode_and_decode(image: np.ndarray, suffix: str, options: list[int]) -> np.ndarray:
    done, encoded = cv2.imencode(suffix, cv2.cvtColor(image, cv2.COLOR_RGB2BGR), options)
    if not done:  # JPEG ends at 65500 pixels a side, WebP at 16383
        height, width = image.shape[:2]
        raise ValueError(f"A picture of {width}x{height} pixels does not fit into a {suffix} file")
    return cv2.cvtColor(cv2.imdecode(encoded, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


def _blur(image: np.ndarray, sigma: float, seed: int) -> np.ndarray:
    return cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101)


def _noise(image: np.ndarray, sigma: float, seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).standard_normal(image.shape, dtype=np.float32)
    return np.rint(np.clip(image + np.float32(sigma) * noise, 0.0, 255.0)).astype(np.uint8)


def _resize(image: np.ndarray, factor: float, seed: int) -> np.ndarray:
    height, width = image.shape[:2]
    smaller = (max(1, round(width * factor)), max(1, round(height * factor)))
    down = cv2.resize(image, smaller, interpolation=cv2.INTER_AREA)
    return cv2.resize(down, (width, height), interpolation=cv2.INTER_CUBIC)


@dataclass(frozen=True)
class _Kind:
    apply: Callable[[np.ndarray, float, int], np.ndarray]
    allows: Callable[[float], bool]
    form: str
    decimals: int  # of a strength drawn at random


def _is_quality(value: float) -> bool:
    return value == int(value) and 1 <= value <= 100


_KINDS = {
    "jpeg": _Kind(_jpeg, _is_quality, "jpeg:Q (integer 1 to 100)", 0),
    "webp": _Kind(_webp, _is_quality, "webp:Q (integer 1 to 100)", 0),
    "blur": _Kind(_blur, lambda v: 0 < v <= 50, "blur:SIGMA (pixels, over 0, up to 50)", 2),
    "noise": _Kind(_noise, lambda v: 0 < v <= 255, "noise:SIGMA (of 255, over 0, up to 255)", 2),
    "resize": _Kind(_resize, lambda v: 0 < v < 1, "resize:FACTOR (over 0, below 1)", 3),
}
_FORMS = ", ".join(["clean", *(kind.form for kind in _KINDS.values())])


def parse(spec: str) -> tuple[str, float | None]:
    """Reads a degradation spec.

    Args:
        spec: For example `"clean"`, `"jpeg:90"` or `"resize:0.75"`; the module docstring lists all.

    Returns:
        The kind's name and its strength (`None` for `"clean"`).

    Raises:
        ValueError: If the kind is unknown, or the strength is missing, no number or out of range.

    Example:
        >>> parse("jpeg:90")
        ('jpeg', 90.0)
    """
    if spec == "clean":
        return "clean", None
    name, _, text = spec.partition(":")
    try:
        strength = float(text)
    except ValueError:
        strength = math.nan
    if name not in _KINDS or not math.isfinite(strength) or not _KINDS[name].allows(strength):
        raise ValueError(f"Unknown degradation {spec!r}; allowed are: {_FORMS}")
    return name, strength


def degrade(image: np.ndarray, spec: str, seed: int = 0) -> np.ndarray:
    """Degrades a picture.

    Args:
        image: RGB picture, uint8, shape (H, W, 3).
        spec: Kind and strength, see `parse`.
        seed: Seed of the noise, a non-negative integer; the other kinds draw nothing.

    Returns:
        The degraded RGB picture, a new uint8 array of the same shape.

    Raises:
        ValueError: If `spec` is not valid, `image` is not a uint8 array of shape (H, W, 3), or the
            picture is too large for the file format of `spec`.

    Example:
        >>> degrade(np.zeros((8, 8, 3), np.uint8), "noise:5", seed=3).shape
        (8, 8, 3)
    """
    name, strength = parse(spec)
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(
            f"Expected a uint8 picture of shape (H, W, 3), got {image.dtype} of shape {image.shape}"
        )
    if strength is None:
        return image.copy()
    return _KINDS[name].apply(image, strength, seed)


def random_degradation(rng: np.random.Generator, ranges: Mapping[str, Sequence[float]]) -> str:
    """Draws the spec of a degradation, for training augmentation.

    Args:
        rng: Generator to draw from; the same state gives the same spec.
        ranges: Kind to `(weight, low, high)`, for `"clean"` to `(weight,)`. A kind is drawn in
            proportion to its weight, then its strength uniformly between `low` and `high`, rounded
            to a whole number for the two qualities, to hundredths for the two sigmas and to
            thousandths for the resizing factor.

    Returns:
        A spec for `degrade`.

    Raises:
        ValueError: If `ranges` is empty, names an unknown kind, has a weight below 0 or no weight
            above 0, or a bound that `parse` refuses.

    Example:
        >>> ranges = {"clean": (0.5,), "jpeg": (0.5, 60, 100)}
        >>> random_degradation(np.random.default_rng(0), ranges)
        'jpeg:71'
    """
    weights = np.array([_checked_weight(name, entry) for name, entry in ranges.items()])
    if not 0 < weights.sum() < math.inf:
        raise ValueError(f"Expected at least one weight above 0, got {dict(ranges)}")
    name = list(ranges)[rng.choice(len(weights), p=weights / weights.sum())]
    if name == "clean":
        return name
    _, low, high = ranges[name]
    strength = round(rng.uniform(low, high), _KINDS[name].decimals)
    return f"{name}:{min(max(strength, low), high):g}"


def _checked_weight(name: str, entry: Sequence[float]) -> float:
    weight, *bounds = entry if len(entry) else (math.nan,)
    if len(bounds) != (0 if name == "clean" else 2) or bounds != sorted(bounds) or not weight >= 0:
        form = "(weight,)" if name == "clean" else "(weight, low, high)"
        raise ValueError(f"Expected {form} with a weight of at least 0 for {name!r}, got {entry!r}")
    for spec in [f"{name}:{bound}" for bound in bounds] or [name]:
        parse(spec)
    return float(weight)
