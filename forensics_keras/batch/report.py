"""The report of a command over many pictures: one line an input, valid after a kill."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path

from forensics_keras.batch.job import BatchJob
from forensics_keras.files import write_atomically


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
