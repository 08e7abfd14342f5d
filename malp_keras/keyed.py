"""Protection by a key: no training, no network; crops, mirrors, turns and scales are found again.

How it works: `keyed_template` (what is added), `visibility` (how strongly), `registration` (where
it is found), `evidence` (where it is missing), `payload` (whose it is), `records` (what else is
known). Here the verdict is made of them.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from typing import NamedTuple

import cv2
import numpy as np

from forensics_keras.localizer import Finding, Localizer, check_picture
from malp_keras import evidence, payload, records, visibility
from malp_keras.calibration import (
    AUTHENTIC,
    CANNOT_JUDGE,
    MANIPULATED,
    SUSPICIOUS,
    UNPROTECTED,
)
from malp_keras.evidence import CELL, Evidence, Identified
from malp_keras.key_files import Key, read_key_file
from malp_keras.keyed_template import KeyedTemplate
from malp_keras.registration import Place, covered, register, whitened

FOUND_Z, LIKELY_Z = 7.5, 6.2
"""From here on a template is there; and from here on if the identity can be read as well."""
READABLE = 0.68
"""Least agreement of a code word with its carriers; noise reached 0.66 in 200 trials."""
MANIPULATED_ODDS, SUSPICIOUS_ODDS = 10.5, 8.5
"""Log odds of a region from which on the template is called missing, or likely missing."""
RECORD_MANIPULATED, RECORD_SUSPICIOUS = 3.5, 3.0
"""The same for differences from a record, as multiples of what harmless changes make."""
_UNREADABLE_Z = 14.0
_OUTSIDE_ODDS = 25.0
_LARGEST_UNSEEN = 0.3
_MEASURED_SIDE = 1448


Parts = tuple[np.ndarray, np.ndarray, np.ndarray]
"""A picture on the plane, where it is valid, and the picture whitened."""


class Protected(NamedTuple):
    """A protected copy and the identity in it."""

    image: np.ndarray
    identity: bytes


class KeyedVerification(NamedTuple):
    """What a key says about a picture.

    Attributes:
        verdict: `authentic`, `suspicious`, `manipulated`, `unprotected` or `cannot judge`.
        reasons: Sentences that say why.
        map: Probability that a pixel was changed, float32 (H, W), 0 to 1; 0 where nothing is known.
        score: How surely the picture is manipulated, 0 to 1.
        identity: The identity in hexadecimal, or `None` if it cannot be read.
        geometry: What became of the copy: "cropped to 62 % x 80 %, scaled 0.71".
        z: How clearly the template's place was found.
        smallest_change: Share of the area from which on changes are seen; 1 if none are.
        changed_share: Share of the area that was changed, 0 to 1.
        regions: Changed regions as (left, top, width, height), the largest first.
    """

    verdict: str
    reasons: tuple[str, ...]
    map: np.ndarray
    score: float
    identity: str | None
    geometry: str
    z: float
    smallest_change: float
    changed_share: float
    regions: tuple[tuple[int, int, int, int], ...]


class KeyedProtector(Localizer):
    """Protects photographs with a key, and verifies what became of them.

    Args:
        key: The key.
        strength: Factor of the template; 1 keeps about 38.3 dB, more is seen and lasts longer.
        known: Records by identity, for `localize` and as the default of `verify`.

    Example:
        >>> protector = KeyedProtector.from_key("mine.key")  # doctest: +SKIP
        >>> copy = protector.protect(photograph)  # doctest: +SKIP
        >>> protector.verify(suspect).verdict  # doctest: +SKIP
        'authentic'
    """

    protects = True
    threshold = 0.5

    def __init__(
        self, key: Key, strength: float = 1.0, known: Mapping[str, records.Record] | None = None
    ):
        self.key = key
        self.name = f"key {key.id}"
        self.strength = strength
        self.known = known or {}
        self.template = KeyedTemplate(key.secret)

    @classmethod
    def from_key(cls, path: str | os.PathLike, strength: float = 1.0) -> KeyedProtector:
        """Loads a key file.

        Raises:
            ValueError: It is no key of this kind, or damaged.
            OSError: It is missing or cannot be read.
        """
        return cls(read_key_file(path), strength)

    def protect(self, image: np.ndarray) -> np.ndarray:
        """Makes a protected copy; see `protect_with_identity`."""
        return self.protect_with_identity(image).image

    def protect_with_identity(self, image: np.ndarray, identity: bytes | None = None) -> Protected:
        """Makes a protected copy.

        Args:
            image: uint8 (H, W, 3), RGB, sides at least 16 pixels.
            identity: 6 bytes; random ones by default.

        Returns:
            The copy, a new array, and its identity.

        Raises:
            ValueError: The picture is not uint8 RGB, is protected by this key already, or cannot
                carry the template: too small, or black and white.
        """
        check_picture(image)
        brightness = visibility.luma(image)
        self._refuse_protected(brightness)
        if identity is None:
            identity = secrets.token_bytes(payload.IDENTITY_BYTES)
        copy = self._added(image, brightness, identity)
        self.check_copy(copy, identity)
        return Protected(copy, identity)

    def _added(self, image: np.ndarray, brightness: np.ndarray, identity: bytes) -> np.ndarray:
        added = self.template.low(payload.encode(identity), *brightness.shape)
        added += self.template.high(identity, *brightness.shape)
        added *= visibility.amplitude(brightness, self.strength)
        copy = np.empty_like(image)
        for channel in range(3):
            levels = image[..., channel] + added
            copy[..., channel] = np.rint(np.clip(levels, 0, 255, out=levels), out=levels)
        return copy

    def _refuse_protected(self, brightness: np.ndarray) -> None:
        place = register(self.template, _middle(brightness), thorough=False)
        if place.z < LIKELY_Z:
            return
        read = self._identified(_middle(brightness), place)[1].reading
        if place.z >= FOUND_Z or read.agreement >= READABLE:
            raise ValueError(
                "is protected by this key already; a second template would damage the first: "
                "protect the original"
            )

    def check_copy(self, copy: np.ndarray, identity: bytes) -> None:
        """Raises ValueError if a copy does not let its own template be found in it again."""
        brightness = _middle(visibility.luma(copy))
        place = register(self.template, brightness, thorough=False)
        laid, read = self._identified(brightness, place)
        found = place.z >= FOUND_Z and _readable(read) and read.reading.identity == identity
        if not found or _smallest_change(self._weighed(laid, read)) > _LARGEST_UNSEEN:
            raise ValueError(
                "is not protectable: the template cannot be found in the copy, because the "
                "picture is too small, or has too few tones between black and white"
            )

    def _identified(self, brightness: np.ndarray, place: Place) -> tuple[Parts, Identified]:
        laid, valid, top, left = evidence.lay(brightness, place)
        noise = whitened(laid)
        read = evidence.identify(self.template, noise, top, left)
        return (laid, valid, noise), read

    def localize(self, image: np.ndarray) -> Finding:
        found = self.verify(image)
        details = {"z": found.z, "smallest_change": found.smallest_change}
        return Finding(found.map, found.score, found.verdict, self.threshold, details)

    def verify(
        self, image: np.ndarray, known: Mapping[str, records.Record] | None = None
    ) -> KeyedVerification:
        """Judges whether a picture is protected by this key, and whether and where it was changed.

        Args:
            image: uint8 (H, W, 3), RGB, sides at least 16 pixels.
            known: Records of protected copies by identity in hexadecimal.

        Raises:
            ValueError: The picture is too small or not uint8 RGB.
        """
        check_picture(image)
        brightness = visibility.luma(image)
        place = register(self.template, brightness)
        if place.z < LIKELY_Z:
            return _nothing(image, place)
        (laid, valid, noise), read = self._identified(brightness, place)
        if place.z < FOUND_Z and not _readable(read):
            return _nothing(image, place)
        known = self.known if known is None else known
        identity = read.reading.identity.hex() if _readable(read) else None
        record = known.get(identity) if identity else None
        absolute = _absolute(place, read, brightness.shape)
        weighed = self._weighed((laid, valid, noise), read)
        inside, outside = _inside(weighed, record)
        if inside != (0, 0, *laid.shape):
            top, left, bottom, right = inside
            laid, valid = (part[top:bottom, left:right] for part in (laid, valid))
            read = read._replace(top=read.top + top, left=read.left + left)
            weighed = self._weighed((laid, valid, whitened(np.ascontiguousarray(laid))), read)
        return _judged(image, place, absolute, identity, weighed, record, outside)

    def _weighed(self, parts: Parts, read: Identified) -> Evidence:
        reading = read.reading if _readable(read) else None
        laid, valid, noise = parts
        place = read.top, read.left
        return evidence.weigh(self.template, laid, valid, noise, place, reading)


def _smallest_change(weighed: Evidence) -> float:
    """The share of the area from which on a change is seen, 0 to 1."""
    return min(1.0, 3 * MANIPULATED_ODDS / max(weighed.power, 1e-9))


def _readable(read: Identified) -> bool:
    return read.reading.agreement >= READABLE


def _middle(brightness: np.ndarray) -> np.ndarray:
    """The middle of a picture, which a copy is measured on."""
    starts = [max(0, (side - _MEASURED_SIDE) // 2) for side in brightness.shape]
    top, left = starts
    return brightness[top : top + _MEASURED_SIDE, left : left + _MEASURED_SIDE]


def _nothing(image: np.ndarray, place: Place) -> KeyedVerification:
    reason = "no template of this key was found, so that nothing can be said"
    empty = np.zeros(image.shape[:2], np.float32)
    return KeyedVerification(UNPROTECTED, (reason,), empty, 0.0, None, "", place.z, 1.0, 0.0, ())


def _absolute(place: Place, read: Identified, shape: tuple[int, int]) -> np.ndarray:
    """The matrix from the picture to the original: that of the place, with the offset read."""
    top, left = covered(shape, place.to_plane)[:2]
    absolute = place.to_plane.copy()
    absolute[:, 2] += read.left - left, read.top - top
    return absolute


# --- verdict ----------------------------------------------------------------------------------


def _judged(
    image: np.ndarray,
    place: Place,
    absolute: np.ndarray,
    identity: str | None,
    weighed: Evidence,
    record: records.Record | None,
    outside: list[str],
) -> KeyedVerification:
    reasons = []
    odds = float(weighed.sums.max())
    smallest = _smallest_change(weighed)
    missing = evidence.missing(weighed, SUSPICIOUS_ODDS)
    fakeness = _in_picture(missing, weighed, absolute, image.shape)
    excess = 0.0
    if record is not None:
        different = records.differences(record, image, absolute)
        excess = float(different.max())
        fakeness = np.maximum(fakeness, _record_map(different, record, absolute, image.shape))
    manipulated = odds >= MANIPULATED_ODDS or excess >= RECORD_MANIPULATED
    suspicious = odds >= SUSPICIOUS_ODDS or excess >= RECORD_SUSPICIOUS
    regions = _regions(fakeness)
    if odds >= SUSPICIOUS_ODDS:
        reasons.append(f"the template is missing in a region (log odds {odds:.0f})")
    if excess >= RECORD_SUSPICIOUS:
        reasons.append(f"a region differs from the signed record ({excess:.1f} tolerances)")
    forged = identity is None and place.z >= _UNREADABLE_Z
    if forged:
        reasons.append(
            "the repeated part of the template is clear, but no identity can be read: "
            "it may have been copied onto the picture"
        )
    verdict = MANIPULATED if manipulated else SUSPICIOUS if suspicious or forged else AUTHENTIC
    if verdict == AUTHENTIC and smallest > _LARGEST_UNSEEN:
        verdict = CANNOT_JUDGE
        reasons.append("too little of the template is left to see changes")
    elif verdict == AUTHENTIC:
        reasons.append("the template is there, wherever it can be expected")
        if record is not None:
            reasons.append("the picture agrees with its signed record")
    if identity is None and not forged:
        reasons.append("the identity cannot be read")
    reasons += outside
    limit = max(odds - MANIPULATED_ODDS, 4 * (excess - RECORD_MANIPULATED))
    return KeyedVerification(
        verdict, tuple(reasons), fakeness, float(1 / (1 + np.exp(-np.clip(limit / 2, -30, 30)))),
        identity, geometry(place, absolute, identity, image.shape, record), place.z, smallest,
        float((fakeness >= 0.5).mean()), regions,
    )  # fmt: skip


def geometry(
    place: Place,
    absolute: np.ndarray,
    identity: str | None,
    shape: tuple[int, ...],
    record: records.Record | None,
) -> str:
    """Says what became of a copy as a whole."""
    said = []
    corners = np.array([[0, 0], [shape[1], 0], [0, shape[0]], [shape[1], shape[0]]]) - 0.5
    places = corners @ absolute[:, :2].T + absolute[:, 2] + 0.5
    least, most = places.min(axis=0), places.max(axis=0)
    if record is not None:
        size = np.array(record.size[::-1])
        kept = np.clip((np.minimum(most, size) - np.maximum(least, 0)) / size, 0, 1)
        if kept.min() < 0.985:
            said.append(f"cropped to {kept[0]:.0%} x {kept[1]:.0%}".replace("%", " %"))
    elif identity is not None and np.abs(least).max() > 2 and least.min() > -2:
        said.append(f"cut out at {max(0, least[0]):.0f}, {max(0, least[1]):.0f} of the original")
    if least.min() < -2:
        said.append("set into a larger picture")
    if place.mirrored:
        said.append("mirrored")
    if place.turned:
        said.append(f"turned by {place.turned} degrees")
    if abs(place.scale - 1) > 0.004:
        said.append(f"scaled {place.scale:.2f}")
    return ", ".join(said) or "as it was protected"


def _inside(
    weighed: Evidence, record: records.Record | None
) -> tuple[tuple[int, int, int, int], list[str]]:
    """Finds the part that belongs to the protected picture, without frames and bars.

    The original's first row and column are known. Its last ones are only known from a record;
    without one, a strip along the whole lower or right side that has no template is outside.

    Returns:
        Top, left, bottom and right of the part, in pixels from the covered box's first, and
        sentences about what was left out.
    """
    least, most, said = [0, 0], list(weighed.shape), []
    for axis, start in enumerate((weighed.top, weighed.left)):
        least[axis] = max(0, -start)
        if record is not None:
            most[axis] = min(most[axis], record.size[axis] - start)
            continue
        lines = weighed.odds if axis == 0 else weighed.odds.T
        length = _bare_end(lines)
        if length:
            most[axis] -= length * CELL
            name, share = ("lower", "right")[axis], length / len(lines)
            said.append(
                f"the {name} {100 * share:.0f} % has no template: outside of the protected "
                "picture, or replaced; its record could tell"
            )
    if min(high - low for low, high in zip(least, most, strict=True)) < 4 * CELL:
        return (0, 0, weighed.shape[0], weighed.shape[1]), []
    return (least[0], least[1], most[0], most[1]), said


def _bare_end(lines: np.ndarray) -> int:
    """Number of rows at the end that have no template, all along."""
    tail = np.cumsum(lines.sum(axis=1)[::-1])
    length = int(tail.argmax()) + 1
    if tail[length - 1] < _OUTSIDE_ODDS or not 0.02 < length / len(tail) < 0.7:
        return 0
    along = lines[-length:].sum(axis=0)
    return length if min(part.sum() for part in np.array_split(along, 4)) > 0 else 0


def _in_picture(
    missing: np.ndarray, weighed: Evidence, absolute: np.ndarray, shape: tuple[int, ...]
) -> np.ndarray:
    """Draws a map of cells of the plane at the picture's size."""
    matrix = absolute - [[0, 0, weighed.left], [0, 0, weighed.top]]
    return _drawn(missing, np.array([CELL, CELL]), matrix, shape)


def _drawn(values: np.ndarray, cell: np.ndarray, matrix: np.ndarray, shape) -> np.ndarray:
    """Draws cells at a picture's size; the matrix leads from the picture to the cells' pixels."""
    matrix = matrix / cell[:, np.newaxis]
    matrix[:, 2] += 0.5 / cell - 0.5
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    drawn = cv2.warpAffine(values, matrix, shape[1::-1], flags=flags)
    return np.clip(drawn, 0, 1)


def _record_map(different: np.ndarray, record: records.Record, absolute, shape) -> np.ndarray:
    probability = 1 / (1 + np.exp(-4 * (different - RECORD_SUSPICIOUS)))
    size = np.array(record.size[::-1]) / np.array(different.shape[::-1])
    return _drawn(probability.astype(np.float32), size, absolute, shape)


def _regions(fakeness: np.ndarray) -> tuple[tuple[int, int, int, int], ...]:
    """Boxes of the largest changed regions."""
    mask = (fakeness >= 0.5).astype(np.uint8)
    found = cv2.connectedComponentsWithStats(mask, connectivity=8)[2][1:]
    largest = found[np.argsort(-found[:, cv2.CC_STAT_AREA])][:5]
    return tuple((int(box[0]), int(box[1]), int(box[2]), int(box[3])) for box in largest)
