"""Measures of localization: NumPy, one picture at a time, and one Keras metric for training.

A pixel is *flagged* when its probability reaches the threshold (`>=`). With TP, FP, FN and TN
counted over the pixels of one picture, the positive class being the manipulated pixels:

========== ===================================================== ==============================
measure    definition                                            when the denominator is zero
========== ===================================================== ==============================
precision  TP / (TP + FP)                                        0 (nothing flagged)
recall     TP / (TP + FN)                                        cannot be: the truth is not empty
F1         2 TP / (2 TP + FP + FN)                               cannot be
IoU        TP / (TP + FP + FN)                                   cannot be
mIoU       mean of IoU and TN / (TN + FP + FN)                   second term 1 (the picture is
                                                                 manipulated throughout, and
                                                                 flagged throughout)
AUC        area under the pixel ROC curve, ties counted half     NaN (no untouched pixel)
best_F1    largest F1 over all thresholds; needs the truth to    cannot be
           choose, so it bounds what any threshold can give
========== ===================================================== ==============================

Pictures without a manipulated pixel have no recall and no F1; they are measured apart, by
:func:`untouched_scores`. The measures of a data set are means over pictures, as section IV of the
IRL-Net paper says. Its authors' program counts the pixels of all pictures together, and 22 of the
paper's 25 printed F1 are 2PR/(P+R) of the printed precision and recall; :func:`pooled_scores` gives
these beside the means.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np


def flagged_pixels(probability: np.ndarray, threshold: float = 0.5) -> np.ndarray:
    """Marks the pixels whose probability reaches the threshold.

    Args:
        probability: Array of any shape, values 0 to 1.
        threshold: 0 to 1.

    Returns:
        Boolean array of the same shape.
    """
    return np.asarray(probability) >= threshold


def localization_scores(
    probability: np.ndarray, truth: np.ndarray, threshold: float = 0.5
) -> dict[str, float]:
    """Measures one probability map against its truth, as defined at the top of this module.

    Args:
        probability: float array (H, W), values 0 to 1.
        truth: Array (H, W), 0 for untouched and 1 (or True) for manipulated pixels.
        threshold: A pixel is flagged from this probability on.

    Returns:
        The measures `mIoU`, `F1`, `precision`, `recall`, `IoU`, `AUC` and `best_F1`,
        each 0 to 1. All but the last two depend on the threshold.

    Raises:
        ValueError: If the shapes differ, a probability is not finite, the truth holds anything
            but 0 and 1, or it has no manipulated pixel (see `untouched_scores`).

    Example:
        >>> truth = np.array([[1, 1], [0, 0]])
        >>> localization_scores(np.array([[0.9, 0.2], [0.1, 0.1]]), truth)["recall"]
        0.5
    """
    counts = pixel_counts(probability, truth, threshold)
    true_positive, wrong = counts["TP"], counts["FP"] + counts["FN"]
    if not true_positive + counts["FN"]:
        raise ValueError("the truth has no manipulated pixel: use untouched_scores")
    iou = true_positive / (true_positive + wrong)
    untouched = counts["TN"] + wrong
    untouched_iou = counts["TN"] / untouched if untouched else 1.0
    area, best_f1 = threshold_free_scores(np.asarray(probability), np.asarray(truth).astype(bool))
    return {
        "mIoU": (iou + untouched_iou) / 2,
        "F1": 2 * true_positive / (2 * true_positive + wrong),
        "precision": true_positive / max(true_positive + counts["FP"], 1),
        "recall": true_positive / (true_positive + counts["FN"]),
        "IoU": iou,
        "AUC": area,
        "best_F1": best_f1,
    }


def pixel_counts(
    probability: np.ndarray, truth: np.ndarray, threshold: float = 0.5
) -> dict[str, int]:
    """Counts the pixels of one probability map by what they are and what they are flagged as.

    Args:
        probability: float array (H, W), values 0 to 1.
        truth: Array (H, W), 0 for untouched and 1 (or True) for manipulated pixels.
        threshold: A pixel is flagged from this probability on.

    Returns:
        `TP`, `FP`, `FN` and `TN`; manipulated pixels are positive.

    Raises:
        ValueError: If the shapes differ, a probability is not finite, or the truth holds anything
            but 0 and 1.
    """
    probability, truth = np.asarray(probability), np.asarray(truth)
    if probability.shape != truth.shape:
        raise ValueError(f"probability {probability.shape} and truth {truth.shape} differ in shape")
    if not np.isfinite(probability).all():
        raise ValueError("the probability map has values that are not finite")
    manipulated = truth.astype(bool)
    if not np.array_equal(manipulated, truth):
        raise ValueError("the truth must hold 0 and 1 only")
    flagged = flagged_pixels(probability, threshold)
    true_positive = int(np.count_nonzero(flagged & manipulated))
    false_positive = int(np.count_nonzero(flagged)) - true_positive
    false_negative = int(np.count_nonzero(manipulated)) - true_positive
    true_negative = truth.size - true_positive - false_positive - false_negative
    return {
        "TP": true_positive,
        "FP": false_positive,
        "FN": false_negative,
        "TN": true_negative,
    }


POOLED = ("F1_of_means", "pooled_precision", "pooled_recall", "pooled_F1")


def pooled_scores(
    scores: Sequence[Mapping[str, float]],
    counts: Sequence[Mapping[str, float]],
    seed: int = 0,
    resamples: int = 2000,
) -> dict[str, dict[str, float]]:
    """Measures a data set as the IRL-Net paper's F1 and its authors' program do.

    Args:
        scores: `precision` and `recall` of each picture, as `localization_scores` gives them.
        counts: What `pixel_counts` gave, one a picture, each with a manipulated pixel.
        seed: Seed of the bootstrap over pictures.
        resamples: Number of resampled data sets.

    Returns:
        `mean` and the 95 % interval's `low` and `high` of each of `POOLED`: `F1_of_means` is
        2PR/(P+R) of the mean precision and the mean recall over pictures; `pooled_precision`,
        `pooled_recall` and `pooled_F1` are of all pixels together.

    Raises:
        ValueError: If there are no pictures.

    Example:
        >>> counts = {"TP": 3, "FP": 1, "FN": 0, "TN": 5}
        >>> pooled_scores([{"precision": 0.75, "recall": 1.0}], [counts])["pooled_precision"]
        {'mean': 0.75, 'low': 0.75, 'high': 0.75}
    """
    if not counts:
        raise ValueError("no pictures to pool")
    table = np.array(
        [
            [score["precision"], score["recall"], count["TP"], count["FP"], count["FN"]]
            for score, count in zip(scores, counts, strict=True)
        ],
        np.float64,
    )
    random, size = np.random.default_rng(seed), len(table)
    block = max(1, 2**20 // size)  # bounds the memory for large data sets
    drawn = [
        _pooled(table[random.integers(size, size=(min(block, resamples - start), size))])
        for start in range(0, resamples, block)
    ]
    low, high = np.quantile(np.concatenate(drawn), [0.025, 0.975], axis=0)
    values = zip(POOLED, _pooled(table[np.newaxis])[0], low, high, strict=True)
    return {
        name: {"mean": float(mean), "low": float(least), "high": float(most)}
        for name, mean, least, most in values
    }


def _pooled(tables: np.ndarray) -> np.ndarray:
    """The measures of `POOLED`, (N, 4), of N data sets, (N, pictures, 5)."""
    precision, recall, hits, false, missed = np.moveaxis(tables.mean(axis=1), -1, 0)
    # Where nothing is flagged, precision is 0.
    of_all = hits / np.where(hits + false, hits + false, 1), hits / (hits + missed)
    return np.stack([_harmonic(precision, recall), *of_all, _harmonic(*of_all)], axis=-1)


def _harmonic(precision: np.ndarray, recall: np.ndarray) -> np.ndarray:
    both = precision + recall
    return 2 * precision * recall / np.where(both, both, 1)


def threshold_free_scores(probability: np.ndarray, manipulated: np.ndarray) -> tuple[float, float]:
    """Returns AUC and best F1 from one sort of the pixels, the most probable first."""
    descending = np.argsort(-probability, axis=None)
    ranked = probability.ravel()[descending]
    # Pixels of equal probability are flagged together, so only the last of each run is a threshold.
    last_of_run = np.append(np.flatnonzero(np.diff(ranked)), ranked.size - 1)
    true_positive = np.cumsum(manipulated.ravel()[descending])[last_of_run]
    flagged = last_of_run + 1
    positive = int(true_positive[-1])
    negative = ranked.size - positive
    best_f1 = float(np.max(2 * true_positive / (flagged + positive)))
    if negative == 0:
        return float("nan"), best_f1
    recall = np.append(0, true_positive) / positive
    false_alarm = np.append(0, flagged - true_positive) / negative
    return float(np.trapezoid(recall, false_alarm)), best_f1
