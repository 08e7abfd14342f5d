"""Measures how well inpainting is localized, beside predictors that look at nothing.

    python evaluate.py irl                                   # shipped weights, bundled photographs
    python evaluate.py irl --data PHOTOGRAPHS --limit 20     # forge a folder of photographs
    python evaluate.py irl --data PAIRS --preset FOLDER      # forged elsewhere, with masks

Every picture is localized under each condition, inpainter x degradation; measures are defined in
`irl_keras.metrics`. Tables of forged pictures, of untouched ones and of telling the two apart go to
stdout, and to the output folder with `metrics.json` (all values) and `grid.png`. Exit code 1 when
a picture failed.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from datasets.degradations import degrade, parse
from datasets.forging import forge
from datasets.inpainting import INPAINTERS
from datasets.pairs import Pair, find_pairs, is_pair_folder, read_pair
from datasets.sources import bundled_photographs, list_photographs
from irl_keras import metrics, presets, reports
from irl_keras.files import write_atomically
from irl_keras.images import read_bytes, read_image, write_png
from irl_keras.localizers import AllOne, AllZero, Localizer, ModelLocalizer, Noise

UNTOUCHED = "none"
GRID_PICTURES = 6
GROUPED_BY = ("method", "inpainter", "degradation")
FORGED_TITLES = {
    "mIoU": "mIoU",
    "F1": "F1",
    "precision": "precision",
    "recall": "recall",
    "IoU": "IoU",
    "AUC": "AUC",
    "best_F1": "best F1*",
}
UNTOUCHED_TITLES = {"pixels_flagged": "pixels flagged", "picture_flagged": "pictures flagged"}
DETECTION_TITLES = {"AUC": "AUC", "false_alarms": "false alarms at 95 % found"}
EXPLANATION = (
    "Means over pictures, with 95 % bootstrap intervals. * at the threshold that is best for each\n"
    "picture, chosen with the truth: a bound, not a result. Detection: forged pictures told from\n"
    "untouched ones by the largest threshold at which 0.1 % of the pixels are flagged."
)


class Picture(NamedTuple):
    """A picture to measure, in all its versions, before any degradation.

    Attributes:
        name: for reports.
        versions: uint8 (H, W, 3) by inpainter, `UNTOUCHED` being the picture without forgery.
        mask: of all the forgeries; uint8 (H, W), 1 = inpainted.
    """

    name: str
    versions: dict[str, np.ndarray]
    mask: np.ndarray


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line; returns the exit code: 0, 1 for bad pictures, 2 for bad options."""
    options = _parse(arguments)
    try:
        localizer, weights = load_localizer(options)
        data, readers = open_data(options)
        results, grid = measure_all(readers, localizer, options)
        settings = {
            "data": data,
            "weights": weights,
            "degradations": options.degradations,
            "threshold": options.threshold,
            "seed": options.seed,
            "versions": reports.library_versions(),
        }
        if results["failed"]:
            print(f"{len(results['failed'])} of {len(readers)} pictures failed", file=sys.stderr)
        if len(results["failed"]) < len(readers):
            write_results({**settings, **results}, grid, options.out)
    except (OSError, ValueError) as error:
        print("error: " + " ".join(str(error).split()), file=sys.stderr)
        return 2
    return 1 if results["failed"] else 0


def load_localizer(options: argparse.Namespace) -> tuple[Localizer, dict[str, str]]:
    """Loads the method to measure; also returns the name and the SHA-256 of its weights."""
    if options.weights:
        model = presets.load_model_file(options.weights)
        weights = {
            "name": options.weights.name,
            "sha256": hashlib.sha256(read_bytes(options.weights)).hexdigest(),
        }
    else:
        model = presets.from_preset(options.preset)
        card = presets.read_card(options.preset)
        weights = {"name": card["name"], "sha256": card["sha256"]}
    return ModelLocalizer(model, name=weights["name"]), weights


def open_data(
    options: argparse.Namespace,
) -> tuple[dict, list[tuple[str, Callable[[], Picture]]]]:
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


def read_forgery(pair: Pair) -> Picture:
    """Reads a picture that was forged elsewhere, or an untouched one (no mask or an empty one)."""
    image, mask = read_pair(pair)
    return Picture(pair.name, {"given" if mask.any() else UNTOUCHED: image}, mask)


def forge_photograph(path: Path, name: str, options: argparse.Namespace) -> Picture:
    """Forges a photograph; what it becomes depends on its name and the seed, not on the others."""
    photograph = read_image(path)
    versions = {}
    for inpainter in options.inpainters:
        forgery = forge(photograph, options.size, picture_seed(name, options), inpainter)
        versions[inpainter] = forgery.image
    return Picture(name, {**versions, UNTOUCHED: forgery.original}, forgery.mask)


def picture_seed(name: str, options: argparse.Namespace) -> int:
    """Derives the seed of a picture from its name."""
    return zlib.crc32(f"{options.seed} {name}".encode(errors="surrogateescape"))


def measure_all(
    readers: list[tuple[str, Callable[[], Picture]]],
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
                grid.append(grid_row(picture, inpainter, localizer, options.threshold))
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


def detection(forged: list[dict], untouched: list[dict], seed: int) -> list[dict]:
    """How well whole pictures are told apart, for each group of forged pictures.

    They are compared with the untouched ones of the same method and degradation, if there are any.
    """
    scores: dict[tuple, list[float]] = {}
    for record in [*forged, *untouched]:
        key = tuple(record[field] for field in GROUPED_BY)
        scores.setdefault(key, []).append(record["picture_score"])
    return [
        {
            **dict(zip(GROUPED_BY, (method, inpainter, degradation), strict=True)),
            "pictures": len(values),
            "scores": metrics.detection_scores(
                values, scores[method, UNTOUCHED, degradation], seed
            ),
        }
        for (method, inpainter, degradation), values in scores.items()
        if inpainter != UNTOUCHED and (method, UNTOUCHED, degradation) in scores
    ]


def measure(picture: Picture, localizer: Localizer, options: argparse.Namespace) -> list[dict]:
    """Scores one picture: the trivial predictors once, the method under every condition.

    The trivial predictors know nothing of the picture and the mask is the same under every
    condition, so their scores hold for all.
    """
    threshold = options.threshold
    records = []
    once = {
        inpainter if inpainter == UNTOUCHED else "any": inpainter for inpainter in picture.versions
    }
    for trivial in (AllZero(), AllOne(), Noise(options.seed)):
        for label, inpainter in once.items():
            probability = trivial.localize(picture.versions[inpainter])
            records.append(score(picture, trivial.name, label, "any", probability, threshold))
    seed = picture_seed(picture.name, options)
    for inpainter, image in picture.versions.items():
        for spec in options.degradations:
            probability = localizer.localize(degrade(image, spec, seed))
            records.append(score(picture, localizer.name, inpainter, spec, probability, threshold))
    return records


def score(
    picture: Picture,
    method: str,
    inpainter: str,
    degradation: str,
    probability: np.ndarray,
    threshold: float,
) -> dict:
    """Scores one probability map under its condition."""
    if inpainter == UNTOUCHED:
        scores = metrics.untouched_scores(probability, threshold)
    else:
        scores = metrics.localization_scores(probability, picture.mask, threshold)
    return {
        "picture": picture.name,
        "method": method,
        "inpainter": inpainter,
        "degradation": degradation,
        "scores": scores,
        "picture_score": metrics.picture_score(probability),
    }


def grid_row(
    picture: Picture, inpainter: str, localizer: Localizer, threshold: float
) -> tuple[str, dict[str, np.ndarray]]:
    """Makes one row of the picture grid, in the clean condition: label, thumbnails by header."""
    image = picture.versions[inpainter]
    probability = localizer.localize(image)
    f1 = metrics.localization_scores(probability, picture.mask, threshold)["F1"]
    row = {"original": picture.versions[UNTOUCHED]} if UNTOUCHED in picture.versions else {}
    row["inpainted"] = image
    row["probability map"] = probability
    row[f"mask (threshold {threshold:g})"] = metrics.flagged_pixels(probability, threshold)
    row["truth"] = picture.mask.astype(bool)
    label = f"{picture.name}, {inpainter}, clean: F1 {f1:.3f}"
    return label, {header: reports.thumbnail(image) for header, image in row.items()}


def write_results(results: dict, grid: list, out: Path) -> None:
    """Prints the tables; writes them, all values and the picture grid into the output folder."""
    forged = reports.summary_rows(results["forged"], FORGED_TITLES)
    untouched = reports.summary_rows(results["untouched"], UNTOUCHED_TITLES, digits=4)
    apart = reports.summary_rows(results["detection"], DETECTION_TITLES)
    tables = {"Forged pictures": forged, "Untouched pictures": untouched, "Detection": apart}
    tables = {title: rows for title, rows in tables.items() if rows}
    markdown = [f"## {title}\n\n{reports.markdown_table(rows)}" for title, rows in tables.items()]
    write_atomically(out / "tables.md", "\n\n".join([*markdown, EXPLANATION, ""]).encode())
    reports.write_json(out / "metrics.json", results)
    for title, rows in tables.items():
        print(f"{title}\n\n{reports.text_table(rows)}\n")
    print(f"{EXPLANATION}\n\nAll values: {out / 'metrics.json'}")
    if grid:
        headers = list(grid[0][1])
        rows = [(label, list(pictures.values())) for label, pictures in grid]
        write_png(out / "grid.png", reports.picture_grid(rows, headers))
        print(f"Picture: {out / 'grid.png'}")


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True, metavar="SYSTEM")
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
    irl.add_argument("--size", type=_at_least(16), default=256, help="side of forged crops, pixels")
    irl.add_argument(
        "--inpainters",
        nargs="+",
        choices=INPAINTERS,
        default=["telea", "ns"],
        metavar="NAME",
        help=f"any of {', '.join(INPAINTERS)}",
    )
    irl.add_argument(
        "--degradations",
        nargs="+",
        type=_degradation,
        default=["clean", "jpeg:90", "jpeg:75", "resize:0.75"],
        metavar="SPEC",
        help="conditions, for example clean jpeg:90 webp:80 blur:1 noise:5 resize:0.75",
    )
    irl.add_argument("--seed", type=_at_least(0), default=0, help="of forging and of the bootstrap")
    irl.add_argument("--threshold", type=_threshold, default=0.5, help="a pixel is flagged from it")
    irl.add_argument("--limit", type=_at_least(1), metavar="N", help="take the first N pictures")
    return parser.parse_args(arguments)


def _at_least(least: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        value = int(text)
        if value < least:
            raise argparse.ArgumentTypeError(f"{value} is less than {least}")
        return value

    return number


def _threshold(text: str) -> float:
    value = float(text)
    if not 0 < value <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not above 0 and at most 1")
    return value


def _degradation(text: str) -> str:
    try:
        parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return text


if __name__ == "__main__":
    sys.exit(main())
