"""The command `evaluate.py malp --table NAME`."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Container, Mapping, Sequence
from pathlib import Path

from datasets.manipulations import MANIPULATIONS
from evaluation.measuring_malp import (
    ANY,
    CLEAN,
    MANIPULATED,
    Conditions,
    Localizer,
    Measurements,
    calibration_of,
    measure_all,
    photographs,
)
from evaluation.tables.malp import report
from evaluation.tables.malp.experiments import EXPERIMENTS, Made, Setting
from evaluation.tables.malp.specs import CORPORA, TABLES, Row, Table, check_installed
from evaluation.tables.malp.trainings import QUICK, Budget, Trainings, plan
from evaluation.tables.report import QUICK_MARK, mark_quick, write
from forensics_keras.records import library_versions
from forensics_keras.tables import text_table

NAMES = (*TABLES, *EXPERIMENTS)
QUICK_PICTURES = 3


def needs_training(name: str) -> bool:
    """Whether a table measures networks of its own instead of a preset."""
    return name in TABLES


def run_experiment(
    options: argparse.Namespace,
    methods: Sequence[Localizer],
    weights: Sequence[dict],
    conditions: Conditions,
) -> int:
    """Makes a table that needs no training.

    Args:
        options: Of `evaluate.py malp`.
        methods: To measure, the preset's first.
        weights: Name and SHA-256 of the weights of each.
        conditions: What happens to protected pictures.

    Returns:
        The exit code: 0, or 1 when photographs failed.

    Raises:
        ValueError: If something does not fit.
        OSError: If something cannot be read or written.
    """
    options = limited(options)
    title, make = EXPERIMENTS[options.table]
    made = make(Setting(options, methods, conditions))
    results = {
        "data": {"folder": options.data or "the bundled test photographs"},
        "weights": list(weights),
        "thresholds": {
            method.name: dataclasses.asdict(calibration_of(method)) for method in methods
        },
        "manipulations": [one.name for one in conditions.manipulations],
    }
    return finish(options, title, made, results)


def run_trained(options: argparse.Namespace, find_manipulation) -> int:
    """Makes a table whose networks are trained first, or says what that would take.

    Args:
        options: Of `evaluate.py malp`.
        find_manipulation: Gives the manipulation of a name.

    Returns:
        The exit code: 0, or 1 when photographs failed.

    Raises:
        ValueError: If something is missing or does not fit.
        OSError: If something cannot be read or written.
    """
    options = limited(options)
    table = TABLES[options.table]
    config = options.config or table.config
    rows = table.rows(config)
    budget = QUICK if options.quick else chosen_budget(options)
    out = options.out / "quick" if options.quick else options.out
    corpus = "bundled" if options.corpora is None else options.corpora.name
    trainings = Trainings(out / "training" / corpus, options.corpora, budget, options.seed)
    experiments = {row.training: trainings.experiment(row) for row in rows}
    own = [name for one in experiments.values() for name in one.recipe.manipulations]
    tested_on = options.manipulations or tuple(dict.fromkeys(table.tested_on or own))
    check_installed(options.table, [*own, *(n for n in tested_on if n in MANIPULATIONS)])
    missing = [row for row in rows if not trainings.is_trained(row)]
    if options.plan:
        return print_plan(options.table, trainings, missing)
    for number, row in enumerate(missing, start=1):
        print(f"Training {number} of {len(missing)}: {row.training}", flush=True)
        trainings.train(row)
    loaded = [trainings.load(row) for row in rows]
    methods = [method for method, _ in loaded]
    # The trivial maps are measured on the pictures of the first method: MaLP's.
    methods.sort(key=lambda method: not method.protects)
    sources = held_out_photographs(options, config, methods[0].model.size)
    degradations = options.degradations if options.table == "unseen" else [CLEAN]
    conditions = Conditions([find_manipulation(name) for name in tested_on], degradations)
    measured = measure_all(sources, methods, conditions, options.seed)
    if len(measured.failed) == len(sources):
        raise ValueError(f"none of the {len(sources)} photographs could be measured")
    trained_on = {row.method: experiments[row.training].recipe.manipulations for row in rows}
    mark_seen(measured.records, trained_on)
    order = [row.method for row in rows]
    results = {
        "config": config,
        "data": {"corpus": corpus, "pictures": len(sources)},
        "weights": [weights for _, weights in loaded],
        "manipulations": list(tested_on),
    }
    notes = [
        *report.EXPLANATION,
        "The trivial maps are measured on the pictures of the first network with templates. A "
        "pixel is flagged and a picture called manipulated from 0.5 on.",
        *(f"{one['name']}: {one['training']}; SHA-256 {one['sha256']}" for _, one in loaded),
    ]
    if table.paper:
        notes.append("The paper's numbers are of other photographs and manipulations.")
    sections = trained_sections(table, order, measured, methods, options.seed)
    return finish(options, table.title, Made(sections, notes, measured), results)


def chosen_budget(options: argparse.Namespace) -> Budget:
    """How much smaller the trainings are than configured."""
    filters = options.filters
    model = filters and {"filters": filters, "classifier_filters": filters}
    return Budget(options.steps, model=model, mixed_precision=options.mixed_precision)


def mark_seen(records: Sequence[dict], trained_on: Mapping[str, Container[str]]) -> None:
    """Adds to each record whether the training of its method had seen its manipulation."""
    for record in records:
        record["seen"] = "-"
        if record["truth"] == MANIPULATED and record["method"] in trained_on:
            seen = is_seen(record["manipulation"], trained_on[record["method"]])
            record["seen"] = "yes" if seen else "no"


def is_seen(manipulation: str, trained_on: Container[str]) -> bool:
    """Whether a training had a manipulation; who edits both ways had each way of the same name."""
    return manipulation in trained_on or manipulation.rpartition("_")[0] in trained_on


def trained_sections(
    table: Table,
    order: Sequence[str],
    measured: Measurements,
    methods: Sequence[Localizer],
    seed: int,
) -> dict[str, list[dict]]:
    """The sections of a table whose networks were trained."""
    thresholds = report.thresholds_of(methods, seed)
    by, sections = ("method",), {}
    if table.tested_on:
        by = ("method", "seen", "degradation")
        clean = [one for one in measured.records if one["degradation"] in (CLEAN, ANY)]
        each = ("method", "manipulation", "seen")
        sections["Fakeness maps, each manipulation, clean"] = report.in_order(
            report.map_rows(measured._replace(records=clean), each, seed), order
        )
    maps = report.map_rows(measured, by, seed)
    apart = report.detection_rows(measured, by, thresholds, seed)
    return {
        **sections,
        "Fakeness maps": report.beside_paper(report.in_order(maps, order), table.paper),
        "Manipulated or not": report.beside_paper(report.in_order(apart, order), table.paper),
        "Protected pictures": report.in_order(report.quality_rows(measured, seed), order),
        "Templates": report.in_order(report.template_rows(methods), order),
    }


def held_out_photographs(options: argparse.Namespace, config: str, size: int) -> list:
    """Photographs that no training saw."""
    if options.corpora is None:
        return photographs(None, size, options.limit)
    found = []
    for name in CORPORA[config]:
        folder = options.corpora / name / "test"
        found += [(f"{name}/{one}", read) for one, read in photographs(folder, size, options.limit)]
    return found


def print_plan(name: str, trainings: Trainings, missing: Sequence[Row]) -> int:
    """Says what a table would train, and how long that takes."""
    if not missing:
        print(f"Table {name}: all weights are there.")
        return 0
    rows = plan(trainings, missing)
    hours = sum(float(row["hours"]) for row in rows)
    print(f"Table {name} would train into {trainings.folder}:\n\n{text_table(rows)}\n")
    print(f"{hours:.3g} hours in all on this machine, by some steps of each network.")
    return 0


def limited(options: argparse.Namespace) -> argparse.Namespace:
    """The options, with few photographs for a quick run."""
    limit = options.limit
    if options.quick:
        limit = min(limit or QUICK_PICTURES, QUICK_PICTURES)
    return argparse.Namespace(**{**vars(options), "limit": limit})


def finish(options: argparse.Namespace, title: str, made: Made, results: dict) -> int:
    """Prints and writes a table; returns the exit code."""
    sections, notes = made.sections, list(made.notes)
    out: Path = options.out
    if options.quick:
        out, title = out / "quick", f"{title} (quick run)"
        sections = {heading: mark_quick(rows) for heading, rows in sections.items()}
        notes.append(
            f"{QUICK_MARK}: from a quick run, which shows that the command works and says nothing "
            "about the methods."
        )
    measured = made.measured or Measurements([], [], [], [])
    results = {
        "table": options.table,
        "title": title,
        "quick": options.quick,
        "seed": options.seed,
        **results,
        "versions": library_versions(),
        "pictures": measured.records,
        "quality": measured.quality,
        "failed": measured.failed,
        "details": made.details,
        "notes": notes,
    }
    stem = out / f"malp_{options.table}"
    write(f"MaLP: {title}", stem, results, sections, measured.grid)
    return 1 if measured.failed else 0
