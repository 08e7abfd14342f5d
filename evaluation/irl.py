"""Measures how well inpainted regions are localized, beside trivial baselines.

    python evaluate.py irl                                   # shipped weights, bundled photographs
    python evaluate.py irl --data PHOTOGRAPHS --limit 20     # forge a folder of photographs
    python evaluate.py irl --data PAIRS --weights FILE.keras # forged elsewhere, with masks
    python evaluate.py irl --data TOOLS --pristine PHOTOGRAPHS   # TOOLS has a pair folder a tool
    python evaluate.py irl --data TOOLS --pristine PHOTOGRAPHS --preset FOLDER --calibrate
    python evaluate.py irl --table 1 --corpora CORPORA       # a table of the paper; trains its rows

Every picture is localized under each condition, inpainter x degradation; measures are defined in
`forensics_keras.metrics`. Tables of forged pictures, of untouched ones and of telling the two apart
go to stdout, and to the output folder with `metrics.json` (all values) and `grid.png`.

`--table` makes a table of the paper, or beyond it: docs/evaluation.md says what is in each. What
has no weights is trained first, in `--out`, and goes on there after a stop; look with `--plan` how
long that takes.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import replace

from datasets.forging import Forging
from datasets.inpainting import FAMILIES, INPAINTERS
from datasets.pairs import is_pair_folder
from evaluation import irl_calibration, summaries
from evaluation.measure import Measurements, measure_all
from evaluation.methods import Loaded, load_file, load_irl_preset
from evaluation.pictures import (
    BUNDLED,
    Source,
    forged_photographs,
    given_pairs,
    is_tool_folder,
    pristine_photographs,
    published_pairs,
    say_failures,
    short_name,
)
from evaluation.report import Report, refuse_others_files, write_run
from evaluation.run import IRLEvaluation, add_command, add_options, read_options
from evaluation.summaries import (
    FALSE_ALARM_TITLES,
    POOLED_NOTE,
    POOLED_TITLES,
    UNTOUCHED_TITLES,
)
from evaluation.tables import core
from evaluation.tables import irl as tables
from evaluation.trials import Contestant, forged_trials
from forensics_keras.command_line import at_least, nonempty_path, threshold
from forensics_keras.records import to_json
from forensics_keras.tables import summary_rows
from training.commands import add_layout, check_layout

CONDITION = ("method", "inpainter", "degradation")
BY_METHOD = ("method", "degradation")
BY_SOURCE = ("method", "data", "degradation")
DEGRADATIONS = ("clean", "jpeg:90", "jpeg:75", "resize:0.75")
CALIBRATED_UNDER = ("clean", "jpeg:90", "jpeg:75")
TABLE_THRESHOLD = 0.5
USUAL = ("telea", "ns")
"""Inpainters of a single evaluation."""
FORGED_TITLES = {
    **tables.TITLES,
    "IoU": "IoU",
    "AUC": "AUC",
    "best_F1": "best F1*",
    **POOLED_TITLES,
}
EXPLANATION = (
    POOLED_NOTE,
    "All with 95 % bootstrap intervals over pictures. * at the threshold that is best for each "
    "picture, chosen with the truth: a bound, not a result.",
    "Detection: forged pictures told from untouched ones by the largest threshold at which 0.1 % "
    "of the pixels are flagged.",
)


def evaluate(run: IRLEvaluation) -> int:
    """Measures a method on forgeries, or makes a table; returns the exit code.

    Raises OSError or ValueError if data or weights do not fit, or no picture could be measured.
    """
    if run.table:
        return tables.make(run)
    refuse_others_files(run.out)
    loaded = load(run)
    data, sources = find_pictures(run)
    if run.calibrate:
        return calibrate(run, loaded, sources)
    contestant = Contestant(loaded.method, run.degradations or DEGRADATIONS)
    by_tool = data["kind"] == "tools"
    trials = forged_trials([contestant], run.seed, loaded.method.threshold, by_tool=by_tool)
    measured = measure_all(sources, trials, run.seed, workers=os.cpu_count())
    code = say_failures(measured.failed, sources)
    write_run(report(run, loaded, data, measured), run.out)
    return code


def load(run: IRLEvaluation) -> Loaded:
    """Loads the method to measure."""
    if run.weights:
        return load_file(run.weights, run.weights.name, run.threshold or 0.5)
    return load_irl_preset(run.preset, run.threshold)


def calibrate(run: IRLEvaluation, loaded: Loaded, sources: list[Source]) -> int:
    """Chooses where a preset's verdicts change, and writes it into its card."""
    degradations = run.degradations or CALIBRATED_UNDER
    origin = ", ".join(map(short_name, (run.data, *run.pristine)))
    data = f"{len(sources)} pictures of {origin}; {', '.join(degradations)}"
    found, failed = irl_calibration.calibrate(loaded.method, sources, degradations, run.seed, data)
    irl_calibration.write_calibration(run.preset, found)
    print(to_json(found, indent=2))
    return say_failures(failed, sources)


def find_pictures(run: IRLEvaluation) -> tuple[dict, list[Source]]:
    """Finds the pictures; returns a description of the data, too."""
    if run.data and is_pair_folder(run.data):
        sources = given_pairs(run.data, run.limit)
        return {"kind": "pairs", "folder": run.data, "pictures": len(sources)}, sources
    if run.data and is_tool_folder(run.data):
        sources = published_pairs(run.data, run.limit)
        for folder in run.pristine:
            sources += pristine_photographs(folder, run.limit)
        return {"kind": "tools", "folder": run.data, "pictures": len(sources)}, sources
    if run.pristine:
        raise ValueError("--pristine needs --data with a pair folder for each tool in it")
    forging = Forging(run.inpainters or USUAL, run.size or tables.SIZE, run.seed)
    sources = forged_photographs(run.data, forging, run.limit)
    data = {"kind": "photographs", "folder": run.data or BUNDLED, "pictures": len(sources)}
    return {**data, "size": forging.size, "inpainters": forging.inpainters}, sources


def report(run: IRLEvaluation, loaded: Loaded, data: dict, measured: Measurements) -> Report:
    """Makes the report of a single evaluation."""
    records, seed = measured.records, run.seed
    groups = {"forged": summaries.manipulated(records), "untouched": summaries.authentic(records)}
    found = {kind: summaries.means(group, CONDITION, seed) for kind, group in groups.items()}
    by_tool = data["kind"] == "tools"
    condition = BY_METHOD if by_tool else CONDITION
    found["detection"] = summaries.false_alarms(records, condition, seed)
    if by_tool:
        found["untouched"] = summaries.means(groups["untouched"], BY_SOURCE, seed)
        found["tools"] = summaries.means_over_tools(groups["forged"], BY_METHOD, seed)
    results = {
        "data": data,
        "weights": loaded.weights,
        "degradations": run.degradations or DEGRADATIONS,
        "threshold": loaded.method.threshold,
        "seed": seed,
        **found,
        "pictures": groups,
        "failed": measured.failed,
    }
    sections = {
        "Mean over the tools": summary_rows(found.get("tools", []), FORGED_TITLES),
        "Forged pictures": summary_rows(found["forged"], FORGED_TITLES),
        "Untouched pictures": summary_rows(found["untouched"], UNTOUCHED_TITLES, digits=4),
        "Detection": summary_rows(found["detection"], FALSE_ALARM_TITLES),
    }
    return Report(loaded.method.name, sections, EXPLANATION, results, measured.grid)


def add_parser(commands, text: str) -> None:
    """Adds the command `irl`, with the text that the list of commands shows."""
    parser = add_command(commands, "irl", text, __doc__, _run)
    size = f"Side of the forged crops, in pixels (default: {tables.SIZE})"
    add_options(parser, "irl_small", "runs/evaluate", size, DEGRADATIONS)
    names, known = [*INPAINTERS, *FAMILIES], ", ".join(INPAINTERS)
    text = f"Any of {known} (default: {' '.join(USUAL)}, or those of the table)"
    parser.add_argument("--inpainters", nargs="+", choices=names, metavar="NAME", help=text)
    text = "Pristine photographs, measured whole beside --data with a pair folder for each tool"
    add = parser.add_argument
    add("--pristine", type=nonempty_path, nargs="+", default=[], metavar="FOLDER", help=text)
    text = "Probability from which a pixel is flagged (default: the preset's; 0.5 in tables)"
    add("--threshold", type=threshold, help=text)
    text = "Choose the preset's thresholds on --data and --pristine, and write them into its card"
    add("--calibrate", action="store_true", help=text)
    options = core.add_options(parser, list(tables.TABLES))
    add_layout(options)
    add = options.add_argument
    text = "Folder of pair folders forged by others, for table 5"
    add("--published", type=nonempty_path, metavar="FOLDER", help=text)
    add("--width", type=float, help="Width of all networks that are trained")
    add("--crop-size", type=at_least(16), help="Side of training crops, in pixels")
    add("--learning-rate", type=float, help="Peak of a cosine decay, in all trainings")
    text = "Pairs of each inpainter that are built and cut, instead of forging every crop anew"
    add("--pairs", type=at_least(1), metavar="N", help=text)


def _run(options: argparse.Namespace) -> int:
    return evaluate(read_run(options))


def read_run(options: argparse.Namespace) -> IRLEvaluation:
    """Makes the run of parsed options; raises ValueError if they do not go together."""
    effort = ("width", "crop_size", "learning_rate", "pairs")
    of_tables = ("published", "layout", "selection")
    core.check_options(options, options.table is not None, effort, of_tables)
    check_layout(options, "corpora")
    if options.calibrate and options.table:
        raise ValueError("--calibrate and --table are two commands")
    if options.calibrate and (options.weights or not options.pristine):
        raise ValueError("--calibrate needs --preset, --data with tools, and --pristine")
    if options.pairs and not options.corpora:
        raise ValueError("--pairs needs --corpora: the bundled photographs are too few for it")
    table = core.read_table(
        options,
        size=options.crop_size,
        learning_rate=options.learning_rate,
        pairs=options.pairs,
        model={"width": options.width} if options.width else {},
    )
    if table:
        table = replace(table, layout=options.layout, selection=options.selection)
        if options.threshold is None:
            options.threshold = TABLE_THRESHOLD  # all networks of a table at the same one
    return read_options(IRLEvaluation, options, table)
