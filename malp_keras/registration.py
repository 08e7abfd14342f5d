"""Finds the template of a key in a picture, wherever it lies: cropped, scaled, mirrored, turned.

A matched filter: the picture, brought to white noise, is folded to one period of the template's
repeated part and correlated with it, at all shifts at once, for each scale of a grid, mirrored or
not, in four turns. What is found is then refined by the shifts of single windows.

Places are given as (x, y) of pixel centres. The plane is where the template lies untouched.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable
from typing import NamedTuple

import cv2
import numpy as np

from malp_keras.keyed_template import LOW, PITCH, KeyedTemplate, band

LEAST_SCALE, LARGEST_SCALE = 0.3, 3.0
_FIRST_SCALES = (1.0, 0.5, 0.75, 0.8, 2.0, 0.7, 1.5, 2 / 3, 0.6, 0.9, 1.25)
"""Tried before all others, as they are frequent."""
_SURE = 9.0
_WINDOW, _PLANE_WINDOW = 384, 320
"""The search looks at a square of these pixels, of the picture or of the plane: the larger."""
_DRIFT = 2.0
"""Pixels by which two neighbouring scales differ over the window."""
_REACH = 12
"""How far, in pixels, single windows are looked for when a place is refined."""
_LOCAL = 4.5

ORIENTATIONS = tuple(
    np.array(matrix, float)
    for matrix in itertools.chain.from_iterable(
        (((a, 0), (0, b)), ((0, a), (b, 0))) for a in (1, -1) for b in (1, -1)
    )
)
"""Turns and mirrored turns: matrices from directions in the picture to those on the plane."""


class Place(NamedTuple):
    """Where the template lies in a picture.

    Attributes:
        to_plane: Matrix (2, 3) from places in the picture to places on the plane, whose origin is
            known up to multiples of `PITCH`.
        z: Standard deviations by which the correlation stands out of that at other shifts.
    """

    to_plane: np.ndarray
    z: float

    @property
    def scale(self) -> float:
        """Size of the picture's content against the original's."""
        return float(abs(np.linalg.det(self.to_plane[:, :2])) ** -0.5)

    @property
    def mirrored(self) -> bool:
        """Whether left and right were exchanged, before a turn if there is one."""
        return bool(np.linalg.det(self.to_plane[:, :2]) < 0)

    @property
    def turned(self) -> int:
        """Degrees by which the content is turned counter-clockwise: 0, 90, 180 or 270."""
        matrix = np.diag([-1.0 if self.mirrored else 1.0, 1.0]) @ self.to_plane[:, :2]
        return round(np.degrees(np.arctan2(matrix[1, 0], matrix[0, 0])) / 90) % 4 * 90


def whitened(brightness: np.ndarray) -> np.ndarray:
    """Brings a picture to something like white noise of a deviation of 1.

    Args:
        brightness: float32 (H, W).

    Returns:
        float32 (H, W): without what is smooth, divided by its local deviation, and with a flat
        spectrum in the mean over all directions.
    """
    detail = normalized_detail(brightness)
    height, width = detail.shape
    shape = cv2.getOptimalDFTSize(height), cv2.getOptimalDFTSize(width)
    spectrum = np.fft.rfft2(detail, shape)
    radius = _radius(*shape)
    power = spectrum.real**2 + spectrum.imag**2
    rings = (radius * 100).astype(np.intp)
    counts = np.maximum(np.bincount(rings.ravel()), 1)
    mean = np.bincount(rings.ravel(), power.ravel()) / counts
    mean = np.maximum(mean, 1e-3 * mean.max()) + 1e-12
    spectrum *= np.sqrt(
        height * width / np.interp(radius, (np.arange(len(mean)) + 0.5) / 100, mean)
    )
    return np.fft.irfft2(spectrum, shape)[:height, :width].astype(np.float32)


def normalized_detail(brightness: np.ndarray) -> np.ndarray:
    """What is fine in a picture, divided by its local deviation and cut off at 3."""
    detail = brightness - cv2.GaussianBlur(brightness, (0, 0), 1.5)
    deviation = np.sqrt(cv2.GaussianBlur(detail * detail, (0, 0), 4.0))
    return np.clip(detail / (deviation + np.float32(0.3)), -3, 3)


def register(template: KeyedTemplate, brightness: np.ndarray, thorough: bool = True) -> Place:
    """Looks for a template.

    Args:
        template: The template of the key.
        brightness: float32 (H, W), 0 to 255.
        thorough: Whether all scales are tried, and not only the original one.

    Returns:
        The likeliest place; its `z` says whether there is a template at all.
    """
    window, corner = _central(brightness, round(_WINDOW / LEAST_SCALE))
    noise = whitened(window)
    search = functools.partial(_at_scale, template, noise, corner)
    best = _best(search, _FIRST_SCALES if thorough else (1.0,))
    if not thorough:
        return best._replace(to_plane=snapped(best.to_plane, brightness.shape))
    if best.z < _SURE:
        best = max(best, _best(search, scales(noise.shape)), key=lambda place: place.z)
    step = _step(noise.shape, best.scale)
    fine = best.scale * (1 + step * np.linspace(-0.6, 0.6, 7))
    best = max(best, _best(search, fine), key=lambda place: place.z)
    return _refined(template, brightness, best)


def scales(shape: tuple[int, int]) -> list[float]:
    """The scales at which a picture of a shape is searched, the largest first."""
    found, scale = [], LARGEST_SCALE
    while scale >= LEAST_SCALE:
        found.append(scale)
        scale *= 1 - _step(shape, scale)
    return found


def _step(shape: tuple[int, int], scale: float) -> float:
    return _DRIFT * scale / max(min(side, _side(scale)) for side in shape)


def _side(scale: float) -> int:
    """Side of the window that is looked at, in pixels of the picture."""
    return round(max(_WINDOW, _PLANE_WINDOW * scale))


def _central(values: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Cuts a window out of the middle; returns it and the place (x, y) of its first pixel."""
    top, left = (max(0, (length - side) // 2) for length in values.shape)
    return values[top : top + side, left : left + side], np.array([left, top], float)


def _best(search, tried: Iterable[float]) -> Place:
    best = Place(np.eye(2, 3), 0.0)
    for scale in tried:
        best = max(best, search(scale), key=lambda place: place.z)
        if best.z > 2 * _SURE:
            break
    return best


def _at_scale(
    template: KeyedTemplate, noise: np.ndarray, corner: np.ndarray, scale: float
) -> Place:
    """Looks for a template at one scale, in all orientations."""
    window, inner = _central(noise, _side(scale))
    size = [max(8, round(length / scale)) for length in window.shape[::-1]]
    method = cv2.INTER_AREA if scale > 1 else cv2.INTER_LINEAR
    scaled = cv2.resize(window, size, interpolation=method)
    factors = np.array(size) / window.shape[::-1]
    spectrum = np.conj(np.fft.rfft2(fold(scaled)))
    correlation = np.fft.irfft2(spectrum * _sync_spectra(template), (PITCH, PITCH))
    peaks = correlation.reshape(len(ORIENTATIONS), -1)
    number = int(np.argmax(peaks.max(axis=1)))
    shift = np.array(np.unravel_index(peaks[number].argmax(), (PITCH, PITCH)))[::-1]
    z = float(peaks[number].max() / (peaks[number].std() + 1e-12))
    matrix = ORIENTATIONS[number]
    # In the window's scaled pixels u(q) = sync(matrix @ (q + shift)), with q of the picture.
    offset = (0.5 - corner - inner) * factors - 0.5 + shift
    to_plane = np.column_stack([matrix @ np.diag(factors), matrix @ offset])
    return Place(to_plane, z)


def fold(values: np.ndarray, top: int = 0, left: int = 0) -> np.ndarray:
    """Adds up the periods of what lies at a place on the plane: float32 (PITCH, PITCH)."""
    top, left = top % PITCH, left % PITCH
    height, width = values.shape
    padded = np.zeros(
        (-(-(height + top) // PITCH) * PITCH, -(-(width + left) // PITCH) * PITCH), np.float32
    )
    padded[top : top + height, left : left + width] = values
    return padded.reshape(-1, PITCH, padded.shape[1] // PITCH, PITCH).sum(axis=(0, 2))


@functools.lru_cache(maxsize=4)
def _sync_spectra(template: KeyedTemplate) -> np.ndarray:
    """Spectra of the sync in the low band in all orientations, complex64 (8, PITCH, ...)."""
    rows, columns = np.indices((PITCH, PITCH))
    periods = band(np.tile(template.sync, (3, 3)), LOW)
    sync = periods[PITCH : 2 * PITCH, PITCH : 2 * PITCH]
    spectra = []
    for matrix in ORIENTATIONS:
        x, y = np.tensordot(matrix.astype(int), np.stack([columns, rows]), 1) % PITCH
        spectra.append(np.fft.rfft2(sync[y, x]))
    return np.stack(spectra).astype(np.complex64)


def _radius(height: int, width: int) -> np.ndarray:
    """Spatial frequencies of a real spectrum in cycles per pixel."""
    rows = np.fft.fftfreq(height).astype(np.float32)[:, np.newaxis]
    return np.hypot(rows, np.fft.rfftfreq(width).astype(np.float32))


# --- refinement -------------------------------------------------------------------------------


def on_plane(
    brightness: np.ndarray, to_plane: np.ndarray, top: int, left: int, height: int, width: int
) -> np.ndarray:
    """Draws a part of a picture as it lies on the plane.

    Args:
        brightness: float32 (H, W).
        to_plane: As in `Place`.
        top: First row of the part on the plane.
        left: First column.
        height: Rows.
        width: Columns.

    Returns:
        float32 (height, width); the edge is continued where the picture ends.
    """
    moved = to_plane.copy()
    moved[:, 2] -= left, top
    shrinks = abs(np.linalg.det(to_plane[:, :2])) ** -0.5
    if shrinks > 1.2:  # warping does not average
        brightness = cv2.GaussianBlur(brightness, (0, 0), 0.35 * shrinks)
    exact = np.abs(moved - np.rint(moved)).max() < 1e-6
    method = cv2.INTER_NEAREST if exact else cv2.INTER_CUBIC
    return cv2.warpAffine(
        brightness, moved, (width, height), flags=method, borderMode=cv2.BORDER_REPLICATE
    )


def covered(shape: tuple[int, int], to_plane: np.ndarray) -> tuple[int, int, int, int]:
    """The box on the plane that a picture covers: top, left, height, width."""
    height, width = shape
    corners = np.array(
        [[-0.5, -0.5], [width - 0.5, -0.5], [-0.5, height - 0.5], [width - 0.5, height - 0.5]]
    )
    places = corners @ to_plane[:, :2].T + to_plane[:, 2]
    left, top = np.ceil(places.min(axis=0) - 0.01).astype(int)
    right, bottom = np.floor(places.max(axis=0) + 0.01).astype(int)
    return int(top), int(left), int(bottom - top + 1), int(right - left + 1)


def _refined(template: KeyedTemplate, brightness: np.ndarray, place: Place) -> Place:
    """Fits the matrix of a place to the shifts of windows all over the picture."""
    to_plane = snapped(place.to_plane, brightness.shape)
    for _ in range(3):
        top, left, height, width = covered(brightness.shape, to_plane)
        side = min(max(min(height, width) // 3, 112), 256, height, width)
        centres, shifts, weights = [], [], []
        for y, x in itertools.product(_starts(height, side), _starts(width, side)):
            part = on_plane(brightness, to_plane, top + y, left + x, side, side)
            shift, z = _local_shift(template, normalized_detail(part), top + y, left + x)
            if z > _LOCAL:
                centres.append((left + x + side / 2, top + y + side / 2))
                shifts.append(shift)
                weights.append(z)
        if not centres:
            break
        correction = _fit(np.array(centres), np.array(shifts), np.array(weights))
        to_plane = np.column_stack(
            [correction[:, :2] @ to_plane[:, :2], correction @ [*to_plane[:, 2], 1]]
        )
        to_plane = snapped(to_plane, brightness.shape)
    return Place(to_plane, place.z)


def _starts(length: int, side: int, most: int = 5) -> list[int]:
    count = min(most, max(1, round(length / side)))
    return np.rint(np.linspace(0, length - side, count)).astype(int).tolist()


def _local_shift(
    template: KeyedTemplate, noise: np.ndarray, top: int, left: int
) -> tuple[np.ndarray, float]:
    """By how much (x, y) a window's content lies elsewhere on the plane, and how sure that is."""
    spectrum = np.conj(np.fft.rfft2(fold(noise, top, left)))
    correlation = np.fft.irfft2(spectrum * _sync_spectra(template)[0], (PITCH, PITCH))
    near = np.roll(correlation, (_REACH, _REACH), (0, 1))[: 2 * _REACH + 1, : 2 * _REACH + 1]
    y, x = (int(axis) for axis in np.unravel_index(near.argmax(), near.shape))
    z = float(near[y, x] / (correlation.std() + 1e-12))
    shift = np.array([_peak(near[y], x), _peak(near[:, x], y)]) - _REACH
    return shift, z


def _peak(values: np.ndarray, index: int) -> float:
    """Place of the top of the parabola through a largest value and its neighbours."""
    if not 0 < index < len(values) - 1:
        return float(index)
    before, top, after = values[index - 1 : index + 2]
    return float(index + 0.5 * (before - after) / min(before - 2 * top + after, -1e-9))


def _fit(centres: np.ndarray, shifts: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The matrix (2, 3) that moves the centres by their shifts; outliers are left out."""
    middle = np.median(shifts, axis=0)
    kept = np.abs(shifts - middle).max(axis=1) < 8
    if kept.sum() < 6:
        shift = np.average(shifts[kept], axis=0, weights=weights[kept]) if kept.any() else middle
        return np.column_stack([np.eye(2), shift])
    for _ in range(3):
        design = np.column_stack([centres[kept], np.ones(kept.sum())])
        w = weights[kept, np.newaxis]
        solution = np.linalg.lstsq(design * w, shifts[kept] * w, rcond=None)[0]
        errors = np.abs(np.column_stack([centres, np.ones(len(centres))]) @ solution - shifts)
        inside = errors.max(axis=1) < max(0.5, 3 * float(np.median(errors[kept])))
        if inside.sum() < 6:
            break
        kept = inside
    return np.column_stack([np.eye(2), np.zeros(2)]) + solution.T


def snapped(to_plane: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Makes a matrix exact that moves nothing by more than a third of a pixel from whole ones.

    Then nothing is interpolated, which would dull the finest detail.
    """
    whole = np.rint(to_plane[:, :2])
    if abs(abs(np.linalg.det(whole)) - 1) > 1e-9:
        return to_plane
    height, width = shape
    corners = np.array([[0, 0], [width, 0], [0, height], [width, height]], float)
    places = corners @ to_plane[:, :2].T + to_plane[:, 2]
    shift = np.rint((places - corners @ whole.T).mean(axis=0))
    if np.abs(places - corners @ whole.T - shift).max() > 0.34:
        return to_plane
    return np.column_stack([whole, shift])
