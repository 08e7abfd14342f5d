"""The methods that tables compare beside those of the libraries: MaLP as its paper varies it."""

from __future__ import annotations

import math

import cv2
import keras
import numpy as np

from forensics_keras.localizer import Finding
from malp_keras import verification
from malp_keras.calibration import Calibration
from malp_keras.malp import MaLP
from malp_keras.protector import Protector


class Proactive(Protector):
    """MaLP, or with templates of strength 0 a passive network in its place.

    Args:
        model: As `malp_keras.from_preset` returns it.
        name: For tables.
        calibration: Where its verdicts change.
        scaled: Whether pictures are scaled to the model's size for inspection, and the map back
            to theirs ("sc." in the paper); otherwise they are inspected as they are ("no sc.").
        branch: Instead of the model's CNN, what gives the map: pictures (N, H, W, 3) of the
            model's size to maps (N, H, W, 1).
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
