"""Where an attribute editor changes faces: means over many, which show no single face.

python -m benchmarks.edits --data FACES/test --out docs/images

Each face's attribute is flipped. The change is the absolute difference to the same network's
reconstruction, in 8-bit levels; `focus` is the mean change in the lower middle of the picture
(rows from a half to nine tenths, columns from a quarter to three quarters, where a surgical mask
is) divided by the mean change elsewhere: 1 for a tint of the whole picture.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.common import run_benchmark
from datasets.faces import face_crop, labelled_faces
from datasets.manipulations.stgan import WEIGHTS, edit
from forensics_keras.figures import picture_grid
from forensics_keras.images import read_image, write_png
from forensics_keras.tables import text_table

QUICK_FACES = 8


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    data = {"type": Path, "required": True, "help": "Labelled faces, as for train.py stgan"}
    text = "Editor of one attribute (default: %(default)s)"
    preset = {"default": "stgan_faces", "help": text}
    return run_benchmark("edits", __doc__, _show_edits, arguments, data=data, preset=preset)


def _show_edits(options: argparse.Namespace) -> None:
    card, model = WEIGHTS.card(options.preset), WEIGHTS.load(options.preset)
    [attribute] = card["attributes"]
    size = card["architecture"]["arguments"]["size"]
    faces = labelled_faces(options.data, [attribute], "test")
    rows, pictures = [], []
    for sign, title in ((1, f"{attribute} added"), (-1, f"{attribute} taken away")):
        chosen = np.flatnonzero(faces.labels[:, 0] == (sign < 0))
        chosen = chosen[:QUICK_FACES] if options.quick else chosen
        crops = np.stack([face_crop(read_image(faces.photographs[i]), size) for i in chosen])
        means, row = mean_edit(model, crops, sign)
        rows.append({"edit": title, "faces": len(chosen), **row})
        pictures.append((f"{title}, mean of {len(chosen)} faces", means))
    headers = ["original", "reconstruction", "edited", "change, largest is white"]
    write_png(options.out / f"{options.preset}.png", picture_grid(pictures, headers, 192))
    print(text_table(rows))
    print(f"Means: {options.out / f'{options.preset}.png'}")


def mean_edit(model, crops, sign):
    """Averages pictures of faces and of what becomes of them, and how large the change is where."""
    rebuilt, edited = (edit(model, crops, np.full((len(crops), 1), d)) for d in (0, sign))
    change = np.abs(edited.astype(float) - rebuilt).mean(axis=(0, 3))
    height, width = change.shape
    lower_middle = np.zeros(change.shape, bool)
    lower_middle[height // 2 : height * 9 // 10, width // 4 : width * 3 // 4] = True
    inside, outside = change[lower_middle].mean(), change[~lower_middle].mean()
    means = [np.uint8(np.rint(pictures.mean(axis=0))) for pictures in (crops, rebuilt, edited)]
    row = {"change inside": inside, "outside": outside, "focus": inside / outside}
    return [*means, change / change.max()], {name: f"{value:.2f}" for name, value in row.items()}


if __name__ == "__main__":
    sys.exit(main())
