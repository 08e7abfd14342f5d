r"""Packs a pair folder into arrays, which are mapped into memory instead of decoded.

    python -m datasets.packed --pairs pairs/train --out packed/train
    python -m datasets.packed --pairs pairs/train --data PHOTOGRAPHS --untouched 0.3 \
        --out packed/train
    python train.py irl --data packed/train --val-data PHOTOGRAPHS --out runs/packed

Fast enough to feed an accelerator, and easy to move to a machine that has one. With `--untouched`,
that share of the whole are crops of `datasets.build` as they were before they were forged. `--out`
receives `images.npy`, uint8 (pairs, height, width, 3), `masks.npy`, uint8 (pairs, height, width) of
0 and 1, and `packed.json`, which is written last. A folder that has one of these is refused.

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
from forensics_keras.command_line import nonempty_path, renamed, run_command
from forensics_keras.files import locked, replacing
from forensics_keras.images import read_image
from forensics_keras.terminal import counted, printable

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
        try:
            described = json.loads((folder / DESCRIPTION).read_bytes())
            shape = (described["pairs"], described["height"], described["width"])
        except (ValueError, TypeError, KeyError) as error:
            raise ValueError(f"{folder / DESCRIPTION}: is damaged; pack the pairs again") from error
        self.images, self.masks = (
            np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("images", "masks")
        )
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
        out: Folder that receives the files; it must not have them already.
        names: Stems of the two files.
        description: Name of the file that describes them, written last.

    Raises:
        ValueError: If a pair cannot be read, has another size than the first, or the folder has
            one of the files.
        OSError: If a file cannot be read or written, or another process writes into the folder.
    """
    files = [out / f"{name}.npy" for name in names]
    with ExitStack() as stack:
        stack.enter_context(locked(out))
        for file in (out / description, *files):
            if os.path.lexists(file):
                raise ValueError(f"{file}: exists and would be replaced; choose another --out")
        first = readers[0]()
        height, width = first[0].shape[:2]
        described = {"pairs": len(readers), "height": height, "width": width}
        # Gets its name last: what a stop leaves of the arrays is no packed folder.
        temporary = stack.enter_context(replacing(out / description, exists_ok=False))
        temporary.write_text(json.dumps(described, indent=2))
        arrays = [
            _array(
                stack.enter_context(replacing(file, exists_ok=False)),
                (len(readers), *array.shape),
            )
            for file, array in zip(files, first, strict=True)
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


def _array(path: Path, shape: tuple[int, ...]) -> np.memmap:
    """Makes a mapped array whose place on the disk is taken, so that no later write lacks it."""
    array = np.lib.format.open_memmap(path, "w+", np.uint8, shape)
    if hasattr(os, "posix_fallocate"):
        with open(path, "r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    return array


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
        print(f"{counted(len(readers), 'pair')} in {printable(self.out)}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m datasets.packed",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--pairs", type=nonempty_path, required=True, help="Pair folder")
    text = "Share of pristine crops, at most 0.5 (default: %(default)s)"
    parser.add_argument("--untouched", type=float, default=0.0, help=text)
    parser.add_argument(
        "--data", type=nonempty_path, help="Photographs that the pairs were built from"
    )
    parser.add_argument("--out", type=nonempty_path, required=True, help="Folder of the arrays")
    renamed(parser, "--source", "--data")

    def run(options: argparse.Namespace) -> None:
        packing = Packing(**vars(options))
        if packing.untouched and not packing.data:
            parser.error("--untouched needs --data, the photographs that the pairs were built from")
        packing.run()

    return run_command(parser, run, arguments)


if __name__ == "__main__":
    sys.exit(main())
