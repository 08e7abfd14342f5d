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

import argparse
import hashlib
import os
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from forensics_keras import batch, command_line, images, metrics
from forensics_keras.figures import encode_map, encode_overlay
from forensics_keras.localizer import Localizer, ModelLocalizer
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


def add_command(commands: argparse._SubParsersAction) -> None:
    """Adds `predict` to the commands of a parser.

    Args:
        commands: What `argparse.ArgumentParser.add_subparsers` gave.
    """
    parser = commands.add_parser(
        "predict",
        help="Localize inpainting in pictures",
        description="Writes probability maps, masks, heat maps and a report for pictures.",
    )
    parser.set_defaults(run=_run)
    batch.BatchRun.add_arguments(parser)
    weights = parser.add_mutually_exclusive_group()
    weights.add_argument(
        "--preset", default="irl_small", help="Shipped preset or its folder (default: %(default)s)"
    )
    weights.add_argument("--weights", metavar="FILE.keras", help="Model saved by Keras instead")
    parser.add_argument(
        "--threshold",
        type=command_line.threshold,
        help="Probability from which a pixel is flagged (default: the preset's)",
    )


def _run(options: argparse.Namespace) -> int:
    if options.weights:
        method, load = _from_weights(options.weights, options.threshold)
    else:
        method, load = _from_preset(options.preset, options.threshold)
    return batch.BatchRun.of(options).execute(Prediction(method, load))


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
    return method, lambda: ModelLocalizer(load_model_file(path), name, chosen)
