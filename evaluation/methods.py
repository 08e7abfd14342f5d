"""The methods that are measured, loaded from presets, keys and files: localizers all."""

from __future__ import annotations

import hashlib
import math
from pathlib import Path
from typing import NamedTuple

import cv2
import keras
import numpy as np

import irl_keras
import malp_keras
from forensics_keras.images import read_bytes
from forensics_keras.localizer import Finding, Localizer, ModelLocalizer, check_model
from forensics_keras.presets import load_model_file
from malp_keras import keys, verification
from malp_keras.calibration import Calibration
from malp_keras.malp import MaLP
from malp_keras.protector import Protector


class Loaded(NamedTuple):
    """A method, and `name`, `sha256` and, where it is known, `training` of its weights."""

    method: Localizer
    weights: dict[str, str]


class Proactive(Protector):
    """MaLP as its paper varies it, or with templates of strength 0 a passive network in its place.

    Args:
        model: As `malp_keras.from_preset` returns it.
        name: Name for tables.
        calibration: Where its verdicts change.
        scaled: Whether pictures are scaled to the model's size for inspection, and the map back
            to theirs ("sc." in the paper); otherwise they are inspected as they are ("no sc.").
        branch: Network that gives the map instead of the model's CNN: pictures (N, H, W, 3) of
            the model's size to maps (N, H, W, 1).
    """

    def __init__(
        self,
        model: MaLP,
        name: str = "MaLP",
        calibration: Calibration | None = None,
        scaled: bool = True,
        branch: keras.Model | None = None,
    ):
        super().__init__(model, name, calibration)
        self.size = model.size
        self.scaled = scaled
        self.branch = branch
        self.protects = model.template_layer.strength > 0

    def localize(self, image: np.ndarray) -> Finding:
        if self.scaled:
            fakeness, score, cosine = verification.inspect(self.model, image)
        else:
            outputs = self.model(image[np.newaxis], training=False)
            score = float(keras.ops.sigmoid(outputs["logit"])[0])
            fakeness = np.asarray(outputs["map"], np.float32)[0, ..., 0]
            cosine = float(outputs["cosine"][0])
        if self.branch is not None:
            pixels = verification.scale_picture(image, self.model.size)[np.newaxis]
            fakeness = np.asarray(self.branch.predict_on_batch(pixels), np.float32)[0, ..., 0]
            fakeness = cv2.resize(fakeness, image.shape[1::-1])
        verdict = self.calibration.verdict(score, cosine if self.protects else math.inf)
        return Finding(fakeness, score, verdict, self.threshold, {"cosine": cosine})


def load_irl_preset(name_or_folder: str, threshold: float | None = None, name: str = "") -> Loaded:
    """Loads IRL-Net or a baseline from a preset; tables may call it by another name.

    Without a threshold it is the preset's.
    """
    card = irl_keras.read_card(name_or_folder)
    method = irl_keras.Localizer.from_preset(name_or_folder, threshold)
    method.name = name or card["name"]
    weights = {"name": card["name"], "sha256": card["sha256"]}
    return Loaded(method, {**weights, "training": f"shipped, {card['recipe']}"})


def load_malp(preset: str, key: Path | None = None) -> Loaded:
    """Loads MaLP from a preset, which need not be calibrated, or from a private key."""
    card = keys.read_key_card(key) if key else malp_keras.read_card(preset)
    model = keys.load_key(key) if key else malp_keras.from_preset(preset)
    calibration = Calibration.of_card(card) if card.get("calibration") else None
    method = Proactive(model, card["name"], calibration)
    return Loaded(method, {"name": card["name"], "sha256": card["sha256"]})


def load_file(path: Path, name: str, threshold: float = 0.5, second_branch: bool = False) -> Loaded:
    """Loads any model that Keras saved, such as the checkpoint of a training; not calibrated.

    A training of MaLP gives its MaLP, with the map of its second branch if that is asked for. The
    threshold is that of other models. Raises ValueError if the file is no model.
    """
    model = load_model_file(path)
    branch = model.vit if second_branch else None
    model = getattr(model, "malp", model)
    if isinstance(model, MaLP):
        method = Proactive(model, name, branch=branch)
    else:
        check_model(model, path)
        method = ModelLocalizer(model, name, threshold)
    return Loaded(method, {"name": name, "sha256": hashlib.sha256(read_bytes(path)).hexdigest()})
