"""Turns what was measured of proactive methods into tables."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import keras
import numpy as np

from evaluation.measuring_malp import (
    CONDITION,
    VERDICTS,
    Localizer,
    Measurements,
    calibration_of,
    cosine,
    detection,
    localization,
    verdict_shares,
)
from evaluation.methods import Proactive
from forensics_keras import metrics
from forensics_keras.localizer import trivial_baselines
from forensics_keras.tables import summary_rows
from malp_keras.calibration import Calibration

MAP_MEASURES = {
    "cosine": "cosine",
    "constant": "constant map's cosine",
    "PSNR": "PSNR, dB",
    "SSIM": "SSIM",
    "F1": "F1",
    "IoU": "IoU",
    "AUC": "AUC",
}
DETECTION_MEASURES = {
    "accuracy": "accuracy",
    "EER": "EER",
    "AUC": "AUC",
    "average_precision": "average precision",
}
QUALITY_MEASURES = {"PSNR": "PSNR, dB", "SSIM": "SSIM"}
VERDICT_MEASURES = {"right": "right", **{verdict: verdict for verdict in VERDICTS}}

EXPLANATION = [
    "Means over pictures, with 95 % bootstrap intervals. `any`: the same under all degradations.",
    "Cosine, PSNR and SSIM are those of the fakeness map against the gray difference to the "
    "original (eq. 5, not stretched), beside the cosine of a constant map on the same pictures; "
    "F1, IoU and AUC against the exact mask, where there is one.",
    "Detection: manipulated pictures against protected ones that are not manipulated; accuracy is "
    "the mean over both kinds.",
]


def thresholds_of(methods: Sequence[Localizer], seed: int) -> dict[str, Calibration]:
    """Thresholds by method, with the trivial ones."""
    return {one.name: calibration_of(one) for one in [*trivial_baselines(seed), *methods]}


def map_rows(measured: Measurements, by: Sequence[str], seed: int) -> list[dict]:
    """How well fakeness maps localize, a row for each group."""
    return summary_rows(localization(measured.records, by, seed), MAP_MEASURES)


def detection_rows(
    measured: Measurements, by: Sequence[str], thresholds: Mapping[str, Calibration], seed: int
) -> list[dict]:
    """How well pictures are told apart, a row for each group."""
    return summary_rows(detection(measured.records, by, thresholds, seed), DETECTION_MEASURES)


def verdict_rows(measured: Measurements, by: Sequence[str], seed: int) -> list[dict]:
    """Shares of the verdicts, a row for each group."""
    return summary_rows(verdict_shares(measured.records, by, seed), VERDICT_MEASURES)


def quality_rows(measured: Measurements, seed: int, by: Sequence[str] = ("method",)) -> list[dict]:
    """PSNR and SSIM of protected pictures, a row for each group."""
    summaries = metrics.summarize_groups(measured.quality, by, seed)
    return summary_rows(summaries, QUALITY_MEASURES)


def sections(
    measured: Measurements, thresholds: Mapping[str, Calibration], seed: int
) -> dict[str, list[dict]]:
    """The tables of a single evaluation, by heading."""
    return {
        "Fakeness maps": map_rows(measured, CONDITION, seed),
        "Fakeness maps, all manipulations": map_rows(measured, ("method", "degradation"), seed),
        "Manipulated or not": detection_rows(measured, CONDITION, thresholds, seed),
        "Manipulated or not, all conditions": detection_rows(
            measured, ("method",), thresholds, seed
        ),
        "Verdicts": verdict_rows(measured, ("method", "truth", "degradation"), seed),
        "Verdicts, all conditions": verdict_rows(measured, ("method", "truth"), seed),
        "Protected pictures": quality_rows(measured, seed),
    }


def summaries(
    measured: Measurements, thresholds: Mapping[str, Calibration], seed: int
) -> dict[str, list[dict]]:
    """The numbers of a single evaluation that a model card keeps."""
    return {
        "maps": localization(measured.records, ("method", "degradation"), seed),
        "detection": detection(measured.records, ("method",), thresholds, seed),
        "verdicts": verdict_shares(measured.records, ("method", "truth"), seed),
        "protected": metrics.summarize_groups(measured.quality, ("method",), seed),
    }


def in_order(rows: Sequence[dict], methods: Sequence[str]) -> list[dict]:
    """Sorts rows by their method: the trivial ones first, the others as given."""
    places = {method: place for place, method in enumerate(methods, start=1)}
    return sorted(rows, key=lambda row: places.get(row["method"], 0))


def beside_paper(rows: Sequence[dict], paper: Mapping[str, Mapping[str, float]]) -> list[dict]:
    """Adds the paper's numbers to rows that have their measures, if it has any.

    Args:
        rows: Of `map_rows` or `detection_rows`.
        paper: By method, then by measure as `MAP_MEASURES` and `DETECTION_MEASURES` name them;
            "AUC" is that of pictures.
    """
    if not (rows and paper):
        return list(rows)
    titles = MAP_MEASURES if MAP_MEASURES["cosine"] in rows[0] else DETECTION_MEASURES
    measures = [name for name in titles if titles is not MAP_MEASURES or name != "AUC"]
    measures = [name for name in measures if any(name in numbers for numbers in paper.values())]
    return [
        {
            **row,
            **{
                f"paper's {titles[name]}": paper.get(row["method"], {}).get(name, "-")
                for name in measures
            },
        }
        for row in rows
    ]


def template_rows(methods: Sequence[Proactive]) -> list[dict]:
    """Number, strength and mean mutual cosine of the templates of methods that have any."""
    rows = []
    for method in methods:
        layer = method.model.template_layer
        if not method.protects:
            continue
        templates = keras.ops.convert_to_numpy(layer.templates)
        pairs = itertools.combinations(templates, 2)
        cosines = [cosine(one, other) for one, other in pairs]
        rows.append(
            {
                "method": method.name,
                "templates": layer.count,
                "strength": round(layer.strength, 4),
                "mean cosine of two": f"{np.mean(cosines):.3f}" if cosines else "-",
            }
        )
    return rows
