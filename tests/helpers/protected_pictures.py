"""A tiny MaLP and its preset, for tests of the commands."""

import os

import keras

import malp_keras

ARGUMENTS = {"size": 64, "count": 3, "strength": 0.05, "normalize": True, "filters": 4}
ARGUMENTS |= {"stride": 2, "matched": True, "classifier_filters": 2}
CALIBRATION = {
    "map_threshold": 0.5,
    "score_threshold": 0.5,
    "cosine_threshold": -1.0,
    "data": "nothing",
}
CARD_TEXTS = ["training_data", "recipe", "commit", "measured", "limits", "intended_use", "licence"]
ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": os.path.dirname(os.path.dirname(os.path.abspath(malp_keras.__file__))),
}


def tiny_malp():
    """Untrained; the weights are the same each time."""
    keras.utils.set_random_seed(7)
    return malp_keras.malp(**ARGUMENTS, seed=1)


def save_tiny_preset(folder, calibration=CALIBRATION):
    card = {
        **dict.fromkeys(CARD_TEXTS, "-"),
        "name": "tiny",
        "architecture": {"name": "malp", "arguments": ARGUMENTS},
        "seed": 1,
        "calibration": calibration,
    }
    return malp_keras.save_preset(tiny_malp(), folder, card)
