"""Measures of localization: NumPy, one picture at a time, and one Keras metric for training.

At the end: how much two pictures differ (PSNR and SSIM), whatever made one of the other.

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

import math
from collections.abc import Iterator, Mapping, Sequence

import cv2
import keras
import numpy as np
from keras import ops

MIN_FLAGGED_SHARE = 0.001
"""Share of flagged pixels from which a picture counts as manipulated: a stray pixel does not
accuse a photograph. 0.1 % is 66 pixels of a 256x256 picture."""


def flagged_pixels(probability: np.ndarray, threshold: float = 0.5) -> np.ndarray:
    """Marks the pixels whose probability reaches the threshold.

    Args:
        probability: array of any shape, values 0 to 1.
        threshold: 0 to 1.

    Returns:
        Boolean array of the same shape.
    """
    return np.asarray(probability) >= threshold


def verdict(flagged_share: float) -> str:
    """Judges a whole picture by its share of flagged pixels.

    Args:
        flagged_share: flagged pixels over all pixels, 0 to 1.

    Returns:
        `"manipulated"` from `MIN_FLAGGED_SHARE` on, else `"nothing found"`: the absence of traces
        does not prove a picture untouched.
    """
    return "manipulated" if flagged_share >= MIN_FLAGGED_SHARE else "nothing found"


def localization_scores(
    probability: np.ndarray, truth: np.ndarray, threshold: float = 0.5
) -> dict[str, float]:
    """Measures one probability map against its truth, as defined at the top of this module.

    Args:
        probability: float array (H, W), values 0 to 1.
        truth: array (H, W), 0 for untouched and 1 (or True) for manipulated pixels.
        threshold: a pixel is flagged from this probability on.

    Returns:
        The measures `mIoU`, `F1`, `precision`, `recall`, `IoU`, `AUC` and `best_F1`,
        each 0 to 1. All but the last two depend on the threshold.

    Raises:
        ValueError: when the shapes differ, a probability is not finite, the truth holds anything
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
    area, best_f1 = _threshold_free_scores(probability, manipulated)
    return {
        "mIoU": (iou + untouched_iou) / 2,
        "F1": 2 * true_positive / (2 * true_positive + wrong),
        "precision": true_positive / max(true_positive + false_positive, 1),
        "recall": true_positive / (true_positive + false_negative),
        "IoU": iou,
        "AUC": area,
        "best_F1": best_f1,
    }


def _threshold_free_scores(probability: np.ndarray, manipulated: np.ndarray) -> tuple[float, float]:
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


def untouched_scores(probability: np.ndarray, threshold: float = 0.5) -> dict[str, float]:
    """Measures the false alarms of one probability map of an untouched picture.

    Args:
        probability: float array (H, W), values 0 to 1.
        threshold: a pixel is flagged from this probability on.

    Returns:
        `pixels_flagged`, the share of flagged pixels (0 to 1), and `picture_flagged`, True when
        `verdict` calls the picture manipulated. Their means over pictures are the share of pixels
        (of pictures of one size) and the share of pictures flagged.

    Raises:
        ValueError: when a probability is not finite.
    """
    if not np.isfinite(probability).all():
        raise ValueError("the probability map has values that are not finite")
    share = float(flagged_pixels(probability, threshold).mean())
    return {"pixels_flagged": share, "picture_flagged": verdict(share) == "manipulated"}


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


def detection_scores(
    forged: Sequence[float], untouched: Sequence[float], seed: int = 0, resamples: int = 1000
) -> dict[str, dict[str, float]]:
    """Measures how well a score per picture tells forged pictures from untouched ones.

    Args:
        forged: scores of forged pictures, at least one.
        untouched: scores of untouched pictures, at least one.
        seed: of the bootstrap.
        resamples: number of resampled values; both kinds of pictures are resampled.

    Returns:
        `AUC`, the area under the ROC curve with ties counted half, and `false_alarms`, the share
        of untouched pictures called forged at the highest threshold that finds 95 % of the forged
        ones: for each the value as `mean`, and `low` and `high` of its 95 % interval, as
        `summarize` gives them.
    """
    return _resampled(_detection, ("AUC", "false_alarms"), forged, untouched, seed, resamples)


def _detection(forged: np.ndarray, untouched: np.ndarray) -> tuple[float, float]:
    scores = np.concatenate([forged, untouched])
    area, _ = _threshold_free_scores(scores, np.arange(scores.size) < forged.size)
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
        positive: scores of pictures of the positive class, at least one.
        negative: scores of the others, at least one.
        threshold: a picture is called positive from this score on.
        seed: of the bootstrap.
        resamples: number of resampled values; both classes are resampled.

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
    return _resampled(measure, names, positive, negative, seed, resamples)


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


def _resampled(measure, names, positive, negative, seed: int, resamples: int) -> dict:
    """Values of some measures of two samples, with 95 % bootstrap intervals."""
    samples = [np.asarray(scores, np.float64) for scores in (positive, negative)]
    random = np.random.default_rng(seed)
    drawn = np.array(
        [
            measure(*(random.choice(scores, scores.size) for scores in samples))
            for _ in range(resamples)
        ]
    )
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    values = zip(names, measure(*samples), low, high, strict=True)
    return {name: {"mean": m, "low": float(a), "high": float(b)} for name, m, a, b in values}


def bootstrap_interval(
    values: Sequence[float], seed: int, level: float = 0.95, resamples: int = 2000
) -> tuple[float, float]:
    """Percentile bootstrap interval of a mean, the pictures being resampled with replacement.

    The interval covers the choice of the pictures only, neither that of the training run nor that
    of the data set, and is too narrow for a handful of pictures.

    Args:
        values: one value a picture; NaN values are left out.
        seed: of the resampling; equal seeds give equal intervals.
        level: coverage, between 0 and 1.
        resamples: number of resampled means.

    Returns:
        (low, high); (NaN, NaN) when no value is left.

    Raises:
        ValueError: when the level is not between 0 and 1.
    """
    if not 0 < level < 1:
        raise ValueError(f"level must be between 0 and 1, not {level}")
    values = np.asarray(values, dtype=np.float64)
    values = values[~np.isnan(values)]
    if values.size == 0:
        return float("nan"), float("nan")
    random = np.random.default_rng(seed)
    block = max(1, 2**20 // values.size)  # bounds the memory for large data sets
    means = [
        random.choice(values, size=(min(block, resamples - start), values.size)).mean(axis=1)
        for start in range(0, resamples, block)
    ]
    low, high = np.quantile(np.concatenate(means), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def summarize(scores: Sequence[dict[str, float]], seed: int = 0) -> dict[str, dict[str, float]]:
    """Averages per-picture measures over pictures, with 95 % bootstrap intervals.

    Args:
        scores: what `localization_scores` or `untouched_scores` gave, one a picture.
        seed: of the bootstrap.

    Returns:
        For each measure `mean`, `low` and `high` of the interval, over the pictures where the
        measure is defined (not NaN); NaN when there are none.

    Raises:
        ValueError: when there are no scores.
    """
    if not scores:
        raise ValueError("no pictures to summarize")
    summary = {}
    for measure in scores[0]:
        values = np.array([score[measure] for score in scores], dtype=np.float64)
        defined = values[~np.isnan(values)]
        low, high = bootstrap_interval(defined, seed)
        mean = float(defined.mean()) if defined.size else float("nan")
        summary[measure] = {"mean": mean, "low": low, "high": high}
    return summary


def summarize_groups(
    records: Sequence[Mapping], by: Sequence[str], seed: int = 0
) -> list[dict[str, object]]:
    """Averages the measures of each group of pictures: one row of a table a group.

    Args:
        records: one a picture and condition: the fields of `by`, and `scores` as for `summarize`.
        by: fields whose values make a group, for example method and degradation.
        seed: of the bootstrap.

    Returns:
        For each group, in order of first appearance, the fields of `by`, the number of `pictures`
        and the `scores` as `summarize` gives them. Nothing for no records.
    """
    groups = {}
    for record in records:
        key = tuple(record[field] for field in by)
        groups.setdefault(key, []).append(record["scores"])
    return [
        {
            **dict(zip(by, key, strict=True)),
            "pictures": len(scores),
            "scores": summarize(scores, seed),
        }
        for key, scores in groups.items()
    ]


_BAND_PIXELS = 2**18
_SSIM_SIDE, _SSIM_DEVIATION = 11, 1.5


def picture_psnr(picture: np.ndarray, original: np.ndarray, max_value: float = 255.0) -> float:
    """Peak signal-to-noise ratio of a picture against its original, over pixels and channels.

    Args:
        picture: (H, W) or (H, W, C), of any dtype; works in bands, so that memory is bounded.
        original: of the same shape.
        max_value: the largest value there can be: 255 for 8-bit pictures, 1 for maps.

    Returns:
        `10 log10(max_value^2 / mean squared difference)` in dB; infinity for equal pictures, which
        `irl_keras.reports.to_json` writes as null.

    Raises:
        ValueError: when the shapes differ.
    """
    squared = 0.0
    for one, other in _bands(picture, original):
        squared += float(np.sum((one.astype(np.float64) - other) ** 2))
    return 10 * math.log10(max_value**2 * picture.size / squared) if squared else math.inf


def picture_ssim(picture: np.ndarray, original: np.ndarray, max_value: float = 255.0) -> float:
    """Structural similarity of a picture to its original: mean of `ssim_map` inside the border.

    As Wang et al. (2004) do and scikit-image with `gaussian_weights=True` and
    `use_sample_covariance=False`, the mean is over the windows that lie wholly in the picture, and
    over the channels.

    Args:
        picture: (H, W) or (H, W, C), of any dtype, sides at least 11 pixels; works in bands, so
            that memory is bounded.
        original: of the same shape.
        max_value: the largest value there can be: 255 for 8-bit pictures, 1 for maps.

    Returns:
        At most 1, which only equal pictures have.

    Raises:
        ValueError: when the shapes differ or a side is shorter than the window.

    Example:
        >>> picture_ssim(np.zeros((16, 16), np.uint8), np.zeros((16, 16), np.uint8))
        1.0
    """
    if min(picture.shape[:2]) < _SSIM_SIDE:
        raise ValueError(f"structural similarity needs sides of {_SSIM_SIDE}, not {picture.shape}")
    margin = _SSIM_SIDE // 2
    inside = slice(margin, -margin)
    total, count = 0.0, 0
    for one, other in _bands(picture, original, margin):
        values = ssim_map(one, other, max_value)[inside, inside]
        total += float(values.sum())
        count += values.size
    return total / count


def ssim_map(one: np.ndarray, other: np.ndarray, max_value: float = 255.0) -> np.ndarray:
    """Structural similarity of two pictures at each pixel (Wang et al., 2004, eq. 13).

    Means, variances and covariance are those of a Gaussian window of 11 pixels and standard
    deviation 1.5; pictures are reflected at their borders.

    Args:
        one: (H, W) or (H, W, C), of any dtype.
        other: of the same shape.
        max_value: the largest value there can be: 255 for 8-bit pictures, 1 for maps.

    Returns:
        float64, of the same shape, -1 to 1.
    """
    a, b = one.astype(np.float64), other.astype(np.float64)
    mean_a, mean_b = _window_mean(a), _window_mean(b)
    variance_a = _window_mean(a * a) - mean_a**2
    variance_b = _window_mean(b * b) - mean_b**2
    covariance = _window_mean(a * b) - mean_a * mean_b
    c1, c2 = (0.01 * max_value) ** 2, (0.03 * max_value) ** 2
    luminance = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
    return luminance * (2 * covariance + c2) / (variance_a + variance_b + c2)


def _window_mean(values: np.ndarray) -> np.ndarray:
    window = _SSIM_SIDE, _SSIM_SIDE
    return cv2.GaussianBlur(values, window, _SSIM_DEVIATION, borderType=cv2.BORDER_REFLECT)


def _bands(
    one: np.ndarray, other: np.ndarray, margin: int = 0
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Cuts two pictures into the same bands of rows.

    Neighbouring bands share `2 * margin` rows, so that their insides, with `margin` rows left out
    at the top and the bottom of each, make the inside of the picture, each row once.
    """
    if one.shape != other.shape:
        raise ValueError(f"pictures of {one.shape} and {other.shape} differ in shape")
    step = max(1, _BAND_PIXELS // one.shape[1])
    for top in range(margin, one.shape[0] - margin, step):
        band = slice(top - margin, min(top + step, one.shape[0] - margin) + margin)
        yield one[band], other[band]


@keras.saving.register_keras_serializable(package="irl_keras")
class LocalizationF1(keras.metrics.Metric):
    """F1 per picture at a threshold, averaged over the pictures that have a manipulated pixel.

    The same F1 as `localization_scores`, for training logs and for choosing the best checkpoint.
    (`keras.metrics.F1Score` pools the pixels of all pictures instead.) The result is 0 before the
    first picture with a manipulated pixel.

    Args:
        threshold: a pixel is flagged from this probability on.
        name: of the metric in logs.
        dtype: of the computation.

    Call arguments:
        y_true: (N, H, W) or (N, H, W, 1), 0 and 1.
        y_pred: probabilities, (N, H, W) or (N, H, W, C), of which the first channel counts: others
            are for the loss.
        sample_weight: optional, shape (N,) or more axes; a picture's weight is the mean of its
            weights over the other axes.

    Example:
        >>> metric = LocalizationF1()
        >>> metric.update_state(np.ones((1, 8, 8, 1)), np.full((1, 8, 8, 1), 0.7))
        >>> float(metric.result())
        1.0
    """

    def __init__(self, threshold: float = 0.5, name: str = "f1", dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.threshold = threshold
        self.total = self.add_weight(name="total", initializer="zeros")
        self.count = self.add_weight(name="count", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Adds a batch; see the call arguments."""
        truth = self._per_picture(y_true) >= 0.5
        y_pred = y_pred[..., :1] if len(y_pred.shape) == 4 else y_pred
        flagged = self._per_picture(y_pred) >= self.threshold
        hits = ops.sum(ops.cast(ops.logical_and(truth, flagged), self.dtype), axis=1)
        manipulated = ops.sum(ops.cast(truth, self.dtype), axis=1)
        sizes = manipulated + ops.sum(ops.cast(flagged, self.dtype), axis=1)
        weight = ops.cast(manipulated > 0, self.dtype)
        if sample_weight is not None:
            weight = weight * ops.mean(self._per_picture(sample_weight), axis=1)
        f1 = 2 * hits / ops.maximum(sizes, 1)
        self.total.assign_add(ops.sum(weight * f1))
        self.count.assign_add(ops.sum(weight))

    def _per_picture(self, values):
        """One row a picture. Float32 keeps counts exact up to 16 million pixels."""
        values = ops.cast(values, self.dtype)
        return ops.reshape(values, (ops.shape(values)[0], -1))

    def result(self):
        """Returns the mean F1 so far, a scalar."""
        return ops.divide_no_nan(self.total, self.count)

    def get_config(self):
        """Returns what rebuilds the metric."""
        return {**super().get_config(), "threshold": self.threshold}
