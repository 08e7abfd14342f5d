"""Means of records over pictures, with intervals, and the table rows of these."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from evaluation.measure import CLEAN, Measurements
from forensics_keras import metrics
from forensics_keras.localizer import Localizer
from forensics_keras.tables import summary_rows
from malp_keras.calibration import AUTHENTIC, MANIPULATED, VERDICTS

UNTOUCHED_TITLES = {"pixels_flagged": "pixels flagged", "picture_flagged": "pictures flagged"}
POOLED_TITLES = {
    "F1_of_means": "F1 of mean P and R",
    "pooled_precision": "pooled precision",
    "pooled_recall": "pooled recall",
    "pooled_F1": "pooled F1",
}
POOLED_NOTE = (
    "mIoU, F1, precision and recall are means over pictures. F1 of mean P and R: 2PR/(P+R) of the "
    "mean precision and the mean recall, as 22 of the IRL-Net paper's 25 F1 are. Pooled: of the "
    "pixels of all pictures together, as its authors' program counts them."
)
FALSE_ALARM_TITLES = {"AUC": "AUC", "false_alarms": "false alarms at 95 % found"}
MAP_TITLES = {
    "cosine": "cosine",
    "constant": "constant map's cosine",
    "PSNR": "PSNR, dB",
    "SSIM": "SSIM",
    "F1": "F1",
    "IoU": "IoU",
    "AUC": "AUC",
}
CLASSIFIER_TITLES = {
    "accuracy": "accuracy",
    "EER": "EER",
    "AUC": "AUC",
    "average_precision": "average precision",
}
QUALITY_TITLES = {"PSNR": "PSNR, dB", "SSIM": "SSIM"}
VERDICT_TITLES = {"right": "right", **{verdict: verdict for verdict in VERDICTS}}
OF_MANIPULATIONS = ("inpainter", "manipulation", "family", "seen")
"""Fields of records that tell manipulated pictures apart, and have no meaning for others."""

Scores = Mapping[str, Mapping[str, float]]


def manipulated(records: Sequence[dict]) -> list[dict]:
    """Returns the records of manipulated pictures."""
    return [record for record in records if record["truth"] == MANIPULATED]


def authentic(records: Sequence[dict]) -> list[dict]:
    """Returns the records of authentic pictures."""
    return [record for record in records if record["truth"] == AUTHENTIC]


def clean(records: Sequence[dict]) -> list[dict]:
    """Returns the records of pictures that were not degraded."""
    return [record for record in records if record["degradation"] in ("any", CLEAN)]


def means(records: Sequence[dict], by: Sequence[str], seed: int) -> list[dict]:
    """Averages the scores of each group over its pictures, with 95 % bootstrap intervals.

    Versions of one picture in a group are averaged first: they are not independent, and intervals
    are over pictures. Returns summaries as `metrics.summarize_groups` gives them.
    """
    return metrics.summarize_groups(one_a_picture(records, by), by, seed)


def means_over_tools(records: Sequence[dict], by: Sequence[str], seed: int) -> list[dict]:
    """Averages the means of the tools, so that each counts the same; intervals are over tools.

    Args:
        records: Records of manipulated pictures, with the fields of `by` and `inpainter`.
        by: Fields whose values make a group, without `inpainter`.
        seed: Seed of the bootstrap.
    """
    tools = [
        {**tool, "scores": {name: found["mean"] for name, found in tool["scores"].items()}}
        for tool in means(records, (*by, "inpainter"), seed)
    ]
    return metrics.summarize_groups(tools, by, seed)


def one_a_picture(records: Sequence[dict], by: Sequence[str]) -> list[dict]:
    """Averages scores and pixels of each picture within its group; NaN scores are left out."""
    groups: dict[tuple, list[dict]] = {}
    for record in records:
        key = (record["picture"], *(record[field] for field in by))
        groups.setdefault(key, []).append(record)
    return [
        {
            **same[0],
            **{kind: _means(same, kind) for kind in ("scores", "pixels") if same[0].get(kind)},
        }
        for same in groups.values()
    ]


def _means(records: Sequence[dict], kind: str) -> dict[str, float]:
    found = {}
    for measure in records[0][kind]:
        values = np.array([record[kind][measure] for record in records], np.float64)
        values = values[~np.isnan(values)]
        found[measure] = float(values.mean()) if values.size else float("nan")
    return found


def rows(
    records: Sequence[dict], by: Sequence[str], titles: Mapping[str, str], seed: int, digits=3
) -> list[dict]:
    """Makes the table rows of `means`, with the title of each measure that is shown."""
    return summary_rows(means(records, by, seed), titles, digits)


def detection(
    records: Sequence[dict],
    by: Sequence[str],
    measure: Callable[[list[float], list[float], str], Scores],
    counts: Sequence[str] = ("manipulated", "authentic"),
) -> list[dict]:
    """Measures how well scores tell manipulated pictures from authentic ones, for each group.

    Authentic pictures belong to every manipulation of their group: under the same degradation, or,
    where `by` has no degradation, under all of them and the harmless changes.

    Args:
        records: Records with the fields of `by`.
        by: Fields whose values make a group, `method` among them.
        measure: Takes the scores of manipulated and of authentic pictures and the method's name.
        counts: What the numbers of manipulated and of authentic pictures are called.
    """
    shared = [field for field in by if field not in OF_MANIPULATIONS]
    positive = _scores_by(manipulated(records), by)
    negative = _scores_by(authentic(records), shared)
    groups = []
    for key, scores in positive.items():
        group = dict(zip(by, key, strict=True))
        others = negative.get(tuple(group[field] for field in shared))
        if others:
            numbers = dict(zip(counts, (len(scores), len(others)), strict=False))
            found = measure(scores, others, group["method"])
            groups.append({**group, **numbers, "scores": found})
    return groups


def _scores_by(records: Sequence[dict], by: Sequence[str]) -> dict[tuple, list[float]]:
    scores: dict[tuple, list[float]] = {}
    for record in records:
        scores.setdefault(tuple(record[field] for field in by), []).append(record["score"])
    return scores


def false_alarms(records: Sequence[dict], by: Sequence[str], seed: int) -> list[dict]:
    """Measures detection without thresholds; see `metrics.detection_scores`."""

    def measure(positive, negative, method):
        return metrics.detection_scores(positive, negative, seed)

    return detection(records, by, measure, counts=("pictures",))


def classification(
    records: Sequence[dict], by: Sequence[str], methods: Sequence[Localizer], seed: int
) -> list[dict]:
    """Measures detection at the thresholds of the methods; see `metrics.binary_scores`."""
    thresholds = {method.name: method.thresholds["score_threshold"] for method in methods}

    def measure(positive, negative, method):
        return metrics.binary_scores(positive, negative, thresholds[method], seed)

    return detection(records, by, measure)


def classification_rows(
    records: Sequence[dict], by: Sequence[str], methods: Sequence[Localizer], seed: int
) -> list[dict]:
    """Makes the table rows of `classification`."""
    return summary_rows(classification(records, by, methods, seed), CLASSIFIER_TITLES)


def judged(records: Sequence[dict]) -> list[dict]:
    """Returns records whose scores are their verdicts, as shares: each, and whether it is right."""
    return [
        {
            **record,
            "pixels": None,
            "scores": {
                "right": float(record["verdict"] == record["truth"]),
                **{verdict: float(record["verdict"] == verdict) for verdict in VERDICTS},
            },
        }
        for record in records
    ]


def verdict_rows(records: Sequence[dict], by: Sequence[str], seed: int) -> list[dict]:
    """Makes a row with the shares of the verdicts for each group."""
    return rows(judged(records), by, VERDICT_TITLES, seed)


def quality_rows(measured: Measurements, seed: int, by: Sequence[str] = ("method",)) -> list[dict]:
    """Makes a row with PSNR and SSIM of protected pictures for each group."""
    return rows(measured.quality, by, QUALITY_TITLES, seed)


def beside_paper(
    found: Sequence[dict], titles: Mapping[str, str], numbers: Sequence[Mapping[str, object]]
) -> list[dict]:
    """Adds to each row the paper's numbers by measure; a dash is shown where there is none."""
    return [
        {**row, **{f"paper's {title}": paper.get(name, "-") for name, title in titles.items()}}
        for row, paper in zip(found, numbers, strict=True)
    ]
