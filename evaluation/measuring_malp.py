"""What evaluation measures of proactive methods: pictures are protected, manipulated, inspected.

A method protects photographs (a passive one leaves them as they are) and later inspects pictures.
`measure` takes a photograph through every condition and gives *records*, one a condition:

* `picture`, `method`, and `truth`: the verdict that would be right;
* `manipulation`: a name, or `UNTOUCHED`; `family`: of the manipulation; `degradation`: a spec of
  `datasets.degradations`, `harmless:NAME` for a mild change whose strength is drawn, or `any`;
* `score` (higher = more surely manipulated), `cosine` of the recovered template, and `verdict`;
* `scores` of the map: for manipulated pictures `cosine`, `PSNR` and `SSIM` against
  `difference_map`, `constant`, the cosine that a constant map would have there, and, where the
  exact mask is known, `F1`, `IoU`, `precision`, `recall` and `AUC` (NaN elsewhere); for the others
  `pixels_flagged` and `map_mean`.
"""

from __future__ import annotations

import math
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from datasets.degradations import degrade
from datasets.forging import Window, crop
from datasets.manipulations import Manipulated, Manipulation
from datasets.photographs.sources import bundled_photographs, list_photographs
from evaluation.measuring import GRID_PICTURES
from forensics_keras import metrics
from forensics_keras.figures import thumbnail
from forensics_keras.images import read_image
from forensics_keras.localizer import Finding, Localizer, trivial_baselines
from malp_keras.calibration import AUTHENTIC, MANIPULATED, UNPROTECTED, VERDICTS, Calibration
from malp_keras.ground_truth import cosine, difference_map
from malp_keras.protector import Protector

UNTOUCHED = "none"
CLEAN, ANY, HARMLESS = "clean", "any", "harmless"
LOCALIZATION_MEASURES = ("F1", "IoU", "precision", "recall", "AUC")
CONDITION = ("method", "manipulation", "degradation")
OF_MANIPULATIONS = ("manipulation", "family", "seen")
"""Fields of records that tell only manipulated pictures apart; tables may add the last."""
MAX_FALSE_ALARMS = 0.01
"""Share of authentic pictures that may be called manipulated where thresholds are chosen."""
WHOLE_MULTIPLE = 8
MAP_STEPS = 1000
"""Thresholds of maps are chosen among multiples of 1 / `MAP_STEPS`."""


class Photograph(NamedTuple):
    """A photograph before anything is done to it.

    Attributes:
        name: For reports.
        image: uint8 (H, W, 3), RGB.
        seed: Of all that is drawn for it.
    """

    name: str
    image: np.ndarray
    seed: int


@dataclass(frozen=True)
class Conditions:
    """What happens to protected pictures.

    Attributes:
        manipulations: Each is measured under every degradation.
        degradations: Specs of `datasets.degradations`, `CLEAN` among them.
        harmless: Mild changes that must not be called manipulation.
    """

    manipulations: Sequence[Manipulation]
    degradations: Sequence[str] = (CLEAN,)
    harmless: Sequence[Manipulation] = ()


def central_square(photograph: np.ndarray, size: int) -> np.ndarray:
    """Cuts out the central square of a photograph, shrunk to `size` x `size` pixels.

    A photograph that is smaller is continued by reflection.
    """
    height, width = photograph.shape[:2]
    side = max(min(height, width), size)
    window = Window(max(height - side, 0) // 2, max(width - side, 0) // 2, side)
    return crop(photograph, window, size)


def picture_seed(name: str, seed: int) -> int:
    """Derives the seed of a photograph from its name, so that it depends on no other one."""
    return zlib.crc32(f"{seed} {name}".encode(errors="surrogateescape"))


def map_scores(
    fakeness: np.ndarray, difference: np.ndarray, mask: np.ndarray | None, threshold: float
) -> dict[str, float]:
    """Scores a fakeness map of a manipulated picture.

    Args:
        fakeness: float (H, W), 0 to 1.
        difference: As `difference_map` returns it.
        mask: uint8 (H, W), the exact mask, or `None` where it is unknown.
        threshold: A pixel is flagged from it.

    Returns:
        As the top of this module says.
    """
    scores = {
        "cosine": cosine(fakeness, difference),
        # Templates of other strengths show more or less in the truth: each has another floor.
        "constant": cosine(np.ones_like(difference), difference),
        "PSNR": metrics.picture_psnr(fakeness, difference, max_value=1.0),
        "SSIM": metrics.picture_ssim(fakeness, difference, max_value=1.0),
    }
    if mask is None or not mask.any():
        return {**scores, **dict.fromkeys(LOCALIZATION_MEASURES, float("nan"))}
    found = metrics.localization_scores(fakeness, mask, threshold)
    return {**scores, **{name: found[name] for name in LOCALIZATION_MEASURES}}


class Inspection(NamedTuple):
    """A picture that was inspected, for whoever wants more than its record.

    Attributes:
        record: See the top of this module.
        original: uint8 (H, W, 3), the photograph.
        protected: uint8 (H, W, 3).
        picture: uint8 (H, W, 3), what was inspected.
        mask: uint8 (H, W), the exact mask, or `None`.
        finding: What the method says.
    """

    record: dict
    original: np.ndarray
    protected: np.ndarray
    picture: np.ndarray
    mask: np.ndarray | None
    finding: Finding


def measure(
    photograph: Photograph,
    method: Localizer,
    conditions: Conditions,
    others: Sequence[Localizer] = (),
) -> Iterator[Inspection]:
    """Takes a photograph through every condition.

    Args:
        photograph: To begin with.
        method: Protects it and inspects what became of it.
        conditions: What happens in between.
        others: Localizers that inspect the same pictures, without a degradation: the trivial ones,
            whose maps are the same under all of them.

    Yields:
        The inspections, with their records.
    """
    protected = method.protect(photograph.image)
    inspect = partial(_inspect, photograph, protected)
    untouched = Manipulated(protected, None)
    for spec in conditions.degradations:
        yield inspect(method, untouched, spec)
        if method.protects:
            yield inspect(method, Manipulated(photograph.image, None), spec, truth=UNPROTECTED)
    for change in conditions.harmless:
        [changed] = change(protected[np.newaxis], [photograph.seed])
        yield inspect(method, changed, f"{HARMLESS}:{change.name}")
    for other in others:
        yield inspect(other, untouched, ANY)
    for manipulation in conditions.manipulations:
        [result] = manipulation(protected[np.newaxis], [photograph.seed])
        for spec in conditions.degradations:
            yield inspect(method, result, spec, manipulation)
        for other in others:
            yield inspect(other, result, ANY, manipulation)


def _inspect(
    photograph: Photograph,
    protected: np.ndarray,
    method: Localizer,
    result: Manipulated,
    spec: str,
    manipulation: Manipulation | None = None,
    truth: str = AUTHENTIC,
) -> Inspection:
    """Inspects a picture under a degradation, and scores what the method says."""
    is_degraded = spec != ANY and not spec.startswith(HARMLESS)
    picture = degrade(result.image, spec, photograph.seed) if is_degraded else result.image
    finding = method.localize(picture)
    if manipulation is None:
        flagged = metrics.untouched_scores(finding.map, method.threshold)["pixels_flagged"]
        scores = {"pixels_flagged": flagged, "map_mean": float(finding.map.mean())}
    else:
        difference = difference_map(photograph.image, result.image)
        scores = map_scores(finding.map, difference, result.mask, method.threshold)
    record = {
        "picture": photograph.name,
        "method": method.name,
        "truth": MANIPULATED if manipulation else truth,
        "manipulation": manipulation.name if manipulation else UNTOUCHED,
        "family": manipulation.family if manipulation else "",
        "degradation": spec,
        "score": finding.score,
        "cosine": finding.details.get("cosine", math.nan),
        "verdict": _verdict(method, finding),
        "scores": scores,
    }
    return Inspection(record, photograph.image, protected, picture, result.mask, finding)


def _verdict(method: Localizer, finding: Finding) -> str:
    """What a method without a classifier says is judged by its score."""
    if isinstance(method, Protector):
        return finding.verdict
    return calibration_of(method).verdict(finding.score, math.inf)


def calibration_of(method: Localizer) -> Calibration:
    """Where the verdicts of a method change: at one half where it does not say."""
    return method.calibration if isinstance(method, Protector) else Calibration()


def quality_record(photograph: Photograph, method: Localizer) -> dict:
    """PSNR and SSIM of a protected picture against its original."""
    protected = method.protect(photograph.image)
    return {
        "picture": photograph.name,
        "method": method.name,
        "scores": {
            "PSNR": metrics.picture_psnr(protected, photograph.image),
            "SSIM": metrics.picture_ssim(protected, photograph.image),
        },
    }


def localization(records: Sequence[dict], by: Sequence[str], seed: int) -> list[dict]:
    """Means of the map's measures over manipulated pictures, for each group.

    Versions of one picture in a group are averaged first: they are not independent, and intervals
    are over pictures.
    """
    manipulated = [record for record in records if record["manipulation"] != UNTOUCHED]
    return metrics.summarize_groups(one_a_picture(manipulated, by), by, seed)


def one_a_picture(records: Sequence[dict], by: Sequence[str]) -> list[dict]:
    """Averages the scores of each picture within its group; NaN ones are left out."""
    groups: dict[tuple, list[dict]] = {}
    for record in records:
        key = (record["picture"], *(record[field] for field in by))
        groups.setdefault(key, []).append(record)
    return [{**same[0], "scores": _mean_scores(same)} for same in groups.values()]


def _mean_scores(records: Sequence[dict]) -> dict[str, float]:
    means = {}
    for measure in records[0]["scores"]:
        values = np.array([record["scores"][measure] for record in records])
        values = values[~np.isnan(values)]
        means[measure] = float(values.mean()) if values.size else float("nan")
    return means


def detection(
    records: Sequence[dict], by: Sequence[str], thresholds: Mapping[str, Calibration], seed: int
) -> list[dict]:
    """How well scores tell manipulated pictures from authentic ones, for each group.

    Authentic pictures are protected (for a passive method: are photographs) and not manipulated.
    They belong to every manipulation of their group: under the same degradation, or, where `by`
    has no degradation, under all of them and the harmless changes.

    Args:
        records: Of `measure`.
        by: Fields whose values make a group, `method` among them.
        thresholds: By method.
        seed: Of the bootstrap.

    Returns:
        Groups with their numbers of pictures, `manipulated` and `authentic`, and `scores` as
        `forensics_keras.metrics.binary_scores` gives them.
    """
    shared = [field for field in by if field not in OF_MANIPULATIONS]
    authentic: dict[tuple, list[float]] = {}
    manipulated: dict[tuple, list[float]] = {}
    for record in records:
        if record["truth"] == MANIPULATED:
            key = tuple(record[field] for field in by)
            manipulated.setdefault(key, []).append(record["score"])
        elif record["truth"] == AUTHENTIC:
            key = tuple(record[field] for field in shared)
            authentic.setdefault(key, []).append(record["score"])
    groups = []
    for key, scores in manipulated.items():
        group = dict(zip(by, key, strict=True))
        negative = authentic.get(tuple(group[field] for field in shared))
        if negative:
            threshold = thresholds[group["method"]].score_threshold
            found = metrics.binary_scores(scores, negative, threshold, seed)
            counts = {"manipulated": len(scores), "authentic": len(negative)}
            groups.append({**group, **counts, "scores": found})
    return groups


def verdict_shares(records: Sequence[dict], by: Sequence[str], seed: int) -> list[dict]:
    """Share of each verdict, for each group; `right` is the share of right ones."""
    judged = [
        {
            **record,
            "scores": {
                "right": float(record["verdict"] == record["truth"]),
                **{verdict: float(record["verdict"] == verdict) for verdict in VERDICTS},
            },
        }
        for record in records
    ]
    return metrics.summarize_groups(one_a_picture(judged, by), by, seed)


class Calibrator:
    """Chooses the thresholds of a method from its inspections of validation photographs.

    Example:
        >>> calibrator = Calibrator()  # doctest: +SKIP
        >>> measure_all(sources, [method], conditions, 0, calibrator.add)  # doctest: +SKIP
        >>> thresholds = calibrator.thresholds("my photographs")  # doctest: +SKIP
    """

    def __init__(self):
        self._scores, self._curves = [], []
        self._cosines = {AUTHENTIC: [], UNPROTECTED: []}
        self._authentic_levels = np.zeros(MAP_STEPS + 1, np.int64)

    def add(self, inspection: Inspection) -> None:
        """Takes an inspection of `measure` into account."""
        truth, finding = inspection.record["truth"], inspection.finding
        if truth in self._cosines:
            self._cosines[truth].append(finding.details["cosine"])
        if truth == AUTHENTIC:
            self._scores.append(finding.score)
            levels = map_levels(finding.map)
            self._authentic_levels += np.bincount(levels, minlength=MAP_STEPS + 1)
        elif inspection.mask is not None and inspection.mask.any():
            self._curves.append(f1_curve(finding.map, inspection.mask))

    def thresholds(self, data: str) -> Calibration:
        """Chooses.

        Args:
            data: What the inspections were made of.

        Returns:
            The map's threshold with the largest mean F1, or where no exact mask is known, the
            least that at most `MAX_FALSE_ALARMS` of the pixels of authentic pictures reach; the
            least score that at most `MAX_FALSE_ALARMS` of the authentic pictures reach; the
            cosine halfway from the least that at most `MAX_FALSE_ALARMS` of the unprotected ones
            reach to what as many of the authentic ones miss, or where the two kinds overlap, the
            former.

        Raises:
            ValueError: When there was no authentic or no unprotected picture.
        """
        if not all(self._cosines.values()):
            raise ValueError("calibration needs protected and unprotected pictures")
        limits = reached_by_few(self._scores), self._cosine_limit()
        return Calibration(self._map_level() / MAP_STEPS, *limits, data)

    def _cosine_limit(self) -> float:
        # What took the template away, such as strong blur, leaves a cosine near that of pictures
        # that never had one: a limit just above these would call such a picture authentic.
        unprotected = reached_by_few(self._cosines[UNPROTECTED])
        authentic = -reached_by_few([-one for one in self._cosines[AUTHENTIC]])
        return max(unprotected, (unprotected + authentic) / 2)

    def _map_level(self) -> int:
        if self._curves:
            return 1 + int(np.argmax(np.mean(self._curves, axis=0)[1:]))
        reached = np.cumsum(self._authentic_levels[::-1])[::-1]
        few = np.flatnonzero(reached <= MAX_FALSE_ALARMS * reached[0])
        return int(few[0]) if few.size else MAP_STEPS


def map_levels(fakeness: np.ndarray) -> np.ndarray:
    """The levels of a map's pixels, 0 to `MAP_STEPS`, as one row of integers."""
    return np.floor(fakeness * MAP_STEPS).astype(np.int64).ravel()


def f1_curve(fakeness: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """F1 of a map at the thresholds 0, 1 / `MAP_STEPS`, ..., 1."""
    level = map_levels(fakeness)
    inside = mask.ravel() == 1
    reached = [
        np.cumsum(np.bincount(level[chosen], minlength=MAP_STEPS + 1)[::-1])[::-1]
        for chosen in (inside, ~inside)
    ]
    return 2 * reached[0] / (reached[0] + reached[1] + np.count_nonzero(inside))


def reached_by_few(values: Sequence[float]) -> float:
    """The least number that at most `MAX_FALSE_ALARMS` of some values reach."""
    descending = np.sort(values)[::-1]
    return float(np.nextafter(descending[int(MAX_FALSE_ALARMS * len(descending))], np.inf))


Source = tuple[str, Callable[[], np.ndarray]]
"""Name of a photograph, and what reads it."""


def photographs(folder: Path | None, size: int | None, limit: int | None = None) -> list[Source]:
    """Lists photographs to measure on.

    Args:
        folder: Of the photographs; the bundled test photographs without it.
        size: Side of the central square that is taken, or `None` for whole photographs, cut to
            multiples of `WHOLE_MULTIPLE` pixels, which networks need.
        limit: The first so many, or all.
    """
    paths = (list_photographs(folder) if folder else bundled_photographs("test"))[:limit]
    root = folder or paths[0].parent

    def read(path):
        photograph = read_image(path)
        if size is not None:
            return central_square(photograph, size)
        height, width = (side // WHOLE_MULTIPLE * WHOLE_MULTIPLE for side in photograph.shape[:2])
        return photograph[:height, :width]

    return [(path.relative_to(root).as_posix(), partial(read, path)) for path in paths]


class Measurements(NamedTuple):
    """What was measured.

    Attributes:
        records: See the top of this module.
        quality: Records of protected pictures.
        failed: Names of the photographs that could not be measured, with the errors.
        grid: Rows of a picture grid: label, pictures by header.
    """

    records: list[dict]
    quality: list[dict]
    failed: list[dict]
    grid: list[tuple[str, dict[str, np.ndarray]]]


def measure_all(
    sources: Sequence[Source],
    methods: Sequence[Localizer],
    conditions: Conditions,
    seed: int,
    watch: Callable[[Inspection], None] = lambda inspection: None,
) -> Measurements:
    """Measures methods on photographs; those that cannot be measured are named and left out.

    Args:
        sources: Of the photographs.
        methods: Each protects them by itself. The trivial maps are measured on the pictures of
            the first one.
        conditions: What happens to protected pictures.
        seed: Of all that is drawn.
        watch: Is shown every inspection of the first method.
    """
    measured = Measurements([], [], [], [])
    floor = trivial_baselines(seed)
    for name, read in tqdm(sources, unit="picture", disable=None):
        try:
            photograph = Photograph(name, read(), picture_seed(name, seed))
            inspections = list(measure(photograph, methods[0], conditions, floor))
            records = [inspection.record for inspection in inspections]
            for method in methods[1:]:
                records += [one.record for one in measure(photograph, method, conditions)]
            quality = [quality_record(photograph, one) for one in methods if one.protects]
        except (OSError, ValueError) as error:
            tqdm.write(f"{name}: {error}", file=sys.stderr)
            measured.failed.append({"picture": name, "error": str(error)})
            continue
        for inspection in inspections:
            if inspection.record["method"] == methods[0].name:
                watch(inspection)
        measured.records.extend(records)
        measured.quality.extend(quality)
        measured.grid.extend(_grid_rows(inspections, methods[0], conditions, len(measured.grid)))
    return measured


def _grid_rows(
    inspections: Sequence[Inspection], method: Localizer, conditions: Conditions, number: int
) -> list[tuple[str, dict[str, np.ndarray]]]:
    """The row of a photograph in the picture grid, manipulations in turn; none if it is full."""
    if number >= GRID_PICTURES or not conditions.manipulations:
        return []
    shown = conditions.manipulations[number % len(conditions.manipulations)].name
    [row] = [
        grid_row(one, method.threshold)
        for one in inspections
        if (one.record["method"], one.record["manipulation"]) == (method.name, shown)
        and one.record["degradation"] == conditions.degradations[0]
    ]
    return [row]


def grid_row(inspection: Inspection, threshold: float) -> tuple[str, dict[str, np.ndarray]]:
    """Makes a row of a picture grid; truth without an exact mask is brought to full contrast."""
    record, fakeness = inspection.record, inspection.finding.map
    truth = difference_map(inspection.original, inspection.picture)
    truth = truth / max(truth.max(), 1e-6) if inspection.mask is None else inspection.mask == 1
    pictures = {
        "original": inspection.original,
        "protected": inspection.protected,
        "manipulated": inspection.picture,
        "truth": truth,
        "fakeness map": fakeness,
        f"flagged (from {threshold:.2g})": metrics.flagged_pixels(fakeness, threshold),
    }
    label = f"{record['picture']}, {record['manipulation']}, {record['degradation']}"
    label += f": cosine {record['scores']['cosine']:.3f}"
    if not np.isnan(record["scores"]["F1"]):
        label += f", F1 {record['scores']['F1']:.3f}"
    label += f", {record['verdict']} ({record['score']:.2f})"
    return label, {header: thumbnail(picture) for header, picture in pictures.items()}
