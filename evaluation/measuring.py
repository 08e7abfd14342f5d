"""What evaluation measures: pictures in all their versions, and the scores of methods on them."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from datasets.degradations import degrade
from datasets.forging import forge
from datasets.inpainting import UNTOUCHED
from datasets.pairs import Pair, read_pair
from forensics_keras import metrics
from forensics_keras.figures import thumbnail
from forensics_keras.images import read_image
from forensics_keras.localizer import Localizer, trivial_baselines

GRID_PICTURES = 6
GROUPED_BY = ("method", "inpainter", "degradation")


class Picture(NamedTuple):
    """A picture to measure, in all its versions, before any degradation.

    Attributes:
        name: for reports.
        versions: uint8 (H, W, 3) by inpainter, `UNTOUCHED` being the picture without forgery.
        mask: of all the forgeries; uint8 (H, W), 1 = inpainted.
    """

    name: str
    versions: dict[str, np.ndarray]
    mask: np.ndarray


Reader = tuple[str, Callable[[], Picture]]
"""Name of a picture, and what reads or forges it."""


class Conditions(Protocol):
    """What pictures are made and measured with; the options of `evaluate.py`, for one.

    Attributes:
        inpainters: names in `datasets.inpainting`, for forging.
        size: side of forged crops, in pixels.
        seed: of forging, degradations and intervals.
        threshold: a pixel is flagged from it.
    """

    inpainters: Sequence[str]
    size: int
    seed: int
    threshold: float


def read_forgery(pair: Pair) -> Picture:
    """Reads a picture that was forged elsewhere, or an untouched one (no mask or an empty one)."""
    image, mask = read_pair(pair)
    return Picture(pair.name, {"given" if mask.any() else UNTOUCHED: image}, mask)


def forge_photograph(path: Path, name: str, options: Conditions) -> Picture:
    """Forges a photograph; what it becomes depends on its name and the seed, not on the others."""
    photograph = read_image(path)
    versions = {}
    for inpainter in options.inpainters:
        forgery = forge(photograph, options.size, picture_seed(name, options), inpainter)
        versions[inpainter] = forgery.image
    return Picture(name, {**versions, UNTOUCHED: forgery.original}, forgery.mask)


def picture_seed(name: str, options: Conditions) -> int:
    """Derives the seed of a picture from its name."""
    return zlib.crc32(f"{options.seed} {name}".encode(errors="surrogateescape"))


def trivial_records(picture: Picture, options: Conditions) -> list[dict]:
    """Scores the predictors that look at nothing, once for the forgeries and once for the original.

    They know nothing of the picture and the mask is the same under every condition, so their
    scores hold for all.
    """
    records = []
    once = {
        inpainter if inpainter == UNTOUCHED else "any": inpainter for inpainter in picture.versions
    }
    for trivial in trivial_baselines(options.seed):
        for label, inpainter in once.items():
            probability = trivial.localize(picture.versions[inpainter]).map
            records.append(
                score(picture, trivial.name, label, "any", probability, options.threshold)
            )
    return records


def method_records(
    picture: Picture,
    localizer: Localizer,
    inpainters: Iterable[str],
    degradations: Sequence[str],
    options: Conditions,
) -> list[dict]:
    """Scores a method on some versions of a picture under every degradation."""
    seed = picture_seed(picture.name, options)
    records = []
    for inpainter in inpainters:
        for spec in degradations:
            probability = localizer.localize(degrade(picture.versions[inpainter], spec, seed)).map
            records.append(
                score(picture, localizer.name, inpainter, spec, probability, options.threshold)
            )
    return records


def score(
    picture: Picture,
    method: str,
    inpainter: str,
    degradation: str,
    probability: np.ndarray,
    threshold: float,
) -> dict:
    """Scores one probability map under its condition."""
    if inpainter == UNTOUCHED:
        scores = metrics.untouched_scores(probability, threshold)
    else:
        scores = metrics.localization_scores(probability, picture.mask, threshold)
    return {
        "picture": picture.name,
        "method": method,
        "inpainter": inpainter,
        "degradation": degradation,
        "scores": scores,
        "picture_score": metrics.picture_score(probability),
    }


def detection(
    forged: list[dict], untouched: list[dict], seed: int, by: Sequence[str] = GROUPED_BY
) -> list[dict]:
    """How well whole pictures are told apart, for each group of forged pictures.

    They are compared with the untouched ones of the same group, but for the inpainter, if there
    are any.

    Args:
        forged: records of `score`, with the fields of `by`.
        untouched: the same, of untouched pictures.
        seed: of the bootstrap.
        by: fields whose values make a group, `inpainter` among them.
    """
    scores: dict[tuple, list[float]] = {}
    for record in [*forged, *untouched]:
        key = tuple(record[field] for field in by)
        scores.setdefault(key, []).append(record["picture_score"])
    groups = []
    for key, values in scores.items():
        group = dict(zip(by, key, strict=True))
        twin = tuple({**group, "inpainter": UNTOUCHED}.values())
        if key != twin and twin in scores:
            apart = metrics.detection_scores(values, scores[twin], seed)
            groups.append({**group, "pictures": len(values), "scores": apart})
    return groups


def grid_row(
    picture: Picture, inpainter: str, maps: dict[str, np.ndarray], label: str
) -> tuple[str, dict[str, np.ndarray]]:
    """Makes one row of a picture grid: original, inpainted, maps by header, truth."""
    row = {"original": picture.versions[UNTOUCHED]} if UNTOUCHED in picture.versions else {}
    row |= {"inpainted": picture.versions[inpainter], **maps, "truth": picture.mask.astype(bool)}
    return label, {header: thumbnail(image) for header, image in row.items()}
