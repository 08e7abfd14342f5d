"""What the sources of photographs share: official file lists, cheap checks, a stable split."""

import hashlib
import os
import posixpath
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from forensics_keras.images import PICTURE_SUFFIXES


def hash_percent(name: str) -> int:
    """Gives a name a number that never changes, wherever and beside whatever it is.

    Args:
        name: For example a photograph's path with "/" within its folder.

    Returns:
        SHA-256 of the name in UTF-8, taken as a number, modulo 100.
    """
    return int.from_bytes(hashlib.sha256(os.fsencode(name)).digest(), "big") % 100


def is_picture(name: str) -> bool:
    """Tells by its name whether a file is a picture, and not hidden (see `find_pictures`)."""
    return name.lower().endswith(PICTURE_SUFFIXES) and not name.startswith(".")


@dataclass(frozen=True)
class LineForm:
    """What the lines of a file list look like.

    Attributes:
        pattern: Matches a whole line, but for white space at its end; lets no ".." pass.
        example: A good line, for error messages.
    """

    pattern: re.Pattern[str]
    example: str


def read_file_list(
    path: Path, form: LineForm, origin: str, skip: int = 0
) -> Iterator[tuple[str, ...]]:
    """Reads a data set's official list, line by line: such lists have up to 8 million.

    Args:
        path: File of the list.
        form: Form of its lines.
        origin: Publisher of the list, for error messages.
        skip: Number of lines at the top that have another form.

    Yields:
        The groups of the pattern, for each line.

    Raises:
        OSError: If the list is missing or cannot be read.
        ValueError: If a line has another form, with its number, or if there is none.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file; put it there, it comes from {origin}")
    number = 0
    with path.open(encoding="utf-8", errors="replace") as lines:
        for number, line in enumerate(lines, 1):
            if number <= skip:
                continue
            match = form.pattern.fullmatch(line.rstrip())
            if not match:
                raise ValueError(
                    f"{path}: line {number} is {line.rstrip()[:80]!r} but should be like "
                    f"{form.example!r}; get the file again from {origin}"
                )
            yield match.groups()
    if number <= skip:
        raise ValueError(f"{path}: lists nothing; get the file again from {origin}")


def check_pictures(folder: Path, names: Sequence[str], listed_in: Path, origin: str) -> None:
    """Checks that a folder has all pictures of a list, and no others.

    Others are a mistake as well: they show that the list is cut short or belongs to another
    edition of the data set. The pictures are not opened.

    Args:
        folder: Folder that the names are relative to.
        names: Paths with "/", in any order.
        listed_in: File of the list, for error messages.
        origin: Publisher of list and pictures, for error messages.

    Raises:
        OSError: If the folder or a picture is missing.
        ValueError: If the list has a line twice or the folder has other pictures.
    """
    if not folder.is_dir():
        raise FileNotFoundError(
            f"{folder}: no such folder; it should have the {len(names)} pictures that "
            f"{listed_in} lists, which come from {origin}"
        )
    missing = find_missing(folder, names)
    if missing:
        raise FileNotFoundError(
            f"{folder}: lacks {len(missing)} of the {len(names)} pictures that {listed_in} lists, "
            f"first {missing[0]}; unpack the pictures from {origin} again"
        )
    tree = os.walk(folder, followlinks=True)  # as `find_missing` does
    present = sum(is_picture(name) for _, _, files in tree for name in files)
    if present != len(names):
        raise ValueError(
            f"{listed_in}: lists {len(names)} pictures but {folder} has {present}; "
            f"get the list that belongs to the folder from {origin}"
        )


def find_missing(folder: Path, names: Iterable[str]) -> list[str]:
    """Finds out which files are not there, by listing each folder once and opening nothing.

    Args:
        folder: Folder that the names are relative to.
        names: Paths with "/", in any order.

    Returns:
        Those that are no files, sorted.

    Raises:
        OSError: If a folder cannot be listed.
    """
    missing = []
    by_folder = sorted(names, key=posixpath.dirname)
    for parent, group in groupby(by_folder, key=posixpath.dirname):
        present = _files_in(folder / parent)
        missing += [name for name in group if posixpath.basename(name) not in present]
    return sorted(missing)


def _files_in(folder: Path) -> set[str]:
    try:
        with os.scandir(folder) as entries:
            return {entry.name for entry in entries if entry.is_file()}
    except (FileNotFoundError, NotADirectoryError):
        return set()
