"""The tables about MaLP that need no training: robustness, resolution, security, speed."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from evaluation.measuring_malp import (
    CLEAN,
    Conditions,
    Localizer,
    Measurements,
    measure_all,
    photographs,
)
from evaluation.methods import Proactive
from evaluation.tables.malp import report, security, speed
from evaluation.tables.specs import ROBUSTNESS
from forensics_keras.tables import summary_rows

SIDES = (64, 128, 256, 512)
"""Of the table of resolutions, in pixels."""
FORGED = 30
"""Photographs that are forged, at most, in the table about security."""


@dataclass(frozen=True)
class Setting:
    """What a table is made with.

    Attributes:
        options: Of the command line.
        methods: To measure, the preset's first.
        conditions: Manipulations and harmless changes.
    """

    options: argparse.Namespace
    methods: Sequence[Localizer]
    conditions: Conditions

    @property
    def preset(self) -> Proactive:
        """The preset's method."""
        return self.methods[0]

    @property
    def size(self) -> int:
        """Side of the pictures in pixels."""
        return self.options.size or self.preset.model.size

    def sources(self, size: int | None) -> list:
        """Photographs of a size, or whole ones."""
        return photographs(self.options.data, size, self.options.limit)


@dataclass(frozen=True)
class Made:
    """A table.

    Attributes:
        sections: Rows by heading.
        notes: What stands below.
        measured: What it was made of, if of pictures.
        details: More for the JSON file.
    """

    sections: dict[str, list[dict]]
    notes: list[str]
    measured: Measurements | None = None
    details: object = None


def robustness(setting: Setting) -> Made:
    """Fig. 5: fakeness maps and verdicts under degradations, over all manipulations."""
    degradations = [spec for spec in ROBUSTNESS if not spec.startswith("webp")]
    conditions = replace(setting.conditions, degradations=degradations)
    seed = setting.options.seed
    measured = measure_all(setting.sources(setting.size), setting.methods, conditions, seed)
    by = ("method", "degradation")
    thresholds = report.thresholds_of(setting.methods, seed)
    return Made(
        {
            "Fakeness maps, all manipulations": report.map_rows(measured, by, seed),
            "Manipulated or not, all manipulations": report.detection_rows(
                measured, by, thresholds, seed
            ),
            "Verdicts": report.verdict_rows(measured, ("method", "truth", "degradation"), seed),
        },
        report.EXPLANATION,
        measured,
    )


def resolution(setting: Setting) -> Made:
    """Pictures smaller and larger than the model's: scaled for inspection (`sc.`) or not."""
    seed, whole = setting.options.seed, setting.preset
    scaled = Proactive(whole.model, f"{whole.name} (sc.)", whole.calibration)
    unscaled = Proactive(whole.model, f"{whole.name} (no sc.)", whole.calibration, scaled=False)
    conditions = replace(setting.conditions, degradations=[CLEAN], harmless=())
    every = Measurements([], [], [], [])
    for size in (*SIDES, None):
        found = measure_all(setting.sources(size), [scaled, unscaled], conditions, seed)
        label = "own" if size is None else size
        for kept, new in zip(every[:2], found[:2], strict=True):
            kept.extend({**record, "side": label} for record in new)
        every.failed.extend(found.failed)
        every.grid.extend(found.grid[:1])
    by = ("side", "method")
    thresholds = report.thresholds_of([scaled, unscaled], seed)
    return Made(
        {
            "Fakeness maps, all manipulations": report.map_rows(every, by, seed),
            "Manipulated or not, all manipulations": report.detection_rows(
                every, by, thresholds, seed
            ),
            "Protected pictures": report.quality_rows(every, seed, by),
        },
        [
            *report.EXPLANATION,
            "Side: of the square pictures that are protected and manipulated, in pixels; own: "
            "whole photographs, cut to multiples of 8 pixels. sc.: scaled to "
            f"{whole.model.size} pixels for inspection; no sc.: inspected as they are.",
        ],
        every,
    )


def what_attackers_gain(setting: Setting) -> Made:
    """Averaging protected pictures; adding a stolen or estimated template to forgeries."""
    options, method = setting.options, setting.preset
    counts = security.PICTURES[:1] if options.quick else security.PICTURES
    size = method.model.size
    whole = setting.sources(None)
    layer = method.model.template_layer
    rows, estimates = security.averaging_attack(layer, whole, size, counts, options.seed)
    records = security.forgery_records(
        setting.sources(size)[:FORGED], method, setting.conditions, estimates, options.seed
    )
    summary = security.summary(records, options.seed)
    distinct = min(len(whole), counts[-1])
    return Made(
        {
            "Cosine of the attacker's estimate with the nearest template": rows,
            "What verify says": summary_rows(summary, security.FORGERY_MEASURES),
        },
        [
            f"The attacker has N protected pictures of {size} pixels, of {distinct} different "
            "photographs; beyond these, random windows of the same. Of each the fine-grained part "
            "counts, weighted by the inverse of its local variance.",
            f"The set of the preset has {layer.count}; larger sets have further templates with "
            "the same spectrum and random phases.",
            "Stolen: the template that protected the picture, added again to the whole of it; "
            "estimate: that of N pictures and a set of one, at the template's strength. "
            "`photograph`: not protected by the owner. Means with 95 % bootstrap intervals; the "
            "truth is the verdict that would be right.",
        ],
        Measurements(records, [], [], []),
    )


def inference_speed(setting: Setting) -> Made:
    """Forward passes of MaLP's CNN and of passive networks."""
    sizes, repeats = (speed.SIZES[:1], 3) if setting.options.quick else (speed.SIZES, 15)
    method = setting.preset
    rows = speed.rows(method.model, method.name, sizes, repeats)
    return Made(
        {"Forward pass of one picture": rows},
        [
            f"Median of {repeats} passes of one picture of float32, after one that is not counted, "
            f"on {speed.device()}. MaLP needs its CNN only, for the map and the template; whole: "
            "with the classifier and the cosines. Weights do not matter here and are random.",
            "The paper, on an NVIDIA K80: MaLP 29.26 ms, ResNet-50 52.66 ms (1.80 times), "
            "DeepLabv3 with ResNet-101 75.61 ms (2.58 times).",
        ],
    )


EXPERIMENTS: dict[str, tuple[str, Callable[[Setting], Made]]] = {
    "fig5": ("Fig. 5: robustness against degradations", robustness),
    "resolution": ("Low and full resolution", resolution),
    "security": ("What an attacker gains", what_attackers_gain),
    "speed": ("Inference speed", inference_speed),
}
"""Title and maker of each table, by name."""
