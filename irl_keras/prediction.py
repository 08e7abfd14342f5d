"""`python -m irl_keras predict`: pictures and folders in; maps, masks, overlays and a report out.

For each picture `a/b.jpg` of a given folder (and for each picture `b.jpg` given by itself, without
its folders) there are

* `OUT/prob/a/b.png`: 8-bit greyscale, the probability times 255, rounded;
* `OUT/mask/a/b.png`: 255 where the probability reaches the threshold, else 0;
* `OUT/overlay/a/b.jpg`: the probability as a heat map over the picture;
* a line in `OUT/report.jsonl`.

All have the size of the upright picture (but an overlay is scaled down where JPEG's limit on the
length of a side demands it). How outputs are named and kept: `forensics_keras.batch`.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from forensics_keras import batch, images, metrics
from forensics_keras.figures import encode_map, encode_overlay
from forensics_keras.localizer import Localizer, ModelLocalizer, check_model
from forensics_keras.presets import load_model_file
from irl_keras.presets import calibrated_threshold, from_preset, read_card


class Method(NamedTuple):
    """What the outputs depend on besides the picture; these fields are in each report line.

    Attributes:
        preset: Name in the preset's model card, or of the weights file.
        preset_sha256: SHA-256 of its weights.
        threshold: Probability from which a pixel is flagged, in (0, 1].
    """

    preset: str
    preset_sha256: str
    threshold: float


class Prediction(batch.BatchJob):
    """Localizes inpainting.

    Args:
        method: Identifies the localizer and holds the threshold.
        load: Makes the localizer.
    """

    outputs = {"prob": "prob/{}.png", "mask": "mask/{}.png", "overlay": "overlay/{}.jpg"}
    fields = ("verdict",)

    def __init__(self, method: Method, load: Callable[[], Localizer]):
        self.method = method
        self.identity = method._asdict()
        self._load = load

    def load(self) -> None:
        self.localizer = self._load()

    def process(self, path: str) -> batch.Made:
        image, sha256 = batch.read_picture(path)
        probability = self.localizer.localize(image).map
        flagged = metrics.flagged_pixels(probability, self.method.threshold)
        contents = {
            "prob": encode_map(probability),
            "mask": images.encode_png(flagged * np.uint8(255)),
            "overlay": encode_overlay(image, probability),
        }
        flagged_share = float(flagged.mean())
        fields = {
            "width": image.shape[1],
            "height": image.shape[0],
            "sha256": sha256,
            "flagged_share": flagged_share,
            "max_probability": float(probability.max()),
            "mean_probability": float(probability.mean(dtype=np.float64)),
            "verdict": metrics.verdict(flagged_share),
        }
        return batch.Made(fields, contents)

    def outcome(self, line: Mapping[str, Any]) -> str:
        return line["verdict"]

    def describe(self, line: Mapping[str, Any]) -> str:
        sha256 = line["preset_sha256"][:12]
        return f"{line['preset']} ({sha256}) at threshold {line['threshold']}"


def prediction(preset: str, weights: str | None, threshold: float | None) -> Prediction:
    """Makes the job of a preset or, where one is given, of a model file.

    Args:
        preset: Name or folder.
        weights: Model saved by Keras, in place of the preset.
        threshold: Probability from which a pixel is flagged; by default the preset's, or 0.5.

    Raises:
        ValueError: There is no such preset.
        OSError: There is no such model file.
    """
    if weights:
        return Prediction(*_from_weights(weights, threshold))
    return Prediction(*_from_preset(preset, threshold))


def _from_preset(name: str, threshold: float | None) -> tuple[Method, Callable[[], Localizer]]:
    card = read_card(name)
    chosen = calibrated_threshold(card) if threshold is None else threshold
    method = Method(card["name"], card["sha256"], chosen)
    return method, lambda: ModelLocalizer(from_preset(name), card["name"], chosen)


def _from_weights(path: str, threshold: float | None) -> tuple[Method, Callable[[], Localizer]]:
    name = os.path.basename(path)
    sha256 = hashlib.sha256(images.read_bytes(path)).hexdigest()
    chosen = 0.5 if threshold is None else threshold
    method = Method(name, sha256, chosen)

    def load() -> Localizer:
        from irl_keras import networks  # noqa: F401  Keras loads models whose layers it knows

        model = load_model_file(path)
        check_model(model, path)
        return ModelLocalizer(model, name, chosen)

    return method, load
