"""The command `evaluate.py irl --table N`: finds, trains, measures, reports."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from datasets.inpainting import FAMILIES, weights_sha256
from evaluation.tables import report
from evaluation.tables.measured import measure_rows, photographs_to_forge, published_forgeries
from evaluation.tables.specs import FAMILY, TABLES, Row, Table, check_installed
from evaluation.tables.trainings import QUICK, Budget, Trainings, plan
from forensics_keras.records import library_versions
from forensics_keras.tables import text_table
from irl_keras import presets

QUICK_SIZE, QUICK_PICTURES = 128, 3
"""Side of the test crops of a quick run, in pixels, and number of photographs."""


@dataclass(frozen=True)
class Forging:
    """`measuring.Conditions` of a table."""

    inpainters: tuple[str, ...]
    size: int
    seed: int
    threshold: float


def run(options: argparse.Namespace) -> int:
    """Makes a table.

    Args:
        options: Of `evaluate.py`: `table`, `quick`, `plan`, `corpora`, `published`, `width`,
            `crop_size`, `steps`, `learning_rate`, `pairs`, `mixed_precision`, `inpainters`,
            `degradations`, `size`, `limit`, `seed`, `threshold`, `out`.

    Returns:
        The exit code: 0, or 1 when pictures failed.

    Raises:
        ValueError: If an inpainter, a corpus or weights are missing or do not fit.
        OSError: If something cannot be read or written.
    """
    table = TABLES[options.table]
    out = options.out / "quick" if options.quick else options.out
    shipped = presets.list_presets()
    rows = table.all_rows(tuple(options.inpainters or table.inpainters), shipped)
    if options.degradations:
        rows = [replace(row, degradations=tuple(options.degradations)) for row in rows]
    check_installed(options.table, rows)
    corpus = options.corpora / table.photographs if options.corpora else None
    folder = out / "training" / data_name(corpus)
    pairs = out / "pairs" / f"{data_name(corpus)}_{options.pairs}"
    trainings = Trainings(folder, pairs, corpus, budget(options), options.seed)
    sources, conditions = find_pictures(rows, corpus, options)

    ready = {row.training for row in rows if is_shipped(row, shipped, trainings.budget)}
    missing = unique_trainings(
        row for row in rows if row.training not in ready and not trainings.is_trained(row)
    )
    if options.plan:
        print_plan(options.table, trainings, missing)
        return 0
    for number, row in enumerate(missing, start=1):
        print(f"Training {number} of {len(missing)}: {row.training}", flush=True)
        trainings.train(row)
    loaded = [trainings.load(row, row.training in ready) for row in rows]
    localizers = [localizer for localizer, _ in loaded]
    records, failed, figure = measure_rows(sources, rows, localizers, conditions)
    if not records:
        raise ValueError(f"none of the {len(sources)} pictures could be measured")
    settings = {
        "quick": options.quick,
        "data": {
            "name": data_name(corpus),
            "folder": corpus / "test" if corpus else "the bundled test photographs",
            "pictures": len(sources),
            "size": conditions.size,
            "published": options.published,
            "inpainters": {name: weights_sha256(name) for name in conditions.inpainters},
        },
        "weights": [weights for _, weights in loaded],
        "threshold": options.threshold,
        "seed": options.seed,
        "versions": library_versions(),
        "pictures": records,
        "failed": failed,
    }
    write_table(options.table, settings, figure, out)
    return 1 if failed else 0


def write_table(number: int, results: dict, figure: list, out: Path) -> None:
    """Prints and writes a table.

    Args:
        number: Of the table.
        results: What was measured, and on what.
        figure: Rows of the picture grid.
        out: Folder.
    """
    table = TABLES[number]
    source, paper = report.paper_numbers(number)
    measured = report.Measured(results["pictures"], results["data"]["name"], paper, results["seed"])
    sections = {title: make(measured) for title, make in map(report.SECTIONS.get, table.sections)}
    title = table.title
    if results["quick"]:
        title += " (quick run)"
        sections = {heading: report.mark_quick(rows) for heading, rows in sections.items()}
    results = {"table": number, "title": title, **results}
    results["paper"] = {"source": source, "percent": paper}
    results["notes"] = notes(table, results)
    report.write(f"Table {number}: {title}", out / f"table{number}", results, sections, figure)


def budget(options: argparse.Namespace) -> Budget:
    """How much smaller the trainings are than configured."""
    if options.quick:
        return QUICK
    return Budget(
        width=options.width,
        size=options.crop_size,
        steps=options.steps,
        learning_rate=options.learning_rate,
        pairs=options.pairs,
        mixed_precision=options.mixed_precision,
    )


def data_name(corpus: Path | None) -> str:
    """What folders and tables call the photographs."""
    return corpus.name if corpus else "bundled"


def is_shipped(row: Row, shipped: Sequence[str], budget: Budget) -> bool:
    """Whether a row's weights are a preset.

    Smaller trainings than configured are all alike: next to them, weights of another effort would
    look a result of the method.
    """
    return row.training in shipped and (not row.trained_on or budget == Budget())


def unique_trainings(rows) -> list[Row]:
    """One row for each training: tables can show a network twice."""
    return list({row.training: row for row in rows}.values())


def find_pictures(rows: Sequence[Row], corpus: Path | None, options: argparse.Namespace):
    """The pictures to measure on, and how they are forged."""
    tested_on = tuple(dict.fromkeys(name for row in rows for name in row.tested_on))
    size, limit = options.size, options.limit
    if options.quick:
        size, limit = min(size, QUICK_SIZE), min(limit or QUICK_PICTURES, QUICK_PICTURES)
    conditions = Forging(tested_on, size, options.seed, options.threshold)
    test = corpus / "test" if corpus else None
    sources = photographs_to_forge(test, data_name(corpus), limit, conditions)
    if options.published and any(row.published for row in rows):
        sources += published_forgeries(options.published, limit)
    return sources, conditions


def print_plan(number: int, trainings: Trainings, missing: Sequence[Row]) -> None:
    """Says what a table would train, and how long that takes."""
    if not missing:
        print(f"Table {number}: all weights are there.")
        return
    rows = plan(trainings, missing)
    hours = sum(float(row["hours"]) for row in rows)
    print(f"Table {number} would train into {trainings.folder}:\n\n{text_table(rows)}\n")
    print(
        f"{hours:.3g} hours in all on this machine, by some steps of each network; forging the "
        "crops comes on top."
    )


def notes(table: Table, results: dict) -> list[str]:
    """What stands below the tables."""
    data = results["data"]
    lines = [
        f"Data: {data['pictures']} pictures; {data['folder']}, crops of {data['size']} pixels, "
        f"seed {results['seed']}; all networks on the same ones, at {results['threshold']:g}.",
        "Means over pictures, with 95 % bootstrap intervals. `any`: the same for all.",
    ]
    if results["paper"]["percent"]:
        lines.append(f"Paper: {results['paper']['source']}")
    if "generalization" in table.sections and not FAMILIES[FAMILY]:
        lines.append(f"The family {FAMILY!r} is not installed: no network was trained on it.")
    if results["quick"]:
        lines.append(
            f"{report.QUICK_MARK}: from a quick run, which shows that the command works and says "
            "nothing about the methods."
        )
    weights = {one["name"]: one for one in results["weights"]}
    lines += [
        f"Weights {one['name']}: {one['training']}; SHA-256 {one['sha256']}"
        for one in weights.values()
    ]
    return lines
