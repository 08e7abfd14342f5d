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
:func:`untouched_scores`. The measures of a data set are means over pictures, as in section IV of
the IRL-Net paper, not ratios of summed counts.
"""

from __future__ import annotations

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
    probability, truth = np.asarray(probability), np.asarray(truth)
    if probability.shape != truth.shape:
        raise ValueError(f"probability {probability.shape} and truth {truth.shape} differ in shape")
    if not np.isfinite(probability).all():
        raise ValueError("the probability map has values that are not finite")
    manipulated = truth.astype(bool)
    if not np.array_equal(manipulated, truth):
        raise ValueError("the truth must hold 0 and 1 only")
    if not manipulated.any():
        raise ValueError("the truth has no manipulated pixel: use untouched_scores")

    flagged = flagged_pixels(probability, threshold)
    true_positive = int(np.count_nonzero(flagged & manipulated))
    false_positive = int(np.count_nonzero(flagged)) - true_positive
    false_negative = int(np.count_nonzero(manipulated)) - true_positive
    wrong = false_positive + false_negative
    true_negative = truth.size - true_positive - wrong
    iou = true_positive / (true_positive + wrong)
    untouched_iou = true_negative / (true_negative + wrong) if true_negative + wrong else 1.0
    area, best_f1 = threshold_free_scores(probability, manipulated)
    return {
        "mIoU": (iou + untouched_iou) / 2,
        "F1": 2 * true_positive / (2 * true_positive + wrong),
        "precision": true_positive / max(true_positive + false_positive, 1),
        "recall": true_positive / (true_positive + false_negative),
        "IoU": iou,
        "AUC": area,
        "best_F1": best_f1,
    }


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
