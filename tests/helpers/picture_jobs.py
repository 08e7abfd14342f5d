"""Random pictures for tests of the commands, and what those commands write."""

import json

import numpy as np
from PIL import Image


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
