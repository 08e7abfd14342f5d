"""What a registered picture says of its template: whose it is, and where it is missing.

The picture is laid onto the plane, made white, and multiplied with the template that is expected
there. In small cells the mean of that product is noise around 0 where the template is missing, and
noise around an expected mean where it is there. How large that mean should be is learned from the
picture itself: cells of similar texture lost a similar part of the template to compression. So each
cell has log odds of "missing" against "there"; where nothing can be expected they are 0, and
nobody is blamed. Sums of log odds over regions are what verdicts are made of: a region in which
the template is there reaches log odds of t with a chance of less than exp(-t).
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from malp_keras import payload
from malp_keras.keyed_template import BITS, LOW, PITCH, SPAN, TILE, KeyedTemplate, band
from malp_keras.registration import Place, covered, on_plane
from malp_keras.visibility import relative_amplitude

CELL = 4
"""Side of a cell in pixels of the plane."""
REACHES = (1.0, 2.0, 4.0, 8.0, 16.0)
"""Deviations of the Gaussian windows, in cells, in which log odds are summed."""
_HANDICAP = {1.0: 8.0, 2.0: 4.0}
"""What is subtracted from sums of the smallest windows: there are many, and texture is uneven."""
_BLOCK = 6
_QUANTILE = 0.2, 0.842
_CLASSES = 12
_LEAST = 0.6
"""What a class has at least of what is expected after the next plainer one."""
_CUT = 4
_CAUTION = 0.85
"""Share of the expected mean that is counted on: cells of a class are not all alike."""


class Identified(NamedTuple):
    """The identity that a picture carries, and where its part lies on the plane.

    Attributes:
        reading: The code word and how well it agrees.
        top: First row of the covered box; negative where it lies above the original.
        left: First column of it.
    """

    reading: payload.Reading
    top: int
    left: int


class Evidence(NamedTuple):
    """How the template is missing in a part of the plane.

    Attributes:
        odds: Log odds of missing against there, a cell, float32 (rows, columns).
        sums: The largest log odds of a window around each cell, over all reaches.
        power: Sum over all cells of the expected mean squared: a share s of them can be seen to
            be missing if s times this is well above the limit of log odds.
        top: First row of the cells on the plane.
        left: First column.
        shape: Height and width in pixels of the plane.
    """

    odds: np.ndarray
    sums: np.ndarray
    power: float
    top: int
    left: int
    shape: tuple[int, int]


def identify(template: KeyedTemplate, noise: np.ndarray, top: int, left: int) -> Identified:
    """Reads the identity, and where on the plane the part lies.

    Args:
        template: Template of the key.
        noise: A picture on the plane, whitened, float32 (H, W).
        top: First row on the plane, known up to multiples of `PITCH`.
        left: First column.

    Returns:
        What is likeliest; its agreement says whether it can be trusted.
    """
    inner = top % TILE, left % TILE
    rows, columns = (
        -(-(side + start) // TILE) for side, start in zip(noise.shape, inner, strict=True)
    )
    padded = np.zeros((rows * TILE, columns * TILE), np.float32)
    padded[inner[0] : inner[0] + noise.shape[0], inner[1] : inner[1] + noise.shape[1]] = band(
        noise, LOW
    )
    tiles = padded.reshape(rows, TILE, columns, TILE).swapaxes(1, 2).reshape(rows * columns, -1)
    answers = (tiles @ template.carriers.T).reshape(rows, columns, BITS)
    count = len(template.turns)
    grid = np.zeros((count, count, BITS), np.float32)
    np.add.at(grid, (np.arange(rows)[:, None] % count, np.arange(columns) % count), answers)
    # All places at once: the answers, turned back by the signs that each place would have.
    spectrum = np.conj(np.fft.fft2(grid, axes=(0, 1))) * np.fft.fft2(template.turns, axes=(0, 1))
    turned = np.fft.ifft2(spectrum, axes=(0, 1)).real
    step = PITCH // TILE
    start = (top // TILE) % step, (left // TILE) % step
    turned = turned[start[0] :: step, start[1] :: step]
    i, j = np.unravel_index(np.square(turned).sum(axis=2).argmax(), turned.shape[:2])
    place = (start[0] + step * i) * TILE + inner[0], (start[1] + step * j) * TILE + inner[1]
    # What lies above or left of the original reads as the far end of the plane.
    signed = (
        int(first) - SPAN if first > SPAN // 2 and first + side > SPAN else int(first)
        for first, side in zip(place, noise.shape, strict=True)
    )
    return Identified(payload.decode(turned[i, j]), *signed)


def lay(brightness: np.ndarray, place: Place) -> tuple[np.ndarray, np.ndarray, int, int]:
    """Lays a picture onto the plane.

    Returns:
        The picture and where it is valid, float32 (H, W) and bool (H, W), and its first row and
        column on the plane.
    """
    top, left, height, width = covered(brightness.shape, place.to_plane)
    laid = on_plane(brightness, place.to_plane, top, left, height, width)
    straight = np.abs(place.to_plane[:, :2]).min(axis=1).max() < 1e-3
    if straight:
        return laid, np.ones(laid.shape, bool), top, left
    moved = place.to_plane - [[0, 0, left], [0, 0, top]]
    ones = np.ones(brightness.shape, np.uint8)
    valid = cv2.warpAffine(ones, moved, (width, height), flags=cv2.INTER_NEAREST) > 0
    return laid, valid, top, left


def weigh(
    template: KeyedTemplate,
    laid: np.ndarray,
    valid: np.ndarray,
    noise: np.ndarray,
    place: tuple[int, int],
    reading: payload.Reading | None,
) -> Evidence:
    """Looks where the template is missing.

    Args:
        template: Template of the key.
        laid: The picture on the plane, float32 (H, W).
        valid: Where the picture covers the plane, bool (H, W).
        noise: The same, whitened.
        place: First row and column on the plane.
        reading: The picture's identity; without, only the sync is expected.

    Returns:
        The evidence.
    """
    (height, width), (top, left) = laid.shape, place
    code = np.zeros(BITS, np.float32) if reading is None else reading.code
    references = [template.low(code, height, width, top, left)]
    if reading is not None:
        references.append(template.high(reading.identity, height, width, top, left))
    # Where tones are cut off at black or white, a part of the template may be, too.
    whole = valid & (laid > _CUT) & (laid < 255 - _CUT)
    inside = cv2.erode(_cells(whole.astype(np.float32)), np.ones((3, 3), np.uint8)) > 0.9
    classes, details = _classes(laid, inside)
    odds = np.zeros(inside.shape, np.float32)
    power = 0.0
    for reference in references:
        product = _cells(noise * reference)
        shifted = np.roll(
            reference, (reference.shape[0] // 2 + 5, reference.shape[1] // 2 + 3), (0, 1)
        )
        unit = _deviation(_cells(noise * shifted), inside)
        product /= unit
        expected = _expected(product, classes, details, inside)
        odds += expected * (_CAUTION * _CAUTION / 2 * expected - _CAUTION * product)
        power += float(np.square(expected).sum())
    odds[~inside] = 0
    sums = np.max([judged_sums(odds, reach) for reach in REACHES], axis=0)
    return Evidence(odds, sums, power, top, left, (height, width))


def window_sums(odds: np.ndarray, reach: float) -> np.ndarray:
    """Sums of log odds in Gaussian windows, each as large as a disc of twice the deviation."""
    area = np.float32(4 * np.pi * reach * reach)
    return area * cv2.GaussianBlur(odds, (0, 0), reach, borderType=cv2.BORDER_CONSTANT)


def judged_sums(odds: np.ndarray, reach: float) -> np.ndarray:
    """Sums in windows, less the handicap of windows of that size."""
    return window_sums(odds, reach) - _HANDICAP.get(reach, 0)


def missing(evidence: Evidence, limit: float) -> np.ndarray:
    """Draws the map of what is missing: probabilities a cell, float32 (rows, columns), 0 to 1.

    Windows are coarse. So each window whose log odds reach the limit is a seed, and near seeds
    each cell is decided by its own log odds and by its neighbours.
    """
    near = np.zeros(evidence.odds.shape, bool)
    for reach in REACHES:
        seeds = (judged_sums(evidence.odds, reach) >= limit).astype(np.uint8)
        side = 2 * round(1.5 * reach) + 1
        near |= cv2.dilate(seeds, np.ones((side, side), np.uint8)) > 0
    if not near.any():
        return np.zeros(near.shape, np.float32)
    own = window_sums(evidence.odds, 0.8)
    belief = _sigmoid(evidence.sums - 2)
    for _ in range(12):
        neighbours = cv2.GaussianBlur(belief, (0, 0), 1.6)
        belief = _sigmoid(0.6 * own + 9 * (neighbours - 0.5))
    return np.where(near, belief, 0).astype(np.float32)


def _cells(values: np.ndarray) -> np.ndarray:
    """Means over cells; what is left over at the end is a cell of its own, partly outside."""
    height, width = (-(-side // CELL) * CELL for side in values.shape)
    if values.shape != (height, width):
        pad = height - values.shape[0], width - values.shape[1]
        values = cv2.copyMakeBorder(values, 0, pad[0], 0, pad[1], cv2.BORDER_CONSTANT)
    return cv2.resize(values, (width // CELL, height // CELL), interpolation=cv2.INTER_AREA)


def _classes(laid: np.ndarray, inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sorts cells by their fine detail into classes of equal size.

    Returns:
        The class of each cell, int (rows, columns), and the detail of each class in levels.
    """
    detail = laid - cv2.GaussianBlur(laid, (0, 0), 1.5)
    energy = cv2.GaussianBlur(_cells(detail * detail), (0, 0), 1.5)
    count = max(1, min(_CLASSES, int(inside.sum()) // 400))
    if not inside.any():
        return np.zeros(energy.shape, int), np.ones(1)
    limits = np.quantile(energy[inside], np.arange(1, count) / count)
    middles = np.quantile(energy[inside], (np.arange(count) + 0.5) / count)
    return np.searchsorted(limits, energy), np.sqrt(middles)


def _deviation(values: np.ndarray, inside: np.ndarray) -> float:
    """Deviation of noise a cell, as it is in sums over several cells."""
    coarse = cv2.GaussianBlur(values, (0, 0), 1.0)
    spread = 1.4826 * float(np.median(np.abs(coarse[inside]))) if inside.any() else 0.0
    return max(spread * float(np.sqrt(4 * np.pi)), 1e-9)


def _expected(
    product: np.ndarray, classes: np.ndarray, details: np.ndarray, inside: np.ndarray
) -> np.ndarray:
    """The mean that the product has at least in most of each class where the template is there.

    From a low quantile of block means, corrected for their noise: where compression left the
    template in a part of a class only, little is expected, and nobody is blamed. Compression
    spares texture, so a class has at least a share of what the next plainer one has: what was
    pasted may be the only texture in a picture.
    """
    kernel = np.full((_BLOCK, _BLOCK), 1 / _BLOCK**2, np.float32)
    blocks = cv2.filter2D(product, -1, kernel)
    means = np.zeros(len(details), np.float32)
    visible = relative_amplitude(details)
    for number in range(len(means)):
        chosen = blocks[inside & (classes == number)]
        if chosen.size >= 16:
            low = float(np.quantile(chosen, _QUANTILE[0]))
            means[number] = max(0.0, low + _QUANTILE[1] / _BLOCK)
        if number:
            decline = visible[number] / visible[number - 1]
            means[number] = max(means[number], _LEAST * decline * means[number - 1])
    return means[classes]


def _sigmoid(values: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(values, -50, 50)))
