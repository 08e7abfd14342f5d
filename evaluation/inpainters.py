"""How good inpainters are: fills measured against what was there, inside the hole alone.

    python evaluate.py inpainters                     # bundled test photographs
    python evaluate.py inpainters --data PHOTOGRAPHS --inpainters telea patch --count 100

Every inpainter fills the same holes of the same crops. The measures are those of `hole_scores`;
the tables of means and of paired differences to Telea's method go to stdout, and to the output
folder with `metrics.json` (all values) and `grid.png`.
"""

from __future__ import annotations

import argparse
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import keras
import numpy as np
from keras import ops

from datasets.forging import Forging, forge
from datasets.inpainting import INPAINTERS, weights_sha256
from datasets.inpainting.feature_network import feature_network
from evaluation.measure import GRID_PICTURES
from evaluation.pictures import (
    BUNDLED,
    Source,
    photographs,
    picture_seed,
    say_failures,
    work_through,
)
from evaluation.report import Report, refuse_others_files, write_run
from evaluation.run import add_command
from forensics_keras import metrics
from forensics_keras.command_line import at_least, nonempty_path, renamed

BASELINE = "telea"
DIGITS = {"L1": 4, "PSNR": 2, "SSIM": 3, "perceptual": 3, "texture": 3}
"""Digits after the decimal point that the tables show of each measure."""
EXPLANATION = (
    "Inside the hole: L1 (0 to 1), PSNR (dB), SSIM, and distances of features, perceptual at each "
    "place and texture over neighbourhoods. PSNR and SSIM are better when larger, the others when "
    "smaller. Means over crops, with 95 % bootstrap intervals.",
)
_ROUNDING_ERROR = 1 / 12
"""Mean squared error of rounding to whole levels, the least that 8-bit pictures can claim."""
_FAINT = 0.1
"""Length of feature vectors below which differences count less: that of about two levels' noise."""
_NEIGHBOURHOOD = 4.0
"""Standard deviation of the window over which texture is compared, in pixels of a feature map."""


@dataclass(frozen=True)
class InpainterRun:
    """What is measured of inpainters.

    Attributes:
        data: Folder of photographs; `None` for the bundled test photographs.
        forging: Inpainters, the baseline first, and size and seed of crops and holes.
        count: Number of crops; `None` for one of each photograph.
        out: Folder for the results.
    """

    data: Path | None
    forging: Forging
    count: int | None
    out: Path


def hole_scores(completed: np.ndarray, original: np.ndarray, mask: np.ndarray) -> dict[str, float]:
    """Measures a fill against the untouched picture, inside the hole alone.

    Args:
        completed: uint8 (H, W, 3), sides at least 16; outside the hole it does not matter.
        original: uint8 (H, W, 3), the untouched picture.
        mask: uint8 (H, W), 1 = hole.

    Returns:
        By name, the mean over the hole's pixels of:

        * `L1`: absolute difference, 0 to 1.
        * `PSNR`: of the mean squared difference, in dB, at most 58.9, where the error is that of
          rounding to whole levels.
        * `SSIM`: structural similarity, at most 1 (Wang et al., 2004: Gaussian window of 11 pixels
          and standard deviation 1.5), of each colour channel, averaged.
        * `perceptual`: squared distance of feature vectors of length 1, averaged over the scales
          of `feature_network`, in the form of LPIPS (Zhang et al., 2018); 0 to 2.
        * `texture`: the same, of features that were first averaged over a neighbourhood inside
          the hole. It forgives a texture at other places than the original's, of which the other
          measures like a smooth fill better.

    Raises:
        ValueError: If the hole is empty, or shapes or dtypes are other than these.
    """
    if not (completed.dtype == original.dtype == np.uint8):
        raise ValueError(f"Pictures must be uint8, not {completed.dtype} and {original.dtype}")
    if original.shape != (*mask.shape, 3) or completed.shape != original.shape:
        raise ValueError(
            f"Pictures {completed.shape} and {original.shape} and mask {mask.shape} do not fit"
        )
    hole = mask == 1
    if not hole.any():
        raise ValueError("The hole is empty: there is nothing to measure")
    completed = np.where(hole[..., None], completed, original)
    difference = completed[hole].astype(float) - original[hole]
    squared_error = max(np.mean(difference**2), _ROUNDING_ERROR)
    return {
        "L1": float(np.mean(np.abs(difference)) / 255),
        "PSNR": float(10 * np.log10(255**2 / squared_error)),
        "SSIM": float(metrics.ssim_map(completed, original)[hole].mean()),
        **_feature_distances(completed, original, hole),
    }


@functools.cache
def _network() -> keras.Model:
    return feature_network()


def _feature_distances(completed, original, hole) -> dict[str, float]:
    pictures = np.stack([completed, original]).astype("float32") / 127.5 - 1
    distances = []
    for features in _network()(pictures):
        found, wanted = ops.convert_to_numpy(features)
        share = cv2.resize(
            hole.astype("float32"), wanted.shape[1::-1], interpolation=cv2.INTER_AREA
        )
        pooled = (_neighbourhood_mean(maps, share) for maps in (found, wanted))
        distances.append([_distance(found, wanted, share), _distance(*pooled, share)])
    perceptual, texture = np.mean(distances, axis=0)
    return {"perceptual": float(perceptual), "texture": float(texture)}


def _neighbourhood_mean(features: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Averages over the hole's pixels around each pixel."""
    total = cv2.GaussianBlur(features * share[..., None], (0, 0), _NEIGHBOURHOOD)
    weight = cv2.GaussianBlur(share, (0, 0), _NEIGHBOURHOOD)
    return total / np.maximum(weight, 1e-6)[..., None]


def _distance(found: np.ndarray, wanted: np.ndarray, share: np.ndarray) -> float:
    """Averages over the hole the squared distance between feature vectors of length 1."""
    found, wanted = (
        maps / np.sqrt(np.sum(maps**2, axis=-1, keepdims=True) + _FAINT**2)
        for maps in (found, wanted)
    )
    return float(np.average(np.sum((found - wanted) ** 2, axis=-1), weights=share))


def evaluate(run: InpainterRun) -> int:
    """Measures inpainters; returns the exit code, or raises ValueError if nothing is measured."""
    refuse_others_files(run.out)
    failed: list[dict] = []
    records, grid = [], []
    crops = choose_crops(run)
    for found, row in work_through(crops, partial(measure, run.forging), failed):
        records += found
        grid = [*grid, row][:GRID_PICTURES]
    code = say_failures(failed, crops)
    write_run(report(run, records, failed, grid), run.out)
    return code


def choose_crops(run: InpainterRun) -> list[Source]:
    """Draws photographs in random order, all of them before any for a second time."""
    sources = photographs(run.data)
    order = np.random.default_rng(run.forging.seed).permutation(len(sources))
    crops = []
    for number in range(run.count or len(sources)):
        source = sources[order[number % len(sources)]]
        crops.append(Source(f"{source.name} #{number // len(sources) + 1}", source.read))
    return crops


def measure(
    forging: Forging, number: int, crop: Source
) -> tuple[list[dict], tuple[str, dict[str, np.ndarray]]]:
    """Measures all inpainters on one crop; returns a record of each, and a row of the grid."""
    photograph, seed = crop.read(), picture_seed(crop.name, forging.seed)
    records, row = [], {}
    for inpainter in forging.inpainters:
        fill, mask, original = forge(photograph, forging.size, seed, inpainter)
        scores = hole_scores(fill, original, mask)
        shared = {"picture": crop.name, "hole": mask.mean()}
        records.append({**shared, "inpainter": inpainter, "scores": scores})
        row[inpainter] = fill
    masked = np.where(mask[..., None] == 1, np.uint8(255), original)
    return records, (crop.name, {"original": original, "hole": masked, **row})


def differences_to_baseline(records: Sequence[dict]) -> list[dict]:
    """Subtracts the baseline's scores on the same crop; the baseline itself is left out."""
    baseline = {r["picture"]: r["scores"] for r in records if r["inpainter"] == BASELINE}
    return [
        {
            "inpainter": record["inpainter"],
            "scores": {
                measure: value - baseline[record["picture"]][measure]
                for measure, value in record["scores"].items()
            },
        }
        for record in records
        if record["inpainter"] != BASELINE
    ]


def report(run: InpainterRun, records: Sequence[dict], failed: Sequence[dict], grid) -> Report:
    """Makes the report: means, and paired differences to the baseline."""
    forging = run.forging
    summaries, differences = (
        metrics.summarize_groups(some, ["inpainter"], forging.seed)
        for some in (records, differences_to_baseline(records))
    )
    sections = {
        "Inside the hole": table_rows(summaries),
        f"Paired difference to {BASELINE}": table_rows(differences),
    }
    results = {
        "data": run.data or BUNDLED,
        "size": forging.size,
        "seed": forging.seed,
        "weights": {name: weights_sha256(name) for name in forging.inpainters},
        "inpainters": summaries,
        "differences": differences,
        "pictures": records,
        "failed": failed,
    }
    return Report("Inpainters", sections, EXPLANATION, results, grid)


def table_rows(summaries: Sequence[dict]) -> list[dict[str, object]]:
    """Makes table rows of summaries, means above their intervals, with the digits of `DIGITS`."""
    rows = []
    for summary in summaries:
        row = {"inpainter": summary["inpainter"], "crops": summary["pictures"]}
        for measure, digits in DIGITS.items():
            mean, low, high = (
                f"{summary['scores'][measure][key]:.{digits}f}" for key in ("mean", "low", "high")
            )
            row[measure] = f"{mean}\n{low} to {high}"
        rows.append(row)
    return rows


def add_parser(commands, text: str) -> None:
    """Adds the command `inpainters`, with the text that the list of commands shows."""
    parser = add_command(commands, "inpainters", text, __doc__, _run)
    add, default = parser.add_argument, "(default: %(default)s)"
    text = "Pristine photographs (default: bundled ones)"
    add("--data", type=nonempty_path, metavar="FOLDER", help=text)
    options = {"choices": INPAINTERS, "default": list(INPAINTERS), "metavar": "NAME"}
    text = f"Any of {', '.join(INPAINTERS)} (default: all); {BASELINE} is always measured"
    add("--inpainters", nargs="+", **options, help=text)
    add("--size", type=at_least(64), default=256, help=f"Side of crops, in pixels {default}")
    add("--count", type=at_least(1), help="Number of crops (default: one of each photograph)")
    add("--seed", type=at_least(0), default=0, help=f"Seed of crops and holes {default}")
    add("--out", type=nonempty_path, default=Path("runs/quality"), help=f"Output folder {default}")
    renamed(parser, "--source", "--data")


def _run(options: argparse.Namespace) -> int:
    return evaluate(read_run(options))


def read_run(options: argparse.Namespace) -> InpainterRun:
    """Makes the run of parsed options."""
    inpainters = tuple(dict.fromkeys([BASELINE, *options.inpainters]))
    forging = Forging(inpainters, options.size, options.seed)
    return InpainterRun(options.data, forging, options.count, options.out)
