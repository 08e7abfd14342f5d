"""Selections: photographs drawn from a source once, and written down for everybody.

The IRL-Net paper draws, at random and without replacement, 50,000 photographs to train and 10,000
to test from each of Places2 and CelebA (section IV-B), and does not say which.

    selection = select("celeba", "/data/celeba", seed=0)
    write_selection("celeba.json", selection)
    selection = read_selection("celeba.json", "/data/celeba")

The manifest is a JSON object: `source` (its name), `seed`, and `parts`, which has for each part
the sorted paths, with "/", relative to the source's folder.
"""

import json
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from datasets.photographs.file_lists import find_missing
from datasets.photographs.sources import SPLITS, photographs_of
from forensics_keras.files import write_atomically

PAPER_COUNTS = {"train": 50_000, "test": 10_000}
"""Photographs of each part in the paper."""


@dataclass(frozen=True)
class Selection:
    """Photographs drawn from a source.

    Attributes:
        source: A key of `datasets.photographs.sources.SOURCES`.
        seed: Seed of the draw.
        parts: Sorted paths with "/" of each part, relative to the source's folder.
    """

    source: str
    seed: int
    parts: dict[str, list[str]]


def select(
    source: str,
    folder: str | os.PathLike,
    counts: Mapping[str, int] = PAPER_COUNTS,
    seed: int = 0,
) -> Selection:
    """Draws photographs from the parts of a source, without replacement.

    What is drawn from a part depends on its photographs, its count and the seed alone, and a
    larger count adds photographs to those of a smaller one.

    Args:
        source: A key of `datasets.photographs.sources.SOURCES`.
        folder: Folder of the source's files.
        counts: Number of photographs of each part, at least 1, by members of `SPLITS`.
        seed: Non-negative integer.

    Returns:
        The selection.

    Raises:
        OSError: As `photographs_of`.
        ValueError: As `photographs_of`, or if a part has fewer photographs than its count.
    """
    parts = {}
    for split, count in counts.items():
        names = photographs_of(source, folder, split)
        if not 1 <= count <= len(names):
            raise ValueError(
                f"{folder}: {count} photographs were asked for, but the part {split!r} of the "
                f"source {source!r} has {len(names)}; ask for 1 to {len(names)}"
            )
        order = np.random.default_rng([seed, SPLITS.index(split)]).permutation(len(names))
        parts[split] = sorted(names[index] for index in order[:count])
    return Selection(source, seed, parts)


def write_selection(path: str | os.PathLike, selection: Selection) -> None:
    """Writes a selection's manifest, complete or not at all; the same selection, the same bytes.

    Args:
        path: File of the manifest, JSON; replaced if it exists.
        selection: Selection to write.

    Raises:
        OSError: If the file cannot be written.
    """
    write_atomically(path, (json.dumps(asdict(selection), indent=1) + "\n").encode())


def read_selection(path: str | os.PathLike, folder: str | os.PathLike) -> Selection:
    """Reads a manifest and check that its photographs exist, without opening them.

    Args:
        path: File of the manifest.
        folder: Folder of the source's files; only those of the selection have to be there.

    Returns:
        The selection.

    Raises:
        OSError: If the file or a photograph is missing or cannot be read.
        ValueError: If the file is no manifest, leads out of the folder, or has a photograph
            twice, in one part or in two.
    """
    selection = _parse(path, Path(path).read_bytes())
    names = [name for part in selection.parts.values() for name in part]
    for name, times in Counter(names).items():
        if times > 1:
            parts = [split for split, part in selection.parts.items() if name in part]
            raise ValueError(
                f"{path}: has {name} {times} times, in {' and '.join(parts)}; make it anew with "
                "datasets.photographs.selection, which draws a photograph once"
            )
    missing = find_missing(Path(folder), names)
    if missing:
        raise FileNotFoundError(
            f"{folder}: lacks {len(missing)} of the {len(names)} photographs that {path} lists, "
            f"first {missing[0]}; give the folder of the source {selection.source!r}"
        )
    return selection


def selected_photographs(
    folder: str | os.PathLike,
    split: str,
    source: str,
    selection: str | os.PathLike | None = None,
) -> list[str]:
    """Lists the photographs of a part of a source, all of them or those of a manifest.

    Args:
        folder: Folder of the source's files.
        split: A member of `SPLITS`.
        source: A key of `datasets.photographs.sources.SOURCES`.
        selection: File of the manifest, or `None`.

    Returns:
        Sorted paths with "/", relative to the folder.

    Raises:
        OSError: As `photographs_of` and `read_selection`.
        ValueError: As these, or if the manifest is of another source or lacks the part.
    """
    if not selection:
        return photographs_of(source, folder, split)
    read = read_selection(selection, folder)
    names = read.parts.get(split)
    if read.source != source or not names:
        raise ValueError(
            f"{selection}: selects {', '.join(read.parts)} of the layout "
            f"{read.source}, not {split} of {source}"
        )
    return names


def _parse(path: str | os.PathLike, data: bytes) -> Selection:
    try:
        selection = Selection(**json.loads(data))
        fits = (
            bool(selection.parts)
            and selection.parts.keys() <= set(SPLITS)
            and all(
                isinstance(part, list) and all(map(_is_inside, part))
                for part in selection.parts.values()
            )
        )
    except (ValueError, TypeError, AttributeError) as error:
        raise ValueError(f"{path}: is no manifest of a selection ({error})") from error
    if not fits:
        raise ValueError(
            f"{path}: is no manifest of a selection; its parts may be {', '.join(SPLITS)}, "
            "each a list of plain paths within the source's folder"
        )
    return selection


def _is_inside(name: object) -> bool:
    if not isinstance(name, str):
        return False
    path = PurePosixPath(name)
    return path.as_posix() == name and not path.is_absolute() and ".." not in path.parts
