"""Measures IRL-Net; the command line is `python evaluate.py irl`."""

from __future__ import annotations

import argparse
import hashlib
import sys
from functools import partial
from pathlib import Path

import numpy as np
from tqdm import tqdm

from datasets import degradations
from datasets.inpainting import FAMILIES, INPAINTERS
from datasets.pairs import find_pairs, is_pair_folder
from datasets.photographs.sources import bundled_photographs, list_photographs
from evaluation.measuring import (
    GRID_PICTURES,
    GROUPED_BY,
    UNTOUCHED,
    Picture,
    Reader,
    detection,
    forge_photograph,
    grid_row,
    method_records,
    read_forgery,
    trivial_records,
)
from forensics_keras import metrics
from forensics_keras.command_line import at_least, checked_by, threshold
from forensics_keras.figures import picture_grid
from forensics_keras.files import write_atomically
from forensics_keras.images import read_bytes, write_png
from forensics_keras.localizer import Localizer, ModelLocalizer
from forensics_keras.presets import load_model_file
from forensics_keras.records import library_versions, write_json
from forensics_keras.tables import markdown_table, summary_rows, text_table
from irl_keras import presets
from training import loop

FORGED_TITLES = {
    "mIoU": "mIoU",
    "F1": "F1",
    "precision": "precision",
    "recall": "recall",
    "IoU": "IoU",
    "AUC": "AUC",
    "best_F1": "best F1*",
}


SINGLE = {
    "inpainters": ["telea", "ns"],
    "degradations": ["clean", "jpeg:90", "jpeg:75", "resize:0.75"],
}


BUDGET_OPTIONS = ("width", "crop_size", "steps", "learning_rate", "pairs", "mixed_precision")


TABLE_OPTIONS = ("corpora", "published", "plan", "quick", *BUDGET_OPTIONS)


UNTOUCHED_TITLES = {"pixels_flagged": "pixels flagged", "picture_flagged": "pictures flagged"}


DETECTION_TITLES = {"AUC": "AUC", "false_alarms": "false alarms at 95 % found"}


EXPLANATION = (
    "Means over pictures, with 95 % bootstrap intervals. * at the threshold that is best for each\n"
    "picture, chosen with the truth: a bound, not a result. Detection: forged pictures told from\n"
    "untouched ones by the largest threshold at which 0.1 % of the pixels are flagged."
)


def run_irl(options: argparse.Namespace) -> int:
    """Measures IRL-Net or makes one of its tables; returns the exit code."""
    options = _checked(options)
    if options.table:
        from evaluation.tables import command

        return command.run(options)
    localizer, weights = load_localizer(options)
    data, readers = open_data(options)
    results, grid = measure_all(readers, localizer, options)
    settings = {
        "data": data,
        "weights": weights,
        "degradations": options.degradations,
        "threshold": options.threshold,
        "seed": options.seed,
        "versions": library_versions(),
    }
    if results["failed"]:
        print(f"{len(results['failed'])} of {len(readers)} pictures failed", file=sys.stderr)
    if len(results["failed"]) < len(readers):
        write_results({**settings, **results}, grid, options.out)
    return 1 if results["failed"] else 0


def load_localizer(options: argparse.Namespace) -> tuple[Localizer, dict[str, str]]:
    """Loads the method to measure; also returns the name and the SHA-256 of its weights."""
    if options.weights:
        model = load_model_file(options.weights)
        weights = {
            "name": options.weights.name,
            "sha256": hashlib.sha256(read_bytes(options.weights)).hexdigest(),
        }
    else:
        model = presets.from_preset(options.preset)
        card = presets.read_card(options.preset)
        weights = {"name": card["name"], "sha256": card["sha256"]}
    return ModelLocalizer(model, name=weights["name"]), weights


def open_data(options: argparse.Namespace) -> tuple[dict, list[Reader]]:
    """Finds the pictures; returns a description of the data, and name and reader of each."""
    if options.data and is_pair_folder(options.data):
        pairs = find_pairs(options.data)[: options.limit]
        readers = [(pair.name, partial(read_forgery, pair)) for pair in pairs]
        return {"kind": "pairs", "folder": options.data, "pictures": len(readers)}, readers
    paths = list_photographs(options.data) if options.data else bundled_photographs("test")
    root = options.data or paths[0].parent
    names = [path.relative_to(root).as_posix() for path in paths]
    readers = [
        (name, partial(forge_photograph, path, name, options))
        for path, name in zip(paths, names, strict=True)
    ][: options.limit]
    folder = options.data or "the bundled test photographs"
    data = {"kind": "photographs", "folder": folder, "pictures": len(readers)}
    return {**data, "size": options.size, "inpainters": options.inpainters}, readers


def measure_all(
    readers: list[Reader],
    localizer: Localizer,
    options: argparse.Namespace,
) -> tuple[dict, list[tuple[str, dict[str, np.ndarray]]]]:
    """Measures all pictures; those that cannot be read or localized are named and left out.

    Returns:
        Summaries and per-picture values of forged and untouched pictures, and the failures; and
        the rows of the picture grid.
    """
    records, failed, grid = [], [], []
    for name, read in tqdm(readers, unit="picture", disable=None):
        try:
            picture = read()
            records += measure(picture, localizer, options)
            forged = [inpainter for inpainter in picture.versions if inpainter != UNTOUCHED]
            if forged and len(grid) < GRID_PICTURES:
                inpainter = forged[len(grid) % len(forged)]
                grid.append(grid_row_of(picture, inpainter, localizer, options.threshold))
        except (OSError, ValueError) as error:
            tqdm.write(f"{name}: {error}", file=sys.stderr)
            failed.append({"picture": name, "error": str(error)})
    groups = {
        "forged": [record for record in records if record["inpainter"] != UNTOUCHED],
        "untouched": [record for record in records if record["inpainter"] == UNTOUCHED],
    }
    summaries = {
        kind: metrics.summarize_groups(group, GROUPED_BY, options.seed)
        for kind, group in groups.items()
    }
    summaries["detection"] = detection(groups["forged"], groups["untouched"], options.seed)
    return {**summaries, "pictures": groups, "failed": failed}, grid


def measure(picture: Picture, localizer: Localizer, options: argparse.Namespace) -> list[dict]:
    """Scores one picture: the trivial predictors once, the method under every condition."""
    return trivial_records(picture, options) + method_records(
        picture, localizer, picture.versions, options.degradations, options
    )


def grid_row_of(
    picture: Picture, inpainter: str, localizer: Localizer, threshold: float
) -> tuple[str, dict[str, np.ndarray]]:
    """Makes one row of the picture grid, in the clean condition: label, thumbnails by header."""
    probability = localizer.localize(picture.versions[inpainter]).map
    f1 = metrics.localization_scores(probability, picture.mask, threshold)["F1"]
    maps = {
        "probability map": probability,
        f"mask (threshold {threshold:g})": metrics.flagged_pixels(probability, threshold),
    }
    return grid_row(picture, inpainter, maps, f"{picture.name}, {inpainter}, clean: F1 {f1:.3f}")


def write_results(results: dict, grid: list, out: Path) -> None:
    """Prints the tables; writes them, all values and the picture grid into the output folder."""
    forged = summary_rows(results["forged"], FORGED_TITLES)
    untouched = summary_rows(results["untouched"], UNTOUCHED_TITLES, digits=4)
    apart = summary_rows(results["detection"], DETECTION_TITLES)
    tables = {"Forged pictures": forged, "Untouched pictures": untouched, "Detection": apart}
    tables = {title: rows for title, rows in tables.items() if rows}
    markdown = [f"## {title}\n\n{markdown_table(rows)}" for title, rows in tables.items()]
    write_atomically(out / "tables.md", "\n\n".join([*markdown, EXPLANATION, ""]).encode())
    write_json(out / "metrics.json", results)
    for title, rows in tables.items():
        print(f"{title}\n\n{text_table(rows)}\n")
    print(f"{EXPLANATION}\n\nAll values: {out / 'metrics.json'}")
    if grid:
        headers = list(grid[0][1])
        rows = [(label, list(pictures.values())) for label, pictures in grid]
        write_png(out / "grid.png", picture_grid(rows, headers))
        print(f"Picture: {out / 'grid.png'}")


def _add_table_options(irl: argparse.ArgumentParser) -> None:
    table = irl.add_argument_group("tables")
    table.add_argument("--table", type=int, choices=range(1, 7), help="make this table")
    table.add_argument(
        "--corpora",
        type=Path,
        metavar="FOLDER",
        help="has scenes/ and faces/, each with train/, val/ and test/ photographs; "
        "by default the bundled photographs",
    )
    table.add_argument(
        "--published",
        type=Path,
        metavar="FOLDER",
        help="has pair folders forged by others, for table 5",
    )
    effort = table.add_mutually_exclusive_group()
    effort.add_argument("--plan", action="store_true", help="only say what would be trained")
    effort.add_argument(
        "--quick", action="store_true", help="minutes: tiny networks, few pictures, marked numbers"
    )
    table.add_argument("--width", type=float, help="of all networks that are trained")
    table.add_argument(
        "--crop-size", type=at_least(16), help="side of training crops, pixels, instead of 256"
    )
    table.add_argument("--steps", type=at_least(1), help="of each training, instead of the paper's")
    table.add_argument(
        "--learning-rate",
        type=float,
        help="peak of a cosine decay in all trainings, instead of each network's own rate",
    )
    table.add_argument(
        "--pairs",
        type=at_least(1),
        metavar="N",
        help="build so many pairs of each inpainter and cut all training crops from them, "
        "instead of forging every crop anew",
    )
    loop.add_precision(table)


def add_parser(commands) -> None:
    """Adds the subcommand `irl` to the command line of evaluate.py."""
    irl = commands.add_parser(
        "irl",
        help="IRL-Net: inpainted regions",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    model = irl.add_mutually_exclusive_group()
    model.add_argument("--preset", default="irl_small", help="shipped preset or a preset's folder")
    model.add_argument("--weights", type=Path, metavar="FILE.keras", help="model saved by Keras")
    irl.add_argument(
        "--data",
        type=Path,
        metavar="FOLDER",
        help="pairs of pictures and masks, or untouched photographs to forge; "
        "by default the bundled test photographs",
    )
    irl.add_argument("--out", type=Path, default=Path("runs/evaluate"), help="output folder")
    irl.add_argument("--size", type=at_least(16), default=256, help="side of forged crops, pixels")
    irl.add_argument(
        "--inpainters",
        nargs="+",
        choices=[*INPAINTERS, *FAMILIES],
        default=argparse.SUPPRESS,
        metavar="NAME",
        help=f"any of {', '.join(INPAINTERS)} (default: telea ns, or those of the table)",
    )
    irl.add_argument(
        "--degradations",
        nargs="+",
        type=checked_by(degradations.parse),
        default=argparse.SUPPRESS,
        metavar="SPEC",
        help="conditions, for example clean jpeg:90 webp:80 blur:1 noise:5 resize:0.75 "
        "(default: clean jpeg:90 jpeg:75 resize:0.75, or those of the table)",
    )
    irl.add_argument("--seed", type=at_least(0), default=0, help="of forging and of the bootstrap")
    irl.add_argument("--threshold", type=threshold, default=0.5, help="a pixel is flagged from it")
    irl.add_argument("--limit", type=at_least(1), metavar="N", help="take the first N pictures")
    _add_table_options(irl)
    irl.set_defaults(run=run_irl, error=irl.error)


def _checked(options: argparse.Namespace) -> argparse.Namespace:
    """Refuses options that do not go together, and fills in those of a single evaluation."""
    given = [name for name in TABLE_OPTIONS if getattr(options, name)]
    named = [f"--{name.replace('_', '-')}" for name in given]
    if options.table is None:
        if given:
            options.error(f"{named[0]} needs --table")
    elif options.data or options.weights:
        options.error("--table has its own data and weights: leave out --data and --weights")
    elif options.quick and not set(given).isdisjoint(BUDGET_OPTIONS):
        # They are the last ones of TABLE_OPTIONS.
        options.error(f"--quick has its own effort: leave out {named[-1]}")
    elif options.pairs and not options.corpora:
        options.error("--pairs needs --corpora: the bundled photographs are too few for it")
    defaults = SINGLE if options.table is None else dict.fromkeys(SINGLE)
    return argparse.Namespace(**{**defaults, **vars(options)})
