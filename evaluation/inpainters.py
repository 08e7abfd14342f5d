"""How good inpainters are: fills measured against what was there, inside the hole alone.

    python -m evaluation.inpainters                     # bundled test photographs
    python -m evaluation.inpainters --source PHOTOGRAPHS --inpainters telea patch --count 100

Every inpainter fills the same holes of the same crops. The measures are those of `hole_scores`;
the tables of means and of paired differences to Telea's method go to stdout, and to the output
folder with `metrics.json` (all values) and `grid.png`. Exit code 1 when a photograph failed.
"""

import argparse
import functools
import sys
import zlib
from pathlib import Path

import cv2
import keras
import numpy as np
from keras import ops
from tqdm import tqdm

from datasets.forging import forge
from datasets.inpainting import INPAINTERS, weights_sha256
from datasets.inpainting.feature_network import feature_network
from datasets.photographs.sources import bundled_photographs, list_photographs
from forensics_keras import metrics
from forensics_keras.command_line import at_least
from forensics_keras.figures import picture_grid
from forensics_keras.files import write_atomically
from forensics_keras.images import read_image, write_png
from forensics_keras.records import library_versions, write_json
from forensics_keras.tables import markdown_table, text_table

BASELINE = "telea"
GRID_PICTURES = 6
DIGITS = {"L1": 4, "PSNR": 2, "SSIM": 3, "perceptual": 3, "texture": 3}
"""Digits after the decimal point that the tables show of each measure."""
EXPLANATION = (
    "Inside the hole: L1 (0 to 1), PSNR (dB), SSIM, and distances of features, perceptual at each\n"
    "place and texture over neighbourhoods. PSNR and SSIM are better when larger, the others when\n"
    "smaller. Means over crops, with 95 % bootstrap intervals."
)
_ROUNDING_ERROR = 1 / 12
"""Mean squared error of rounding to whole levels, the least that 8-bit pictures can claim."""
_FAINT = 0.1
"""Length of feature vectors below which differences count less: that of about two levels' noise."""
_NEIGHBOURHOOD = 4.0
"""Standard deviation of the window over which texture is compared, in pixels of a feature map."""


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
    """Means over the hole's pixels around each pixel."""
    total = cv2.GaussianBlur(features * share[..., None], (0, 0), _NEIGHBOURHOOD)
    weight = cv2.GaussianBlur(share, (0, 0), _NEIGHBOURHOOD)
    return total / np.maximum(weight, 1e-6)[..., None]


def _distance(found: np.ndarray, wanted: np.ndarray, share: np.ndarray) -> float:
    """Mean over the hole of the squared distance between feature vectors of length 1."""
    found, wanted = (
        maps / np.sqrt(np.sum(maps**2, axis=-1, keepdims=True) + _FAINT**2)
        for maps in (found, wanted)
    )
    return float(np.average(np.sum((found - wanted) ** 2, axis=-1), weights=share))


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line; returns the exit code: 0, 1 for bad pictures, 2 for bad options."""
    options = _parse(arguments)
    try:
        paths = list_photographs(options.source) if options.source else bundled_photographs("test")
        crops = choose_crops(paths, options)
        records, failed, grid = measure_all(crops, options)
        if failed:
            print(f"{len(failed)} of {len(crops)} crops failed", file=sys.stderr)
        if records:
            write_results(records, failed, grid, options)
    except (OSError, ValueError) as error:
        print("error: " + " ".join(str(error).split()), file=sys.stderr)
        return 2
    return 1 if failed else 0


def choose_crops(paths: list[Path], options: argparse.Namespace) -> list[tuple[Path, str, int]]:
    """Draws photographs in random order, all of them before any for a second time.

    Returns:
        Path, name and seed of each crop.
    """
    root = options.source or paths[0].parent
    order = np.random.default_rng(options.seed).permutation(len(paths))
    crops = []
    for number in range(options.count or len(paths)):
        path = paths[order[number % len(paths)]]
        name = f"{path.relative_to(root).as_posix()} #{number // len(paths) + 1}"
        seed = zlib.crc32(f"{options.seed} {name}".encode(errors="surrogateescape"))
        crops.append((path, name, seed))
    return crops


def measure_all(
    crops: list[tuple[Path, str, int]], options: argparse.Namespace
) -> tuple[list[dict], list[dict], list[tuple[str, list[np.ndarray]]]]:
    """Measures all inpainters on all crops; photographs that cannot be read are named.

    Returns:
        Records of one crop and inpainter each, failures, and the rows of the picture grid.
    """
    records, failed, grid = [], [], []
    for path, name, seed in tqdm(crops, unit="crop", disable=None):
        try:
            photograph = read_image(path)
        except (OSError, ValueError) as error:
            tqdm.write(f"{name}: {error}", file=sys.stderr)
            failed.append({"crop": name, "error": str(error)})
            continue
        fills = []
        for inpainter in options.inpainters:
            fill, mask, original = forge(photograph, options.size, seed, inpainter)
            scores = hole_scores(fill, original, mask)
            records.append(
                {"crop": name, "hole": mask.mean(), "inpainter": inpainter, "scores": scores}
            )
            fills.append(fill)
        if len(grid) < GRID_PICTURES:
            masked = np.where(mask[..., None] == 1, np.uint8(255), original)
            grid.append((name, [original, masked, *fills]))
    return records, failed, grid


def differences_to_baseline(records: list[dict]) -> list[dict]:
    """Subtracts the baseline's scores on the same crop; the baseline itself is left out."""
    baseline = {r["crop"]: r["scores"] for r in records if r["inpainter"] == BASELINE}
    return [
        {
            "inpainter": record["inpainter"],
            "scores": {
                measure: value - baseline[record["crop"]][measure]
                for measure, value in record["scores"].items()
            },
        }
        for record in records
        if record["inpainter"] != BASELINE
    ]


def write_results(
    records: list[dict], failed: list[dict], grid: list, options: argparse.Namespace
) -> None:
    """Prints the tables; writes them, all values and the picture grid into the output folder."""
    summaries = metrics.summarize_groups(records, ["inpainter"], options.seed)
    differences = metrics.summarize_groups(
        differences_to_baseline(records), ["inpainter"], options.seed
    )
    tables = {
        "Inside the hole": table_rows(summaries),
        f"Paired difference to {BASELINE}": table_rows(differences),
    }
    tables = {title: rows for title, rows in tables.items() if rows}
    markdown = [f"## {title}\n\n{markdown_table(rows)}" for title, rows in tables.items()]
    out = options.out
    write_atomically(out / "tables.md", "\n\n".join([*markdown, EXPLANATION, ""]).encode())
    results = {
        "source": options.source or "the bundled test photographs",
        "size": options.size,
        "seed": options.seed,
        "weights": {name: weights_sha256(name) for name in options.inpainters},
        "versions": library_versions(),
        "inpainters": summaries,
        "differences": differences,
        "crops": records,
        "failed": failed,
    }
    write_json(out / "metrics.json", results)
    headers = ["original", "hole", *options.inpainters]
    write_png(out / "grid.png", picture_grid(grid, headers))
    for title, rows in tables.items():
        print(f"{title}\n\n{text_table(rows)}\n")
    print(f"{EXPLANATION}\n\nAll values: {out / 'metrics.json'}\nPicture: {out / 'grid.png'}")


def table_rows(summaries: list[dict]) -> list[dict[str, object]]:
    """Makes table rows of summaries, each measure with its own number of digits.

    Args:
        summaries: As `metrics.summarize_groups` gives them.

    Returns:
        Rows for `text_table`; cells are means above their intervals.
    """
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


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m evaluation.inpainters",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--source", type=Path, metavar="FOLDER", help="photographs; by default the bundled ones"
    )
    parser.add_argument(
        "--inpainters",
        nargs="+",
        choices=INPAINTERS,
        default=list(INPAINTERS),
        metavar="NAME",
        help=f"any of {', '.join(INPAINTERS)} (default: all); {BASELINE} is always measured",
    )
    parser.add_argument("--size", type=at_least(64), default=256, help="side of crops (256)")
    parser.add_argument("--count", type=at_least(1), help="crops (default: one of each photograph)")
    parser.add_argument("--seed", type=at_least(0), default=0, help="of crops and holes (0)")
    parser.add_argument("--out", type=Path, default=Path("runs/quality"), help="output folder")
    options = parser.parse_args(arguments)
    options.inpainters = list(dict.fromkeys([BASELINE, *options.inpainters]))
    return options


if __name__ == "__main__":
    sys.exit(main())
