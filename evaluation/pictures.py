"""Where the pictures to measure come from, and how all of them are worked through."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
from tqdm import tqdm

from datasets.forging import Forging, Window, crop, forge
from datasets.inpainting import UNTOUCHED
from datasets.pairs import Pair, find_pairs, is_pair_folder, read_pair
from datasets.photographs.sources import bundled_photographs, list_photographs
from forensics_keras.command_line import ExitCode
from forensics_keras.images import read_image

BUNDLED = "the bundled test photographs"
WHOLE_MULTIPLE = 8
"""Networks need sides that are multiples of this, in pixels."""

Result = TypeVar("Result")


@dataclass(frozen=True)
class Source:
    """One picture to measure on.

    Attributes:
        name: Names it in reports; what is drawn for it follows from it and a seed.
        read: Reads or makes it; raises OSError or ValueError.
        data: What tables call its data set.
        published: Whether others forged it.
    """

    name: str
    read: Callable[[], Any]
    data: str = ""
    published: bool = False


class Versions(NamedTuple):
    """A picture before any degradation: uint8 (H, W, 3) by inpainter, or `UNTOUCHED`.

    `mask`, uint8 (H, W), 1 = inpainted, is that of all the forgeries.
    """

    images: dict[str, np.ndarray]
    mask: np.ndarray

    @property
    def forged(self) -> list[str]:
        """The inpainters of the forgeries."""
        return [name for name in self.images if name != UNTOUCHED]


def picture_seed(name: str, seed: int) -> int:
    """Derives the seed of a picture from its name, so that it depends on no other picture."""
    return zlib.crc32(f"{seed} {name}".encode(errors="surrogateescape"))


def photographs(
    folder: Path | None,
    make: Callable[[np.ndarray, str], Any] | None = None,
    limit: int | None = None,
    data: str = "",
    chosen: Sequence[str] | None = None,
) -> list[Source]:
    """Lists photographs to measure on, the bundled test photographs without a folder.

    `make` makes what is measured of a photograph, uint8 (H, W, 3), and its name; `chosen` names
    some in the folder by their paths. Raises OSError or ValueError if the folder cannot be read or
    has no pictures.
    """
    if folder and chosen:
        paths = [folder / name for name in chosen][:limit]
    else:
        paths = (list_photographs(folder) if folder else bundled_photographs("test"))[:limit]
    root = folder or paths[0].parent
    names = [path.relative_to(root).as_posix() for path in paths]

    def read(path: Path, name: str):
        photograph = read_image(path)
        return make(photograph, name) if make else photograph

    return [
        Source(name, partial(read, path, name), data)
        for path, name in zip(paths, names, strict=True)
    ]


def central_square(photograph: np.ndarray, size: int) -> np.ndarray:
    """Cuts out the central square of a photograph, shrunk to `size` x `size` pixels.

    A photograph that is smaller is continued by reflection.
    """
    height, width = photograph.shape[:2]
    side = max(min(height, width), size)
    window = Window(max(height - side, 0) // 2, max(width - side, 0) // 2, side)
    return crop(photograph, window, size)


def squares(folder: Path | None, size: int | None, limit: int | None = None) -> list[Source]:
    """Lists the central squares of photographs, with sides of `size` pixels.

    Without a size they are whole, cut to multiples of `WHOLE_MULTIPLE` pixels.
    """

    def make(photograph: np.ndarray, name: str) -> np.ndarray:
        if size is not None:
            return central_square(photograph, size)
        height, width = (side // WHOLE_MULTIPLE * WHOLE_MULTIPLE for side in photograph.shape[:2])
        return photograph[:height, :width]

    return photographs(folder, make, limit)


def forged_photographs(
    folder: Path | None,
    forging: Forging,
    limit: int | None = None,
    data: str = "",
    chosen: Sequence[str] | None = None,
) -> list[Source]:
    """Lists photographs that are forged when they are read, as `Versions`; see `photographs`."""

    def make(photograph: np.ndarray, name: str) -> Versions:
        images = {}
        for inpainter in forging.inpainters:
            seed = picture_seed(name, forging.seed)
            forgery = forge(photograph, forging.size, seed, inpainter, whole=forging.whole)
            images[inpainter] = forgery.image
        return Versions({**images, UNTOUCHED: forgery.original}, forgery.mask)

    return photographs(folder, make, limit, data, chosen)


def given_pairs(folder: Path, limit: int | None = None) -> list[Source]:
    """Lists pictures that were forged elsewhere, or are untouched, in a pair folder."""

    def read(pair: Pair) -> Versions:
        image, mask = read_pair(pair)
        return Versions({"given" if mask.any() else UNTOUCHED: image}, mask)

    return [Source(pair.name, partial(read, pair)) for pair in find_pairs(folder)[:limit]]


def is_tool_folder(folder: Path) -> bool:
    """Tells whether a folder has pair folders in it, one for each tool that forged them."""
    return any(is_pair_folder(path) for path in folder.iterdir())


def published_pairs(folder: Path, limit: int | None = None) -> list[Source]:
    """Lists forgeries by others: of every pair folder in a folder, called like its inpainter.

    Untouched twins are read from `original/` beside `image/` and `mask/`, where they are. Raises
    OSError or ValueError if the folder is missing or has no pair folder.
    """
    folders = [path for path in sorted(folder.iterdir()) if is_pair_folder(path)]
    if not folders:
        raise ValueError(f"{folder}: has no pair folders; give the folder that they are in")

    def read(one: Path, pair: Pair) -> Versions:
        image, mask = read_pair(pair)
        twins = list((one / "original").glob(f"{pair.name}.*"))
        original = {UNTOUCHED: read_image(twins[0])} if twins else {}
        return Versions({one.name: image, **original}, mask)

    return [
        Source(f"{one.name}/{pair.name}", partial(read, one, pair), one.name, published=True)
        for one in folders
        for pair in find_pairs(one)[:limit]
    ]


def pristine_photographs(folder: Path, limit: int | None = None) -> list[Source]:
    """Lists photographs to measure false alarms on, whole; the folder names their data set."""

    def make(photograph: np.ndarray, name: str) -> Versions:
        return Versions({UNTOUCHED: photograph}, np.zeros(photograph.shape[:2], np.uint8))

    return photographs(folder, make, limit, short_name(folder))


def short_name(folder: Path) -> str:
    """Names a folder by the last two parts of its path: what reports and cards say of it."""
    return "/".join(folder.absolute().parts[-2:])


def work_through(
    sources: Sequence[Source],
    work: Callable[[int, Source], Result],
    failed: list[dict],
    workers: int = 1,
) -> Iterator[Result]:
    """Yields what `work` makes of each picture's number and source, in order.

    Pictures that cannot be read or worked on are left out; name and error of each are printed, and
    added to `failed`. `workers` is the number of threads.
    """

    def attempt(number: int, source: Source):
        try:
            return work(number, source)
        except (OSError, ValueError) as error:
            return error

    with ThreadPoolExecutor(workers) as pool:
        # TensorFlow is not called from another thread without need.
        results = (map if workers == 1 else pool.map)(attempt, range(len(sources)), sources)
        progress = tqdm(results, total=len(sources), unit="picture", disable=None)
        for source, result in zip(sources, progress, strict=True):
            if isinstance(result, Exception):
                tqdm.write(f"{source.name}: {result}", file=sys.stderr)
                failed.append({"picture": source.name, "error": str(result)})
            else:
                yield result


def say_failures(failed: Sequence[dict], sources: Sequence[Source]) -> int:
    """Says how many failed; returns the exit code, or raises ValueError if all of them did."""
    if len(failed) == len(sources):
        raise ValueError(f"none of the {len(sources)} pictures could be measured")
    if failed:
        print(f"{len(failed)} of {len(sources)} pictures failed", file=sys.stderr)
    return ExitCode.SOME_FAILED if failed else ExitCode.DONE
