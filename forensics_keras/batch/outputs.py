"""The files of one input: where they go, and what may lie there before."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path

from forensics_keras import images
from forensics_keras.batch.inputs import output_files
from forensics_keras.batch.report import HASHES, Report
from forensics_keras.files import replacing


class Outputs:
    """The outputs of one input.

    Args:
        out: Output folder.
        name: Name of the outputs.
        report: Report of the folder; its line of the input says which outputs there are already.
        path: The input.
        inputs: Files that must neither be replaced nor removed, as `identities` gives them.
        overwrite: Whether files may be replaced that no report line knows.
    """

    def __init__(
        self,
        out: Path,
        name: str,
        report: Report,
        path: str,
        inputs: set[tuple[int, int]],
        overwrite: bool,
    ):
        self.out = out
        self.report = report
        self.relative = output_files(name, report.outputs)
        self.old = report.files(report.lines.get(path))
        self.inputs = inputs
        self.overwrite = overwrite

    def refuse_inputs(self) -> None:
        """Raises ValueError if the outputs would replace an input."""
        for file in self.relative.values():
            if _is_input(self.out / file, self.inputs):
                raise ValueError(
                    f"its output would replace the input {self.out / file}; give another folder"
                )

    def write(self, contents: Mapping[str, bytes], line: dict) -> None:
        """Writes all outputs; they get their names when the report has the line.

        Raises:
            ValueError: A file lies there that no report line knows, and it has other content.
            OSError: Something cannot be written.
        """
        hashes = {kind: hashlib.sha256(content).hexdigest() for kind, content in contents.items()}
        with ExitStack() as stack:
            for kind, content in contents.items():
                file = self.relative[kind]
                exists_ok = self._may_replace(file, hashes[kind])
                temporary = stack.enter_context(replacing(self.out / file, exists_ok=exists_ok))
                temporary.write_bytes(content)
            self.report.append({**line, **self.relative, HASHES: hashes})
        new = self.relative.values()
        other = {file: sha256 for file, sha256 in self.old.items() if file not in new}
        remove_outputs(self.out, other, self.inputs)

    def _may_replace(self, file: str, sha256: str) -> bool:
        if self.overwrite or file in self.old or _sha256(self.out / file) == sha256:
            return True
        if os.path.lexists(self.out / file):
            raise ValueError(
                f"{self.out / file} exists and is not one of its outputs; "
                "add --overwrite or give another output folder"
            )
        return False


def identities(paths: Iterable[str]) -> set[tuple[int, int]]:
    """Device and number of each file that exists: the same for all names of one file."""
    found = set()
    for path in paths:
        with contextlib.suppress(OSError, ValueError):
            status = os.stat(path)
            found.add((status.st_dev, status.st_ino))
    return found


def _is_input(file: Path, inputs: set[tuple[int, int]]) -> bool:
    return not identities([str(file)]).isdisjoint(inputs)


def are_whole(out: Path, files: Mapping[str, str | None]) -> bool:
    """Tells whether outputs are on the disk as they were written.

    Args:
        out: Output folder.
        files: As `Report.files` gives them.
    """
    return all(sha256 and _sha256(out / file) == sha256 for file, sha256 in files.items())


def remove_outputs(
    out: Path, files: Mapping[str, str | None], inputs: set[tuple[int, int]]
) -> None:
    """Removes outputs, but none that was changed since it was written, and no input.

    Args:
        out: Output folder.
        files: As `Report.files` gives them.
        inputs: As `identities` gives them.
    """
    for file, sha256 in files.items():
        if sha256 in (None, _sha256(out / file)) and not _is_input(out / file, inputs):
            with contextlib.suppress(OSError):
                (out / file).unlink()


def _sha256(file: Path) -> str | None:
    try:
        return hashlib.sha256(images.read_bytes(file)).hexdigest()
    except (OSError, ValueError):
        return None
