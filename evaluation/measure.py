"""What is measured of every method alike: it looks at a picture, and a record says what it found.

A `Trial` is one picture that one method looks at; evaluations differ in the trials that they make
of a photograph. Each gives a *record*:

* `picture`, `method`, and `truth`: the verdict that would be right;
* the trial's own fields: `inpainter`, or `manipulation` and its `family` (`UNTOUCHED` for none),
  and what a table adds;
* `degradation`: a spec of `datasets.degradations`, `harmless:NAME` for a mild change whose strength
  is drawn, or `any` where it does not matter;
* `score` (higher = more surely manipulated), `verdict`, and what else the method knows;
* `scores` of the map: for manipulated pictures those of `metrics.localization_scores` against the
  exact mask (NaN where it is unknown), for others those of `metrics.untouched_scores`; evaluations
  may add some;
* `pixels`: those of `metrics.pixel_counts`, beside the scores of `metrics.localization_scores`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from datasets.degradations import degrade
from evaluation.pictures import Source, picture_seed, work_through
from forensics_keras import metrics
from forensics_keras.figures import thumbnail
from forensics_keras.localizer import Finding, Localizer, trivial_baselines
from malp_keras.calibration import AUTHENTIC, MANIPULATED, VERDICTS
from malp_keras.ground_truth import difference_map

CLEAN, ANY, HARMLESS = "clean", "any", "harmless"
GRID_PICTURES = 6
LOCALIZATION_MEASURES = ("mIoU", "F1", "precision", "recall", "IoU", "AUC", "best_F1")


@dataclass(frozen=True, eq=False)
class Trial:
    """One picture that one method looks at.

    Attributes:
        method: Method that looks at the picture.
        image: uint8 (H, W, 3), the picture before its degradation.
        mask: uint8 (H, W), 1 = manipulated; `None` where it is not known.
        truth: The verdict that would be right.
        degradation: See the top of this module.
        fields: Further fields of the record.
        original: uint8 (H, W, 3), the pristine photograph; `None` where it is not known.
        in_grid: Whether the picture grid shows it.
    """

    method: Localizer
    image: np.ndarray
    mask: np.ndarray | None = None
    truth: str = AUTHENTIC
    degradation: str = ANY
    fields: Mapping[str, object] = field(default_factory=dict)
    original: np.ndarray | None = None
    in_grid: bool = False


class Inspection(NamedTuple):
    """What a method found: its trial, the degraded picture, the finding, and the record of it."""

    trial: Trial
    picture: np.ndarray
    finding: Finding
    record: dict


@dataclass(frozen=True)
class Measurements:
    """What was measured: `records`, and those of protected pictures against their photographs.

    `failed` names the pictures that could not be measured, with the errors; `grid` has rows of a
    picture grid: label, thumbnails by header.
    """

    records: list[dict] = field(default_factory=list)
    quality: list[dict] = field(default_factory=list)
    failed: list[dict] = field(default_factory=list)
    grid: list[tuple[str, dict[str, np.ndarray]]] = field(default_factory=list)


Trials = Callable[[int, Source], Iterable[Trial]]
"""Makes the trials of a picture, given its number and source."""


def baselines(seed: int, threshold: float = 0.5) -> list[Localizer]:
    """Returns the trivial baselines, which flag from a threshold on."""
    found = trivial_baselines(seed)
    for one in found:
        one.threshold = threshold
    return found


def measure_all(
    sources: Sequence[Source],
    trials: Trials,
    seed: int,
    scores: Callable[[Trial, Finding], dict[str, float]] | None = None,
    watch: Callable[[Inspection], None] | None = None,
    workers: int = 1,
) -> Measurements:
    """Measures every trial of every picture; pictures that fail are named and left out.

    Args:
        sources: The pictures.
        trials: Function that makes the trials of each.
        seed: Seed of the degradations, with the picture's name.
        scores: Function that scores a map; `map_scores` by default.
        watch: Function that is shown every inspection.
        workers: Number of pictures that are worked on at once.
    """
    measured = Measurements()

    def measure(number: int, source: Source) -> tuple[list[dict], dict, list[Inspection]]:
        records, quality, shown = [], {}, []
        for trial in trials(number, source):
            inspection = inspect(trial, source.name, seed, scores or map_scores)
            records.append(inspection.record)
            name = trial.method.name
            # A method's first authentic picture is what it protected, without any change.
            if trial.method.protects and trial.truth == AUTHENTIC and name not in quality:
                quality[name] = quality_record(inspection)
            if trial.in_grid:
                shown.append(inspection)
            if watch:
                watch(inspection)
        return records, quality, shown

    for records, quality, shown in work_through(sources, measure, measured.failed, workers):
        measured.records.extend(records)
        measured.quality.extend(quality.values())
        if shown and len(measured.grid) < GRID_PICTURES:
            measured.grid.append(grid_row(shown))
    return measured


def inspect(
    trial: Trial, name: str, seed: int, scores: Callable[[Trial, Finding], dict[str, float]]
) -> Inspection:
    """Has a trial's method look at its picture, and scores what it says."""
    is_degraded = trial.degradation != ANY and not trial.degradation.startswith(HARMLESS)
    picture = trial.image
    if is_degraded:
        picture = degrade(picture, trial.degradation, picture_seed(name, seed))
    finding = trial.method.localize(picture)
    scored = scores(trial, finding)
    record = {
        "picture": name,
        "method": trial.method.name,
        "truth": trial.truth,
        **trial.fields,
        "degradation": trial.degradation,
        "score": finding.score,
        # A method that finds nothing calls a picture authentic.
        "verdict": finding.verdict if finding.verdict in VERDICTS else AUTHENTIC,
        **finding.details,
        "scores": scored,
    }
    if is_localized(trial) and "precision" in scored:
        record["pixels"] = metrics.pixel_counts(finding.map, trial.mask, trial.method.threshold)
    return Inspection(trial, picture, finding, record)


def is_localized(trial: Trial) -> bool:
    """Tells whether it is known where the picture was manipulated."""
    return trial.truth == MANIPULATED and trial.mask is not None and bool(trial.mask.any())


def map_scores(trial: Trial, finding: Finding) -> dict[str, float]:
    """Scores a map against the exact mask; see the top of this module."""
    threshold = trial.method.threshold
    if trial.truth != MANIPULATED:
        scores = metrics.untouched_scores(finding.map, threshold)
        if finding.reliability is not None:  # its verdict does not follow from the flagged pixels
            scores["picture_flagged"] = finding.verdict == MANIPULATED
        return scores
    if not is_localized(trial):
        return dict.fromkeys(LOCALIZATION_MEASURES, float("nan"))
    return metrics.localization_scores(finding.map, trial.mask, threshold)


def quality_record(inspection: Inspection) -> dict:
    """Makes the record of a protected picture: PSNR and SSIM against its photograph."""
    record = inspection.record
    protected, photograph = inspection.trial.image, inspection.trial.original
    scores = {
        "PSNR": metrics.picture_psnr(protected, photograph),
        "SSIM": metrics.picture_ssim(protected, photograph),
    }
    return {"picture": record["picture"], "method": record["method"], "scores": scores}


def grid_row(shown: Sequence[Inspection]) -> tuple[str, dict[str, np.ndarray]]:
    """Makes a row of the picture grid of what one method or several found in one picture.

    Of several networks of a method the first counts. A truth without an exact mask is the
    difference, brought to full contrast. Returns the label and the thumbnails by header.
    """
    trial, picture, finding, record = shown[0]
    row = {} if trial.original is None else {"original": trial.original}
    if trial.method.protects:
        row["protected"] = trial.method.protect(trial.original)
    row["manipulated"] = picture
    if trial.mask is None:
        truth = difference_map(trial.original, picture)
        row["truth"] = truth / max(truth.max(), 1e-6)
    else:
        row["truth"] = trial.mask == 1
    masks = {one.trial.method.name: one.finding.mask for one in reversed(shown)}
    kind = record.get("inpainter") or record["manipulation"]
    label = f"{record['picture']}, {kind}, {record['degradation']}"
    if len(masks) == 1:
        row |= {"map": finding.map, f"flagged (from {finding.threshold:.2g})": finding.mask}
        known = {name: record["scores"].get(name, np.nan) for name in ("cosine", "F1")}
        named = [f"{name} {value:.3f}" for name, value in known.items() if not np.isnan(value)]
        label += ": " + ", ".join([*named, f"{record['verdict']} ({record['score']:.2f})"])
    else:
        row |= {name: masks[name] for name in dict.fromkeys(one.trial.method.name for one in shown)}
    return label, {header: thumbnail(image) for header, image in row.items()}
