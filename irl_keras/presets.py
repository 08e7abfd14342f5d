"""The trained weights of IRL-Net that this package ships."""

from collections.abc import Mapping
from pathlib import Path

from forensics_keras.presets import PresetStore, save_preset

__all__ = ["from_preset", "list_presets", "read_card", "save_preset"]


def _builders() -> dict:
    from irl_keras.networks import NETWORKS  # imports Keras

    return {name: network.build for name, network in NETWORKS.items()}


STORE = PresetStore(Path(__file__).parent / "weights", _builders)

from_preset = STORE.load
read_card = STORE.card
list_presets = STORE.names


def calibrated_threshold(card: Mapping) -> float:
    """Returns the probability from which a pixel is flagged: the card's, or 0.5 where it has none.

    Args:
        card: As `read_card` returns it.
    """
    return card.get("calibration", {}).get("threshold", 0.5)
