"""The tables about IRL-Net: 1 to 4 and `lambda` as in the paper, the others beyond it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from datasets.forging import Forging
from datasets.inpainting import FAMILIES, INPAINTERS, weights_sha256
from datasets.photographs.selection import (
    PAPER_COUNTS,
    select,
    selected_photographs,
    write_selection,
)
from datasets.photographs.sources import photographs_of
from evaluation import measure, methods, pictures, summaries
from evaluation.report import Report
from evaluation.run import IRLEvaluation
from evaluation.summaries import (
    FALSE_ALARM_TITLES,
    POOLED_NOTE,
    POOLED_TITLES,
    UNTOUCHED_TITLES,
)
from evaluation.tables import core
from evaluation.tables.core import Budget
from evaluation.tables.irl_rows import (
    COMPRESSED,
    FAMILY,
    ROBUSTNESS,
    ROWS,
    TABLES,
    TRACES,
    IRLRow,
)
from evaluation.trials import Contestant, forged_trials
from forensics_keras.tables import summary_rows
from irl_keras import presets

TITLES = {name: name for name in ("mIoU", "F1", "precision", "recall")}
SHOWN = {**TITLES, **POOLED_TITLES}
METHOD = ("method", "trained on")
NO_TRAINING = {"training": "-", "trained on": "-"}
SHIPPED = {"clean": ("clean",), "compressed": COMPRESSED, "robustness": ROBUSTNESS}
"""What the shipped presets are measured under."""
QUICK = Budget(size=64, batch_size=4, epochs=1, steps=60, model={"width": 0.125})
"""Seconds a network: shows that everything works, and nothing about the methods."""
SIZE, QUICK_SIZE = 256, 128
"""Sides of the test crops, in pixels."""


def all_rows(name: str, inpainters: Sequence[str] | None, shipped: Sequence[str]) -> list[IRLRow]:
    """Makes the rows of a table, about its own inpainters or others, shipped presets last."""
    about = TABLES[name].about
    own = ROWS[name](tuple(inpainters or about["inpainters"]))
    if about["shipped"] is None:
        return own
    tested_on = tuple(dict.fromkeys(name for row in own for name in row.tested_on))
    published = any(row.published for row in own)
    options = {"degradations": SHIPPED[about["shipped"]], "published": published}
    names = [one for one in shipped if one not in {row.training for row in own}]
    return own + [IRLRow(one, one, (), tested_on, **options) for one in names]


def check_installed(number: str, rows: Sequence[IRLRow]) -> None:
    """Raises ValueError, one line that names them, if rows need inpainters that are not here."""
    installed = {*INPAINTERS, *(family for family, members in FAMILIES.items() if members)}
    members = {name for members in FAMILIES.values() for name in members}
    needed = dict.fromkeys(name for row in rows for name in (*row.trained_on, *row.tested_on))
    missing = [name for name in needed if name not in installed]
    if missing:
        raise ValueError(
            f"table {number} needs the inpainters {', '.join(missing)}, whose weights are not "
            f"installed: train them (python train.py inpaint), or choose with --inpainters among "
            f"{', '.join(sorted({*INPAINTERS} - members))}"
        )


def is_shipped(row: IRLRow, shipped: Sequence[str], budget: Budget) -> bool:
    """Says whether a row's weights are a preset.

    Smaller trainings than configured are all alike: next to them, weights of another effort would
    look a result of the method.
    """
    return row.training in shipped and (not row.trained_on or budget == Budget())


# --- sections ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Found:
    """What the sections of a table are made of.

    Attributes:
        records: Records of `measure`, with what `mark_seen` adds.
        data: Name of the forged photographs in the records.
        paper: Percent by method, inpainter and measure.
        seed: Seed of the intervals.
        elsewhere: What the paper's methods were trained on that were not trained on the forgeries
            of their row, by method.
    """

    records: list[dict]
    data: str
    paper: Mapping[str, Mapping[str, Mapping[str, float]]]
    seed: int
    elsewhere: Mapping[str, str] = field(default_factory=dict)

    @property
    def own(self) -> list[dict]:
        """Records of the photographs that were forged here, and of their originals."""
        return [record for record in self.records if record["data"] == self.data]

    @property
    def clean(self) -> list[dict]:
        """Records of their forgeries without a degradation."""
        return summaries.clean(summaries.manipulated(self.own))

    def rows(self, records, by: Sequence[str], titles=SHOWN, digits: int = 3) -> list[dict]:
        """Makes the rows of groups of records."""
        return summaries.rows(records, by, titles, self.seed, digits)

    def beside_paper(self, rows: list[dict]) -> list[dict]:
        """Adds the paper's numbers: those of a row's inpainter, or the means over all of them."""
        tested = {record["inpainter"] for record in self.clean} - {"any"}
        titles = {**TITLES, "trained on": "trained on"} if self.elsewhere else TITLES
        shown = []
        for row in rows:
            numbers = self.paper.get(row["method"], {})
            if "inpainter" in row:
                numbers = {row["inpainter"]: numbers.get(row["inpainter"])}
            if None in numbers.values() or ("inpainter" not in row and set(numbers) != tested):
                numbers = {}
            means = {m: np.mean([n[m] for n in numbers.values()]) for m in TITLES if numbers}
            cells = {name: f"{mean / 100:.3f}" for name, mean in means.items()}
            if numbers:
                own = row.get("inpainter", "each inpainter")
                cells["trained on"] = self.elsewhere.get(row["method"], own)
            shown.append(cells)
        return summaries.beside_paper(rows, titles, shown)


def left_out(found: Found) -> list[dict]:
    """Shows each method on the inpainter that its training left out, over all splits."""
    records = [
        {**record, "trained on": _common(record["trained on"])}
        for record in found.clean
        if record["left_out"] or record["training"] == "-"
    ]
    return found.rows(records, METHOD)


def _common(trained_on: str) -> str:
    """Names what is common to the trainings of all splits."""
    added = [name for name in trained_on.split(" + ") if name in (FAMILY, TRACES)]
    return "-" if trained_on == "-" else " + ".join(["the others", *added])


def robustness(found: Found) -> list[dict]:
    """Shows F1 by degradation over all inpainters, a column for each network with several."""
    records = summaries.manipulated(found.own)
    specs = list(dict.fromkeys(r["degradation"] for r in records if r["degradation"] != "any"))
    columns: dict[str, dict[str, str]] = {}
    for row in found.rows(records, ("method", "training", "degradation"), {"F1": "F1"}):
        name = row["method"] if row["training"] == "-" else row["training"]
        cells = columns.setdefault(name, {})
        cells |= dict.fromkeys(specs if row["training"] == "-" else [row["degradation"]], row["F1"])
    complete = {name: cells for name, cells in columns.items() if set(cells) == set(specs)}
    return [
        {"degradation": spec, **{f"{name} F1": cells[spec] for name, cells in complete.items()}}
        for spec in specs
    ]


def published(found: Found) -> list[dict]:
    """Shows each network on forgeries by inpainters that were not trained here."""
    records = [r for r in summaries.manipulated(found.records) if r["data"] != found.data]
    return found.rows(records, ("data", *METHOD))


def detected(found: Found) -> list[dict]:
    """Shows how well forged pictures are told from untouched ones."""
    by = (*METHOD, "inpainter", "degradation")
    return summary_rows(summaries.false_alarms(found.own, by, found.seed), FALSE_ALARM_TITLES)


def untouched(found: Found) -> list[dict]:
    """Shows what is flagged in pictures that nobody touched."""
    records, by = summaries.authentic(found.records), ("data", *METHOD, "degradation")
    return found.rows(records, by, UNTOUCHED_TITLES, digits=4)


EACH = (*METHOD, "inpainter")
SECTIONS: dict[str, tuple[str, Callable[[Found], list[dict]]]] = {
    "localization": ("Forged pictures", lambda f: f.beside_paper(f.rows(f.clean, EACH))),
    "average": ("Over all inpainters", lambda f: f.beside_paper(f.rows(f.clean, ("method",)))),
    "left_out": ("The inpainter that training left out, over all splits", left_out),
    "generalization": (
        "Each inpainter, seen in training or not",
        lambda f: f.rows(f.clean, (*EACH, "seen")),
    ),
    "published": ("Published forgeries", published),
    "robustness": ("Degradations, over all inpainters", robustness),
    "detection": ("Is the picture touched at all?", detected),
    "untouched": ("Untouched pictures", untouched),
}
"""Title, and rows, of the parts that tables are made of."""


# --- the command ------------------------------------------------------------------------------


def make(run: IRLEvaluation) -> int:
    """Makes a table; returns the exit code."""
    run, asked = run.limited(), run.table
    table, shipped = TABLES[asked.name], presets.list_presets()
    rows = all_rows(asked.name, run.inpainters, shipped)
    if run.degradations:
        rows = [replace(row, degradations=run.degradations) for row in rows]
    check_installed(asked.name, rows)
    budget, out = QUICK if asked.quick else asked.budget, asked.folder(run.out)
    corpus = find_corpus(asked, table.about["photographs"], out, run.seed)
    data = corpus.name
    trainings = corpus.trainings(out, budget, run.seed)
    tested_on = tuple(dict.fromkeys(name for row in rows for name in row.tested_on))
    size = min(run.size or SIZE, QUICK_SIZE if asked.quick else run.size or SIZE)
    # The pictures of the test are as those of the trainings.
    whole = any(row.trained_on and row.experiment(budget).recipe.whole for row in rows)
    forging = Forging(tested_on, size, run.seed, whole)
    sources = corpus.sources(forging, run.limit)
    if run.published and any(row.published for row in rows):
        sources += pictures.published_pairs(run.published, run.limit)
    ready = [row.training for row in rows if is_shipped(row, shipped, trainings.budget)]
    if not core.train_missing(table, rows, trainings, asked.plan, ready):
        return 0
    loaded = [
        methods.load_irl_preset(row.training, run.threshold, row.method)
        if row.training in ready
        else trainings.load(row, run.threshold)
        for row in rows
    ]
    measured = measure_rows(sources, rows, [one.method for one in loaded], run)
    elsewhere = table.about.get("trained_on", {})
    found = Found(measured.records, data, table.paper, run.seed, elsewhere)
    sections = {title: show(found) for title, show in map(SECTIONS.get, table.about["sections"])}
    results = {
        "data": {
            "name": data,
            "folder": corpus.test_folder or pictures.BUNDLED,
            "layout": corpus.layout,
            "selection": corpus.selection,
            "pictures": len(sources),
            "size": forging.size,
            "whole": forging.whole,
            "published": run.published,
            "inpainters": {name: weights_sha256(name) for name in forging.inpainters},
        },
        "weights": [one.weights for one in loaded],
        "threshold": run.threshold,
        "seed": run.seed,
        "paper": {"source": table.source, "percent": table.paper},
    }
    report = Report(f"Table {asked.name}: {table.title}", sections, notes(table, results), results)
    return core.finish("irl", run, report, sources, measured)


@dataclass(frozen=True)
class Corpus:
    """The photographs of a table.

    Attributes:
        name: What the table calls them.
        folder: Their folder; `None` for the bundled ones.
        layout: Key of `datasets.photographs.sources.SOURCES`; `None` where the folder has
            `train/`, `val/` and `test/`.
        selection: Manifest of those that are used, where there is a layout.
    """

    name: str
    folder: Path | None = None
    layout: str | None = None
    selection: Path | None = None

    @property
    def test_folder(self) -> Path | None:
        """The folder that test photographs are read from."""
        return self.folder and (self.folder if self.layout else self.folder / "test")

    def trainings(self, out: Path, budget: Budget, seed: int) -> core.Trainings:
        """Makes the trainings on them."""
        pairs = out / "pairs" / f"{self.name}_{budget.pairs}" if budget.pairs else None
        corpora = (self.folder,) if self.folder else ()
        of_layout = {"layout": self.layout, "selection": self.selection}
        folder = out / "training" / self.name
        return core.Trainings(folder, corpora, budget, seed, pairs, **of_layout)

    def sources(self, forging: Forging, limit: int | None) -> list[pictures.Source]:
        """Lists those of the test, which are forged when they are read."""
        chosen = None
        if self.folder and self.layout:
            chosen = selected_photographs(self.folder, "test", self.layout, self.selection)
        return pictures.forged_photographs(self.test_folder, forging, limit, self.name, chosen)


def find_corpus(asked: core.TableRun, kind: str, out: Path, seed: int) -> Corpus:
    """Finds the photographs of a table; of a published data set as many as the paper's are drawn.

    What is drawn is written into `out` and read from there again.
    """
    if not asked.corpora:
        return Corpus("bundled")
    if not asked.layout:
        return Corpus(kind, asked.corpora / kind)
    selection = asked.selection or out / f"{asked.layout}.json"
    if not asked.selection and not selection.exists():
        counts = {
            split: min(count, len(photographs_of(asked.layout, asked.corpora, split)))
            for split, count in PAPER_COUNTS.items()
        }
        write_selection(selection, select(asked.layout, asked.corpora, counts, seed))
        drawn = " and ".join(f"{count} of {split}" for split, count in counts.items())
        print(f"Drew {drawn} from {asked.corpora}: {selection}")
    return Corpus(asked.layout, asked.corpora, asked.layout, selection)


def measure_rows(sources, rows: Sequence[IRLRow], networks, run) -> measure.Measurements:
    """Measures the networks of all rows on the same pictures."""
    contestants = [
        Contestant(network, row.degradations, row.tested_on, row.published, row.fields())
        for row, network in zip(rows, networks, strict=True)
    ]
    trials = forged_trials(contestants, run.seed, run.threshold, NO_TRAINING)
    # While a network computes, other pictures are forged and scored.
    measured = measure.measure_all(sources, trials, run.seed, workers=os.cpu_count())
    mark_seen(measured.records, {row.training: row for row in rows})
    return measured


def mark_seen(records: Sequence[dict], rows: Mapping[str, IRLRow]) -> None:
    """Adds whether a record's inpainter was seen in training, and whether it was `left_out`."""
    for record in records:
        row = rows.get(record["training"])
        record["left_out"] = row is not None and record["inpainter"] == row.left_out
        record["seen"] = "-"
        if row is not None and row.trained_on:
            record["seen"] = "yes" if record["inpainter"] in row.trained_on else "no"


def notes(table: core.Table, results: Mapping) -> list[str]:
    """Lists what stands below the tables."""
    data = results["data"]
    lines = [
        f"Data: {data['pictures']} pictures; {data['folder']}, "
        f"{'whole, scaled to' if data['whole'] else 'crops of'} {data['size']} pixels, "
        f"seed {results['seed']}; all networks on the same ones, at {results['threshold']:g}.",
        "With 95 % bootstrap intervals over pictures. `any`: the same for all.",
        POOLED_NOTE,
    ]
    lines += table.about.get("notes", ())
    if table.paper:
        lines.append(f"Paper: {table.source}")
    if "generalization" in table.about["sections"] and not FAMILIES[FAMILY]:
        lines.append(f"The family {FAMILY!r} is not installed: no network was trained on it.")
    return [*lines, *core.weights_notes(results["weights"])]
