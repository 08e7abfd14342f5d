"""How well copies within a picture are found, and how often they are found where there are none.

    python -m benchmarks.copies --data scenes/test --pristine scenes/test scenes/val

Each photograph is forged in three ways on a crop: `patch`, this repository's exemplar inpainter in
a free-form hole; `shift map`, the same hole filled by few constant shifts that fit its surroundings
best; `clone stamp`, one blob with soft edges pasted at random. `--pairs` adds every second picture
of a pair folder; the others serve to tune.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from benchmarks.common import Table, run_benchmark, write_results
from datasets.degradations import degrade
from datasets.forging import forge
from datasets.pairs import find_pairs, read_pair
from datasets.photographs.sources import bundled_photographs, list_photographs
from forensics_keras import metrics
from forensics_keras.command_line import at_least
from forensics_keras.images import read_image
from irl_keras.self_matching import find_copies

SIZE = 256
DEGRADATIONS = ("clean", "jpeg:90", "jpeg:75")
THRESHOLD = 0.5
QUICK_PICTURES = 1
_CELLS, _SHIFTS, _LEAST_SHIFT = 6, 400, 12
_RADIUS = (0.07, 0.18)
"""Radius of a stamp as a share of the picture's side."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    data = {"type": Path, "help": "Photographs to forge (default: the bundled test photographs)"}
    pairs = {"type": Path, "help": "Pair folder of pictures with copies"}
    text = "Photographs without copies, measured whole"
    pristine = {"type": Path, "nargs": "+", "default": [], "help": text}
    text = "About how many photographs are forged, evenly chosen (default: all)"
    limit = {"type": at_least(1), "metavar": "N", "help": text}
    options = {"data": data, "pairs": pairs, "pristine": pristine, "limit": limit}
    return run_benchmark("copies", __doc__, _measure, arguments, **options)


def _measure(options: argparse.Namespace) -> None:
    photographs = list_photographs(options.data) if options.data else bundled_photographs("test")
    limit = QUICK_PICTURES if options.quick else options.limit or len(photographs)
    photographs = photographs[:: max(len(photographs) // limit, 1)][:limit]
    pictures: dict[str, list] = {"patch": [], "shift map": [], "clone stamp": []}
    for seed, path in enumerate(photographs):
        for kind, picture in forgeries(read_image(path), seed):
            pictures[kind].append(picture)
    if options.pairs:
        pairs = find_pairs(options.pairs)[1::2]
        pictures[options.pairs.name] = [read_pair(pair) for pair in pairs]
    found = [
        found_copies(kind, some, degradation)
        for kind, some in pictures.items()
        for degradation in DEGRADATIONS
        if some
    ]
    quiet = [
        false_alarms(folder.name, list_photographs(folder), degradation)
        for folder in options.pristine
        for degradation in ("clean", "jpeg:75")
    ]
    note = f"Means over pictures at threshold {THRESHOLD}; all ones: F1 of flagging every pixel."
    tables = [Table("Copies", {name: name for name in found[0]}, found, note)]
    if quiet:
        note = "Flagged: at least 0.1 % of the pixels."
        titles = {name: name for name in quiet[0]}
        tables.append(Table("Pristine photographs", titles, quiet, note))
    settings = {"size": SIZE, "threshold": THRESHOLD, "photographs": len(photographs)}
    write_results(options.out, options.quick, "copies", "Copied fills", settings, tables)


def found_copies(kind: str, pictures: Sequence, degradation: str) -> dict:
    """Measures copies of one kind; returns the row of a table."""
    values = []
    for image, mask in pictures:
        degraded = degrade(image, degradation)
        start = time.process_time()
        flagged = find_copies(degraded).map >= THRESHOLD
        seconds = (time.process_time() - start) / mask.size * 1e6
        truth = mask.astype(bool)
        hits = (flagged & truth).sum()
        f1 = 2 * hits / (flagged.sum() + truth.sum())
        ones = 2 * truth.mean() / (1 + truth.mean())
        values.append((f1, hits / max(flagged.sum(), 1), hits / truth.sum(), ones, seconds))
    names = ("F1", "precision", "recall", "all ones", "CPU seconds a megapixel")
    means = np.mean(values, axis=0).round(3).tolist()
    return {
        "copies": kind,
        "pictures": len(pictures),
        "degradation": degradation,
        **dict(zip(names, means, strict=True)),
    }


def false_alarms(name: str, paths: Sequence[Path], degradation: str) -> dict:
    """Measures pristine photographs; names the flagged ones and returns the row of a table."""
    shares = []
    for path in paths:
        found = find_copies(degrade(read_image(path), degradation))
        shares.append((found.map >= THRESHOLD).mean())
        if metrics.verdict(shares[-1]) == "manipulated":
            print(f"{degradation}: flagged {shares[-1]:.2%} of {path}", flush=True)
    flagged = sum(metrics.verdict(share) == "manipulated" for share in shares)
    return {
        "photographs": name,
        "pictures": len(paths),
        "degradation": degradation,
        "pictures flagged": flagged,
        "pixels flagged": f"{np.mean(shares):.3%}",
    }


def forgeries(photograph: np.ndarray, seed: int) -> Iterator[tuple[str, tuple]]:
    """Forges one crop in each way; yields kind, and picture with mask."""
    forgery = forge(photograph, SIZE, seed, "patch")
    yield "patch", (forgery.image, forgery.mask)
    shifted = shift_map(forgery.original, forgery.mask, seed)
    if shifted is not None:
        yield "shift map", (shifted, forgery.mask)
    yield "clone stamp", clone_stamp(forgery.original, seed)


def shift_map(image: np.ndarray, mask: np.ndarray, seed: int) -> np.ndarray | None:
    """Fills the cells of a hole, each by the drawn shift whose surroundings fit best.

    Returns:
        The filled picture, uint8 (H, W, 3); `None` if nothing known is as large as a cell.
    """
    rng = np.random.default_rng(seed)
    rows, columns = np.indices(mask.shape)
    hole = np.argwhere(mask)
    centres = hole[rng.integers(len(hole), size=_CELLS)]
    distances = [(rows - row) ** 2 + (columns - column) ** 2 for row, column in centres]
    cells = np.argmin(distances, axis=0)
    filled, values = image.copy(), image.astype(np.float32)
    for number in range(_CELLS):
        cell = ((cells == number) & (mask == 1)).astype(np.uint8)
        if not cell.any():
            continue
        ring = np.argwhere((cv2.dilate(cell, np.ones((9, 9), np.uint8)) == 1) & (mask == 0))
        inside, best = np.argwhere(cell), None
        for shift in _shifts(inside, mask.shape, rng):
            if mask[tuple((inside + shift).T)].any():
                continue
            at = ring[_is_inside(ring + shift, mask.shape)]
            difference = values[tuple(at.T)] - values[tuple((at + shift).T)]
            error = np.square(difference).mean() if len(at) else np.inf
            if best is None or error < best[0]:
                best = error, shift
        if best is None:
            return None
        filled[tuple(inside.T)] = image[tuple((inside + best[1]).T)]
    return filled


def clone_stamp(image: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Pastes a blob of a picture elsewhere in it; returns the picture and the mask of the paste."""
    rng = np.random.default_rng(seed)
    side = min(image.shape[:2])
    rows, columns = np.indices(image.shape[:2])
    ripples = cv2.GaussianBlur(rng.standard_normal(image.shape[:2]), (0, 0), side / 20)
    while True:
        radius = side * rng.uniform(*_RADIUS)
        row, column = (rng.uniform(radius, length - radius) for length in image.shape[:2])
        distance = np.hypot(rows - row, columns - column) + ripples / ripples.std() * radius / 4
        mask = (distance < radius).astype(np.uint8)
        for shift in _shifts(np.argwhere(mask), mask.shape, rng):
            if mask[tuple((np.argwhere(mask) + shift).T)].any():
                continue
            source = np.roll(image, tuple(-shift), (0, 1))
            opacity = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 1.5)[..., None]
            return np.rint(source * opacity + image * (1 - opacity)).astype(np.uint8), mask


def _shifts(pixels, shape, rng) -> Iterator[np.ndarray]:
    """Draws shifts that keep some pixels inside the picture."""
    low, high = -pixels.min(axis=0), np.array(shape) - 1 - pixels.max(axis=0)
    for shift in rng.integers(low, high + 1, (_SHIFTS, 2)):
        if np.abs(shift).max() >= _LEAST_SHIFT:
            yield shift


def _is_inside(pixels, shape) -> np.ndarray:
    return ((pixels >= 0) & (pixels < shape)).all(axis=1)


if __name__ == "__main__":
    sys.exit(main())
