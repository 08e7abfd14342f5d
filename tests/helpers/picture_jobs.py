"""Random pictures for tests of the commands, and what those commands write."""

import json

import numpy as np
from PIL import Image

from forensics_keras import batch, figures


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


CARD = {"name": "red", "limits": ["Finds <b>red</b> only."], "measured": [{"F1": 0.5}]}


class Red(batch.BatchJob):
    """Suspects red pictures."""

    outputs = {"map": "map/{}.png"}
    identity = {"preset": "red", "preset_sha256": "0" * 64}
    alarms = {"red"}
    presentation = batch.Presentation("Red pictures", "map", CARD, ["Red is <no> crime."])

    def load(self):
        pass

    def process(self, path):
        image, sha256, conversions = batch.read_picture(path)
        red = image[..., 0] / np.float32(255)
        fields = {"sha256": sha256, "redness": float(red.mean()), "conversions": [*conversions]}
        return batch.Made(fields, {"map": figures.encode_map(red)})

    def outcome(self, line):
        return "red" if line["redness"] > 0.5 else "pale"

    def describe(self, line):
        return line["preset"]

    def suspicion(self, line):
        return line["redness"]

    def finding(self, line):
        return f"{line['redness']:.0%} red"
