"""The trained weights of MaLP that this package ships."""

from pathlib import Path

from forensics_keras.presets import PresetStore, save_preset

__all__ = ["from_preset", "list_presets", "read_card", "save_preset"]


def _builders() -> dict:
    from malp_keras.malp import malp  # imports Keras

    return {"malp": malp}


_SHIPPED = PresetStore(Path(__file__).parent / "weights", _builders)

from_preset = _SHIPPED.load
read_card = _SHIPPED.card
list_presets = _SHIPPED.names
build = _SHIPPED.build
