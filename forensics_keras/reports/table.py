"""The report as a table: one row an input, the fields of the report lines."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

from forensics_keras.terminal import printable

FIRST_COLUMN = "path"
_FORMULA = ("=", "+", "-", "@")


def render_table(lines: Sequence[Mapping[str, Any]]) -> str:
    """Renders report lines as CSV with a header, for spreadsheets and data frames.

    Args:
        lines: Report lines; each may have other fields.

    Returns:
        The text of the file. Lists are JSON. Texts that a spreadsheet would run as a formula begin
        with an apostrophe.
    """
    columns = dict.fromkeys([FIRST_COLUMN, *(name for line in lines for name in line)])
    file = io.StringIO()
    writer = csv.DictWriter(file, columns, lineterminator="\n")
    writer.writeheader()
    for line in lines:
        writer.writerow({name: _cell(value) for name, value in line.items()})
    return file.getvalue()


def _cell(value: object) -> object:
    if isinstance(value, list | dict):
        return json.dumps(value)
    if isinstance(value, str):
        text = printable(value)
        return f"'{text}" if text.startswith(_FORMULA) else text
    return value
