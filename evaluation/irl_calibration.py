"""Chooses where IRL-Net's verdicts change, and how sure they are, on validation pictures.

Tools and photographs must be others than those of the training, and than those that are reported.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import irl_keras
from evaluation.calibration import MAP_STEPS, map_levels
from evaluation.measure import Inspection, measure_all
from evaluation.pictures import Source, picture_seed
from evaluation.trials import Contestant, forged_trials
from forensics_keras.localizer import Localizer
from forensics_keras.presets import CARD_FILE
from forensics_keras.records import write_json
from irl_keras.integrity import (
    Integrity,
    Logistic,
    expected_calibration_error,
    picture_features,
    pixel_features,
)
from malp_keras.calibration import MANIPULATED

MOST_PIXELS = 0.01
"""Share of the pixels of pristine photographs that may be flagged, on average over the sources,
under each degradation."""
MOST_PICTURES = 0.05
"""Share of pristine photographs that may be called manipulated, likewise."""
SCORE_STEP = 1e-6
"""More than scores differ by how they are summed up."""
PIXELS_A_PICTURE = 400
"""Pixels drawn from each picture for the reliability."""


class Calibrator:
    """Collects what a method says of forged and of pristine pictures."""

    def __init__(self, method: Localizer, seed: int):
        self.method = method
        self._seed = seed
        self._levels: dict[str, dict[str, list[np.ndarray]]] = {}
        self._pictures: list[tuple[np.ndarray, bool, str, str]] = []
        self._seen: list[tuple[np.ndarray, np.ndarray, np.ndarray | None, str]] = []

    def add(self, inspection: Inspection) -> None:
        """Takes an inspection into account, if it is the method's."""
        trial, finding = inspection.trial, inspection.finding
        if trial.method is not self.method:
            return
        forged = trial.truth == MANIPULATED
        name = inspection.record["picture"]
        source = f"{trial.fields.get('data')}"
        spec = trial.degradation
        self._pictures.append((picture_features(finding.map), forged, source, spec))
        if not forged:
            counts = np.bincount(map_levels(finding.map), minlength=MAP_STEPS + 1)
            reached = np.cumsum(counts[::-1])[::-1] / counts.sum()
            self._levels.setdefault(spec, {}).setdefault(source, []).append(reached)
        mask = trial.mask if forged else None
        self._seen.append((inspection.picture, finding.map.astype(np.float16), mask, name))

    def threshold(self) -> float:
        """Returns the least at which `MOST_PIXELS` of pristine pixels are flagged, at most."""
        if not self._levels:
            raise ValueError("calibration needs forged and pristine pictures")
        worst = np.max(
            [
                np.mean([np.mean(one, axis=0) for one in sources.values()], axis=0)
                for sources in self._levels.values()
            ],
            axis=0,
        )
        few = np.flatnonzero(worst <= MOST_PIXELS)
        return (int(few[0]) if few.size else MAP_STEPS) / MAP_STEPS

    def choose(self, data: str) -> dict:
        """Chooses everything.

        Args:
            data: What the inspections were made of, for the model card.

        Returns:
            What model cards hold as `calibration`: `threshold`, `score_threshold`, `integrity`,
            `calibration_error` of scores and of reliabilities, in two halves of the pictures that
            were each judged by the models of the other, and `data`.

        Raises:
            ValueError: If there was no forged or no pristine picture.
        """
        threshold = self.threshold()
        features = np.stack([one for one, *_ in self._pictures])
        forged = np.array([truth for _, truth, *_ in self._pictures])
        sources = np.array([source for _, _, source, _ in self._pictures])
        shown = np.array([spec for *_, spec in self._pictures])
        weights = _balanced(forged, sources)
        halves = _halves(forged, [name for *_, name in self._seen])
        picture = Logistic.fit(features, forged, weights)
        pixels, right, owners = self._pixels(threshold)
        pixel = Logistic.fit(pixels, right)
        return {
            "threshold": threshold,
            "score_threshold": _score_threshold(
                picture(features)[~forged], sources[~forged], shown[~forged]
            ),
            "integrity": dataclasses.asdict(Integrity(picture, pixel)),
            "calibration_error": {
                "score": _crossed_error(features, forged, weights, halves),
                "reliability": _crossed_error(pixels, right, np.ones(len(right)), halves[owners]),
            },
            "data": data,
        }

    def _pixels(self, threshold: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Draws pixels: features, whether they are judged rightly, numbers of their pictures."""
        drawn, right, owners = [], [], []
        for number, (image, probability, mask, name) in enumerate(self._seen):
            rng = np.random.default_rng(picture_seed(name, self._seed))
            probability = probability.astype(np.float32)
            chosen = rng.choice(probability.size, min(PIXELS_A_PICTURE, probability.size), False)
            features = pixel_features(image, probability, threshold)
            truth = np.zeros(probability.size, bool) if mask is None else mask.ravel() == 1
            drawn.append(features.reshape(-1, features.shape[-1])[chosen])
            right.append(truth[chosen] == (probability.ravel()[chosen] >= threshold))
            owners.append(np.full(len(chosen), number))
        return np.concatenate(drawn), np.concatenate(right), np.concatenate(owners)


def _score_threshold(scores: np.ndarray, sources: np.ndarray, shown: np.ndarray) -> float:
    """The least that `MOST_PICTURES` of pristine pictures reach, on average over the sources."""
    for candidate in np.append(np.sort(scores), 1.0) + SCORE_STEP:
        reached = [
            np.mean(
                [
                    np.mean(scores[(sources == name) & (shown == spec)] >= candidate)
                    for name in np.unique(sources[shown == spec])
                ]
            )
            for spec in np.unique(shown)
        ]
        if max(reached) <= MOST_PICTURES:
            return float(min(candidate, 1.0))
    return 1.0


def _balanced(forged: np.ndarray, sources: np.ndarray) -> np.ndarray:
    """Weights with which forged and pristine pictures, and the sources of each, count the same."""
    weights = np.zeros(len(forged))
    for truth in (False, True):
        names = set(sources[forged == truth])
        for name in names:
            chosen = (forged == truth) & (sources == name)
            weights[chosen] = 1 / (len(names) * chosen.sum())
    return weights


def _halves(forged: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """Deals the pictures of each kind out in turn, 0 and 1; versions of one stay together."""
    places: tuple[dict[str, int], dict[str, int]] = ({}, {})
    for kind, name in zip(forged, names, strict=True):
        places[int(kind)].setdefault(name, len(places[int(kind)]) % 2)
    return np.array([places[int(kind)][name] for kind, name in zip(forged, names, strict=True)])


def _crossed_error(features, truth, weights, halves) -> float:
    """The calibration error when each half of the pictures is judged by a fit of the other."""
    stated = np.zeros(len(truth))
    for half in (0, 1):
        model = Logistic.fit(
            features[halves != half], truth[halves != half], weights[halves != half]
        )
        stated[halves == half] = model(features[halves == half])
    if np.ptp(weights) == 0:
        return expected_calibration_error(stated, truth)
    # Pictures are drawn anew by weight, since the error counts each sample the same.
    shares = weights / weights.sum()
    drawn = np.random.default_rng(0).choice(len(truth), 20 * len(truth), p=shares)
    return expected_calibration_error(stated[drawn], truth[drawn])


def calibrate(
    method: Localizer, sources: Sequence[Source], degradations: Sequence[str], seed: int, data: str
) -> tuple[dict, list[dict]]:
    """Calibrates a method on pictures by tool and on pristine ones.

    Args:
        method: The method.
        sources: The pictures.
        degradations: Each picture is shown under all of them.
        seed: Seed of the degradations and of the pixels that are drawn.
        data: What the pictures are, for the model card.

    Returns:
        The calibration, and the failures.

    Raises:
        ValueError: If there was no forged or no pristine picture.
    """
    calibrator = Calibrator(method, seed)
    trials = forged_trials([Contestant(method, degradations)], seed, 0.5, by_tool=True)
    failed = measure_all(sources, trials, seed, watch=calibrator.add).failed
    return calibrator.choose(data), failed


def write_calibration(preset: str, calibration: dict) -> None:
    """Writes a calibration into the model card of a preset, given by name or folder."""
    card = {**irl_keras.read_card(preset), "calibration": calibration}
    shipped = Path(irl_keras.__file__).parent / "weights" / preset
    folder = shipped if preset in irl_keras.list_presets() else Path(preset)
    write_json(folder / CARD_FILE, card)
