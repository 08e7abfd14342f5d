"""Chooses the thresholds of a MaLP that was trained: of a private key."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from datasets.manipulations import HARMLESS, MANIPULATIONS
from datasets.manipulations.local import Splice
from datasets.photographs.sources import bundled_photographs
from evaluation.measuring_malp import (
    CLEAN,
    Calibrator,
    Conditions,
    Photograph,
    central_square,
    measure,
    picture_seed,
)
from evaluation.methods import Proactive
from forensics_keras.images import read_image
from malp_keras.calibration import Calibration
from malp_keras.malp import MaLP

DEGRADATIONS = [CLEAN, "jpeg:90", "jpeg:70"]


def calibrate_photographs(
    model: MaLP, paths: Sequence[Path], manipulations: Sequence[str], seed: int
) -> Calibration:
    """Chooses thresholds on photographs that the training has not seen.

    Args:
        model: Trained.
        paths: Of the photographs.
        manipulations: Names of what is done to them.
        seed: Of the manipulations.
    """
    donors = [read_image(path) for path in bundled_photographs("train")]
    known = {**MANIPULATIONS, "splice": Splice(donors)}
    chosen = [known[name] for name in manipulations]
    conditions = Conditions(chosen, DEGRADATIONS, list(HARMLESS.values()))
    method, calibrator = Proactive(model), Calibrator()
    for path in paths:
        square = central_square(read_image(path), model.size)
        photograph = Photograph(path.name, square, picture_seed(path.name, seed))
        for inspection in measure(photograph, method, conditions):
            calibrator.add(inspection)
    names, degradations = ", ".join(manipulations), ", ".join(DEGRADATIONS)
    return calibrator.thresholds(f"{len(paths)} photographs kept apart; {names}; {degradations}")
