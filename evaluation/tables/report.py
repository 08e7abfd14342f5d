"""Turns what was measured into tables beside the paper's."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from evaluation.measuring import UNTOUCHED, detection
from evaluation.tables.specs import FAMILY, TRACES
from forensics_keras import metrics
from forensics_keras.figures import picture_grid
from forensics_keras.files import write_atomically
from forensics_keras.images import write_png
from forensics_keras.records import write_json
from forensics_keras.tables import markdown_table, summary_rows, text_table

MEASURES = {"mIoU": "mIoU", "F1": "F1", "precision": "precision", "recall": "recall"}
UNTOUCHED_MEASURES = {"pixels_flagged": "pixels flagged", "picture_flagged": "pictures flagged"}
DETECTION_MEASURES = {"AUC": "AUC", "false_alarms": "false alarms at 95 % found"}
METHOD = ("method", "trained on")
QUICK_MARK = "q"


def paper_numbers(number: int) -> tuple[str, dict]:
    """The paper's numbers.

    Args:
        number: Of the table; those beyond the paper have none.

    Returns:
        Where they are from, and percent by method, inpainter and measure.
    """
    paper = json.loads(Path(__file__).with_name("paper.json").read_bytes())
    return paper["source"], paper.get(str(number), {})


@dataclass(frozen=True)
class Measured:
    """What a table is made of.

    Attributes:
        records: As `tables.measured.measure_rows` returns them.
        data: Name of the forged photographs in the records.
        paper: Percent by method, inpainter and measure.
        seed: Of the intervals.
    """

    records: list[dict]
    data: str
    paper: dict
    seed: int

    def forged(self) -> list[dict]:
        """Records of the photographs that were forged here."""
        return [r for r in self.records if r["data"] == self.data and r["inpainter"] != UNTOUCHED]

    def rows(
        self, records: Sequence[dict], by: Sequence[str], measures: dict, digits: int = 3
    ) -> list[dict]:
        """Means with intervals of groups of records, as rows of a table."""
        summaries = metrics.summarize_groups(records, by, self.seed)
        return summary_rows(summaries, measures, digits)


def localization(measured: Measured) -> list[dict]:
    """Each network on its inpainters, beside the paper's numbers."""
    rows = measured.rows(_clean(measured.forged()), (*METHOD, "inpainter"), MEASURES)
    by_method = [measured.paper.get(row["method"], {}) for row in rows]
    paper = [
        [numbers[row["inpainter"]]] if row["inpainter"] in numbers else []
        for row, numbers in zip(rows, by_method, strict=True)
    ]
    return _beside_paper(rows, paper)


def average(measured: Measured) -> list[dict]:
    """Each method over all inpainters, beside the mean of the paper's numbers for the same."""
    records = _clean(measured.forged())
    rows = measured.rows(_one_a_picture(records, ("method",)), ("method",), MEASURES)
    tested = {record["inpainter"] for record in records} - {"any"}
    paper = []
    for row in rows:
        numbers = measured.paper.get(row["method"], {})
        paper.append(list(numbers.values()) if set(numbers) == tested else [])
    return _beside_paper(rows, paper)


def _beside_paper(rows: list[dict], paper: list[list[dict]]) -> list[dict]:
    """Adds the paper's numbers to each row: the mean of some, in percent, or none."""
    return [
        {
            **row,
            **{
                f"paper's {title}": f"{np.mean([n[measure] for n in numbers]) / 100:.3f}"
                if numbers
                else "-"
                for measure, title in MEASURES.items()
            },
        }
        for row, numbers in zip(rows, paper, strict=True)
    ]


def left_out(measured: Measured) -> list[dict]:
    """Each method on the inpainter that its training left out, over all splits."""
    records = [
        {**record, "trained on": _others(record["trained on"])}
        for record in _clean(measured.forged())
        if record["left_out"] or record["training"] == "-"
    ]
    return measured.rows(_one_a_picture(records, METHOD), METHOD, MEASURES)


def _others(trained_on: str) -> str:
    """What is common to the trainings of all splits."""
    if trained_on == "-":
        return "-"
    added = [name for name in trained_on.split(" + ") if name in (FAMILY, TRACES)]
    return " + ".join(["the others", *added])


def generalization(measured: Measured) -> list[dict]:
    """Each network on each inpainter, and whether its training had seen it."""
    records = [{**r, "seen": _seen(r)} for r in _clean(measured.forged())]
    return measured.rows(records, (*METHOD, "inpainter", "seen"), MEASURES)


def _seen(record: dict) -> str:
    trained_on = record["trained on"]
    if not trained_on[0].isalpha():
        return "-"
    return "yes" if record["inpainter"] in trained_on.split(" + ") else "no"


def published(measured: Measured) -> list[dict]:
    """Each network on forgeries by inpainters that were not trained here."""
    records = [
        r for r in measured.records if r["data"] != measured.data and r["inpainter"] != UNTOUCHED
    ]
    return measured.rows(records, ("data", *METHOD), MEASURES)


def robustness(measured: Measured) -> list[dict]:
    """F1 by degradation over all inpainters, one column for each network measured under several."""
    records = measured.forged()
    specs = list(dict.fromkeys(r["degradation"] for r in records if r["degradation"] != "any"))
    columns: dict[str, dict[str, str]] = {}
    by = ("method", "training", "degradation")
    for row in measured.rows(_one_a_picture(records, by), by, {"F1": "F1"}):
        name = row["method"] if row["training"] == "-" else row["training"]
        cells = columns.setdefault(name, {})
        cells |= dict.fromkeys(specs if row["training"] == "-" else [row["degradation"]], row["F1"])
    complete = {name: cells for name, cells in columns.items() if set(cells) == set(specs)}
    return [
        {"degradation": spec, **{f"{name} F1": cells[spec] for name, cells in complete.items()}}
        for spec in specs
    ]


def detected(measured: Measured) -> list[dict]:
    """Forged pictures told from untouched ones."""
    forged = measured.forged()
    untouched = [
        r for r in measured.records if r["data"] == measured.data and r["inpainter"] == UNTOUCHED
    ]
    by = (*METHOD, "inpainter", "degradation")
    groups = detection(forged, untouched, measured.seed, by)
    return summary_rows(groups, DETECTION_MEASURES)


def untouched_pictures(measured: Measured) -> list[dict]:
    """What is flagged in pictures that nobody touched."""
    records = [r for r in measured.records if r["inpainter"] == UNTOUCHED]
    return measured.rows(records, ("data", *METHOD, "degradation"), UNTOUCHED_MEASURES, digits=4)


def _one_a_picture(records: Sequence[dict], by: Sequence[str]) -> list[dict]:
    """Averages the scores of each picture within its group, over inpainters and splits.

    Versions of one picture are not independent, and intervals are over pictures.
    """
    groups: dict[tuple, list[dict]] = {}
    for record in records:
        key = (record["picture"], *(record[field] for field in by))
        groups.setdefault(key, []).append(record)
    return [
        {
            **same[0],
            "scores": {
                measure: float(np.mean([record["scores"][measure] for record in same]))
                for measure in same[0]["scores"]
            },
        }
        for same in groups.values()
    ]


def _clean(records: Sequence[dict]) -> list[dict]:
    return [record for record in records if record["degradation"] in ("any", "clean")]


SECTIONS: dict[str, tuple[str, Callable[[Measured], list[dict]]]] = {
    "localization": ("Forged pictures", localization),
    "average": ("Over all inpainters", average),
    "left_out": ("The inpainter that training left out, over all splits", left_out),
    "generalization": ("Each inpainter, seen in training or not", generalization),
    "published": ("Published forgeries", published),
    "robustness": ("Degradations, over all inpainters", robustness),
    "detection": ("Is the picture touched at all?", detected),
    "untouched": ("Untouched pictures", untouched_pictures),
}
"""Title, and rows, of the parts that tables are made of."""


def mark_quick(rows: Sequence[dict]) -> list[dict]:
    """Marks every measured number of a quick run, so that none is quoted without it."""
    return [{key: _marked(key, value) for key, value in row.items()} for row in rows]


def _marked(column: str, value: object) -> object:
    # Numbers that are not text are counts and conditions.
    text = value if isinstance(value, str) else ""
    if not text[:1].isdigit() or column.startswith("paper's"):
        return value
    first, *rest = text.split("\n")
    return "\n".join([f"{first}{QUICK_MARK}", *rest])


def write(
    title: str, stem: Path, results: dict, sections: dict[str, list[dict]], figure: list
) -> None:
    """Prints tables; writes them, all values and the figure.

    Args:
        title: Above all.
        stem: Of the files: folder and name without ending.
        results: Everything for the JSON file; `notes` are shown, too.
        sections: Rows by heading.
        figure: Rows of the picture grid.
    """
    sections = {heading: rows for heading, rows in sections.items() if rows}
    page = [f"# {title}"]
    print(f"{title}\n")
    for heading, rows in sections.items():
        page.append(f"## {heading}\n\n{markdown_table(rows)}")
        print(f"{heading}\n\n{text_table(rows)}\n")
    page.append("\n".join(f"- {note}" for note in results["notes"]))
    print("\n".join(results["notes"]))
    write_atomically(stem.with_suffix(".md"), ("\n\n".join(page) + "\n").encode())
    write_json(stem.with_suffix(".json"), {**results, "sections": sections})
    print(f"\nAll values: {stem.with_suffix('.json')}")
    if figure:
        headers = list(figure[0][1])
        rows = [(label, list(pictures.values())) for label, pictures in figure]
        write_png(stem.with_suffix(".png"), picture_grid(rows, headers))
        print(f"Picture: {stem.with_suffix('.png')}")
