"""`python -m malp_keras verify`: what became of protected photographs, and where.

For each picture `a/b.png` of a given folder (and for each picture `b.png` given by itself, without
its folders) there are

* `OUT/map/a/b.png`: the fakeness map, 8-bit greyscale, the value times 255, rounded;
* `OUT/overlay/a/b.jpg`: the map as a heat map over the picture;
* a line in `OUT/report.jsonl` with the verdict.

How outputs are named and kept: `forensics_keras.batch`. In Python: `verify`.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import numpy as np

from forensics_keras import batch, metrics
from forensics_keras.figures import encode_map, encode_overlay
from forensics_keras.localizer import check_picture
from malp_keras import keys
from malp_keras.calibration import MANIPULATED, Calibration

if TYPE_CHECKING:  # what needs no network must not wait for Keras
    from malp_keras.malp import MaLP


class Inspection(NamedTuple):
    """What a model says about a picture.

    Attributes:
        map: Fakeness map at the picture's size, float32 (H, W), 0 to 1.
        score: How surely the picture is manipulated, 0 to 1.
        cosine: Cosine of the recovered template with the nearest one of the set, -1 to 1.
    """

    map: np.ndarray
    score: float
    cosine: float


class Verification(NamedTuple):
    """An inspection and what follows from it.

    Attributes:
        map: Fakeness map at the picture's size, float32 (H, W), 0 to 1.
        score: How surely the picture is manipulated, 0 to 1.
        cosine: Cosine of the recovered template with the nearest one of the set, -1 to 1.
        verdict: `"authentic"`: protected and unchanged; `"manipulated"`: protected and changed;
            `"unprotected"`: no template found, so that nothing can be said.
        changed_share: Share of the area that is changed, 0 to 1, of manipulated pictures; `None`
            of others.
    """

    map: np.ndarray
    score: float
    cosine: float
    verdict: str
    changed_share: float | None


def scale_picture(image: np.ndarray, size: int) -> np.ndarray:
    """Scales a picture to the square that a model inspects, as its template was stretched.

    Args:
        image: uint8 (H, W, 3).
        size: Side of the square in pixels.

    Returns:
        uint8 (size, size, 3): by area along an axis that shrinks, else bilinear.
    """
    methods = [cv2.INTER_AREA if length > size else cv2.INTER_LINEAR for length in image.shape[:2]]
    if methods[0] != methods[1]:  # OpenCV takes the area only where both axes shrink
        image = cv2.resize(image, (size, image.shape[0]), interpolation=methods[1])
    return cv2.resize(image, (size, size), interpolation=methods[0])


def inspect(model: MaLP, image: np.ndarray) -> Inspection:
    """Looks for a template in a picture, and for the places where it is missing.

    The picture is scaled to the model's size, and the map back to the picture's.

    Args:
        model: As `malp_keras.from_preset` returns it.
        image: uint8 (H, W, 3), RGB, sides at least 16 pixels.

    Returns:
        The inspection.

    Raises:
        ValueError: The picture is too small or not uint8 RGB, or the model's weights are damaged.
    """
    check_picture(image)
    outputs = model.predict_on_batch(scale_picture(image, model.size)[np.newaxis])
    fakeness = np.asarray(outputs["map"], np.float32)[0, ..., 0]
    logit, cosine = (float(outputs[key][0]) for key in ("logit", "cosine"))
    if not (np.isfinite(fakeness).all() and math.isfinite(logit) and math.isfinite(cosine)):
        raise ValueError("the model gave values that are not finite; its weights are damaged")
    height, width = image.shape[:2]
    scaled = cv2.resize(fakeness, (width, height), interpolation=cv2.INTER_LINEAR)
    return Inspection(np.asarray(scaled, np.float32), 0.5 * (1 + math.tanh(logit / 2)), cosine)


def verify(
    model: MaLP, image: np.ndarray, calibration: Calibration | Mapping[str, Any]
) -> Verification:
    """Judges whether a picture is protected and, if so, whether and where it was changed.

    Args:
        model: As `malp_keras.from_preset` returns it.
        image: uint8 (H, W, 3), RGB, sides at least 16 pixels.
        calibration: Calibration of the model, or the field `calibration` of its card.

    Returns:
        The verification.

    Raises:
        ValueError: The picture is too small or not uint8 RGB, or the model's weights are damaged.

    Example:
        >>> calibration = malp_keras.read_card("malp_local")["calibration"]  # doctest: +SKIP
        >>> verify(model, picture, calibration).verdict  # doctest: +SKIP
        'authentic'
    """
    if not isinstance(calibration, Calibration):
        calibration = Calibration(**calibration)
    inspection = inspect(model, image)
    verdict = calibration.verdict(inspection.score, inspection.cosine)
    if verdict != MANIPULATED:
        return Verification(*inspection, verdict, None)
    changed = metrics.flagged_pixels(inspection.map, calibration.map_threshold)
    return Verification(*inspection, verdict, float(changed.mean()))


# --- the command ------------------------------------------------------------------------------

LIMITS = (
    "Authentic means that the template is there and that no change was seen. It is evidence "
    "against changes by people who do not know of the protection, not against an attacker.",
    "Unprotected means that no template was found, so that nothing can be said: the picture was "
    "never protected, or what was done to it took the template away.",
    "Pictures are inspected at the size of the model: small changes of large pictures go unseen.",
    "Do not base a decision about a person or a publication on this alone.",
)


class Verifying(batch.BatchJob):
    """Writes maps, overlays and verdicts.

    Args:
        weights: The preset or key.

    Raises:
        ValueError: It has no calibration.
    """

    outputs = {"map": "map/{}.png", "overlay": "overlay/{}.jpg"}
    fields = ("verdict", "score", "cosine", "changed_share")
    alarms = {MANIPULATED}

    def __init__(self, weights: keys.Weights):
        self.weights = weights
        self.calibration = Calibration.of_card(weights.card)
        self.identity = {**weights.identity, **dataclasses.asdict(self.calibration)}
        self.identity["calibrated_on"] = self.identity.pop("data")
        title = "Protected pictures verified"
        self.presentation = batch.Presentation(title, "map", weights.card, LIMITS)

    def load(self) -> None:
        self.model = self.weights.load()

    def process(self, path: str) -> batch.Made:
        image, sha256, conversions = batch.read_picture(path)
        found = verify(self.model, image, self.calibration)
        contents = {"map": encode_map(found.map), "overlay": encode_overlay(image, found.map)}
        fields = {
            "width": image.shape[1],
            "height": image.shape[0],
            "sha256": sha256,
            "verdict": found.verdict,
            "score": found.score,
            "cosine": found.cosine,
            "changed_share": found.changed_share,
            "conversions": list(conversions),
        }
        return batch.Made(fields, contents)

    def outcome(self, line: Mapping[str, Any]) -> str:
        return line["verdict"]

    def describe(self, line: Mapping[str, Any]) -> str:
        kinds = ("map", "score", "cosine")
        thresholds = ", ".join(f"{line[f'{kind}_threshold']:.3g}" for kind in kinds)
        return f"{line['preset']} ({line['preset_sha256'][:12]}) at the thresholds {thresholds}"

    def suspicion(self, line: Mapping[str, Any]) -> float:
        return line["score"] + (line["verdict"] == MANIPULATED)

    def finding(self, line: Mapping[str, Any]) -> str:
        share = line["changed_share"]
        changed = "" if share is None else f", {share:.1%} of the area changed"
        numbers = f"score {line['score']:.3f}, cosine {line['cosine']:.3f}"
        return f"{line['verdict']}{changed} ({numbers})"

    def message(self, line: Mapping[str, Any]) -> str:
        return f"{line['path']}: {self.finding(line)}"
