"""Where untouched photographs come from: a folder, or the bundled samples."""

import os
from pathlib import Path

from irl_keras.images import PICTURE_SUFFIXES

_SAMPLES = Path(__file__).parent / "samples"


def list_photographs(folder: str | os.PathLike) -> list[Path]:
    """List the photographs in a folder and its sub-folders, of which there must be some.

    Args:
        folder: The folder.

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
    """List the pictures in a folder and its sub-folders, which may be none.

    Files whose names begin with a dot are left out: they belong to file managers and to
    interrupted copies. Linked sub-folders are not entered.

    Args:
        folder: The folder.

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
        if name.lower().endswith(PICTURE_SUFFIXES) and not name.startswith(".")
    )


def _raise_unreadable(error: OSError) -> None:
    raise OSError(
        f"{error.filename}: cannot be listed ({error.strerror}); change its permissions"
    ) from error


def bundled_photographs(split: str) -> list[Path]:
    """List the Creative Commons photographs that come with the repository.

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
