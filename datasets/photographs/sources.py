"""Where pristine photographs come from: a folder, a published data set, the bundled samples.

`SOURCES` maps names to functions that list the photographs of a part; a new source joins by an
entry there. `photographs_of` is how the rest of the repository asks, and it alone.
"""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

from datasets.photographs.celeba import celeba
from datasets.photographs.file_lists import hash_percent, is_picture
from datasets.photographs.places2 import places2, places365_standard
from forensics_keras.images import PICTURE_SUFFIXES

SPLITS = ("train", "val", "test")
"""The parts of every source: no photograph is in two of them."""

_SAMPLES = Path(__file__).parent.parent / "samples"


def list_photographs(folder: str | os.PathLike) -> list[Path]:
    """Lists the photographs in a folder and its sub-folders, of which there must be some.

    Args:
        folder: Folder to search.

    Returns:
        Paths that begin with `folder`, sorted by their parts, so the same on every machine.

    Raises:
        OSError: If the folder is missing, is a file, or it or a sub-folder cannot be listed.
        ValueError: If it has no picture.
    """
    found = find_pictures(folder)
    if not found:
        endings = ", ".join(suffix[1:] for suffix in PICTURE_SUFFIXES)
        raise ValueError(f"{folder}: has no pictures ({endings}); give another folder")
    return found


def find_pictures(folder: str | os.PathLike) -> list[Path]:
    """Lists the pictures in a folder and its sub-folders, which may be none.

    Files whose names begin with a dot are left out: they belong to file managers and to
    interrupted copies. Linked sub-folders are not entered.

    Args:
        folder: Folder to search.

    Returns:
        As `list_photographs`.

    Raises:
        OSError: As `list_photographs`.
    """
    root = Path(folder)
    if not root.exists():
        raise FileNotFoundError(f"{root}: no such folder; check the path")
    if not root.is_dir():
        raise NotADirectoryError(f"{root}: is a file; give the folder it lies in")
    return sorted(
        Path(parent, name)
        for parent, _, names in os.walk(root, onerror=_raise_unreadable)
        for name in names
        if is_picture(name)
    )


def _raise_unreadable(error: OSError) -> None:
    raise OSError(
        f"{error.filename}: cannot be listed ({error.strerror}); change its permissions"
    ) from error


def bundled_photographs(split: str) -> list[Path]:
    """Lists the Creative Commons photographs that come with the repository.

    Args:
        split: `"train"` or `"test"`; no photograph is in both, and the latter are never trained on.

    Returns:
        Sorted paths of six JPEG files with a short side of 512 pixels.

    Raises:
        ValueError: If `split` is another word.
    """
    if split not in ("train", "test"):
        raise ValueError(f"Expected the split 'train' or 'test', got {split!r}")
    return list_photographs(_SAMPLES / split)


def plain_folder(folder: Path, split: str) -> list[str]:
    """Lists the photographs of a part of any folder.

    If it has at least two of the sub-folders train, val and test, these are the parts, and
    pictures elsewhere in it belong to none. Otherwise a photograph's part follows from
    `hash_percent` of its path with "/" relative to `folder`, whatever else is there: below 80
    train, below 90 val, else test. A folder that is itself such a part of the folder above it
    has that part alone, so that nobody tests on what another run trains on.

    Args:
        folder: Folder of pictures, with or without sub-folders.
        split: A member of `SPLITS`.

    Returns:
        Paths with "/" relative to `folder`.

    Raises:
        OSError: If the folder is missing or it or a sub-folder cannot be listed.
        ValueError: If the folder is another part.
    """
    whole = folder.resolve()
    if whole.name in SPLITS and len(_parts_of(whole.parent)) > 1:
        if split != whole.name:
            raise ValueError(
                f"{folder}: has the photographs of the part {whole.name!r}, but {split!r} is "
                f"asked for; give {folder.parent / split}"
            )
        return [path.relative_to(folder).as_posix() for path in find_pictures(folder)]
    parts = _parts_of(folder)
    has_parts = len(parts) > 1
    if has_parts and split not in parts:
        return []
    found = find_pictures(folder / split if has_parts else folder)
    names = [path.relative_to(folder).as_posix() for path in found]
    return names if has_parts else [name for name in names if _hashed_split(name) == split]


def _parts_of(folder: Path) -> list[str]:
    return [part for part in SPLITS if (folder / part).is_dir()]


def _hashed_split(name: str) -> str:
    percent = hash_percent(name)
    return "train" if percent < 80 else "val" if percent < 90 else "test"


Source = Callable[[Path, str], list[str]]
"""Takes an existing folder and a member of `SPLITS`; checks that everything it names is there, and
returns paths with "/" relative to the folder. Raises OSError or ValueError, one line that says
which file is wrong, what was expected, and who publishes it."""

SOURCES: dict[str, Source] = {
    "folder": plain_folder,
    "places2_256": partial(places2, size="256"),
    "places2_large": partial(places2, size="large"),
    "places365_standard": places365_standard,
    "celeba": celeba,
}


def photographs_of(source: str, folder: str | os.PathLike, split: str) -> list[str]:
    """Lists the photographs of a part of a source.

    Args:
        source: A key of `SOURCES`.
        folder: Folder of the source's files; the source's function says what has to be there.
        split: A member of `SPLITS`.

    Returns:
        Paths with "/" relative to `folder`, at least one, sorted by code points and therefore in
        the same order on every machine.

    Raises:
        OSError: If a file or folder is missing or cannot be read.
        ValueError: If the source or the split is unknown, the files are not as the source's
            project publishes them, or the part has no photographs.

    Example:
        >>> photographs_of("celeba", "/data/celeba", "test")[0]  # doctest: +SKIP
        'img_align_celeba/182638.jpg'
    """
    if source not in SOURCES:
        raise ValueError(f"Unknown source {source!r}; known are: {', '.join(SOURCES)}")
    if split not in SPLITS:
        raise ValueError(f"Unknown split {split!r}; known are: {', '.join(SPLITS)}")
    root = Path(folder)
    if not root.is_dir():
        raise FileNotFoundError(f"{root}: no such folder; check the path")
    names = sorted(SOURCES[source](root, split))
    if not names:
        raise ValueError(
            f"{root}: has no photographs of the part {split!r} of the source {source!r}; "
            f"choose another part, or sort the photographs into {', '.join(SPLITS)} folders"
        )
    return names
