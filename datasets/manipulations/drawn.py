"""Text and stickers that are put on a picture.

The mask is what was drawn: the letters with their outline, or the whole banner, or the whole
sticker. Edges are soft, by about a pixel; the mask is where more than half is drawn.
"""

from collections.abc import Callable

import cv2
import numpy as np

from datasets.manipulations.base import Manipulated
from datasets.manipulations.compositing import choices, mix, scale
from datasets.manipulations.regions import region_pixels

_WORDS = (
    "SALE", "NEWS", "LIVE", "Hello", "2026", "No. 1", "Today", "FREE", "Paris", "WOW", "Summer",
    "STOP", "Love", "Breaking", "50 %", "Best of", "Official", "OK!", "Top 10", "Good day",
)  # fmt: skip
_MIN_TEXT_SHARE = 0.03
_MAX_TEXT_SHARE = 0.21
"""Of the rectangle around text; a banner's margins come on top."""

_MIN_LINE = 1 / 8
_MIN_CONTRAST = 60


def paint(rng: np.random.Generator) -> tuple[int, int, int]:
    """Draws an RGB colour: black, white, or any."""
    kind = rng.random()
    if kind < 0.4:
        return (0, 0, 0) if kind < 0.2 else (255, 255, 255)
    red, green, blue = rng.integers(256, size=3)
    return int(red), int(green), int(blue)


def _paint_beside(other: tuple, rng: np.random.Generator) -> tuple[int, int, int]:
    """Draws a colour that can be told from another one."""
    drawn = paint(rng)
    if abs(np.mean(drawn) - np.mean(other)) >= _MIN_CONTRAST:
        return drawn
    return (0, 0, 0) if np.mean(other) > 127 else (255, 255, 255)


def text(image: np.ndarray, seed: int) -> Manipulated:
    """Writes one to three lines of bold letters, up to nine tenths of the width.

    Half of the texts are turned by up to 15 degrees, half have an outline of 1 to 3 pixels (at
    256). A third are on a banner, through which 0 to 25 % of the picture shines, and so are all
    letters that would cover less than 3 % of the picture, or whose lines are lower than an
    eighth of its shorter side (the strokes would be thin). The mask has 3 to 31 % of the picture,
    or from 2 % where that is much higher than wide.

    Args:
        image: RGB picture, uint8 (H, W, 3).
        seed: Non-negative integer.

    Returns:
        The picture and the mask of the letters, or of the banner.
    """
    rng = choices(seed)
    letters, corners, line = _letters(*image.shape[:2], rng)
    outlined = letters
    if rng.random() < 0.5:
        side = 2 * max(round(rng.uniform(1, 3) * scale(image)), 1) + 1
        ellipse = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
        outlined = cv2.dilate(letters, ellipse)
    thin = line < _MIN_LINE * min(image.shape[:2]) or (outlined > 127).mean() < _MIN_TEXT_SHARE
    banner = rng.random() < 1 / 3 or thin
    opacity = rng.uniform(0.75, 1.0)
    edge_colour = paint(rng)
    if banner:
        outlined = np.zeros_like(letters)
        cv2.fillPoly(outlined, [np.rint(corners).astype(np.int32)], 255, cv2.LINE_AA)
    else:
        behind = cv2.mean(image, (letters > 127).astype(np.uint8))[:3]
        edge_colour, opacity = _paint_beside(behind, rng), 1.0
    content = np.full(image.shape, edge_colour, np.float32)
    if outlined is not letters:
        colour = np.array(_paint_beside(edge_colour, rng), np.float32)
        content += letters[..., None] / np.float32(255) * (colour - content)
    alpha = outlined / np.float32(255)
    alpha = alpha * np.maximum(letters / np.float32(255), np.float32(opacity))
    return mix(image, content, alpha)


def _letters(
    height: int, width: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, float]:
    """Draws text: opacity, uint8 (height, width), the corners (x, y) around it, a line's height."""
    count = int(rng.integers(1, 3, endpoint=True))
    lines = [" ".join(rng.choice(_WORDS, rng.integers(1, 3))) for _ in range(count)]
    font = cv2.FONT_HERSHEY_DUPLEX | (cv2.FONT_ITALIC if rng.random() < 0.25 else 0)
    weight = int(rng.integers(6, 10, endpoint=True))
    sizes = [cv2.getTextSize(line, font, 1.0, weight)[0] for line in lines]
    line_height = 1.25 * max(size[1] for size in sizes)
    text_width, text_height = max(size[0] for size in sizes), line_height * count
    factor = rng.uniform(0.5, 0.9) * width / text_width
    factor = min(factor, np.sqrt(_MAX_TEXT_SHARE * height * width / (text_width * text_height)))
    factor = min(factor, 0.7 * height / text_height)
    text_width, text_height, line_height = (
        factor * length for length in (text_width, text_height, line_height)
    )
    left = rng.uniform(0.03, 0.97) * (width - text_width)
    top = rng.uniform(0.03, 0.97) * (height - 1.2 * text_height)
    layer = np.zeros((height, width), np.uint8)
    for index, (line, size) in enumerate(zip(lines, sizes, strict=True)):
        x = left + (text_width - factor * size[0]) / 2
        y = top + line_height * (index + 0.85)
        cv2.putText(layer, line, (round(x), round(y)), font, factor, 255, weight, cv2.LINE_AA)
    angle = rng.uniform(-15, 15) * (rng.random() < 0.5)
    turn = cv2.getRotationMatrix2D((left + text_width / 2, top + text_height / 2), angle, 1.0)
    margin = 0.15 * line_height
    x, y = (left - margin, left + text_width + margin), (top - margin, top + 1.1 * text_height)
    corners = np.array([[x[0], y[0]], [x[1], y[0]], [x[1], y[1]], [x[0], y[1]]])
    corners = corners @ turn[:, :2].T + turn[:, 2]
    return cv2.warpAffine(layer, turn, (width, height)), corners, line_height


def sticker(image: np.ndarray, seed: int) -> Manipulated:
    """Puts a heart, star, speech bubble, arrow, badge or smiley on a picture.

    Its area is drawn like that of a `region`; it is turned by up to 30 degrees, has two colours
    from top to bottom, and an outline.

    Args:
        image: RGB picture, uint8 (H, W, 3).
        seed: Non-negative integer.

    Returns:
        The picture and the mask of the sticker.
    """
    rng = choices(seed)
    height, width = image.shape[:2]
    name = list(_STICKERS)[rng.integers(len(_STICKERS))]
    corners = _STICKERS[name](rng)
    angle = np.deg2rad(rng.uniform(-30, 30))
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    corners = corners @ turn
    area = cv2.contourArea(corners.astype(np.float32))
    factor = np.sqrt(region_pixels(height, width, rng) / area)
    low, high = corners.min(0), corners.max(0)
    factor = min(factor, *(np.array([width, height]) - 1) / (high - low))
    free = np.maximum((width - 1, height - 1) - factor * (high - low), 0)
    offset = rng.random(2) * free - factor * low
    points = np.rint((corners * factor + offset) * 16).astype(np.int32)  # sixteenths of a pixel
    alpha = np.zeros((height, width), np.uint8)
    cv2.fillPoly(alpha, [points], 255, cv2.LINE_AA, shift=4)
    top, bottom = np.array(paint(rng)), np.array(rng.integers(256, size=3))
    share = np.linspace(0, 1, height)[:, None, None]
    content = np.repeat(top + share * (bottom - top), width, axis=1).astype(np.uint8)
    ink = _paint_beside(tuple((top + bottom) / 2), rng)
    thick = max(round(factor * 0.17), 1)
    cv2.polylines(content, [points], True, ink, thick, cv2.LINE_AA, shift=4)
    for stroke in _INSIDES.get(name, ()):
        inside = np.rint((np.array(stroke) @ turn * factor + offset) * 16).astype(np.int32)
        cv2.polylines(content, [inside], False, ink, thick, cv2.LINE_AA, shift=4)
    return mix(image, content, alpha / np.float32(255))


def _circle(rng: np.random.Generator) -> np.ndarray:
    angles = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def _heart(rng: np.random.Generator) -> np.ndarray:
    t = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    x = 16 * np.sin(t) ** 3
    y = 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
    return np.stack([x, -y], axis=1) / 16


def _star(rng: np.random.Generator) -> np.ndarray:
    count = int(rng.integers(5, 8, endpoint=True))
    angles = np.pi * np.arange(2 * count) / count - np.pi / 2
    radii = np.where(np.arange(2 * count) % 2 == 0, 1.0, rng.uniform(0.45, 0.65))
    return radii[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)


def _bubble(rng: np.random.Generator) -> np.ndarray:
    angles = np.linspace(0.7 * np.pi, 2.55 * np.pi, 60)
    oval = np.stack([np.cos(angles), 0.65 * np.sin(angles)], axis=1)
    return np.concatenate([oval, [[-0.55, 1.1]]])


def _arrow(rng: np.random.Generator) -> np.ndarray:
    head, half = rng.uniform(0.0, 0.3), rng.uniform(0.25, 0.4)
    upper = [[-1, -half], [head, -half], [head, -0.8], [1, 0]]
    lower = [[head, 0.8], [head, half], [-1, half]]
    return np.array(upper + lower) * (rng.choice([-1, 1]), 1)


_STICKERS: dict[str, Callable[[np.random.Generator], np.ndarray]] = {
    "heart": _heart,
    "star": _star,
    "bubble": _bubble,
    "arrow": _arrow,
    "badge": _circle,
    "smiley": _circle,
}
"""Outlines (x, y) of about radius 1, y downwards."""

_SMILE = [(0.5 * np.cos(t), 0.15 + 0.4 * np.sin(t)) for t in np.linspace(0.1, np.pi - 0.1, 12)]
_INSIDES = {
    "bubble": [[(-0.6, -0.2), (0.6, -0.2)], [(-0.6, 0.12), (0.35, 0.12)]],
    "badge": [[(-0.45, 0.0), (-0.1, 0.35), (0.5, -0.35)]],
    "smiley": [[(-0.35, -0.4), (-0.35, -0.2)], [(0.35, -0.4), (0.35, -0.2)], _SMILE],
}
"""Lines (x, y) that are drawn on stickers."""
