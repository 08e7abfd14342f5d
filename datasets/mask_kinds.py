"""Masks of many kinds, because what is removed from pictures is rarely a brush stroke.

| kind       | hole                                                                |
|------------|---------------------------------------------------------------------|
| `brush`    | the free-form strokes of `datasets.masks`                           |
| `boxes`    | one to three rectangles                                             |
| `discs`    | one to twelve discs of 4 pixels or more across                      |
| `scratches`| one to six thin lines, straight, bent or hanging, 2 to 8 pixels wide|
| `text`     | one to three lines of letters, as captions and watermarks           |
| `blob`     | one to three smooth closed shapes, as the outlines of objects       |
| `border`   | a strip along one to four sides, as in outpainting                  |
| `union`    | two of the others together                                          |
"""

import string

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from datasets.masks import free_form_mask

LEAST_SHARE, LARGEST_SHARE = 0.002, 0.6
"""Of the picture's area inside the hole."""

_LEAST_DISC = 4
_LINE_WIDTHS = (2, 8)
_ATTEMPTS = 50
_LETTERS = string.ascii_letters + string.digits + "    .,:-&@"


def draw_mask(kind: str, height: int, width: int, rng: np.random.Generator) -> np.ndarray:
    """Draws a mask of a kind, of 0.2 to 60 % of the area.

    Args:
        kind: A key of `KINDS`.
        height: Rows, at least 16.
        width: Columns, at least 16.
        rng: The source of all choices; the same state gives the same mask.

    Returns:
        uint8 array (height, width), 1 inside the hole and 0 elsewhere.

    Raises:
        ValueError: If the kind is unknown.

    Example:
        >>> draw_mask("boxes", 128, 128, np.random.default_rng(0)).shape
        (128, 128)
    """
    if kind not in KINDS:
        raise ValueError(f"Unknown kind of mask {kind!r}; known are: {', '.join(KINDS)}")
    for _ in range(_ATTEMPTS):
        mask = np.zeros((height, width), np.uint8)
        KINDS[kind](mask, rng)
        if LEAST_SHARE <= mask.mean() <= LARGEST_SHARE:
            return mask
    # Thin kinds on tiny pictures, and wide ones by bad luck: a box fits into any.
    rows, columns = height // 2, width // 2
    top, left = rng.integers(height - rows + 1), rng.integers(width - columns + 1)
    mask[:] = 0
    mask[top : top + rows, left : left + columns] = 1
    return mask


def random_kind(rng: np.random.Generator, weights: dict[str, float]) -> str:
    """Draws a key of `weights`, each in proportion to its weight."""
    shares = np.array(list(weights.values()), float)
    return list(weights)[rng.choice(len(shares), p=shares / shares.sum())]


def _brush(mask, rng):
    np.maximum(mask, free_form_mask(*mask.shape, int(rng.integers(2**32))), out=mask)


def _boxes(mask, rng):
    for _ in range(rng.integers(1, 4)):
        rows, columns = (_log_uniform(rng, 6, 0.75 * side) for side in mask.shape)
        top = rng.integers(mask.shape[0] - rows + 1)
        left = rng.integers(mask.shape[1] - columns + 1)
        mask[top : top + rows, left : left + columns] = 1


def _discs(mask, rng):
    height, width = mask.shape
    largest = min(height, width) / 2
    for _ in range(rng.integers(1, 13) if rng.random() < 0.5 else 1):
        diameter = _log_uniform(rng, _LEAST_DISC, largest)
        row, column = rng.integers(height), rng.integers(width)
        rows, columns = np.ogrid[:height, :width]
        distance = (rows - row + 0.5) ** 2 + (columns - column + 0.5) ** 2
        mask[distance <= (diameter / 2) ** 2] = 1


def _scratches(mask, rng):
    height, width = mask.shape
    for _ in range(rng.integers(1, 7)):
        start, end = (rng.uniform(-0.1, 1.1, 2) * (width, height) for _ in range(2))
        # A quadratic curve: nearly straight scratches, and wires that sag.
        bend = (start + end) / 2 + rng.normal(0, 0.15, 2) * min(height, width)
        t = np.linspace(0, 1, 24)[:, None]
        curve = (1 - t) ** 2 * start + 2 * t * (1 - t) * bend + t**2 * end
        points = np.rint(curve).astype(np.int32)
        thickness = int(rng.integers(_LINE_WIDTHS[0], _LINE_WIDTHS[1] + 1))
        cv2.polylines(mask, [points[:, None]], False, 1, thickness)


def _text(mask, rng):
    height, width = mask.shape
    canvas = Image.new("L", (width, height))
    draw = ImageDraw.Draw(canvas)
    for _ in range(rng.integers(1, 4)):
        letters = "".join(rng.choice(list(_LETTERS), rng.integers(4, 25)))
        size = _log_uniform(rng, 10, max(min(height, width) / 3, 11))
        at = int(rng.integers(-width // 4, width // 2)), int(rng.integers(max(height - size, 1)))
        stroke = int(rng.integers(0, max(size // 8, 1)))
        draw.text(at, letters, fill=255, font=_font(size), stroke_width=stroke)
    letters = np.asarray(canvas) > 127
    # Removal tools are given a little more than the letters.
    reach = int(rng.integers(0, 4))
    if reach:
        letters = cv2.dilate(letters.astype(np.uint8), np.ones((2 * reach + 1,) * 2, np.uint8)) > 0
    mask[letters] = 1


def _font(size):
    """The font that comes with Pillow, so that masks are the same on any machine."""
    return ImageFont.load_default(size)


def _blob(mask, rng):
    height, width = mask.shape
    for _ in range(rng.integers(1, 4)):
        angle = np.linspace(0, 2 * np.pi, 90, endpoint=False)
        radius = np.ones_like(angle)
        for frequency in range(1, 7):
            strength = rng.normal(0, 0.35 / frequency)
            radius += strength * np.cos(frequency * angle + rng.uniform(0, 2 * np.pi))
        size = _log_uniform(rng, 4, min(height, width) / 2.2)
        radius = size * np.maximum(radius, 0.15)
        stretch = rng.uniform(0.5, 1.0)
        turn = rng.uniform(0, np.pi)
        x, y = radius * np.cos(angle), stretch * radius * np.sin(angle)
        centre = rng.uniform(0, 1, 2) * (width, height)
        outline = np.stack(
            [x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn)], axis=1
        )
        cv2.fillPoly(mask, [np.rint(outline + centre).astype(np.int32)], 1)


def _border(mask, rng):
    sides = rng.permutation(4)[: rng.integers(1, 5)]
    for side in sides:
        turned = np.rot90(mask, side)  # a view
        depth = rng.uniform(0.06, 0.5 if len(sides) == 1 else 0.3)
        turned[: max(round(depth * turned.shape[0]), 1)] = 1


def _union(mask, rng):
    singles = [kind for kind in KINDS if kind != "union"]
    for kind in rng.choice(singles, 2, replace=False):
        KINDS[kind](mask, rng)


def _log_uniform(rng, low, high):
    """A whole number, small ones as often as large ones on a logarithmic scale."""
    return int(round(np.exp(rng.uniform(np.log(low), np.log(max(high, low + 1))))))


KINDS = {
    "brush": _brush,
    "boxes": _boxes,
    "discs": _discs,
    "scratches": _scratches,
    "text": _text,
    "blob": _blob,
    "border": _border,
    "union": _union,
}
"""A function for each kind that draws into an empty mask; a new kind joins by an entry here."""
