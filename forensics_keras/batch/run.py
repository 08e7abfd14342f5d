"""Runs a job over pictures and folders, able to go on where it stopped."""

from __future__ import annotations

import hashlib
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from tqdm import tqdm

from forensics_keras import images
from forensics_keras.batch.inputs import Source, assign_names, find_sources
from forensics_keras.batch.job import BatchJob
from forensics_keras.batch.outputs import Outputs, are_whole, identities, remove_outputs
from forensics_keras.batch.progress import progress
from forensics_keras.batch.report import Report
from forensics_keras.files import locked, pair_folder_of
from forensics_keras.terminal import printable


def read_picture(path: str | os.PathLike) -> tuple[np.ndarray, str, tuple[str, ...]]:
    """Reads a picture, and what its report line says about the file.

    Args:
        path: Picture file.

    Returns:
        The upright picture, uint8 (H, W, 3); the SHA-256 of the file in hexadecimal, by which the
        report identifies its content; and what reading changed or left out, in words.

    Raises:
        ValueError: The file is not a picture, damaged or too large.
        OSError: The file is missing or cannot be read.
    """
    data = images.read_bytes(path)
    image, metadata = images.decode_with_metadata(data, path)
    return image, hashlib.sha256(data).hexdigest(), metadata.conversions


@dataclass(frozen=True)
class BatchResult:
    """What became of the inputs.

    Attributes:
        lines: Report line of each input in order; one with "error" where it failed.
        counts: Number of inputs by `job.outcome`, and those that failed as "failed".
        passed_over: How many files of the given folders were not looked at, by kind.
    """

    lines: list[dict] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    passed_over: Counter[str] = field(default_factory=Counter)


def run(job: BatchJob, paths: Iterable[str], out: Path, overwrite: bool = False) -> BatchResult:
    """Does a job for pictures and folders, and writes the report.

    An input whose line in the report has the same SHA-256 and identity, and whose outputs are as
    they were written, is not done again. Where the identity differs in nothing but what
    `job.remakes` names, the outputs are made again from the old ones. One whose outputs come from
    another picture or identity
    fails unless `overwrite` is set, and so does one where a file lies that the report does not
    know; outputs and line stay. Any other failure is a line with "error" in the report, and the
    input has no outputs. Each failure is a line on stderr.

    Args:
        job: What to do with each picture.
        paths: Files and folders, see `find_sources`.
        out: Output folder, made if missing.
        overwrite: Makes all outputs again, and replaces files that the report does not know.

    Returns:
        What became of each of them.

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
        result = BatchResult(passed_over=passed_over)
        _do_all(job, sources, report, todo, overwrite, result)
    return result


def _do_all(
    job: BatchJob,
    sources: Sequence[Source],
    report: Report,
    todo: set[str],
    overwrite: bool,
    result: BatchResult,
) -> None:
    """Does what is left to do, and tells of the rest."""
    out = report.path.parent
    names = assign_names(sources, report.names())
    inputs = identities(source.path for source in sources)
    remove_outputs(out, report.forgotten, inputs)
    report.compact()
    for source in progress(sources):
        path = source.path
        try:
            if source.problem:
                raise ValueError(source.problem)
            outputs = Outputs(out, names[path], report, path, inputs, overwrite)
            if path in todo:
                _do(job, path, outputs)
            elif _differing(report.lines[path], job):
                _remake(job, path, outputs)
            else:
                _check_picture(path, report.lines[path])
            line = report.lines[path]
            result.counts[job.outcome(line)] += 1
            if message := job.message(line):
                tqdm.write(printable(message))
        except Exception as error:  # whatever is wrong with one picture, the others go on
            message = _one_line(path, error)
            tqdm.write(message, file=sys.stderr)
            result.counts["failed"] += 1
            line = {"path": path, "error": message}
            if path in todo:
                _report_failure(report, path, message, inputs)
        result.lines.append(line)
    report.compact()


def _do(job: BatchJob, path: str, outputs: Outputs) -> None:
    start = time.perf_counter()
    outputs.refuse_inputs()
    made = job.process(path)
    seconds = round(time.perf_counter() - start, 3)
    outputs.write(made.contents, {"path": path, **made.fields, **job.identity, "seconds": seconds})


def _remake(job: BatchJob, path: str, outputs: Outputs) -> None:
    """Makes outputs of other settings again from themselves, if that is all it takes."""
    line = outputs.report.lines[path]
    if _differing(line, job) - job.remakes:
        raise ValueError(
            f"has outputs of {job.describe(line)}; add --overwrite or give another output folder"
        )
    _check_picture(path, line)
    made = job.remake(line, {kind: outputs.out / line[kind] for kind in job.outputs})
    outputs.write(made.contents, {**line, **made.fields, **job.identity})


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
    differing = _differing(line, job)
    if differing and not differing <= job.remakes:
        return True
    return are_whole(report.path.parent, report.files(line))


def _differing(line: dict, job: BatchJob) -> set[str]:
    """The fields of the identity in which outputs differ from what the job would make."""
    # Not by name: a preset's folder may have moved.
    return {
        name for name in job.identity.keys() - {"preset"} if line.get(name) != job.identity[name]
    }


def _check_picture(path: str, line: dict) -> None:
    if hashlib.sha256(images.read_bytes(path)).hexdigest() != line["sha256"]:
        raise ValueError(
            "has changed since its outputs were made; add --overwrite or give another output folder"
        )


def _one_line(path: str, error: Exception) -> str:
    message = str(error).removeprefix(f"{path}: ")
    if not isinstance(error, ValueError | OSError):
        message = f"{type(error).__name__}: {message}"
    return f"{printable(path)}: {printable(' '.join(message.split()))}"
