"""IRL-Net as a localizer: a preset with its threshold, for pictures of any size."""

from __future__ import annotations

import os

from forensics_keras.localizer import ModelLocalizer
from irl_keras import presets


class Localizer(ModelLocalizer):
    """A network that finds inpainted regions, with the threshold that its preset was given.

    The arguments are those of `forensics_keras.localizer.ModelLocalizer`.

    Example:
        >>> localizer = irl_keras.Localizer.from_preset("irl_small")  # doctest: +SKIP
        >>> found = localizer.localize(irl_keras.images.read_image("a.jpg"))  # doctest: +SKIP
        >>> found.map, found.mask, found.score, found.verdict  # doctest: +SKIP
    """

    @classmethod
    def from_preset(cls, name_or_folder: str | os.PathLike) -> Localizer:
        """Loads a preset with its threshold.

        Args:
            name_or_folder: One of `irl_keras.list_presets()`, or the folder of a preset.

        Raises:
            ValueError: There is no such preset, or it is damaged.
            OSError: Its weights are missing or cannot be read.
        """
        card = presets.read_card(name_or_folder)
        model = presets.from_preset(name_or_folder)
        return cls(model, card["name"], presets.calibrated_threshold(card))
