"""`irl-keras app`: a page on this machine that finds inpainted regions."""

from __future__ import annotations

import copy
from functools import cache

from forensics_keras.app import serve
from irl_keras.localizer import Localizer
from irl_keras.prediction import Prediction, prediction
from irl_keras.presets import list_presets, read_card


@cache
def _localizer(preset: str) -> Localizer:
    return Localizer.from_preset(preset)


def job_of(preset: str, threshold: float | None) -> Prediction:
    """Makes the job of a preset, whose network is loaded once and at its first picture."""
    job = prediction(preset, None, threshold)

    def load() -> Localizer:
        localizer = copy.copy(_localizer(preset))
        localizer.threshold = job.method.threshold
        return localizer

    return Prediction(job.method, load, read_card(preset))


def run_app(preset: str, port: int) -> None:
    """Serves the page until Ctrl-C; see `forensics_keras.app.serve`."""
    others = [name for name in list_presets() if name != preset]
    serve("Find inpainted regions", job_of, [preset, *others], port)
