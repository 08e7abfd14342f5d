"""What an attacker learns from protected pictures, and what that is worth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import cv2
import keras
import numpy as np
from tqdm import tqdm

from datasets.forging import crop, random_window
from evaluation.measure import Trial, Trials
from evaluation.methods import Proactive
from evaluation.pictures import Source, central_square, picture_seed
from evaluation.summaries import judged
from evaluation.trials import Conditions
from malp_keras import keys, protection
from malp_keras.calibration import MANIPULATED, UNPROTECTED, VERDICTS
from malp_keras.ground_truth import cosine
from malp_keras.layers import TemplateLayer
from malp_keras.layers.template_layer import HALF_RANGE

SET_SIZES = (1, 3, 10)
PICTURES = (1, 10, 100, 1000)
TITLES = {"cosine": "template's cosine", **{verdict: verdict for verdict in VERDICTS}, "F1": "F1"}
_SIGMA = 2.0


class Averaging:
    """An attacker's estimate of a template: the mean of what is fine-grained in many pictures.

    Of each picture its Gaussian blur (sigma 2 pixels) is subtracted; where the rest has a large
    local variance, it is the picture's own texture and counts less. A set of several templates
    gives the mean of them.

    Args:
        size: Side of the pictures in pixels.
    """

    def __init__(self, size: int):
        self._sum = np.zeros((size, size))
        self._weights = np.zeros((size, size))

    def add(self, picture: np.ndarray) -> None:
        """Takes a protected picture, uint8 (size, size, 3), into account."""
        gray = picture.mean(axis=2, dtype=np.float32)
        residual = gray - cv2.GaussianBlur(gray, (0, 0), _SIGMA)
        weight = 1 / (cv2.GaussianBlur(residual**2, (0, 0), _SIGMA) + 1)
        self._sum += weight * residual
        self._weights += weight

    def estimate(self) -> np.ndarray:
        """Returns the estimate so far, in levels; float64 (size, size) without mean."""
        mean = self._sum / self._weights
        return mean - mean.mean()


def random_windows(
    sources: Sequence[Source], size: int, count: int, seed: int
) -> Iterator[np.ndarray]:
    """Yields squares, uint8 (size, size, 3): whole photographs, then random windows of the same.

    Photographs that cannot be read are left out; raises ValueError if none can be.
    """
    made = 0
    for turn in range(count):
        before = made
        for source in sources:
            try:
                photograph = source.read()
            except (OSError, ValueError):
                continue
            if turn == 0:
                yield central_square(photograph, size)
            else:
                rng = np.random.default_rng([picture_seed(source.name, seed), turn])
                yield crop(photograph, random_window(photograph, size, 0.5, rng), size)
            made += 1
            if made == count:
                return
        if made == before:
            raise ValueError("none of the photographs can be read")


def template_set(layer: TemplateLayer, count: int, seed: int) -> TemplateLayer:
    """Makes a set of templates like those of a model, whose own are the first.

    The others are as `malp_keras.keys` makes them for private keys, as if trained apart.
    """
    own = keras.ops.convert_to_numpy(layer.templates)[:count]
    made = TemplateLayer(count, layer.size, layer.strength, layer.normalize)
    made.templates.assign(np.resize(own, (count, *own.shape[1:])))
    keys.renew_templates(made, seed)
    further = keras.ops.convert_to_numpy(made.templates)[len(own) :]
    made.templates.assign(np.concatenate([own, further]))
    return made


def averaging_attack(
    layer: TemplateLayer, sources: Sequence[Source], size: int, counts: Sequence[int], seed: int
) -> tuple[list[dict], dict[int, np.ndarray]]:
    """Estimates the templates of sets of several sizes from rising numbers of pictures.

    Returns rows of a table, and the estimates for a set of one template by number of pictures.
    """
    layers = {n: template_set(layer, n, seed) for n in SET_SIZES}
    true = {n: keras.ops.convert_to_numpy(one.at_size(size, size)) for n, one in layers.items()}
    attacks = {n: Averaging(size) for n in SET_SIZES}
    rows = {n: {"set size": n} for n in SET_SIZES}
    estimates = {}
    pictures = random_windows(sources, size, counts[-1], seed)
    rng = np.random.default_rng(seed)
    for number, picture in enumerate(tqdm(pictures, total=counts[-1], disable=None), start=1):
        for n, attack in attacks.items():
            index = np.array([rng.integers(n)], np.int32)
            protected = keras.ops.convert_to_numpy(layers[n](picture[None], index))[0]
            attack.add(protected.astype(np.uint8))
            if number in counts:
                found = attack.estimate()
                agreement = max(cosine(found, one - one.mean()) for one in true[n])
                rows[n][f"N = {number}"] = f"{agreement:.3f}"
                if n == 1:
                    estimates[number] = found
    return list(rows.values()), estimates


def forgeries(
    method: Proactive, conditions: Conditions, estimates: Mapping[int, np.ndarray], seed: int
) -> Trials:
    """Shows a method what an attacker makes of a photograph whose owner protects it."""

    def trials(number: int, source: Source) -> Iterator[Trial]:
        photograph = source.read()
        stolen = stolen_templates(method, photograph, estimates)

        def attacked(what: str, picture: np.ndarray, mask, truth: str) -> Iterator[Trial]:
            made = partial(Trial, method, mask=mask, truth=truth, original=photograph)
            yield made(picture, fields={"attack": what})
            for name, template in stolen.items():
                yield made(_added(picture, template), fields={"attack": f"{what} + {name}"})

        yield from attacked("photograph", photograph, None, UNPROTECTED)
        protected = method.protect(photograph)
        for manipulation in conditions.manipulations:
            [result] = manipulation(protected[None], [picture_seed(source.name, seed)])
            yield from attacked("manipulated", result.image, result.mask, MANIPULATED)

    return trials


def stolen_templates(
    method: Proactive, photograph: np.ndarray, estimates: Mapping[int, np.ndarray]
) -> dict[str, np.ndarray]:
    """Lists what an attacker may add to a picture, in levels: the template, or estimates."""
    index = protection.template_index(method.model, photograph)
    size = photograph.shape[0]
    layer = method.model.template_layer
    true = HALF_RANGE * layer.strength * np.asarray(layer.at_size(size, size))[index]
    strength = np.std(true)
    stolen = {"the stolen template": true}
    for number, estimate in estimates.items():
        scaled = estimate * (strength / max(np.std(estimate), 1e-9))
        stolen[f"the estimate from {number}"] = scaled
    return stolen


def _added(picture: np.ndarray, template: np.ndarray) -> np.ndarray:
    sum_ = picture + np.asarray(template, np.float32)[..., None]
    return np.rint(np.clip(sum_, 0, 255)).astype(np.uint8)


def judged_with_cosine(records: Sequence[dict]) -> list[dict]:
    """Returns records whose scores are verdicts, the template's cosine, and the map's F1."""
    found = judged(records)
    for record, measured in zip(found, records, strict=True):
        record["scores"]["cosine"] = measured["cosine"]
        record["scores"]["F1"] = measured["scores"].get("F1", float("nan"))
    return found
