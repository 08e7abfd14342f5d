r"""Packs a pair folder into arrays, which are mapped into memory instead of decoded.

    python -m datasets.packed --pairs pairs/train --out packed/train
    python -m datasets.packed --pairs pairs/train --data PHOTOGRAPHS --untouched 0.3 \
        --out packed/train
    python train.py irl --data packed/train --val-data PHOTOGRAPHS --out runs/packed

Fast enough to feed an accelerator, and easy to move to a machine that has one. With `--untouched`,
that share of the whole are crops of `datasets.build` as they were before they were forged. `--out`
receives `images.npy`, uint8 (pairs, height, width, 3), `masks.npy`, uint8 (pairs, height, width) of
0 and 1, and `packed.json`, which is written last.

Exit code 0; 2 for bad options or pairs, or when something cannot be written.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from tqdm import tqdm

from datasets.forging import Window, crop
from datasets.pairs import find_pairs, read_pair
from forensics_keras.command_line import renamed, run_command
from forensics_keras.files import replacing, write_atomically
from forensics_keras.images import read_image

DESCRIPTION = "packed.json"


class PackedPairs(Sequence):
    """The pairs of a packed folder; they come from the disk when they are asked for.

    Args:
        folder: Folder that `pack` wrote.

    Raises:
        OSError: If a file is missing or cannot be read.
        ValueError: If the arrays are not the ones that `packed.json` describes.

    Example:
        >>> image, mask = PackedPairs("packed/train")[0]  # doctest: +SKIP
    """

    def __init__(self, folder: str | os.PathLike):
        folder = Path(folder)
        described = json.loads((folder / DESCRIPTION).read_bytes())
        self.images, self.masks = (
            np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("images", "masks")
        )
        shape = (described["pairs"], described["height"], described["width"])
        if self.images.shape != (*shape, 3) or self.masks.shape != shape:
            raise ValueError(f"{folder}: its arrays are not those of {DESCRIPTION}; pack it again")

    def __len__(self) -> int:
        """Returns the number of pairs."""
        return len(self.masks)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns a picture, uint8 (height, width, 3), and its mask, uint8 (height, width)."""
        return self.images[index], self.masks[index]


def is_packed_folder(folder: str | os.PathLike) -> bool:
    """Tells whether `PackedPairs` can read a folder."""
    return (Path(folder) / DESCRIPTION).is_file()


Reader = Callable[[], tuple[np.ndarray, np.ndarray]]
"""Reads one picture, uint8 (height, width, 3), and its mask, uint8 (height, width)."""


def untouched_crops(built: Path, data: Path, share: float) -> list[Reader]:
    """Finds crops of a built data set as they were before they were forged.

    Args:
        built: Output folder of `datasets.build`.
        data: Folder of the photographs that it was built from.
        share: Share of these crops among all pictures, at most a half.

    Returns:
        Readers of crops that are spread evenly over the data set.

    Raises:
        ValueError: If the share is too large.
        OSError: If the manifest is missing.
    """
    if not 0 <= share <= 0.5:
        raise ValueError(f"--untouched {share}: must be from 0 to 0.5")
    records = list(map(json.loads, (built / "manifest.jsonl").read_bytes().splitlines()))
    size = json.loads((built / "build.json").read_bytes())["size"]
    count = round(len(records) * share / (1 - share))
    spread = (records[index * len(records) // count] for index in range(count))

    def read(record):
        window = Window(**record["window"])
        image = crop(read_image(data / record["photograph"]), window, size)
        return image, np.zeros((size, size), np.uint8)

    return [partial(read, record) for record in spread]


def pack(
    readers: Sequence[Reader],
    out: Path,
    names: tuple[str, str] = ("images", "masks"),
    description: str = DESCRIPTION,
) -> None:
    """Writes pairs of one size as arrays.

    Args:
        readers: At least one; the mask of a pristine picture is 0.
        out: Folder that receives the files.
        names: Stems of the two files.
        description: Name of the file that describes them, written last.

    Raises:
        ValueError: If a pair cannot be read, or has another size than the first.
        OSError: If a file cannot be read or written.
    """
    first = readers[0]()
    with ExitStack() as stack:
        arrays = [
            np.lib.format.open_memmap(
                stack.enter_context(replacing(out / f"{name}.npy")),
                "w+",
                np.uint8,
                (len(readers), *array.shape),
            )
            for name, array in zip(names, first, strict=True)
        ]
        for index, read in enumerate(tqdm(readers, "packing", unit=" pairs", mininterval=1)):
            for array, part, like in zip(arrays, read(), first, strict=True):
                if part.shape != like.shape:
                    raise ValueError(
                        f"picture {index} has {part.shape[1]}x{part.shape[0]} pixels, the first "
                        f"{like.shape[1]}x{like.shape[0]}; build the pairs with one --size"
                    )
                array[index] = part
        for array in arrays:
            array.flush()
    height, width = first[0].shape[:2]
    described = {"pairs": len(readers), "height": height, "width": width}
    write_atomically(out / description, json.dumps(described, indent=2).encode())


@dataclass(frozen=True)
class Packing:
    """What the command line says.

    Attributes:
        pairs: Pair folder.
        data: Folder of the photographs that the pairs were built from; for pristine crops alone.
        untouched: Share of pristine crops among all pictures.
        out: Folder of the arrays.
    """

    pairs: Path
    data: Path | None
    untouched: float
    out: Path

    def run(self) -> None:
        """Packs the pairs and the pristine crops; raises what `pack` raises."""
        readers: list[Reader] = [partial(read_pair, pair) for pair in find_pairs(self.pairs)]
        if self.untouched:
            readers += untouched_crops(self.pairs, self.data, self.untouched)
        pack(readers, self.out)
        print(f"{len(readers)} pairs in {self.out}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m datasets.packed",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--pairs", type=Path, required=True, help="Pair folder")
    text = "Share of pristine crops, at most 0.5 (default: %(default)s)"
    parser.add_argument("--untouched", type=float, default=0.0, help=text)
    parser.add_argument("--data", type=Path, help="Photographs that the pairs were built from")
    parser.add_argument("--out", type=Path, required=True, help="Folder of the arrays")
    renamed(parser, "--source", "--data")

    def run(options: argparse.Namespace) -> None:
        packing = Packing(**vars(options))
        if packing.untouched and not packing.data:
            parser.error("--untouched needs --data, the photographs that the pairs were built from")
        packing.run()

    return run_command(parser, run, arguments)


if __name__ == "__main__":
    sys.exit(main())
