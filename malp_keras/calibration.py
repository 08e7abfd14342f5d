"""The thresholds at which MaLP's verdicts change; they travel with a preset or key, in its card."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping
from dataclasses import dataclass

AUTHENTIC, MANIPULATED, UNPROTECTED = "authentic", "manipulated", "unprotected"
VERDICTS = (AUTHENTIC, MANIPULATED, UNPROTECTED)
SUSPICIOUS, CANNOT_JUDGE = "suspicious", "cannot judge"
"""Verdicts that only keys give, beside these."""


@dataclass(frozen=True)
class Calibration:
    """Where verdicts change.

    Attributes:
        map_threshold: A pixel is called manipulated from this value of the map on.
        score_threshold: A picture is called manipulated from this score on.
        cosine_threshold: A picture is called protected from this cosine of the recovered template
            on.
        data: What the thresholds were chosen on.
    """

    map_threshold: float = 0.5
    score_threshold: float = 0.5
    cosine_threshold: float = 0.5
    data: str = "not calibrated"

    @classmethod
    def of_card(cls, card: Mapping) -> Calibration:
        """Reads the calibration of a card.

        Args:
            card: Card of a preset or key, with its `name`.

        Raises:
            ValueError: A field is missing, or a threshold is no number.
        """
        calibration = card.get("calibration") or {}
        for field in cls.__dataclass_fields__:
            value = calibration.get(field)
            is_number = isinstance(value, numbers.Real) and math.isfinite(value)
            if not (value if field == "data" else is_number):
                raise ValueError(
                    f"{card['name']}: its card has no calibration ({field}); calibrate it"
                )
        return cls(**{field: calibration[field] for field in cls.__dataclass_fields__})

    def verdict(self, score: float, cosine: float) -> str:
        """Judges a picture: unprotected, or by its score authentic or manipulated.

        Args:
            score: How surely the picture is manipulated, 0 to 1.
            cosine: Cosine of the recovered template with the nearest one of the set, -1 to 1.

        Returns:
            One of `VERDICTS`.
        """
        if cosine < self.cosine_threshold:
            return UNPROTECTED
        return AUTHENTIC if score < self.score_threshold else MANIPULATED
