"""Reports for people, of a command over many pictures: a page, a table and a document.

- `page`: `report.html`, one file with pictures that needs nothing else and loads nothing;
- `table`: `report.csv`, the fields of the report lines;
- `document`: `report.pdf`, the page as an installed Chromium prints it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from forensics_keras.files import write_atomically
from forensics_keras.reports.document import find_browser, print_page
from forensics_keras.reports.page import MARK, render_page
from forensics_keras.reports.table import FIRST_COLUMN, render_table

if TYPE_CHECKING:
    from forensics_keras.batch.job import BatchJob
    from forensics_keras.batch.run import BatchResult

_OURS = {"html": MARK.encode(), "csv": FIRST_COLUMN.encode(), "pdf": b"%PDF"}
"""What a report begins with: another file of its name is not replaced unless asked."""


def check_reports(kinds: Sequence[str], out: Path, overwrite: bool) -> None:
    """Refuses reports that cannot be written, before time is spent on the pictures.

    Args:
        kinds: Of "html", "csv" and "pdf".
        out: Output folder.
        overwrite: Whether files that are no such reports may be replaced.

    Raises:
        ValueError: There is another file of a report's name, or no program that makes PDF files.
        OSError: Such a file cannot be read.
    """
    for kind in kinds:
        file = _file(out, kind)
        if file.exists() and not overwrite:
            with open(file, "rb") as opened:
                if not opened.read(200).lstrip().startswith(_OURS[kind]):
                    raise ValueError(
                        f"{file}: is not a report of this program; add --overwrite or give another "
                        "output folder"
                    )
    if "pdf" in kinds:
        find_browser()


def write_reports(
    kinds: Sequence[str], out: Path, job: BatchJob, result: BatchResult
) -> list[Path]:
    """Writes reports, each whole or not at all.

    Args:
        kinds: Of "html", "csv" and "pdf".
        out: Output folder, where the outputs of the job are.
        job: Says how results are shown.
        result: What became of the inputs.

    Returns:
        The files.

    Raises:
        ValueError: The PDF file cannot be made.
        OSError: A file cannot be written.
    """
    files = [_file(out, kind) for kind in kinds]
    page = render_page(job, result, out) if {"html", "pdf"} & {*kinds} else ""
    for kind, file in zip(kinds, files, strict=True):
        if kind == "html":
            write_atomically(file, page.encode())
        elif kind == "csv":
            write_atomically(file, render_table(result.lines).encode())
        else:
            write_atomically(file, print_page(page))
    return files


def _file(out: Path, kind: str) -> Path:
    return out / f"report.{kind}"
