"""A tiny MaLP, its preset and random pictures, for tests of the commands."""

import json
import os

import keras
import numpy as np
from PIL import Image

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


def save(path, height=40, width=33, seed=0):
    """Writes random pixels, in PNG format whatever the name."""
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "wb") as file:
        Image.fromarray(pixels).save(file, "PNG")
    return pixels


def read_report(out):
    lines = [json.loads(line) for line in (out / "report.jsonl").read_text().splitlines()]
    by_path = {line["path"]: line for line in lines}
    assert len(by_path) == len(lines), "an input has several lines"
    return by_path


def files_in(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.*"))
