"""Runs a job over pictures and folders, able to go on where it stopped."""

from __future__ import annotations

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
from forensics_keras.batch.inputs import Source, assign_names, find_sources
from forensics_keras.batch.job import BatchJob
from forensics_keras.batch.outputs import Outputs, are_whole, identities, remove_outputs
from forensics_keras.batch.report import Report
from forensics_keras.files import locked, pair_folder_of
from forensics_keras.terminal import printable


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

    An input whose line in the report has the same SHA-256 and identity, and whose outputs are as
    they were written, is not done again. One whose outputs come from another picture or identity
    fails unless `overwrite` is set, and so does one where a file lies that the report does not
    know; outputs and line stay. Any other failure is a line with "error" in the report, and the
    input has no outputs. Each failure is a line on stderr.

    Args:
        job: What to do with each picture.
        paths: Files and folders, see `find_sources`.
        out: Output folder, made if missing.
        overwrite: Makes all outputs again, and replaces files that the report does not know.

    Returns:
        Number of inputs by `job.outcome`, and those that failed as "failed".

    Raises:
        ValueError: The folder has a `report.jsonl` of something else, or lies in a pair folder of
            inputs, or `job.load` raises it.
        OSError: The folder cannot be made, another process writes into it, the report cannot be
            read or written, or `job.load` raises it.
    """
    with locked(out):
        report = Report(out / "report.jsonl", job)
        sources, passed_over = find_sources(paths, out, job.outputs)
        _refuse_pair_folders(sources, out)
        todo = {
            source.path
            for source in sources
            if overwrite or not _has_outputs(report, source.path, job)
        }
        if any(source.path in todo and not source.problem for source in sources):
            job.load()
        counts = _do_all(job, sources, report, todo, overwrite)
    if passed_over:
        listed = ", ".join(f"{number:,} {kind}" for kind, number in sorted(passed_over.items()))
        print(f"passed over in the folders: {listed}")
    return counts


def _do_all(
    job: BatchJob, sources: list[Source], report: Report, todo: set[str], overwrite: bool
) -> Counter[str]:
    """Does what is left to do, tells of the rest, and counts both."""
    out = report.path.parent
    names = assign_names(sources, report.names())
    inputs = identities(source.path for source in sources)
    remove_outputs(out, report.forgotten, inputs)
    report.compact()
    counts: Counter[str] = Counter()
    for source in tqdm(sources, unit="picture", disable=None):
        path = source.path
        try:
            if source.problem:
                raise ValueError(source.problem)
            if path in todo:
                _do(job, path, Outputs(out, names[path], report, path, inputs, overwrite))
            else:
                _check_unchanged(path, report.lines[path], job)
            line = report.lines[path]
            counts[job.outcome(line)] += 1
            if message := job.message(line):
                tqdm.write(printable(message))
        except Exception as error:  # whatever is wrong with one picture, the others go on
            message = _one_line(path, error)
            tqdm.write(message, file=sys.stderr)
            counts["failed"] += 1
            if path in todo:
                _report_failure(report, path, message, inputs)
    report.compact()
    return counts


def _do(job: BatchJob, path: str, outputs: Outputs) -> None:
    start = time.perf_counter()
    outputs.refuse_inputs()
    made = job.process(path)
    seconds = round(time.perf_counter() - start, 3)
    outputs.write(made.contents, {"path": path, **made.fields, **job.identity, "seconds": seconds})


def _report_failure(report: Report, path: str, message: str, inputs: set) -> None:
    """Puts an error in the place of an input's line, and removes its outputs."""
    old = report.files(report.lines.get(path))
    report.append({"path": path, "error": message})
    remove_outputs(report.path.parent, old, inputs)


def _refuse_pair_folders(sources: Iterable[Source], out: Path) -> None:
    """Refuses to write among pictures and masks that belong together."""
    where = out.resolve()
    for folder in {os.path.dirname(source.path) for source in sources if not source.problem}:
        pairs = pair_folder_of(os.path.join(folder, "picture"))
        if pairs and where.is_relative_to(pairs):
            raise ValueError(
                f"{out}: lies in the pair folder {pairs} of the inputs, whose masks must stay what "
                "they are; give another output folder"
            )


def _has_outputs(report: Report, path: str, job: BatchJob) -> bool:
    """Whether an input has outputs that must be kept: whole ones, or other settings'."""
    line = report.lines.get(path)
    if line is None or "error" in line:
        return False
    return not _same_identity(line, job) or are_whole(report.path.parent, report.files(line))


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


def _one_line(path: str, error: Exception) -> str:
    message = str(error).removeprefix(f"{path}: ")
    if not isinstance(error, ValueError | OSError):
        message = f"{type(error).__name__}: {message}"
    return f"{printable(path)}: {printable(' '.join(message.split()))}"
