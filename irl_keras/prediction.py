"""`python -m irl_keras predict`: pictures and folders in; maps, masks, overlays and a report out.

For each picture `a/b.jpg` of a given folder (and for each picture `b.jpg` given by itself, without
its folders) there are

* `OUT/prob/a/b.png`: 8-bit greyscale, the probability times 255, rounded;
* `OUT/mask/a/b.png`: 255 where the probability reaches the threshold, else 0;
* `OUT/overlay/a/b.jpg`: the probability as a heat map over the picture;
* of presets that know it, `OUT/reliability/a/b.png`: 8-bit greyscale, 255 times the probability
  that a pixel is judged rightly at the threshold with which the network was run;
* a line in `OUT/report.jsonl`.

All have the size of the upright picture (but an overlay is scaled down where JPEG's limit on the
length of a side demands it). How outputs are named and kept: `forensics_keras.batch`.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from forensics_keras import batch, images, metrics
from forensics_keras.figures import encode_map, encode_overlay
from forensics_keras.localizer import Localizer, ModelLocalizer, check_model
from forensics_keras.presets import load_model_file
from irl_keras.integrity import Integrity
from irl_keras.presets import calibrated_threshold, read_card

LIMITS = (
    "A flagged area is no proof of a forgery, and an empty map no proof of an untouched picture.",
    "The shipped weights find fills of the kinds that they were trained on. They miss most "
    "fills of other tools, and copies from elsewhere in the picture.",
    "Compression, shrinking and blur remove the traces. Blurred backgrounds, plain sky and "
    "retouched areas can be flagged.",
    "Do not base a decision about a person or a publication on this alone.",
)


class Method(NamedTuple):
    """What the outputs depend on besides the picture; these fields are in each report line.

    Attributes:
        preset: Name in the preset's model card, or of the weights file.
        preset_sha256: SHA-256 of its weights.
        threshold: Probability from which a pixel is flagged, in (0, 1].
        max_side: Longer side in pixels that larger pictures are scaled down to for the network;
            `None` for no limit.
    """

    preset: str
    preset_sha256: str
    threshold: float
    max_side: int | None = None


class Prediction(batch.BatchJob):
    """Localizes inpainting.

    Args:
        method: Identifies the localizer and holds the threshold.
        load: Makes the localizer.
        card: Card of the preset, for reports; empty for other weights.
    """

    outputs = {"prob": "prob/{}.png", "mask": "mask/{}.png", "overlay": "overlay/{}.jpg"}
    fields = ("verdict",)
    optional = {"max_side"}
    remakes = {"threshold"}
    alarms = {metrics.verdict(1.0)}

    def __init__(
        self,
        method: Method,
        load: Callable[[], Localizer],
        card: Mapping[str, Any] | None = None,
    ):
        self.method = method
        self.identity = method._asdict()
        self._load = load
        card = card or {}
        self._has_integrity = Integrity.from_card(card.get("calibration", {})) is not None
        if self._has_integrity:
            self.outputs = {**self.outputs, "reliability": "reliability/{}.png"}
        self.presentation = batch.Presentation("Inpainted regions", "prob", card, LIMITS)

    def load(self) -> None:
        self.localizer = self._load()

    def process(self, path: str) -> batch.Made:
        image, sha256, conversions = batch.read_picture(path)
        found = self.localizer.localize(image)
        probability = found.map
        mask, share = self._flagged(probability)
        contents = {
            "prob": encode_map(probability),
            "mask": mask,
            "overlay": encode_overlay(image, probability),
        }
        fields = {
            "width": image.shape[1],
            "height": image.shape[0],
            "sha256": sha256,
            "max_probability": float(probability.max()),
            "mean_probability": float(probability.mean(dtype=np.float64)),
            "flagged_share": share,
            "score": found.score,
            "verdict": found.verdict,
            "conversions": list(conversions),
        }
        if found.reliability is not None:
            contents["reliability"] = encode_map(found.reliability)
            fields["mean_reliability"] = float(found.reliability.mean(dtype=np.float64))
        return batch.Made(fields, contents)

    def remake(self, line: Mapping[str, Any], files: Mapping[str, Path]) -> batch.Made:
        """Judges by another threshold; a stored map is true to half a level of 255."""
        contents = {kind: images.read_bytes(file) for kind, file in files.items()}
        levels = images.decode_image(contents["prob"], files["prob"])[..., 0]
        contents["mask"], share = self._flagged(levels / np.float32(255))
        # Where a preset has an integrity, its verdict follows from the score alone.
        verdict = line["verdict"] if self._has_integrity else metrics.verdict(share)
        return batch.Made({"flagged_share": share, "verdict": verdict}, contents)

    def _flagged(self, probability: np.ndarray) -> tuple[bytes, float]:
        """The file of the mask, and the share of the pixels in it."""
        flagged = metrics.flagged_pixels(probability, self.method.threshold)
        return images.encode_png(flagged * np.uint8(255)), float(flagged.mean())

    def outcome(self, line: Mapping[str, Any]) -> str:
        return line["verdict"]

    def describe(self, line: Mapping[str, Any]) -> str:
        sha256, side = line["preset_sha256"][:12], line.get("max_side")
        scaled = "" if side is None else f", scaled to {side} pixels"
        return f"{line['preset']} ({sha256}) at threshold {line['threshold']}{scaled}"

    def suspicion(self, line: Mapping[str, Any]) -> float:
        return line.get("score", line.get("max_probability", 0.0)) + line.get("flagged_share", 0.0)

    def finding(self, line: Mapping[str, Any]) -> str:
        return (
            f"{line['verdict']}, {line['flagged_share']:.1%} of the area flagged, "
            f"highest probability {line['max_probability']:.2f}"
        )


def prediction(
    preset: str, weights: str | None, threshold: float | None, max_side: int | None = None
) -> Prediction:
    """Makes the job of a preset or, where one is given, of a model file.

    Args:
        preset: Name or folder.
        weights: Model saved by Keras, in place of the preset.
        threshold: Probability from which a pixel is flagged; by default the preset's, or 0.5.
        max_side: See `Method`.

    Raises:
        ValueError: There is no such preset.
        OSError: There is no such model file.
    """
    if weights:
        name = os.path.basename(weights)
        sha256 = hashlib.sha256(images.read_bytes(weights)).hexdigest()
        card = {}
    else:
        card = read_card(preset)
        name, sha256 = card["name"], card["sha256"]
    chosen = calibrated_threshold(card) if threshold is None else threshold

    def load() -> Localizer:
        from irl_keras import networks  # noqa: F401  Keras loads models whose layers it knows
        from irl_keras.localizer import Localizer as PresetLocalizer

        if not weights:
            return PresetLocalizer.from_preset(preset, chosen, max_side=max_side)
        model = load_model_file(weights)
        check_model(model, weights)
        return ModelLocalizer(model, name, chosen, max_side=max_side)

    return Prediction(Method(name, sha256, chosen, max_side), load, card)
