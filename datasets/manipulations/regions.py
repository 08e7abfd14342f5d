"""The regions that local edits change: what an editor's selection tools draw."""

from collections.abc import Callable

import cv2
import numpy as np

AREA = (0.03, 0.30)
"""Smallest and largest region, as a share of the picture."""


def region(height: int, width: int, seed: int, pixels: int | None = None) -> np.ndarray:
    """Draws a region of one of five shapes, each as likely as the others.

    | shape     | how it is drawn                                                              |
    |-----------|------------------------------------------------------------------------------|
    | ellipse   | longer than wide by a factor of up to 2.5, turned at random                  |
    | rectangle | the same, half of them upright                                               |
    | polygon   | 4 to 8 straight sides, at distances from its centre that differ by up to 2   |
    | blob      | low-pass noise over a falling disc, thresholded; now and then in pieces      |
    | strokes   | a thick line of 4 to 8 segments, its width 0.2 to 0.45 of the root of the area |

    The side of a square of the region's area is uniform between the roots of the bounds of
    `AREA`, so that small regions are the more frequent ones (the mean is 14 % of the picture).
    A shape that reaches beyond the picture grows until the part inside has its area.

    Args:
        height: Rows, at least 32.
        width: Columns, at least 32.
        seed: Non-negative integer.
        pixels: Area to draw, in pixels, at most half of the picture; drawn from `AREA` by default.

    Returns:
        uint8 (height, width), 1 inside the region and 0 elsewhere.
    """
    rng = np.random.default_rng(seed)
    drawn = region_pixels(height, width, rng)
    pixels = pixels or drawn
    shape = list(_SHAPES.values())[rng.integers(len(_SHAPES))]
    distance = shape(height, width, pixels, rng)
    return (distance <= np.partition(distance, pixels - 1, axis=None)[pixels - 1]).astype(np.uint8)


def region_pixels(height: int, width: int, rng: np.random.Generator) -> int:
    """Draws the area of a region, in pixels; see `region`."""
    # A hundredth of the picture is left for pixels at the same distance as the last one.
    side = rng.uniform(np.sqrt(AREA[0]), np.sqrt(AREA[1] - 0.01))
    return int(np.ceil(side**2 * height * width))


def _turned(
    height: int, width: int, rng: np.random.Generator, upright: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates, in pixels, around a random centre and in a random direction."""
    centre_y, centre_x = rng.uniform(0.15, 0.85, 2) * (height, width)
    angle = rng.uniform(0, np.pi) * (rng.random() >= upright)
    cosine, sine = np.cos(angle), np.sin(angle)
    y = np.arange(height, dtype=np.float32)[:, None] - np.float32(centre_y)
    x = np.arange(width, dtype=np.float32) - np.float32(centre_x)
    along = x * np.float32(cosine) + y * np.float32(sine)
    across = y * np.float32(cosine) - x * np.float32(sine)
    return along, across


def _stretch(rng: np.random.Generator) -> np.float32:
    return np.float32(np.exp(rng.uniform(-0.5, 0.5) * np.log(2.5)))


def _ellipse(height: int, width: int, pixels: int, rng: np.random.Generator) -> np.ndarray:
    along, across = _turned(height, width, rng)
    stretch = _stretch(rng)
    return np.square(along * stretch) + np.square(across / stretch)


def _rectangle(height: int, width: int, pixels: int, rng: np.random.Generator) -> np.ndarray:
    along, across = _turned(height, width, rng, upright=0.5)
    stretch = _stretch(rng)
    return np.maximum(np.abs(along) * stretch, np.abs(across) / stretch)


def _polygon(height: int, width: int, pixels: int, rng: np.random.Generator) -> np.ndarray:
    along, across = _turned(height, width, rng)
    count = int(rng.integers(4, 8, endpoint=True))
    angles = 2 * np.pi * (np.arange(count) + rng.uniform(-0.3, 0.3, count)) / count
    normals = np.stack([np.cos(angles), np.sin(angles)]) / rng.uniform(0.5, 1.0, count)
    distance = np.zeros((height, width), np.float32)
    for x, y in normals.T.astype(np.float32):
        np.maximum(distance, x * along + y * across, out=distance)
    return distance


def _blob(height: int, width: int, pixels: int, rng: np.random.Generator) -> np.ndarray:
    along, across = _turned(height, width, rng)
    side = np.sqrt(pixels)
    cells = [max(round(length / side * 1.6), 2) + 1 for length in (height, width)]
    noise = rng.standard_normal(cells).astype(np.float32)
    noise = cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.hypot(along, across) / np.float32(side) - 0.35 * noise


def _strokes(height: int, width: int, pixels: int, rng: np.random.Generator) -> np.ndarray:
    brush = np.sqrt(pixels) * rng.uniform(0.2, 0.45)
    steps = rng.integers(4, 8, endpoint=True)
    length = pixels / brush / steps
    point = rng.uniform(0.15, 0.85, 2) * (width, height)
    heading = rng.uniform(0, 2 * np.pi)
    y = np.arange(height, dtype=np.float32)[:, None]
    x = np.arange(width, dtype=np.float32)
    distance = np.full((height, width), np.inf, np.float32)
    for _ in range(steps):
        heading += rng.uniform(-1.9, 1.9)
        step = length * np.array([np.cos(heading), np.sin(heading)])
        end = np.clip(point + step, 0, (width - 1, height - 1))
        np.minimum(distance, _squared_distance(x, y, point, end), out=distance)
        point = end
    return distance


def _squared_distance(x: np.ndarray, y: np.ndarray, start: np.ndarray, end: np.ndarray):
    start_x, start_y = np.float32(start)
    along_x, along_y = np.float32(end - start)
    squared_length = max(along_x**2 + along_y**2, np.float32(1e-6))
    share = ((x - start_x) * along_x + (y - start_y) * along_y) / squared_length
    share = np.clip(share, 0, 1)
    return np.square(x - start_x - share * along_x) + np.square(y - start_y - share * along_y)


_SHAPES: dict[str, Callable[[int, int, int, np.random.Generator], np.ndarray]] = {
    "ellipse": _ellipse,
    "rectangle": _rectangle,
    "polygon": _polygon,
    "blob": _blob,
    "strokes": _strokes,
}
"""Each gives a number to every pixel; those with the smallest numbers are the region."""
