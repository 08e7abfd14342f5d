"""Free-form masks, the holes of IRL-Net's data (paper section IV-B)."""

import cv2
import numpy as np

REFERENCE_SIDE = 256
"""Side in pixels of the pictures for which the recipe states its brush widths."""

_STROKES = (1, 3)
_VERTICES = (4, 11)
_BRUSH_WIDTH = (12.0, 40.0)
_TURN_MEAN = 2 * np.pi / 5
_TURN_SPREAD = 2 * np.pi / 15


def free_form_mask(height: int, width: int, seed: int) -> np.ndarray:
    """Draws the irregular mask of the gated-convolution (GC) inpainter's program.

    One to three strokes of 4 to 11 segments; the heading of each segment is drawn from
    2*pi/5 +- 2*pi/15, every other one mirrored; segment lengths are normal around an eighth of
    the diagonal; brush widths 12 to 40 pixels on 256x256, in proportion to the shorter side on
    other sizes; random flips.

    Args:
        height: Positive number of rows.
        width: Positive number of columns.
        seed: Non-negative integer; the same seed gives the same mask on any machine.

    Returns:
        uint8 array (height, width), 1 inside the hole and 0 elsewhere, never empty.

    Reference: Yu et al., "Free-form image inpainting with gated convolution", ICCV 2019, used by
    IRL-Net, section IV-B.
    """
    rng = np.random.default_rng(seed)
    mask = np.zeros((height, width), np.uint8)
    for _ in range(rng.integers(_STROKES[0], _STROKES[1], endpoint=True)):
        _draw_stroke(mask, rng)
    if rng.random() < 0.5:
        mask = mask[::-1]
    if rng.random() < 0.5:
        mask = mask[:, ::-1]
    return np.ascontiguousarray(mask)


def _draw_stroke(mask: np.ndarray, rng: np.random.Generator) -> None:
    height, width = mask.shape
    mean_length = np.hypot(height, width) / 8
    scale = min(height, width) / REFERENCE_SIDE
    brush = max(round(rng.uniform(*_BRUSH_WIDTH) * scale), 1)
    x, y = rng.integers(width), rng.integers(height)
    for segment in range(rng.integers(_VERTICES[0], _VERTICES[1], endpoint=True)):
        heading = _TURN_MEAN + rng.uniform(-_TURN_SPREAD, _TURN_SPREAD)
        if segment % 2 == 0:
            heading = 2 * np.pi - heading
        length = np.clip(rng.normal(mean_length, mean_length / 2), 0, 2 * mean_length)
        next_x = round(np.clip(x + length * np.cos(heading), 0, width - 1))
        next_y = round(np.clip(y + length * np.sin(heading), 0, height - 1))
        # OpenCV draws thick lines with round ends, which are the round joints.
        cv2.line(mask, (int(x), int(y)), (next_x, next_y), 1, brush)
        x, y = next_x, next_y
