"""Dense matching of a picture with itself: for each pixel the place it could be a copy of.

A copy keeps its noise. After compression this is no longer an equal one, but still far nearer to
its source than anything that only looks alike. So the field of nearest neighbours is found fast and
roughly, and the proof comes afterwards: shifted by one pixel in any direction, a copy matches
several times worse than in place, while a natural likeness (an edge, a smooth surface, a row of
windows) hardly changes or comes back at the same distance once more.

Fields are int64 (H, W) of flat indices into the picture, -1 where there is none.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

MIN_DISTANCE = 10
"""Source and copy are at least as far apart, in pixels along one axis; nearer, all is alike."""
_SIDE = 5
"""Side of the compared patches: as small as the fragments that exemplar inpainters copy."""
_COEFFICIENTS = 12
"""Cosine coefficients of a patch's luma, the lowest ones, which compression changes least."""
_TABLES = 4
_DIMENSIONS = 8
"""Hash tables, and the projections that make a key: more find less probable, fewer compare more."""
_CELL = 0.8
"""Width of a hash cell in standard deviations of the projection."""
_LAGS = (1, 2)
_FLAT = 36.0
"""Energy of a patch below which it tells too little to be found again."""
_JUMPS = (1, 4, 2, 1)
_STEPS = ((0, 1), (1, 0), (0, -1), (-1, 0))
_WINDOW = 9
"""Side of the windows in which matches are verified."""
_NOISE = 2.0
"""Variance that the rounding to whole values leaves between equal places."""


class Verified(NamedTuple):
    """How well each pixel matches the place in the field; float32 (H, W), infinite without one.

    Attributes:
        sharpness: Error in place over the least error one pixel beside it: low for copies.
        detail: The error one pixel beside, in squared grey levels: how much there is to compare.
        repeats: Error at once more the same offset over `detail`: low in repeated patterns.
    """

    sharpness: np.ndarray
    detail: np.ndarray
    repeats: np.ndarray


def match(image: np.ndarray) -> np.ndarray:
    """Finds for each pixel the most alike place elsewhere in the picture.

    Candidates come from hash tables of patches (Datar et al., "Locality-Sensitive Hashing Scheme
    Based on p-Stable Distributions", 2004), and spread to neighbours, which copies share (Barnes
    et al., "PatchMatch", 2009). The same picture gives the same field.

    Args:
        image: uint8 (H, W, 3), RGB.

    Returns:
        The field; patches without structure have no place in it.
    """
    features, energy = _features(image)
    index = np.flatnonzero(energy.ravel() > _FLAT)
    field = np.full(energy.size, -1)
    cost = np.full(energy.size, np.inf, np.float32)
    if len(index) > 2 * features.shape[-1]:
        _hash(features, index, energy.shape, field, cost)
        grid, costs = field.reshape(energy.shape), cost.reshape(energy.shape)
        for jump in (jump for jump in _JUMPS if jump < min(energy.shape)):
            for down, right in _STEPS:
                _spread(features, grid, costs, down * jump, right * jump)
    return field.reshape(energy.shape)


def verify(luma: np.ndarray, field: np.ndarray) -> Verified:
    """Measures whether the matches of a field are copies.

    Args:
        luma: float32 (H, W), 0 to 255.
        field: As `match` returns it.
    """
    height, width = field.shape
    known = field >= 0
    weight = known.astype(np.float32)
    count = _mean(weight) + 1e-6
    rows, columns = np.indices(field.shape, np.int32)
    to_rows, to_columns = np.divmod(np.where(known, field, 0).astype(np.int32), width)

    def error(at_rows, at_columns):
        inside = at_rows.clip(0, height - 1), at_columns.clip(0, width - 1)
        difference = (luma - luma[inside]) * weight
        # Without its mean, which is no detail.
        return _mean(difference * difference) / count - (_mean(difference) / count) ** 2

    beside = [
        error(to_rows + down, to_columns + right)
        for down in (-1, 0, 1)
        for right in (-1, 0, 1)
        if down or right
    ]
    detail = np.minimum.reduce(beside)
    again = np.full(field.shape, np.inf, np.float32)
    for factor in (-1, 2):
        at_rows = rows + factor * (to_rows - rows)
        at_columns = columns + factor * (to_columns - columns)
        inside = (0 <= at_rows) & (at_rows < height) & (0 <= at_columns) & (at_columns < width)
        again = np.where(inside, np.minimum(again, error(at_rows, at_columns)), again)
    sharpness = error(to_rows, to_columns) / (detail + _NOISE)
    return Verified(
        np.where(known, sharpness, np.inf),
        np.where(known, detail, 0),
        np.where(known, again / (detail + _NOISE), np.inf),
    )


def support(field: np.ndarray, evidence: np.ndarray, radius: int) -> np.ndarray:
    """Adds up the evidence around each pixel that speaks for the pixel's own offset.

    Args:
        field: As `match` returns it.
        evidence: float32 (H, W), of each pixel for its own match; 0 where it does not count.
        radius: Greatest distance along each axis, in pixels.

    Returns:
        float32 (H, W), 0 where a pixel has no evidence itself.
    """
    offset = (field - np.arange(field.size).reshape(field.shape)).astype(np.int32)
    offsets, weights = np.pad(offset, radius), np.pad(evidence, radius)
    height, width = field.shape
    total = np.zeros(field.shape, np.float32)
    for down in range(2 * radius + 1):
        for right in range(2 * radius + 1):
            at = np.s_[down : down + height, right : right + width]
            total += weights[at] * (offsets[at] == offset)
    return total * (evidence > 0)


def shifted(shape: tuple[int, int], down: int, right: int) -> tuple[tuple, tuple]:
    """Returns the slices of two views of a picture such that one is moved against the other.

    Args:
        shape: Height and width.
        down: Rows, may be negative.
        right: Columns, may be negative.

    Returns:
        Slices of the pixels, and of those that stand `down` and `right` before them.
    """
    height, width = shape
    return (
        np.s_[max(down, 0) : height + min(down, 0), max(right, 0) : width + min(right, 0)],
        np.s_[max(-down, 0) : height + min(-down, 0), max(-right, 0) : width + min(-right, 0)],
    )


def _features(image) -> tuple[np.ndarray, np.ndarray]:
    """Describes the patch around each pixel; returns (H, W, C) and the structure's energy."""
    planes = cv2.cvtColor(image, cv2.COLOR_RGB2YCrCb).astype(np.float32)
    at = (np.arange(_SIDE) + 0.5) * np.pi / _SIDE
    basis = [np.cos(order * at) * np.sqrt((2 - (order == 0)) / _SIDE) for order in range(_SIDE)]
    orders = [(down, right) for down in range(_SIDE) for right in range(_SIDE)][1:]
    orders.sort(key=lambda order: (sum(order), abs(order[0] - order[1])))
    structure = [
        cv2.sepFilter2D(planes[..., 0], cv2.CV_32F, basis[right], basis[down])
        for down, right in orders[:_COEFFICIENTS]
    ]
    # Means count as much as in the distance of the pixels; twice as much for the colour, which
    # compression blurs but does not shift.
    scale = np.array([_SIDE, 2 * _SIDE, 2 * _SIDE], np.float32)
    means = cv2.boxFilter(planes, -1, (_SIDE, _SIDE)) * scale
    features = np.dstack([*structure, means])
    return features, np.square(features[..., :_COEFFICIENTS]).sum(axis=-1)


def _hash(features, index, shape, field, cost) -> None:
    """Fills flat field and cost, in place, with the best of the patches that share a hash cell."""
    rng = np.random.default_rng(0)
    described = features.reshape(-1, features.shape[-1])[index]
    # Square roots even out the heavy tails, so that cells are filled alike.
    evened = described - described.mean(axis=0)
    evened = np.sign(evened) * np.sqrt(np.abs(evened))
    variances, axes = np.linalg.eigh(np.cov(evened.T))
    evened = evened @ (axes / np.sqrt(variances + 1e-3 * variances[-1])).astype(np.float32)
    rows, columns = np.divmod(index.astype(np.int32), shape[1])
    for _ in range(_TABLES):
        turned, _ = np.linalg.qr(rng.standard_normal(axes.shape))
        projected = evened @ turned[:, : _DIMENSIONS + 1].astype(np.float32)
        cells = projected[:, :-1] / _CELL + rng.random(_DIMENSIONS, np.float32) + 16
        digits = np.floor(cells).clip(0, 31).astype(np.int64)
        key = digits @ (32 ** np.arange(_DIMENSIONS))
        within = (projected[:, -1] * 1000 + 32768).clip(0, 65535).astype(np.int64)
        order = np.argsort((key << 16) + within, kind="stable")
        ordered, down, right, place = described[order], rows[order], columns[order], index[order]
        for lag in _LAGS:
            distance = np.square(ordered[lag:] - ordered[:-lag]).sum(axis=1)
            apart = np.maximum(abs(down[lag:] - down[:-lag]), abs(right[lag:] - right[:-lag]))
            far = apart >= MIN_DISTANCE
            distance, one, other = distance[far], place[lag:][far], place[:-lag][far]
            _improve(field, cost, one, other, distance)
            _improve(field, cost, other, one, distance)


def _spread(features, field, cost, down, right) -> None:
    """Tries, in place, at each pixel the offset of the one that is `down` and `right` before it."""
    height, width, channels = features.shape
    to, of = shifted(field.shape, down, right)
    neighbours = field[of]
    rows, columns = np.divmod(neighbours.astype(np.int32), width)
    rows, columns = rows + down, columns + right
    inside = (0 <= rows) & (rows < height) & (0 <= columns) & (columns < width)
    target = neighbours + down * width + right
    new = np.nonzero((neighbours >= 0) & inside & (target != field[to]))
    pixels = (new[0] + to[0].start) * width + new[1] + to[1].start
    target = target[new]
    flat = features.reshape(-1, channels)
    distance = np.square(flat[pixels] - flat[target]).sum(axis=1)
    _improve(field.reshape(-1), cost.reshape(-1), pixels, target, distance)


def _improve(field, cost, pixels, targets, distances) -> None:
    better = distances < cost[pixels]
    pixels = pixels[better]
    field[pixels], cost[pixels] = targets[better], distances[better]


def _mean(values) -> np.ndarray:
    return cv2.boxFilter(values, -1, (_WINDOW, _WINDOW))
