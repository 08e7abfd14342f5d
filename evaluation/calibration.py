"""Chooses the thresholds of MaLP on photographs, and writes them where they travel with it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

import malp_keras
from datasets.manipulations import HARMLESS
from evaluation.measure import CLEAN, Inspection, measure_all
from evaluation.methods import Proactive
from evaluation.pictures import Source, central_square
from evaluation.trials import Conditions, find_manipulation, protected_trials
from forensics_keras.images import read_image
from forensics_keras.localizer import Localizer
from forensics_keras.presets import CARD_FILE
from forensics_keras.records import write_json
from malp_keras.calibration import AUTHENTIC, UNPROTECTED, Calibration
from malp_keras.malp import MaLP

MAX_FALSE_ALARMS = 0.01
"""Share of authentic pictures that may be called manipulated."""
MAP_STEPS = 1000
"""Thresholds of maps are chosen among multiples of 1 / `MAP_STEPS`."""
DEGRADATIONS = (CLEAN, "jpeg:90", "jpeg:70")


class Calibrator:
    """Chooses the thresholds of a method from its inspections of validation photographs."""

    def __init__(self):
        self._scores, self._curves = [], []
        self._cosines = {AUTHENTIC: [], UNPROTECTED: []}
        self._authentic_levels = np.zeros(MAP_STEPS + 1, np.int64)

    def add(self, inspection: Inspection) -> None:
        """Takes an inspection into account."""
        trial, finding = inspection.trial, inspection.finding
        if trial.truth in self._cosines:
            self._cosines[trial.truth].append(finding.details["cosine"])
        if trial.truth == AUTHENTIC:
            self._scores.append(finding.score)
            levels = map_levels(finding.map)
            self._authentic_levels += np.bincount(levels, minlength=MAP_STEPS + 1)
        elif trial.mask is not None and trial.mask.any():
            self._curves.append(f1_curve(finding.map, trial.mask))

    def choose(self, data: str) -> Calibration:
        """Chooses the thresholds.

        Returns:
            The map's threshold with the largest mean F1, or where no exact mask is known, the
            least that at most `MAX_FALSE_ALARMS` of the pixels of authentic pictures reach; the
            least score that as few authentic pictures reach; the cosine halfway from the least
            that as few unprotected ones reach to what as many of the authentic ones miss, or where
            the two kinds overlap, the former. `data` says what the inspections were made of.

        Raises:
            ValueError: There was no authentic or no unprotected picture.
        """
        if not all(self._cosines.values()):
            raise ValueError("calibration needs protected and unprotected pictures")
        limits = reached_by_few(self._scores), self._cosine_limit()
        return Calibration(self._map_level() / MAP_STEPS, *limits, data)

    def _cosine_limit(self) -> float:
        # What took the template away, such as strong blur, leaves a cosine near that of pictures
        # that never had one: a limit just above these would call such a picture authentic.
        unprotected = reached_by_few(self._cosines[UNPROTECTED])
        authentic = -reached_by_few([-one for one in self._cosines[AUTHENTIC]])
        return max(unprotected, (unprotected + authentic) / 2)

    def _map_level(self) -> int:
        if self._curves:
            return 1 + int(np.argmax(np.mean(self._curves, axis=0)[1:]))
        reached = np.cumsum(self._authentic_levels[::-1])[::-1]
        few = np.flatnonzero(reached <= MAX_FALSE_ALARMS * reached[0])
        return int(few[0]) if few.size else MAP_STEPS


def map_levels(fakeness: np.ndarray) -> np.ndarray:
    """Returns the levels of a map's pixels, 0 to `MAP_STEPS`, as one row of integers."""
    return np.floor(fakeness * MAP_STEPS).astype(np.int64).ravel()


def f1_curve(fakeness: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Returns the F1 of a map at the thresholds 0, 1 / `MAP_STEPS`, ..., 1."""
    level = map_levels(fakeness)
    inside = mask.ravel() == 1
    reached = [
        np.cumsum(np.bincount(level[chosen], minlength=MAP_STEPS + 1)[::-1])[::-1]
        for chosen in (inside, ~inside)
    ]
    return 2 * reached[0] / (reached[0] + reached[1] + np.count_nonzero(inside))


def reached_by_few(values: Sequence[float]) -> float:
    """Returns the least number that at most `MAX_FALSE_ALARMS` of some values reach."""
    descending = np.sort(values)[::-1]
    return float(np.nextafter(descending[int(MAX_FALSE_ALARMS * len(descending))], np.inf))


def calibrate(
    method: Localizer, sources: Sequence[Source], conditions: Conditions, seed: int, origin: str
) -> tuple[Calibration, list[dict]]:
    """Chooses the thresholds of a method whose findings have a `cosine`.

    Returns:
        The calibration, whose `data` names the `origin` of the photographs, and the failures.

    Raises:
        ValueError: None of the photographs could be read.
    """
    calibrator = Calibrator()
    trials = protected_trials([method], conditions, seed)
    failed = measure_all(sources, trials, seed, watch=calibrator.add).failed
    harmless = ", ".join(change.name for change in conditions.harmless)
    data = (
        f"{len(sources) - len(failed)} photographs {origin}; {', '.join(conditions.names)}; "
        f"{', '.join(conditions.degradations)}; harmless: {harmless}"
    )
    return calibrator.choose(data), failed


def calibrate_photographs(
    model: MaLP, paths: Sequence[Path], manipulations: Sequence[str], seed: int
) -> Calibration:
    """Chooses the thresholds of a model that was just trained, such as that of a private key.

    Args:
        model: The model.
        paths: Photographs that the training has not seen.
        manipulations: Names, as `find_manipulation` takes them.
        seed: Seed of all that is drawn.

    Raises:
        ValueError: None of the photographs can be read.
    """

    def square(path: Path) -> np.ndarray:
        return central_square(read_image(path), model.size)

    sources = [Source(path.name, partial(square, path)) for path in paths]
    found = [find_manipulation(name) for name in manipulations]
    conditions = Conditions(found, DEGRADATIONS, list(HARMLESS.values()))
    return calibrate(Proactive(model), sources, conditions, seed, "kept apart")[0]


def write_calibration(preset: str, calibration: Calibration) -> None:
    """Writes a calibration into the model card of a preset, given by name or folder."""
    card = {**malp_keras.read_card(preset), "calibration": dataclasses.asdict(calibration)}
    shipped = Path(malp_keras.__file__).parent / "weights" / preset
    folder = shipped if preset in malp_keras.list_presets() else Path(preset)
    write_json(folder / CARD_FILE, card)
