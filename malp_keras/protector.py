"""One object that protects photographs and later finds what was changed in them."""

from __future__ import annotations

import dataclasses
import os

import numpy as np

from forensics_keras.localizer import Finding, Localizer
from malp_keras import keys, presets, protection, verification
from malp_keras.calibration import Calibration
from malp_keras.key_files import is_key_file
from malp_keras.keyed import KeyedProtector
from malp_keras.malp import MaLP


class Protector(Localizer):
    """MaLP with its calibration: protects photographs, and verifies what became of them.

    Args:
        model: As `malp_keras.from_preset` returns it.
        name: Name for reports and tables.
        calibration: Where its verdicts change.

    Example:
        >>> protector = Protector.from_preset("malp_local")  # doctest: +SKIP
        >>> protected = protector.protect(photograph)  # doctest: +SKIP
        >>> protector.verify(suspect).verdict  # doctest: +SKIP
        'authentic'
    """

    protects = True

    def __init__(self, model: MaLP, name: str = "MaLP", calibration: Calibration | None = None):
        self.model = model
        self.name = name
        self.calibration = calibration or Calibration()
        self.threshold = self.calibration.map_threshold

    @property
    def thresholds(self) -> dict[str, object]:
        """The fields of the calibration."""
        return dataclasses.asdict(self.calibration)

    @classmethod
    def from_preset(cls, name_or_folder: str | os.PathLike) -> Protector:
        """Loads a preset with its calibration.

        Args:
            name_or_folder: One of `malp_keras.list_presets()`, or the folder of a preset.

        Raises:
            ValueError: There is no such preset, it is damaged, or it is not calibrated.
            OSError: Its weights are missing or cannot be read.
        """
        card = presets.read_card(name_or_folder)
        calibration = Calibration.of_card(card)
        return cls(presets.from_preset(name_or_folder), card["name"], calibration)

    @classmethod
    def from_key(cls, path: str | os.PathLike) -> Protector | KeyedProtector:
        """Loads a private key.

        Args:
            path: Path of the key file.

        Returns:
            For a key of `keygen` a `KeyedProtector`; for one that was trained, a protector with its
            own templates and calibration.

        Raises:
            ValueError: It is no key, or damaged.
            OSError: It is missing or cannot be read.
        """
        if is_key_file(path):
            return KeyedProtector.from_key(path)
        card = keys.read_key_card(path)
        return cls(keys.load_key(path), card["name"], Calibration.of_card(card))

    def protect(self, image: np.ndarray) -> np.ndarray:
        """Adds the template to a photograph; see `malp_keras.protect`."""
        return protection.protect(self.model, image)

    def verify(self, image: np.ndarray) -> verification.Verification:
        """Judges whether a picture is protected and where it was changed; see `malp_keras.verify`.

        Args:
            image: uint8 (H, W, 3), RGB, sides at least 16 pixels.

        Raises:
            ValueError: The picture is too small or not uint8 RGB.
        """
        return verification.verify(self.model, image, self.calibration)

    def localize(self, image: np.ndarray) -> Finding:
        found = verification.inspect(self.model, image)
        verdict = self.calibration.verdict(found.score, found.cosine)
        return Finding(found.map, found.score, verdict, self.threshold, {"cosine": found.cosine})
