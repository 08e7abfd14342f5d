"""Means over pictures with bootstrap intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from forensics_keras.metrics.localization import pooled_scores


def bootstrap_interval(
    values: Sequence[float] | np.ndarray, seed: int, level: float = 0.95, resamples: int = 2000
) -> tuple[float, float]:
    """Computes the percentile bootstrap interval of a mean: pictures are drawn with replacement.

    The interval covers the choice of the pictures only, neither that of the training run nor that
    of the data set, and is too narrow for a handful of pictures.

    Args:
        values: One value a picture; NaN values are left out.
        seed: Seed of the resampling; equal seeds give equal intervals.
        level: Coverage, between 0 and 1.
        resamples: Number of resampled means.

    Returns:
        (low, high); (NaN, NaN) when no value is left.

    Raises:
        ValueError: If the level is not between 0 and 1.
    """
    if not 0 < level < 1:
        raise ValueError(f"level must be between 0 and 1, not {level}")
    every = np.asarray(values, dtype=np.float64)
    defined = every[~np.isnan(every)]
    if defined.size == 0:
        return float("nan"), float("nan")
    random = np.random.default_rng(seed)
    block = max(1, 2**20 // defined.size)  # bounds the memory for large data sets
    means = [
        random.choice(defined, size=(min(block, resamples - start), defined.size)).mean(axis=1)
        for start in range(0, resamples, block)
    ]
    low, high = np.quantile(np.concatenate(means), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def summarize(scores: Sequence[dict[str, float]], seed: int = 0) -> dict[str, dict[str, float]]:
    """Averages per-picture measures over pictures, with 95 % bootstrap intervals.

    Args:
        scores: What `localization_scores` or `untouched_scores` gave, one a picture.
        seed: Seed of the bootstrap.

    Returns:
        For each measure `mean`, `low` and `high` of the interval, over the pictures where the
        measure is defined (not NaN); NaN when there are none.

    Raises:
        ValueError: If there are no scores.
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
) -> list[dict[str, Any]]:
    """Averages the measures of each group of pictures: one row of a table a group.

    Args:
        records: One a picture and condition: the fields of `by`, and `scores` as for `summarize`;
            `pixels`, if all have them, as `pixel_counts` gives them.
        by: Fields whose values make a group, for example method and degradation.
        seed: Seed of the bootstrap.

    Returns:
        For each group, in order of first appearance, the fields of `by`, the number of `pictures`
        and the `scores` as `summarize` gives them, with those of `pooled_scores` where there are
        `pixels`. Nothing for no records.
    """
    groups: dict[tuple, list[Mapping]] = {}
    for record in records:
        groups.setdefault(tuple(record[field] for field in by), []).append(record)
    return [
        {
            **dict(zip(by, key, strict=True)),
            "pictures": len(same),
            "scores": _summary(same, seed),
        }
        for key, same in groups.items()
    ]


def _summary(records: Sequence[Mapping], seed: int) -> dict[str, dict[str, float]]:
    scores = [record["scores"] for record in records]
    counts = [record["pixels"] for record in records if record.get("pixels")]
    pooled = pooled_scores(scores, counts, seed) if len(counts) == len(records) else {}
    return summarize(scores, seed) | pooled


def resampled(measure, names, positive, negative, seed: int, resamples: int) -> dict:
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
