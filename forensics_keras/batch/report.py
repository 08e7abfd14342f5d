"""The report of a command over many pictures: one line an input, valid after a kill."""

from __future__ import annotations

import json
import os
from pathlib import Path

from forensics_keras.batch.job import BatchJob
from forensics_keras.files import write_atomically
from forensics_keras.images import read_bytes

HASHES = "outputs_sha256"
"""Field of a report line: SHA-256 of each output, hexadecimal, by kind."""


class Report:
    """The lines of `report.jsonl`, one for each input, valid after a kill at any moment.

    The line of an input is appended, and on the disk, before its outputs get their names: no output
    is ever there that no line knows. A later line of an input takes the place of an earlier one; a
    last line that a kill cut short counts for nothing. `compact` removes both from the file.

    Args:
        path: The file; need not exist.
        job: Says which fields a line has.

    Attributes:
        lines: Report lines by the input's path.
        forgotten: Outputs that only replaced lines know, as `files` gives them: a run was killed
            before it removed them.

    Raises:
        ValueError: The file is something else.
        OSError: The file cannot be read.
    """

    def __init__(self, path: Path, job: BatchJob):
        self.path = path
        self.outputs = job.outputs
        self.lines: dict[str, dict] = {}
        self._required = {"path", "sha256", *job.identity, *job.fields, *job.outputs}
        self._required -= job.optional
        is_new = not os.path.lexists(path) or (path.is_file() and not path.stat().st_size)
        text = b"" if is_new else read_bytes(path)
        complete = text[: text.rfind(b"\n") + 1]
        known: dict[str, str | None] = {}
        self._is_compact = len(complete) == len(text)
        for number, line in enumerate(complete.splitlines(), start=1):
            try:
                fields = self._checked(json.loads(line))
            except (ValueError, TypeError, AttributeError, RecursionError) as error:
                raise ValueError(
                    f"{path}: line {number} is not a report line of this command; "
                    "give another output folder"
                ) from error
            self._is_compact &= fields["path"] not in self.lines
            self.lines[fields["path"]] = fields
            known |= self.files(fields)
        for fields in self.lines.values():
            for file in self.files(fields):
                del known[file]
        self.forgotten = known

    def _checked(self, fields: dict) -> dict:
        if not (fields.keys() >= {"path", "error"} or fields.keys() >= self._required):
            raise ValueError("fields are missing")
        if not all(map(_inside, self.files(fields))):
            raise ValueError("outputs lie elsewhere")
        if not isinstance(fields.get(HASHES, {}), dict):
            raise ValueError("hashes are missing")
        return fields

    def files(self, line: dict | None) -> dict[str, str | None]:
        """Returns the outputs of a report line, none of a failed input.

        Returns:
            By their paths in the folder the SHA-256, or `None` in reports of earlier versions.
        """
        if line is None or "error" in line:
            return {}
        hashes = line.get(HASHES, {})
        return {line[kind]: hashes.get(kind) for kind in self.outputs}

    def names(self) -> dict[str, str]:
        """Names of the outputs, see `output_files`, by the input's path."""
        kind, pattern = next(iter(self.outputs.items()))
        start = len(pattern.split("{}")[0])
        return {
            path: os.path.splitext(line[kind][start:])[0]
            for path, line in self.lines.items()
            if "error" not in line
        }

    def append(self, line: dict) -> None:
        """Adds the line of an input, which is on the disk when this returns."""
        self._is_compact &= line["path"] not in self.lines
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
        try:
            with open(self.path, "ab", opener=lambda path, _: os.open(path, flags, 0o666)) as file:
                file.write(_encoded(line))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise OSError(f"{self.path}: cannot be written ({error.strerror})") from error
        self.lines[line["path"]] = line

    def compact(self) -> None:
        """Removes lines that later ones replaced, and one that was cut short."""
        if not self._is_compact:
            write_atomically(self.path, b"".join(map(_encoded, self.lines.values())))
            self._is_compact = True


def _inside(path: str) -> bool:
    return not os.path.isabs(path) and ".." not in path.split("/")


def _encoded(line: dict) -> bytes:
    # ASCII, because names of files may be bytes that are no valid Unicode.
    return json.dumps(line, allow_nan=False).encode("ascii") + b"\n"
