"""Commands over many pictures: files and folders in, files and a report out, able to go on.

What `predict`, `protect` and `verify` share. A `BatchJob` says what is made of one picture; `run`
finds the pictures, names the outputs, keeps `OUT/report.jsonl`, and sees to it that

* a command that was interrupted goes on where it stopped;
* outputs of another picture or other settings are never passed off as current nor replaced unless
  asked, and an input is never replaced at all;
* a bad input is one line on stderr and in the report, has no outputs, and the others go on.

Of inputs that would share a name the first one gets it, the next ones `a/b.jpg`, `a/b.jpg-2` and so
on in place of `a/b`; names that an earlier run gave are kept, because the report remembers which
input, by absolute path, has which outputs.
"""

from __future__ import annotations

import abc
import argparse
import contextlib
import hashlib
import itertools
import json
import os
import sys
import time
import unicodedata
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from irl_keras import images
from irl_keras.files import write_atomically


class BatchJob(abc.ABC):
    """What a command makes of each picture.

    Attributes:
        outputs: For each kind of output the pattern of its path below the output folder, in which
            `{}` stands for the name, for example `{"mask": "mask/{}.png"}`.
        identity: Fields of each report line that say what made the outputs: `preset` and all on
            which the outputs depend besides the picture, which must be `preset_sha256` at least.
        fields: Names of further fields that `outcome` and `message` need.
        among_others: Whether other people's files may lie where the outputs go. Those are not
            removed when an input fails, and it is `process` that must not replace them.
    """

    outputs: Mapping[str, str]
    identity: Mapping[str, object]
    fields: Sequence[str] = ()
    among_others: bool = False

    @abc.abstractmethod
    def load(self) -> None:
        """Loads what `process` needs; called only if there is something to do.

        Raises:
            ValueError: It is damaged or does not exist.
            OSError: It cannot be read.
        """

    @abc.abstractmethod
    def process(self, path: str, files: Mapping[str, Path], replace: bool) -> dict[str, object]:
        """Makes the outputs of a picture.

        Args:
            path: The picture.
            files: Where to write each of `outputs`.
            replace: Whether the outputs' paths belong to this input, or may be taken from others.

        Returns:
            Fields of the report line, `sha256` of the picture's file at least.

        Raises:
            ValueError: The picture is bad.
            OSError: It cannot be read, or an output cannot be written.
        """

    @abc.abstractmethod
    def outcome(self, line: Mapping[str, object]) -> str:
        """Under what the summary counts an input, given its report line."""

    @abc.abstractmethod
    def describe(self, line: Mapping[str, object]) -> str:
        """Says what made the outputs of a report line, from its fields of `identity`."""

    def message(self, line: Mapping[str, object]) -> str | None:
        """What stdout says of an input that is done, or None; given its report line."""
        return None


# --- inputs and names -------------------------------------------------------------------------


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


def find_sources(paths: Iterable[str], out: Path, outputs: Mapping[str, str]) -> list[Source]:
    """Lists the inputs: files as they are given, the pictures of folders in sorted order.

    Links to folders are not followed; the output folder is left out. What is given twice is listed
    once. Missing paths, unreadable folders and folders without pictures are listed with their
    problem.

    Args:
        paths: Files and folders.
        out: Output folder.
        outputs: Patterns of the outputs in it, see `BatchJob`.

    Returns:
        The inputs in order.
    """
    sources: dict[str, Source] = {}
    folders = [pattern.split("{}")[0] for pattern in outputs.values()]
    written = {os.path.realpath(out / folder) for folder in folders}
    for path in paths:
        if not path or not os.path.isdir(path):
            found = [_single(path)]
        elif os.path.realpath(path) in written:
            problem = "is where the outputs go; give another output folder"
            found = [Source(os.path.abspath(path), path, problem)]
        else:
            found = _walk(path, {*written, os.path.realpath(out)})
        for source in found:
            sources.setdefault(source.path, source)
    return list(sources.values())


def _single(path: str) -> Source:
    if not path or not os.path.lexists(path):
        return Source(os.path.abspath(path) if path else "", path, "no such file; check the path")
    return Source(os.path.abspath(path), os.path.basename(path))


def _walk(folder: str, left_out: set[str]) -> list[Source]:
    root = os.path.abspath(folder)
    found = []

    def unreadable(error: OSError) -> None:
        problem = f"cannot be listed ({error.strerror}); change its permissions"
        found.append(Source(error.filename, os.path.relpath(error.filename, root), problem))

    for parent, folders, files in os.walk(root, onerror=unreadable):
        folders[:] = [
            name for name in folders if os.path.realpath(os.path.join(parent, name)) not in left_out
        ]
        for name in files:
            if name.lower().endswith(images.PICTURE_SUFFIXES):
                path = os.path.join(parent, name)
                found.append(Source(path, Path(path).relative_to(root).as_posix()))
    if not found:
        endings = ", ".join(suffix[1:] for suffix in images.PICTURE_SUFFIXES)
        return [Source(root, folder, f"has no pictures ({endings}); give another folder")]
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


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def output_files(name: str, outputs: Mapping[str, str]) -> dict[str, str]:
    """Paths of the outputs of a name, relative to the output folder, by kind."""
    return {kind: pattern.format(name) for kind, pattern in outputs.items()}


# --- the report -------------------------------------------------------------------------------


class Report:
    """The lines of `report.jsonl`, one for each input, valid after a kill at any moment.

    Lines are appended as inputs are done. A last line that a kill cut short is dropped when the
    report is opened again.

    Args:
        path: The file; need not exist.
        job: Says which fields a line has.

    Attributes:
        lines: Report lines by the input's path.

    Raises:
        ValueError: The file is something else.
        OSError: The file cannot be read.
    """

    def __init__(self, path: Path, job: BatchJob):
        self.path = path
        self.outputs = job.outputs
        self.lines: dict[str, dict] = {}
        required = {"path", "sha256", *job.identity, *job.fields, *job.outputs}
        text = path.read_bytes() if path.exists() else b""
        complete = text[: text.rfind(b"\n") + 1]
        for number, line in enumerate(complete.splitlines(), start=1):
            try:
                fields = json.loads(line)
                if not (fields.keys() >= {"path", "error"} or fields.keys() >= required):
                    raise ValueError("fields are missing")
                if "error" not in fields and not all(_inside(fields[kind]) for kind in job.outputs):
                    raise ValueError("outputs lie elsewhere")
                self.lines[fields["path"]] = fields
            except (ValueError, TypeError, AttributeError) as error:
                raise ValueError(
                    f"{path}: line {number} is not a report line of this command; "
                    "give another output folder"
                ) from error
        if len(complete) < len(text):
            self._rewrite()

    def names(self) -> dict[str, str]:
        """Names of the outputs, see `output_files`, by the input's path."""
        kind, pattern = next(iter(self.outputs.items()))
        start = len(pattern.split("{}")[0])
        return {
            path: os.path.splitext(line[kind][start:])[0]
            for path, line in self.lines.items()
            if "error" not in line
        }

    def drop(self, paths: Iterable[str]) -> None:
        """Removes the lines of inputs that will be done again."""
        dropped = [path for path in paths if self.lines.pop(path, None) is not None]
        if dropped:
            self._rewrite()

    def append(self, line: dict) -> None:
        """Adds the line of an input that has none."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with open(self.path, "ab") as file:
            file.write(_encoded(line))
        self.lines[line["path"]] = line

    def _rewrite(self) -> None:
        write_atomically(self.path, b"".join(map(_encoded, self.lines.values())))


def _inside(path: str) -> bool:
    return not os.path.isabs(path) and ".." not in path.split("/")


def _encoded(line: dict) -> bytes:
    # ASCII, because names of files may be bytes that are no valid Unicode.
    return json.dumps(line, allow_nan=False).encode("ascii") + b"\n"


# --- running ----------------------------------------------------------------------------------


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
        name: Of the outputs.
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


# --- command lines ----------------------------------------------------------------------------


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds what every command over pictures has: PATH..., -o OUT and --overwrite."""
    parser.add_argument("paths", nargs="+", metavar="PATH", help="picture or folder of pictures")
    parser.add_argument("-o", "--output", required=True, metavar="OUT", help="output folder")
    parser.add_argument(
        "--overwrite", action="store_true", help="make outputs again that exist already"
    )


def exit_status(run_job: Callable[[], Counter[str]], out: str) -> int:
    """Runs a job for the command line and prints the summary, or the error that prevented it.

    Args:
        run_job: Does the job, as `run` does, or raises ValueError or OSError.
        out: Output folder, for the summary.

    Returns:
        0 done, 1 some inputs failed, 2 nothing done, 130 interrupted.
    """
    try:
        counts = run_job()
    except (OSError, ValueError) as error:
        print("error: " + " ".join(str(error).splitlines()), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; the same command goes on where it stopped", file=sys.stderr)
        return 130
    found = ", ".join(f"{number} {what}" for what, number in sorted(counts.items()))
    print(f"{counts.total()} inputs: {found}; see {Path(out) / 'report.jsonl'}")
    return 1 if counts["failed"] else 0


def run_program(
    prog: str,
    description: str | None,
    add_commands: Iterable[Callable[[argparse._SubParsersAction], None]],
    arguments: Sequence[str] | None = None,
) -> int:
    """Runs one of several commands.

    Args:
        prog: How the program is called.
        description: For its help.
        add_commands: Each adds a command to the parser, with `run` among its defaults: a function
            from the parsed options to the exit status.
        arguments: Without the program's name; those of the process by default.

    Returns:
        Exit status: what the command's `run` gave, or 130 when interrupted. Wrong usage raises
        SystemExit with status 2.
    """
    parser = argparse.ArgumentParser(prog=prog, description=description)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for add_command in add_commands:
        add_command(commands)
    options = parser.parse_args(arguments)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="PIL")  # errors say what matters
            return options.run(options)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
