"""Measures MaLP: photographs are protected, manipulated, and inspected.

Every manipulation is inspected under every degradation; protected pictures without a manipulation,
the same after harmless changes, and unprotected photographs are inspected, too.

    python evaluate.py malp                                  # shipped weights, bundled photographs
    python evaluate.py malp --data PHOTOGRAPHS --manipulations copy_move sticker
    python evaluate.py malp --preset FOLDER --data PHOTOGRAPHS/val --calibrate
    python evaluate.py malp --table 9 --corpora CORPORA      # a table of the paper; trains its rows

`--table` makes a table of the paper, or beyond it: docs/evaluation.md says what is in each.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import malp_keras
from datasets.manipulations import HARMLESS, MANIPULATIONS
from evaluation import summaries
from evaluation.calibration import DEGRADATIONS, calibrate, write_calibration
from evaluation.measure import Measurements, baselines
from evaluation.methods import Loaded, load_file, load_malp
from evaluation.pictures import BUNDLED, Source, say_failures, squares, work_through
from evaluation.report import Report, refuse_others_files, write_run
from evaluation.run import MaLPEvaluation, add_command, add_options, read_options
from evaluation.tables import core
from evaluation.tables import malp as tables
from evaluation.trials import Conditions, find_manipulation
from forensics_keras.command_line import at_least, nonempty_path
from forensics_keras.images import write_png
from forensics_keras.localizer import Localizer
from forensics_keras.records import to_json

DEFAULT_PRESET = "malp_local"
CLASSICAL = ("telea", "ns", "patch")
CONDITION = ("method", "manipulation", "degradation")
SIZE = 256
"""Side of the pictures of a method that takes any, in pixels."""


def evaluate(run: MaLPEvaluation) -> int:
    """Measures, calibrates or exports, or makes a table; returns the exit code.

    Raises OSError or ValueError if data or weights do not fit, or no picture could be measured.
    """
    if run.table and run.table.name in tables.TRAINED:
        return tables.make_trained(run)
    loaded = [load(run)]
    method = loaded[0].method
    size = run.size or method.size or SIZE
    sources = squares(run.data, size, run.limit)
    if run.export:
        return export(method, sources, run.export)
    conditions = find_conditions(run)
    if run.calibrate:
        return calibrate_preset(run, method, sources, conditions)
    if run.passive:
        loaded.append(load_file(run.passive, run.passive.parent.name))
    if run.table:
        return tables.make_untrained(run, loaded, conditions)
    refuse_others_files(run.out)
    methods = [one.method for one in loaded]
    measured = tables.measure_methods(sources, methods, conditions, run.seed)
    code = say_failures(measured.failed, sources)
    data = {"folder": run.data or BUNDLED, "pictures": len(sources), "size": size}
    write_run(report(run, loaded, conditions, data, measured), run.out)
    return code


def load(run: MaLPEvaluation) -> Loaded:
    """Loads the method to measure."""
    if run.weights:
        return load_file(run.weights, run.weights.name)
    return load_malp(run.preset, run.key)


def find_conditions(run: MaLPEvaluation) -> Conditions:
    """Finds what happens to protected pictures; see `--manipulations` for the usual ones."""
    names = run.manipulations
    if names is None:
        card = {} if run.weights or run.key else malp_keras.read_card(run.preset)
        local = [name for name, one in MANIPULATIONS.items() if one.family == "local"]
        names = card.get("manipulations") or [*local, *CLASSICAL]
        # A card may come from a stranger: it names no file that would be loaded.
        if unknown := [name for name in names if name not in ("splice", *MANIPULATIONS)]:
            raise ValueError(
                f"{run.preset}: its card names the manipulations {unknown}, which are not among "
                "the known ones; name others with --manipulations"
            )
    found = [
        find_manipulation(name, run.value_range, run.network_size, run.trust) for name in names
    ]
    return Conditions(found, run.degradations or DEGRADATIONS, list(HARMLESS.values()))


def report(
    run: MaLPEvaluation,
    loaded: Sequence[Loaded],
    conditions: Conditions,
    data: dict,
    measured: Measurements,
) -> Report:
    """Makes the report of a single evaluation."""
    methods = [one.method for one in loaded]
    every, seed, records = [*baselines(run.seed), *methods], run.seed, measured.records
    of_all, of_maps, of_verdicts = ("method",), ("method", "degradation"), ("method", "truth")
    results = {
        "data": data,
        "weights": loaded[0].weights,
        "passive": [one.weights for one in loaded[1:]],
        "thresholds": {method.name: method.thresholds for method in methods},
        "manipulations": conditions.names,
        "degradations": conditions.degradations,
        "calibration": methods[0].thresholds,
        "seed": seed,
        "summaries": {
            "maps": summaries.means(summaries.manipulated(records), of_maps, seed),
            "detection": summaries.classification(records, of_all, every, seed),
            "verdicts": summaries.means(summaries.judged(records), of_verdicts, seed),
            "protected": summaries.means(measured.quality, of_all, seed),
        },
        "pictures": records,
        "quality": measured.quality,
        "failed": measured.failed,
    }
    sections = {
        "Fakeness maps": tables.map_rows(records, CONDITION, seed),
        "Fakeness maps, all manipulations": tables.map_rows(records, of_maps, seed),
        "Manipulated or not": summaries.classification_rows(records, CONDITION, every, seed),
        "Manipulated or not, all conditions": summaries.classification_rows(
            records, of_all, every, seed
        ),
        "Verdicts": summaries.verdict_rows(records, (*of_verdicts, "degradation"), seed),
        "Verdicts, all conditions": summaries.verdict_rows(records, of_verdicts, seed),
        "Protected pictures": summaries.quality_rows(measured, seed),
    }
    notes = [*tables.EXPLANATION, *map(threshold_note, methods)]
    return Report(methods[0].name, sections, notes, results, measured.grid)


def threshold_note(method: Localizer) -> str:
    """Says where the judgements of a method change."""
    limits = method.thresholds
    text = (
        f"{method.name}: a pixel is flagged from {limits['map_threshold']:.3g}, a picture called "
        f"manipulated from the score {limits['score_threshold']:.3g}"
    )
    if "cosine_threshold" not in limits:
        return f"{text} on."
    return (
        f"{text} and protected from the cosine {limits['cosine_threshold']:.3g} on; calibrated on: "
        f"{limits['data']}."
    )


def calibrate_preset(
    run: MaLPEvaluation, method: Localizer, sources: Sequence[Source], conditions: Conditions
) -> int:
    """Chooses the thresholds of a preset and writes them into its card; returns the exit code."""
    origin = f"of {'/'.join(run.data.resolve().parts[-2:])}, seed {run.seed}"
    calibration, failed = calibrate(method, sources, conditions, run.seed, origin)
    write_calibration(run.preset, calibration)
    card = malp_keras.read_card(run.preset)
    print(f"{method.name}: {to_json(card['calibration'], indent=2)}")
    return say_failures(failed, sources)


def export(method: Localizer, sources: Sequence[Source], out: Path) -> int:
    """Writes protected pictures, for programs that this one cannot run; returns the exit code."""
    written, failed = set(), []

    def protect(number: int, source: Source) -> None:
        protected = method.protect(source.read())
        file = out / "protected" / Path(source.name).with_suffix(".png")
        if file in written:  # a.jpg beside a.png
            file = out / "protected" / f"{source.name}.png"
        write_png(file, protected)
        written.add(file)

    list(work_through(sources, protect, failed))
    print(
        f"{len(written)} protected pictures are in {out / 'protected'}; put what becomes of them "
        f"into {out / 'manipulated'}, and repeat the command with --manipulations {out} instead of "
        "--export"
    )
    return say_failures(failed, sources)


def add_parser(commands, text: str) -> None:
    """Adds the command `malp`, with the text that the list of commands shows."""
    parser = add_command(commands, "malp", text, __doc__, _run)
    size = "Side of the squares that photographs are cut and shrunk to (default: the model's)"
    model = add_options(parser, DEFAULT_PRESET, "runs/evaluate_malp", size, DEGRADATIONS)
    model.add_argument(
        "--key", type=nonempty_path, metavar="FILE", help="Private key made by train.py key"
    )
    add = parser.add_argument
    text = "Network without templates to measure beside it, as table 2 trains it"
    add("--passive", type=nonempty_path, metavar="FILE.keras", help=text)
    text = (
        f"Any of {', '.join(MANIPULATIONS)}; or of your own: a network from pictures to pictures "
        "(.keras, .onnx, or with --trust the folder of a SavedModel), or a folder that --export "
        "made (default: those of the preset's model card, or else the local edits and the "
        "classical inpainters)"
    )
    add("--manipulations", nargs="+", metavar="NAME", help=text)
    ends, text = ("BLACK", "WHITE"), "Numbers of your network's pictures (default: -1 1)"
    add("--value-range", type=float, nargs=2, default=(-1.0, 1.0), metavar=ends, help=text)
    text = "Load a SavedModel, which is a program that may do whatever you may"
    add("--trust", action="store_true", help=text)
    text = "Side of the pictures that your network takes"
    add("--network-size", type=at_least(1), help=text)
    text = (
        "Only write the protected pictures, to manipulate them with any other program: put the "
        "results under the same names into FOLDER/manipulated, exact masks (if there are any) into "
        "FOLDER/mask, and give FOLDER to --manipulations"
    )
    add("--export", type=nonempty_path, metavar="FOLDER", help=text)
    text = (
        "Choose the preset's thresholds on these photographs, which must not be test photographs, "
        "and write them into its model card"
    )
    add("--calibrate", action="store_true", help=text)
    add = core.add_options(parser, list(tables.TABLES)).add_argument
    names, text = list(tables.CORPORA), "Config file that the table's trainings start from"
    add("--config", type=lambda name: Path(name).stem, choices=names, help=text)
    add("--filters", type=at_least(1), help="Filters of each CNN and classifier")


def _run(options: argparse.Namespace) -> int:
    return evaluate(read_run(options))


def read_run(options: argparse.Namespace) -> MaLPEvaluation:
    """Makes the run of parsed options; raises ValueError if they do not go together."""
    trains = options.table in tables.TRAINED
    if options.calibrate and options.table:
        raise ValueError("--calibrate and --table are two commands")
    if options.calibrate and (options.weights or options.key or not options.data):
        raise ValueError("--calibrate needs --preset and --data with validation photographs")
    core.check_options(options, trains, ("filters",), ("config",))
    filters = options.filters
    model = {"filters": filters, "classifier_filters": filters} if filters else {}
    table = core.read_table(options, model=model)
    return read_options(MaLPEvaluation, options, table)
