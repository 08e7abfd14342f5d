"""What protection by a key finds: edits, crops, harmless changes, attacks.

python -m benchmarks.keys --data PHOTOGRAPHS --photographs 12

Each photograph is scaled to a short side of each of `SIDES` (if it is larger), protected with a new
key, changed, and verified without and with its signed record. The rows are of the table in
docs/protection.md. What an attacker has is protected pictures, and never the key.
"""

from __future__ import annotations

import argparse
import secrets
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from benchmarks.common import run_benchmark
from datasets.degradations import degrade
from datasets.manipulations import MANIPULATIONS
from forensics_keras.images import read_image
from forensics_keras.tables import text_table
from malp_keras.key_files import Key
from malp_keras.keyed import KeyedProtector, KeyedVerification
from malp_keras.records import Record, make_record, open_record, public_key

SIDES = 256, 512
EDITS = "copy_move", "blur_region", "pixelate", "sticker", "erase", "telea", "ns", "patch"
PUBLISHED = "PNG", "JPEG 90", "messenger"
NEVER = "never protected"
_LARGE = 0.02


class Copy(NamedTuple):
    """A protected photograph with its record."""

    original: np.ndarray
    image: np.ndarray
    record: Record


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    data = {"type": Path, "required": True, "help": "Folder of photographs"}
    text = "Number of photographs, the first by name at equal steps (default: %(default)s)"
    photographs = {"type": int, "default": 12, "help": text}
    return run_benchmark("keys", __doc__, _run, arguments, data=data, photographs=photographs)


def _run(options: argparse.Namespace) -> None:
    paths = sorted(path for path in options.data.rglob("*.jpg"))
    step = max(1, len(paths) // options.photographs)
    key = Key("benchmrk", secrets.token_bytes(32), "", "", "")
    protector = KeyedProtector(key)
    copies = list(_copies(protector, paths[::step][: options.photographs]))
    verdicts: dict[str, Counter[str]] = defaultdict(Counter)
    overlaps: dict[str, list[float]] = defaultdict(list)
    known = {copy.record.fields["identity"]: copy.record for copy in copies}
    for number, copy in enumerate(copies):
        other = copies[(number + len(SIDES)) % len(copies)]
        for row, picture, mask in _trials(copy, other, number):
            shown = [("", {})] if row == NEVER else [("", {}), (", with record", known)]
            for suffix, records in shown:
                found = protector.verify(picture, records)
                verdicts[row + suffix][found.verdict] += 1
                if mask is not None:
                    overlaps[row + suffix].append(_f1(found, mask))
    print(text_table([_row(name, verdicts[name], overlaps[name]) for name in sorted(verdicts)]))
    print(_seconds(protector, copies[-1]))


def _copies(protector: KeyedProtector, paths: Sequence[Path]) -> Iterator[Copy]:
    for path in paths:
        photograph = read_image(path)
        for side in SIDES:
            factor = min(1.0, side / min(photograph.shape[:2]))
            image = np.ascontiguousarray(_scaled(photograph, factor)[: 2 * side, : 2 * side])
            made, identity = protector.protect_with_identity(image)
            content = make_record(protector.key, identity, made, "", "")
            yield Copy(image, made, open_record(content, path, public_key(protector.key)))


def _trials(
    copy: Copy, other: Copy, seed: int
) -> Iterator[tuple[str, np.ndarray, np.ndarray | None]]:
    """Yields the rows that a picture counts in, the picture, and its mask if it has one."""
    yield NEVER, copy.original, None
    for change in HARMLESS.values():
        yield "harmless", change(copy.image), None
    for change in GEOMETRY.values():
        yield "cropped, mirrored, turned, scaled", np.ascontiguousarray(change(copy.image)), None
    for name in EDITS:
        [made] = MANIPULATIONS[name](copy.image[np.newaxis], [seed])
        size = "over 2 %" if made.mask.mean() >= _LARGE else "under 2 %"
        for published in PUBLISHED:
            yield f"edits {size}, {published}", HARMLESS[published](made.image), made.mask
    for name in ("colour", "text"):
        [made] = MANIPULATIONS[name](copy.image[np.newaxis], [seed])
        yield f"{name}", made.image, made.mask
    yield from _attacks(copy, other)


def _attacks(copy: Copy, other: Copy) -> Iterator[tuple[str, np.ndarray, np.ndarray | None]]:
    mask = np.zeros(copy.image.shape[:2], np.uint8)
    height, width = mask.shape
    box = slice(height // 4, height // 2), slice(width // 4, width // 2)
    mask[box] = 1
    foreign = cv2.resize(other.image, (width, height), interpolation=cv2.INTER_AREA)
    foreign_original = cv2.resize(other.original, (width, height), interpolation=cv2.INTER_AREA)
    inside = mask[..., np.newaxis] > 0
    same_place = copy.image.copy()
    ends = np.minimum(other.image.shape[:2], copy.image.shape[:2])
    part = tuple(
        slice(axis.start, min(axis.stop, int(end))) for axis, end in zip(box, ends, strict=True)
    )
    same_place[part] = other.image[part]
    collage_mask = np.zeros_like(mask)
    collage_mask[part] = 1
    yield "attack: collage of two copies", same_place, collage_mask
    yield "attack: paste", np.where(inside, foreign, copy.image), mask
    grain = copy.image - cv2.GaussianBlur(copy.image, (0, 0), 2.0).astype(np.float32)
    pasted = np.where(inside, foreign_original + grain, copy.image)
    yield "attack: paste with the covered grain", _stored(pasted), mask
    stolen = other.image - cv2.GaussianBlur(other.image, (0, 0), 2.0).astype(np.float32)
    repeats = [
        -(-side // given) for side, given in zip((height, width), stolen.shape[:2], strict=True)
    ]
    forged = copy.original + np.tile(stolen, (*repeats, 1))[:height, :width]
    yield "attack: grain of a copy on an unprotected picture", _stored(forged), None
    cropped = copy.image[height // 8 :, width // 8 :]
    yield "attack: crop as removal", np.ascontiguousarray(cropped), None


def _stored(levels: np.ndarray) -> np.ndarray:
    return np.rint(np.clip(levels, 0, 255)).astype(np.uint8)


def _scaled(picture: np.ndarray, factor: float) -> np.ndarray:
    size = [max(1, round(side * factor)) for side in picture.shape[1::-1]]
    method = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return cv2.resize(picture, size, interpolation=method)


def _degraded(text: str) -> Callable[[np.ndarray], np.ndarray]:
    return lambda picture: degrade(picture, text)


def _messenger(picture: np.ndarray) -> np.ndarray:
    return _degraded("jpeg:75")(_scaled(picture, 0.8))


def _tone(factor: float, shift: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda picture: _stored(picture * factor + shift)


HARMLESS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "PNG": lambda picture: picture,
    **{f"JPEG {quality}": _degraded(f"jpeg:{quality}") for quality in (95, 90, 80, 70)},
    "WebP 80": _degraded("webp:80"),
    "messenger": _messenger,
    "half": lambda picture: _scaled(picture, 0.5),
    "larger": lambda picture: _degraded("jpeg:85")(_scaled(picture, 1.5)),
    "blur": lambda picture: cv2.GaussianBlur(picture, (0, 0), 0.7),
    "brighter": _tone(1.0, 15),
    "more contrast": _tone(1.1, -12),
    "less contrast": _tone(0.9, 12),
    "gamma": lambda picture: _stored(255 * (picture / 255.0) ** 0.85),
}
"""Harmless changes of whole pictures."""

GEOMETRY: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "left half": lambda picture: picture[:, : picture.shape[1] // 2],
    "middle": lambda picture: picture[picture.shape[0] // 5 : -picture.shape[0] // 5,
                                      picture.shape[1] // 5 : -picture.shape[1] // 5],
    "mirrored": lambda picture: picture[:, ::-1],
    "turned": lambda picture: np.rot90(picture),
    "upside down": lambda picture: np.rot90(picture, 2),
    "mirrored messenger": lambda picture: _messenger(np.ascontiguousarray(picture[:, ::-1])),
    "crop, x0.7, JPEG 80": lambda picture: _degraded("jpeg:80")(
        _scaled(picture[picture.shape[0] // 5 :, : picture.shape[1] * 4 // 5], 0.7)
    ),
    "frame": lambda picture: cv2.copyMakeBorder(
        picture, 30, 30, 40, 40, cv2.BORDER_CONSTANT, value=(240, 240, 240)
    ),
}  # fmt: skip
"""What keeps only a part, or turns it."""


def _f1(found: KeyedVerification, mask: np.ndarray) -> float:
    shape = found.map.shape[::-1]
    truth = cv2.resize(mask, shape, interpolation=cv2.INTER_NEAREST) > 0
    flagged = found.map >= KeyedProtector.threshold
    return 2 * float((flagged & truth).sum()) / max(1, int(flagged.sum() + truth.sum()))


def _row(name: str, counted: Counter[str], overlaps: Sequence[float]) -> dict[str, object]:
    total = counted.total()
    shares = {
        verdict: f"{counted[verdict] / total:.0%}".replace("%", " %")
        for verdict in ("authentic", "suspicious", "manipulated", "cannot judge", "unprotected")
    }
    return {
        "pictures": name,
        "n": total,
        **shares,
        "F1": f"{np.mean(overlaps):.3f}" if overlaps else "-",
    }


def _seconds(protector: KeyedProtector, copy: Copy) -> str:
    """Measures protecting and verifying 12 megapixels."""
    large = cv2.resize(copy.original, (4000, 3000), interpolation=cv2.INTER_CUBIC)
    start = time.perf_counter()
    made = protector.protect(large)
    between = time.perf_counter()
    protector.verify(made)
    end = time.perf_counter()
    return f"12 megapixels: protected in {between - start:.1f} s, verified in {end - between:.1f} s"


if __name__ == "__main__":
    sys.exit(main())
