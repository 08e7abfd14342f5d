"""The inputs of a command over many pictures, and the names of their outputs."""

from __future__ import annotations

import glob
import hashlib
import itertools
import os
import sys
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from forensics_keras.formats import READABLE, is_picture
from forensics_keras.terminal import printable

_LONGEST_NAME = 240


class Source(NamedTuple):
    """An input.

    Attributes:
        path: Absolute path; identifies the input in the report.
        name: Path below the given folder, or the file's name, with "/" and with its ending.
        problem: Why there is nothing to read, or None.
    """

    path: str
    name: str
    problem: str | None = None


def given_paths(arguments: Iterable[str]) -> list[str]:
    """Lists the paths that arguments name.

    A pattern, such as `photos/**/*.JPG`, stands for the files that match it, unless a file has
    its very name; `-` for the lines of stdin, or what NUL bytes separate there.

    Args:
        arguments: As the user wrote them.

    Returns:
        Paths, and the patterns that match nothing.
    """
    paths = []
    for argument in arguments:
        if argument == "-":
            text = os.fsdecode(sys.stdin.buffer.read())
            paths += [line for line in text.split("\0" if "\0" in text else "\n") if line]
        elif glob.has_magic(argument) and not os.path.lexists(argument):
            paths += sorted(glob.glob(argument, recursive=True)) or [argument]
        else:
            paths.append(argument)
    return paths


def find_sources(
    paths: Iterable[str], out: Path, outputs: Mapping[str, str]
) -> tuple[list[Source], Counter[str]]:
    """Lists the inputs: files as they are given, the pictures of folders in sorted order.

    A file of a folder is a picture by its content or its ending. Links to folders are not followed;
    hidden files and the output folder are left out. What is given twice is listed
    once. Missing paths, unreadable folders and folders without pictures are listed with their
    problem.

    Args:
        paths: Files and folders.
        out: Output folder.
        outputs: Patterns of the outputs in it, see `BatchJob`.

    Returns:
        The inputs in order, and how many other files and links to folders the folders have, by
        kind.
    """
    sources: dict[str, Source] = {}
    passed_over: Counter[str] = Counter()
    folders = [pattern.split("{}")[0] for pattern in outputs.values()]
    written = {os.path.realpath(out / folder) for folder in folders}
    for path in paths:
        if not path or not os.path.isdir(path):
            found = [_single(path)]
        elif os.path.realpath(path) in written:
            problem = "is where the outputs go; give another output folder"
            found = [Source(os.path.abspath(path), path, problem)]
        else:
            found = _walk(path, {*written, os.path.realpath(out)}, passed_over)
        for source in found:
            sources.setdefault(source.path, source)
    return list(sources.values()), passed_over


def _single(path: str) -> Source:
    if not path or not os.path.lexists(path):
        problem = "no such file; check the path"
        if path.startswith(("http://", "https://")):
            problem = "is a web address; download the picture first, for nothing is fetched here"
        elif glob.has_magic(path):
            problem = "no file matches this pattern; check it"
        return Source(os.path.abspath(path) if path else "", path, problem)
    return Source(os.path.abspath(path), os.path.basename(path))


def _walk(folder: str, left_out: set[str], passed_over: Counter[str]) -> list[Source]:
    root = os.path.abspath(folder)
    found = []

    def unreadable(error: OSError) -> None:
        problem = f"cannot be listed ({error.strerror}); change its permissions"
        found.append(Source(error.filename, os.path.relpath(error.filename, root), problem))

    for parent, folders, files in os.walk(root, onerror=unreadable):
        folders[:] = [
            name for name in folders if os.path.realpath(os.path.join(parent, name)) not in left_out
        ]
        links = sum(os.path.islink(os.path.join(parent, name)) for name in folders)
        if links:
            passed_over["linked folder"] += links
        for name in files:
            path = os.path.join(parent, name)
            if name.startswith("."):
                passed_over["hidden file"] += 1
            elif is_picture(path):
                found.append(Source(path, Path(path).relative_to(root).as_posix()))
            else:
                passed_over[printable(os.path.splitext(name)[1].lower()) or "without ending"] += 1
    if not found:
        return [Source(root, folder, f"has no pictures ({READABLE}); give another folder")]
    return sorted(found, key=lambda source: source.name.split("/"))


def assign_names(sources: Iterable[Source], taken: Mapping[str, str]) -> dict[str, str]:
    """Gives each input a name for its outputs that no other input has.

    Names that differ only in letter case or in Unicode form count as the same, because file
    systems exist for which they are.

    Args:
        sources: The inputs.
        taken: Names given earlier, by the input's path.

    Returns:
        Names with "/" and without ending, by the input's path.
    """
    used = {_folded(name) for name in taken.values()}
    names = {}
    for source in sources:
        if source.path in taken:
            names[source.path] = taken[source.path]
            continue
        *folders, last = source.name.split("/")
        last = _shortened(last)
        # A folder "b.png" would be in the way of the output "b.png" of a picture "b.jpg".
        folders = [
            f"{name}_" if name.lower().endswith((".png", ".jpg", ".jsonl")) else name
            for name in folders
        ]
        full = "/".join([*folders, last])
        bare = "/".join([*folders, os.path.splitext(last)[0]])
        candidates = itertools.chain([bare, full], (f"{full}-{i}" for i in itertools.count(2)))
        name = next(name for name in candidates if _folded(name) not in used)
        used.add(_folded(name))
        names[source.path] = name
    return names


def _shortened(name: str) -> str:
    """Leaves room for another ending and a number in the 255 bytes that a name may have."""
    full = os.fsencode(name)
    if len(full) <= _LONGEST_NAME:
        return name
    return f"{full[:200].decode(errors='ignore')}~{hashlib.sha256(full).hexdigest()[:16]}"


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def output_files(name: str, outputs: Mapping[str, str]) -> dict[str, str]:
    """Paths of the outputs of a name, relative to the output folder, by kind."""
    return {kind: pattern.format(name) for kind, pattern in outputs.items()}
