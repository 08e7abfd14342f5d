"""IRL-Net as a localizer: a preset with its calibration, for pictures of any size."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

import keras
import numpy as np

from forensics_keras import metrics
from forensics_keras.localizer import Finding, ModelLocalizer
from irl_keras import presets
from irl_keras.integrity import Integrity
from irl_keras.self_matching import find_copies

MANIPULATED, NOTHING_FOUND = "manipulated", "nothing found"


class Localizer(ModelLocalizer):
    """A network that finds inpainted regions, with the calibration that its preset was given.

    With an `integrity`, findings have a score that is a probability, a verdict that follows from
    it, and a reliability map; without one, the score and the verdict are those of
    `forensics_keras.metrics.picture_score` and `verdict`.

    Args:
        model: As in `forensics_keras.localizer.ModelLocalizer`.
        name: Short name for tables and reports.
        threshold: A pixel is flagged from this probability on, 0 to 1.
        integrity: What is known of the network's trustworthiness.
        score_threshold: A picture is called manipulated from this score on, 0 to 1.
        copies: Whether parts copied within the picture are searched for, too. The map is then the
            larger of the network's and that of `self_matching.find_copies`, and the details have
            `copied_share`, the share of pixels that are flagged as copies.
        **options: Further arguments of `ModelLocalizer`.

    Example:
        >>> localizer = irl_keras.Localizer.from_preset("irl_small")  # doctest: +SKIP
        >>> found = localizer.localize(irl_keras.images.read_image("a.jpg"))  # doctest: +SKIP
        >>> found.map, found.mask, found.score, found.verdict  # doctest: +SKIP
    """

    def __init__(
        self,
        model: keras.Model,
        name: str = "model",
        threshold: float = 0.5,
        integrity: Integrity | None = None,
        score_threshold: float = 0.5,
        copies: bool = False,
        **options: Any,
    ):
        super().__init__(model, name, threshold, **options)
        self.integrity = integrity
        self.score_threshold = score_threshold
        self.copies = copies

    @classmethod
    def from_preset(
        cls,
        name_or_folder: str | os.PathLike,
        threshold: float | None = None,
        dtype: str | None = None,
        **options: Any,
    ) -> Localizer:
        """Loads a preset with its calibration.

        Args:
            name_or_folder: One of `irl_keras.list_presets()`, or the folder of a preset.
            threshold: Probability from which a pixel is flagged, instead of the preset's.
            dtype: Policy of the network's layers, such as `"mixed_bfloat16"`.
            **options: As in the constructor: `copies`, `max_side`, `tile` and the like.

        Raises:
            ValueError: There is no such preset, or it is damaged.
            OSError: Its weights are missing or cannot be read.
        """
        card = presets.read_card(name_or_folder)
        calibration = card.get("calibration", {})
        return cls(
            presets.from_preset(name_or_folder, dtype=dtype),
            card["name"],
            presets.calibrated_threshold(card) if threshold is None else threshold,
            Integrity.from_card(calibration),
            calibration.get("score_threshold", 0.5),
            **options,
        )

    def _judged(self, image: np.ndarray, probability: np.ndarray) -> Finding:
        if not self.copies:
            return self._calibrated(image, probability)
        copied = find_copies(image).map
        found = self._calibrated(image, np.maximum(probability, copied))
        share = float(metrics.flagged_pixels(copied, self.threshold).mean())
        return replace(found, details={**found.details, "copied_share": share})

    def _calibrated(self, image: np.ndarray, probability: np.ndarray) -> Finding:
        if self.integrity is None:
            return self._found(probability)
        score = self.integrity.score(probability)
        verdict = MANIPULATED if score >= self.score_threshold else NOTHING_FOUND
        reliability = self.integrity.reliability(image, probability, self.threshold)
        return Finding(probability, score, verdict, self.threshold, {}, reliability)
