"""Runs a job over pictures and folders, able to go on where it stopped."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from tqdm import tqdm

from forensics_keras import images
from forensics_keras.batch.inputs import assign_names, find_sources, output_files
from forensics_keras.batch.job import BatchJob
from forensics_keras.batch.report import Report


def read_picture(path: str | os.PathLike) -> tuple[np.ndarray, str]:
    """Reads a picture and the hash that the report identifies its content by.

    Args:
        path: Picture file.

    Returns:
        The upright picture, uint8 (H, W, 3), and the SHA-256 of the file in hexadecimal.

    Raises:
        ValueError: The file is not a picture, damaged or too large.
        OSError: The file is missing or cannot be read.
    """
    data = images.read_bytes(path)
    return images.decode_image(data, path), hashlib.sha256(data).hexdigest()


def run(job: BatchJob, paths: Iterable[str], out: Path, overwrite: bool = False) -> Counter[str]:
    """Does a job for pictures and folders, and writes the report.

    An input whose line in the report has the same SHA-256 and identity, and whose outputs exist, is
    not done again. One whose outputs come from another picture or identity fails unless `overwrite`
    is set; its outputs and line stay. Any other failure is a line with "error" in the report, and
    the input has no outputs. Each failure is a line on stderr.

    Args:
        job: What to do with each picture.
        paths: Files and folders, see `find_sources`.
        out: Output folder, made if missing.
        overwrite: Makes all outputs again.

    Returns:
        Number of inputs by `job.outcome`, and those that failed as "failed".

    Raises:
        ValueError: The folder has a `report.jsonl` of something else, or `job.load` raises it.
        OSError: The folder cannot be made, the report cannot be read or written, or `job.load`
            raises it.
    """
    _make_folder(out)
    report = Report(out / "report.jsonl", job)
    sources = find_sources(paths, out, job.outputs)
    names = assign_names(sources, report.names())
    earlier = report.lines.copy()
    todo = {
        source.path
        for source in sources
        if overwrite or not _has_outputs(earlier.get(source.path), out, job)
    }
    if todo:
        job.load()
    report.drop(todo)
    inputs = _identities(source.path for source in sources)
    counts: Counter[str] = Counter()
    for source in tqdm(sources, unit="picture", disable=None):
        path = source.path
        try:
            if source.problem:
                raise ValueError(source.problem)
            if path in todo:
                outputs = _Outputs(out, names[path], job, earlier.get(path), inputs, overwrite)
                line = _do(job, path, outputs)
            else:
                line = earlier[path]
                _check_unchanged(path, line, job)
            counts[job.outcome(line)] += 1
            if message := job.message(line):
                tqdm.write(message)
        except Exception as error:  # whatever is wrong with one picture, the others go on
            message = _one_line(path, error)
            tqdm.write(message, file=sys.stderr)
            counts["failed"] += 1
            line = {"path": path, "error": message}
        if path in todo:
            report.append(line)
    return counts


def _make_folder(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(
            f"{out}: cannot be the output folder ({error.strerror}); give another one"
        ) from error


def _has_outputs(line: dict | None, out: Path, job: BatchJob) -> bool:
    """Whether a line stands for outputs that must be kept: whole ones, or other settings'."""
    if line is None or "error" in line:
        return False
    return not _same_identity(line, job) or all((out / line[kind]).exists() for kind in job.outputs)


def _same_identity(line: dict, job: BatchJob) -> bool:
    # Not by name: a preset's folder may have moved.
    return all(line[field] == job.identity[field] for field in job.identity.keys() - {"preset"})


def _check_unchanged(path: str, line: dict, job: BatchJob) -> None:
    if not _same_identity(line, job):
        raise ValueError(
            f"has outputs of {job.describe(line)}; add --overwrite or give another output folder"
        )
    if hashlib.sha256(images.read_bytes(path)).hexdigest() != line["sha256"]:
        raise ValueError(
            "has changed since its outputs were made; add --overwrite or give another output folder"
        )


def _identities(paths: Iterable[str]) -> set[tuple[int, int]]:
    """Device and number of each file that exists: the same for all names of one file."""
    found = set()
    for path in paths:
        with contextlib.suppress(OSError, ValueError):
            status = os.stat(path)
            found.add((status.st_dev, status.st_ino))
    return found


class _Outputs:
    """The outputs of one input: where they go, and which files may be removed.

    Args:
        out: Output folder.
        name: Name of the outputs.
        job: Says which outputs there are.
        earlier: Report line of an earlier run, if any.
        inputs: Files that must neither be replaced nor removed, as `_identities` gives them.
        overwrite: Whether the user asked for replacing.
    """

    def __init__(
        self,
        out: Path,
        name: str,
        job: BatchJob,
        earlier: dict | None,
        inputs: set[tuple[int, int]],
        overwrite: bool,
    ):
        self.relative = output_files(name, job.outputs)
        self.files = {kind: out / file for kind, file in self.relative.items()}
        if earlier is None or "error" in earlier:
            self.old = set()
        else:
            self.old = {out / earlier[kind] for kind in job.outputs}
        self.replace = overwrite or bool(self.old)
        self.removable = self.old if job.among_others else {*self.old, *self.files.values()}
        self.inputs = inputs

    def refuse_inputs(self) -> None:
        for file in self.files.values():
            if self._is_input(file):
                raise ValueError(f"its output would replace the input {file}; give another folder")

    def remove(self, files: Iterable[Path]) -> None:
        for file in files:
            if not self._is_input(file):
                with contextlib.suppress(OSError):
                    file.unlink()

    def _is_input(self, file: Path) -> bool:
        return not _identities([str(file)]).isdisjoint(self.inputs)


def _do(job: BatchJob, path: str, outputs: _Outputs) -> dict:
    start = time.perf_counter()
    outputs.refuse_inputs()
    try:
        fields = job.process(path, outputs.files, outputs.replace)
    except Exception:
        outputs.remove(outputs.removable)
        raise
    outputs.remove(outputs.old - set(outputs.files.values()))
    seconds = round(time.perf_counter() - start, 3)
    return {"path": path, **fields, **job.identity, "seconds": seconds, **outputs.relative}


def _one_line(path: str, error: Exception) -> str:
    message = str(error)
    if not isinstance(error, ValueError | OSError):
        message = f"{type(error).__name__}: {message}"
    if not message.startswith(f"{path}: "):
        message = f"{path}: {message}"
    return " ".join(message.splitlines())
