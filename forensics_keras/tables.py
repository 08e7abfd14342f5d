"""Tables of results as plain text and Markdown."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence


def format_interval(summary: Mapping[str, float], digits: int = 3) -> str:
    r"""Shows a mean above its interval: two lines of a text table's cell.

    Args:
        summary: `mean`, `low` and `high`, as `forensics_keras.metrics.summarize` gives them.
        digits: Digits after the decimal point.

    Returns:
        For example `"0.912\n0.89-0.93"`, the interval with one digit less; `"-"` for NaN.
    """
    if math.isnan(summary["mean"]):
        return "-"
    low, high = (f"{summary[end]:.{max(digits - 1, 0)}f}" for end in ("low", "high"))
    return f"{summary['mean']:.{digits}f}\n{low}-{high}"


def summary_rows(
    summaries: Sequence[Mapping[str, object]], titles: Mapping[str, str], digits: int = 3
) -> list[dict[str, object]]:
    """Turns summaries into the rows of a table.

    Args:
        summaries: As `forensics_keras.metrics.summarize_groups` gives them.
        titles: Column title of each measure to show.
        digits: As for `format_interval`.

    Returns:
        Rows for `text_table` and `markdown_table`: the fields of the group, the number of pictures,
        and mean and interval of each measure.
    """
    return [
        {
            **{field: value for field, value in summary.items() if field != "scores"},
            **{
                title: format_interval(summary["scores"][measure], digits)
                for measure, title in titles.items()
            },
        }
        for summary in summaries
    ]


def text_table(rows: Sequence[Mapping[str, object]]) -> str:
    """Renders rows as aligned plain text; a cell may have several lines.

    Args:
        rows: One mapping from column name to cell a row; the columns are those of the first row.

    Returns:
        The table without a final newline: text to the left, numbers to the right.

    Raises:
        ValueError: If there are no rows, or their columns differ.
    """
    columns = _columns(rows)
    lines = [columns]
    for row in rows:
        cells = [str(row[column]).split("\n") for column in columns]
        for index in range(max(map(len, cells))):
            lines.append([cell[index] if index < len(cell) else "" for cell in cells])
    widths = [max(len(line[i]) for line in lines) for i in range(len(columns))]
    lines.insert(1, ["-" * width for width in widths])
    numeric = [_is_numeric(column, rows) for column in columns]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if number else cell.ljust(width)
            for cell, width, number in zip(line, widths, numeric, strict=True)
        ).rstrip()
        for line in lines
    )


def markdown_table(rows: Sequence[Mapping[str, object]]) -> str:
    """Renders rows as a Markdown table; the lines of a cell are joined, the later in brackets.

    Args:
        rows: As for `text_table`.

    Returns:
        The table without a final newline, for example `| 0.912 (0.89-0.93) |`.

    Raises:
        ValueError: If there are no rows, or their columns differ.
    """
    columns = _columns(rows)
    numeric = [_is_numeric(column, rows) for column in columns]
    lines = [columns, ["---:" if number else "---" for number in numeric]]
    for row in rows:
        cells = [str(row[column]).replace("|", "\\|").split("\n") for column in columns]
        lines.append([" ".join([cell[0], *(f"({line})" for line in cell[1:])]) for cell in cells])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _columns(rows: Sequence[Mapping[str, object]]) -> list[str]:
    if not rows:
        raise ValueError("a table needs at least one row")
    columns = list(rows[0])
    for row in rows:
        if set(row) != set(columns):
            raise ValueError(f"rows differ in their columns: {columns} and {list(row)}")
    return columns


def _is_numeric(column: str, rows: Sequence[Mapping[str, object]]) -> bool:
    return all(re.match(r"-$|-?\d", str(row[column])) for row in rows)
