"""Measures of whole pictures: is it manipulated, and how well is that told apart?"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from forensics_keras.metrics.intervals import resampled
from forensics_keras.metrics.localization import flagged_pixels, threshold_free_scores

MIN_FLAGGED_SHARE = 0.001
"""Share of flagged pixels from which a picture counts as manipulated: a stray pixel does not
accuse a photograph. 0.1 % is 66 pixels of a 256x256 picture."""


def verdict(flagged_share: float) -> str:
    """Judges a whole picture by its share of flagged pixels.

    Args:
        flagged_share: Flagged pixels over all pixels, 0 to 1.

    Returns:
        `"manipulated"` from `MIN_FLAGGED_SHARE` on, else `"nothing found"`: the absence of traces
        does not prove a picture untouched.
    """
    return "manipulated" if flagged_share >= MIN_FLAGGED_SHARE else "nothing found"


def picture_score(probability: np.ndarray) -> float:
    """Scores how surely a picture as a whole is manipulated.

    Args:
        probability: float array (H, W), values 0 to 1.

    Returns:
        The largest threshold at which `verdict` calls the picture manipulated: the probability
        that a share of `MIN_FLAGGED_SHARE` of the pixels reaches.
    """
    values = np.ravel(probability)
    rank = math.ceil(MIN_FLAGGED_SHARE * values.size)
    return float(np.partition(values, -rank)[-rank])


def untouched_scores(probability: np.ndarray, threshold: float = 0.5) -> dict[str, float]:
    """Measures the false alarms of one probability map of an untouched picture.

    Args:
        probability: float array (H, W), values 0 to 1.
        threshold: A pixel is flagged from this probability on.

    Returns:
        `pixels_flagged`, the share of flagged pixels (0 to 1), and `picture_flagged`, True when
        `verdict` calls the picture manipulated. Their means over pictures are the share of pixels
        (of pictures of one size) and the share of pictures flagged.

    Raises:
        ValueError: If a probability is not finite.
    """
    if not np.isfinite(probability).all():
        raise ValueError("the probability map has values that are not finite")
    share = float(flagged_pixels(probability, threshold).mean())
    return {"pixels_flagged": share, "picture_flagged": verdict(share) == "manipulated"}


def detection_scores(
    forged: Sequence[float], untouched: Sequence[float], seed: int = 0, resamples: int = 1000
) -> dict[str, dict[str, float]]:
    """Measures how well a score per picture tells forged pictures from untouched ones.

    Args:
        forged: Scores of forged pictures, at least one.
        untouched: Scores of untouched pictures, at least one.
        seed: Seed of the bootstrap.
        resamples: Number of resampled values; both kinds of pictures are resampled.

    Returns:
        `AUC`, the area under the ROC curve with ties counted half, and `false_alarms`, the share
        of untouched pictures called forged at the highest threshold that finds 95 % of the forged
        ones: for each the value as `mean`, and `low` and `high` of its 95 % interval, as
        `summarize` gives them.
    """
    return resampled(_detection, ("AUC", "false_alarms"), forged, untouched, seed, resamples)


def _detection(forged: np.ndarray, untouched: np.ndarray) -> tuple[float, float]:
    scores = np.concatenate([forged, untouched])
    area, _ = threshold_free_scores(scores, np.arange(scores.size) < forged.size)
    threshold = np.sort(forged)[forged.size - math.ceil(0.95 * forged.size)]
    return area, float(np.mean(untouched >= threshold))


def binary_scores(
    positive: Sequence[float],
    negative: Sequence[float],
    threshold: float,
    seed: int = 0,
    resamples: int = 1000,
) -> dict[str, dict[str, float]]:
    """Measures a binary classifier of pictures: MaLP's detection of manipulation, for one.

    Args:
        positive: Scores of pictures of the positive class, at least one.
        negative: Scores of the others, at least one.
        threshold: A picture is called positive from this score on.
        seed: Seed of the bootstrap.
        resamples: Number of resampled values; both classes are resampled.

    Returns:
        Each as `mean`, `low` and `high`, like `detection_scores`:

        * `accuracy`: mean of the shares of both classes that are called right, so that their
          numbers do not matter;
        * `EER`: the equal error rate, where the ROC curve has as many misses as false alarms;
        * `AUC`: the area under the ROC curve, ties counted half;
        * `average_precision`: mean precision over the recalls that thresholds give, for classes
          weighted alike.
    """

    def measure(positive, negative):
        right = np.mean(positive >= threshold) + np.mean(negative < threshold)
        return float(right) / 2, *_ranking_scores(positive, negative)

    names = ("accuracy", "EER", "AUC", "average_precision")
    return resampled(measure, names, positive, negative, seed, resamples)


def _ranking_scores(positive: np.ndarray, negative: np.ndarray) -> tuple[float, float, float]:
    """Returns equal error rate, area under the ROC curve and average precision."""
    thresholds = np.unique(np.concatenate([positive, negative]))[::-1]
    recall, false_alarms = (
        np.append(0, np.searchsorted(np.sort(-scores), -thresholds, side="right")) / scores.size
        for scores in (positive, negative)
    )
    # Misses fall and false alarms rise along the curve, whose points are joined by straight lines.
    equal = np.interp(0, false_alarms - (1 - recall), false_alarms)
    precision = recall[1:] / (recall[1:] + false_alarms[1:])
    area = np.trapezoid(recall, false_alarms)
    return float(equal), float(area), float(np.sum(np.diff(recall) * precision))
