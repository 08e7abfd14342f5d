"""What every evaluation writes: all values as JSON, the tables as Markdown, a picture grid."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from forensics_keras.figures import picture_grid
from forensics_keras.files import write_atomically
from forensics_keras.images import read_bytes, write_png
from forensics_keras.records import library_versions, write_json
from forensics_keras.tables import markdown_table, text_table

QUICK_MARK = "q"
QUICK_NOTE = (
    f"{QUICK_MARK}: from a quick run, which shows that the command works and says nothing about "
    "the methods."
)


@dataclass(frozen=True)
class Report:
    """What was found: table rows by heading, and the notes below.

    `results` is everything else that the JSON file holds; `grid` has the rows of the picture grid:
    label, thumbnails by header.
    """

    title: str
    sections: Mapping[str, Sequence[dict]]
    notes: Sequence[str]
    results: Mapping[str, object] = field(default_factory=dict)
    grid: Sequence[tuple[str, Mapping[str, np.ndarray]]] = ()


def refuse_others_files(out: Path, name: str | None = None) -> None:
    """Refuses a folder where a report would replace files that are of no earlier one.

    Args:
        out: The folder.
        name: Name of a table, as for `write_table`; `None` for the files of `write_run`.

    Raises:
        ValueError: If it would.
    """
    values, *others = _files(out, name)
    found = [path for path in (values, *others) if os.path.lexists(path)]
    try:
        is_ours = {"title", "versions", "sections"} <= json.loads(read_bytes(values)).keys()
    except (OSError, ValueError, AttributeError, RecursionError):
        is_ours = False
    if found and not is_ours:
        raise ValueError(f"{found[0]}: exists and is of no evaluation; choose another --out")


def _files(out: Path, name: str | None) -> list[Path]:
    if name is None:
        return [out / "metrics.json", out / "tables.md", out / "grid.png"]
    return [out / f"{name}.{ending}" for ending in ("json", "md", "png")]


def write_run(report: Report, out: Path) -> None:
    """Prints the report of a single run; writes `metrics.json`, `tables.md`, `grid.png`."""
    refuse_others_files(out)
    _write(report, *_files(out, None))


def write_table(report: Report, out: Path, name: str, quick: bool) -> None:
    """Prints one of the tables; writes `NAME.json`, `NAME.md`, `NAME.png`; marks a quick run."""
    if quick:
        sections = {heading: mark_quick(rows) for heading, rows in report.sections.items()}
        notes = [*report.notes, QUICK_NOTE]
        report = replace(
            report, title=f"{report.title} (quick run)", sections=sections, notes=notes
        )
    refuse_others_files(out, name)
    _write(report, *_files(out, name))


def _write(report: Report, values: Path, page: Path, picture: Path) -> None:
    sections = {heading: rows for heading, rows in report.sections.items() if rows}
    print(f"{report.title}\n")
    for heading, rows in sections.items():
        print(f"{heading}\n\n{text_table(rows)}\n")
    print("\n".join(report.notes))
    tables = [f"## {heading}\n\n{markdown_table(rows)}" for heading, rows in sections.items()]
    notes = "\n".join(f"- {note}" for note in report.notes)
    text = "\n\n".join([f"# {report.title}", *tables, notes])
    shared = {"title": report.title, "versions": library_versions(), "notes": list(report.notes)}
    # First, because by it a later run knows the other files as its own.
    write_json(values, {**shared, **report.results, "sections": sections})
    write_atomically(page, (text + "\n").encode())
    print(f"\nAll values: {values}")
    if report.grid:
        headers = list(report.grid[0][1])
        rows = [(label, list(pictures.values())) for label, pictures in report.grid]
        write_png(picture, picture_grid(rows, headers))
        print(f"Picture: {picture}")


def mark_quick(rows: Sequence[dict]) -> list[dict]:
    """Marks every measured number of a quick run, so that none is quoted without it."""

    def marked(column: str, value: object) -> object:
        # Numbers that are not text are counts and conditions.
        if not str(value)[:1].isdigit() or column.startswith("paper's") or type(value) is not str:
            return value
        first, *rest = value.split("\n")
        return "\n".join([f"{first}{QUICK_MARK}", *rest])

    return [{key: marked(key, value) for key, value in row.items()} for row in rows]
