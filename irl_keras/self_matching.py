"""Copied fills: parts of a picture that were copied from elsewhere in the same picture.

Exemplar inpainting, content-aware fills, shift maps and clone stamps leave next to no traces of
synthesis, but their source stands in the same picture. `find_copies` matches the picture with
itself and decides which of two equal places is the copy. Nothing in it is trained.

What was turned, scaled, mirrored or recoloured before it was pasted is not found, neither are
copies of surfaces without structure, and nothing in pictures that are full of repeated patterns.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from irl_keras import copy_sides, patch_matching
from irl_keras.patch_matching import Verified, support

MOST_PIXELS = 2**21
"""Larger pictures are searched in a reduced copy of this area, which bounds time and memory."""
_DETAIL = 4.0
"""Variance one pixel beside a match below which there is nothing to tell copies by."""
_REPEATS = 0.6
"""A match is refused if what follows at the same offset is nearly as good: a repeated pattern."""
_SURE, _CONTRAST = 0.7, 100.0
"""Sharpness up to which a match is evidence, and the detail from which on it has to be sharper.

Strong contrasts make all that is roughly alike look sharp, such as the windows of a house."""
_LEAST, _BROAD, _DECISIVE = 8.0, 40.0, 60.0
"""Evidence around a pixel, with its own offset, that makes it likely; that confirms it; and that a
picture must reach somewhere: about as many pixels that are exactly equal."""
_SMALL, _LARGE = 3, 7
"""Radius of the surroundings of the first, and of the other two."""
_CONFIRMED = 0.27
"""Share of the likely matches that must be confirmed, in the picture and in any area of it.

Repeated patterns have many that are likely and few that are large."""
_AREA, _REACH = 16.0, 20
"""Standard deviation of such an area, and pixels around confirmed matches where others may be."""
_ALIKE, _COMPANY = 0.5, 16
"""Sharpness of these, and how many there must be of one offset in the smaller surroundings."""
_GROWTH = 6
"""Pixels by which copies are followed beyond their verified part, as long as they stay equal."""
_STEPS = ((0, 1), (1, 0), (0, -1), (-1, 0))
_BLUR, _COVERED = 3.0, 0.4
"""Standard deviation that closes gaps, and the share of pixels with equals that suffices."""


class CopyMap(NamedTuple):
    """What was found in a picture.

    Attributes:
        map: Each pixel's probability of being a copy, float32 (H, W), 0 to 1.
        sources: The pixels that were copied from, bool (H, W).
        pairs: Number of matches that were accepted as copies; 0 if nothing was found.
    """

    map: np.ndarray
    sources: np.ndarray
    pairs: int


def find_copies(image: np.ndarray) -> CopyMap:
    """Finds what was copied within a picture.

    The time grows with the area, up to that of `MOST_PIXELS`; larger pictures are reduced to it
    before, and their map is enlarged. The same picture gives the same result.

    Args:
        image: uint8 (H, W, 3), RGB.

    Returns:
        The `CopyMap`, of the picture's size.
    """
    height, width = image.shape[:2]
    scale = (MOST_PIXELS / (height * width)) ** 0.5
    if scale >= 1:
        return _search(image)
    size = max(int(width * scale), 1), max(int(height * scale), 1)
    found = _search(cv2.resize(image, size, interpolation=cv2.INTER_AREA))
    sources = found.sources.astype(np.uint8)
    return CopyMap(
        cv2.resize(found.map, (width, height), interpolation=cv2.INTER_LINEAR),
        cv2.resize(sources, (width, height), interpolation=cv2.INTER_NEAREST).astype(bool),
        found.pairs,
    )


def _search(image) -> CopyMap:
    luma = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    field = patch_matching.match(image)
    accepted = _accepted(field, patch_matching.verify(luma, field))
    if not accepted.any():
        nothing = np.zeros(luma.shape, np.float32)
        return CopyMap(nothing, nothing.astype(bool), 0)
    field = _grown(luma, np.where(accepted, field, -1))
    owner = copy_sides.segments(field)
    side = copy_sides.copied_side(field, owner, copy_sides.seams(luma, field, owner))
    pixels = np.flatnonzero(field >= 0)
    equal = np.zeros(field.shape, bool)
    equal.ravel()[pixels] = equal.ravel()[field.ravel()[pixels]] = True
    copied, kept = (_blur(equal * (1 + sign * side) / 2, _BLUR) for sign in (1, -1))
    probability = np.minimum((copied + kept) / _COVERED, 1) * copied / (copied + kept + 1e-6)
    return CopyMap(probability, equal & (side < 0), int(accepted.sum()))


def _accepted(field, verified: Verified) -> np.ndarray:
    """Returns where the field shows copies, bool (H, W).

    Small pieces of copies are believed only beside larger ones, which do not come about by chance.
    """
    telling = (verified.detail > _DETAIL) & (verified.repeats > _REPEATS)
    limit = _SURE * np.sqrt(_CONTRAST / np.maximum(verified.detail, _CONTRAST))
    evidence = np.where(telling, 1 - verified.sharpness / limit, 0).clip(0).astype(np.float32)
    broad = support(field, evidence, _LARGE)
    if broad.max(initial=0) < _DECISIVE:
        return np.zeros(field.shape, bool)
    likely = support(field, evidence, _SMALL) >= _LEAST
    confirmed = likely & (broad >= _BROAD)
    if confirmed.sum() < _CONFIRMED * likely.sum():
        return np.zeros(field.shape, bool)
    area = [_blur(part, _AREA) for part in (confirmed, likely)]
    confirmed &= area[0] > _CONFIRMED * area[1]
    square = np.ones((2 * _REACH + 1, 2 * _REACH + 1), np.uint8)
    near = cv2.dilate(confirmed.astype(np.uint8), square) > 0
    alike = near & telling & (verified.sharpness < _ALIKE)
    return support(field, alike.astype(np.float32), _SMALL) >= _COMPANY


def _grown(luma, field) -> np.ndarray:
    """Follows copies into their surroundings, pixel by pixel, while these are equal."""
    height, width = field.shape
    flat = luma.ravel()
    known = np.flatnonzero(field >= 0)
    limit = 1 + 2 * np.abs(flat[known] - flat[field.ravel()[known]]).mean()
    for _ in range(_GROWTH):
        before = field.copy()
        for down, right in _STEPS:
            new, old = patch_matching.shifted(field.shape, down, right)
            pixels = np.nonzero((field[new] < 0) & (before[old] >= 0))
            rows, columns = np.divmod(before[old][pixels], width)
            rows, columns = rows + down, columns + right
            place = (pixels[0] + new[0].start) * width + pixels[1] + new[1].start
            inside = (0 <= rows) & (rows < height) & (0 <= columns) & (columns < width)
            place, target = place[inside], (rows * width + columns)[inside]
            equal = np.abs(flat[place] - flat[target]) <= limit
            field.ravel()[place[equal]] = target[equal]
    return field


def _blur(values, sigma) -> np.ndarray:
    return cv2.GaussianBlur(values.astype(np.float32), (0, 0), sigma)
