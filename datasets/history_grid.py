"""Shows what histories are: `python -m datasets.history_grid --out docs/images/histories.png`.

Each row is a crop of a bundled photograph that went through a drawn history, with a fill of the
same content that went through none or through another; the last column is what the histories left,
eight times as strong. Nothing but these traces tells the fill from the rest.

Exit code 0; 2 when the picture cannot be written.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import numpy as np

from datasets.forging import crop, random_window
from datasets.history import (
    History,
    HistoryRecipe,
    apply_history,
    other_history,
    paste_with_history,
    random_history,
)
from datasets.mask_kinds import draw_mask, random_kind
from datasets.photographs.sources import bundled_photographs
from forensics_keras.command_line import nonempty_path, run_command
from forensics_keras.figures import picture_grid
from forensics_keras.images import read_image, write_png

SIZE = 192
GAIN = 8
HEADERS = ("photograph", "forgery", "mask", f"forgery - photograph, x {GAIN}")


def grid_row(photograph: np.ndarray, seed: int) -> tuple[str, list[np.ndarray]]:
    """Makes a row of the grid; the same for the same seed.

    Args:
        photograph: RGB picture, uint8, shape (H, W, 3).
        seed: Non-negative integer.

    Returns:
        What the host and the fill went through, and the pictures of `HEADERS`.
    """
    recipe = HistoryRecipe(size=SIZE, bare_fill=1.0, soft_edge=0.0)
    rng = np.random.default_rng(seed)
    content = crop(photograph, random_window(photograph, SIZE, 1.0, rng), SIZE)
    history = random_history(recipe, rng)
    fill_history = other_history(history, recipe, rng)
    host = apply_history(content, history)
    mask = draw_mask(random_kind(rng, recipe.masks), SIZE, SIZE, rng)
    fill = apply_history(content, fill_history)
    image = paste_with_history(host, fill, mask, history, recipe, rng)
    left = np.clip(128 + GAIN * (image.astype(int) - content), 0, 255).astype(np.uint8)
    label = f"host: {describe(history)}; fill: {describe(fill_history)}"
    return label, [content, image, mask == 1, left]


def describe(history: History) -> str:
    """Names the steps of a history with their main number."""
    steps = []
    for kind, arguments in history:
        first = arguments[0]
        steps.append(f"{kind} {first:.2g}" if isinstance(first, float) else f"{kind} {first}")
    return ", ".join(steps) or "none"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m datasets.history_grid",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--out", type=nonempty_path, required=True, metavar="FILE.png")
    parser.add_argument("--rows", type=int, default=6, help="Default: %(default)s")

    def run(options: argparse.Namespace) -> None:
        paths = bundled_photographs("train")
        rows = [grid_row(read_image(paths[i % len(paths)]), i) for i in range(options.rows)]
        write_png(options.out, picture_grid(rows, HEADERS, SIZE))

    return run_command(parser, run, arguments)


if __name__ == "__main__":
    sys.exit(main())
