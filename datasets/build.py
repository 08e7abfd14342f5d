r"""Builds a data set of forged pictures and their masks from photographs.

    python -m datasets.build --source PHOTOGRAPHS --split train --inpainter telea ns patch \
        --count 5000 --out pairs/train
    python -m datasets.build --source PLACES --layout places2_256 --selection places.json \
        --split test --inpainter telea --count 1000 --out pairs/test

`--inpainter none` makes untouched pictures, whose masks are empty.

`--out` receives `Tp/` (pictures) and `Gt/` (masks, 255 = inpainted), the layout of IMDL-BenCo's
`ManiDataset`, or `.tfrecord` files; `manifest.jsonl` with a line for each pair; and `build.json`.
Pair `k` follows from the settings and `k` alone, whatever the number of workers. A build that was
stopped goes on when the same command is given again; a larger `--count` adds pairs.

Exit code 0; 1 when the disk is full or something cannot be written; 2 for bad options or data.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import os
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import wait
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from tqdm import tqdm

from datasets.forging import crop, random_window
from datasets.inpainting import FAMILIES, INPAINTERS, UNTOUCHED, inpaint, member, weights_sha256
from datasets.masks import free_form_mask
from datasets.photographs.selection import read_selection
from datasets.photographs.sources import SOURCES, SPLITS, list_photographs, photographs_of
from forensics_keras.command_line import at_least
from forensics_keras.files import replacing, write_atomically
from forensics_keras.images import encode_png, read_image, read_mask

BATCH = 16
"""Pairs that are forged together; fixed, because a network's result depends on its batch in the
last bit."""

UNITS = {"png": BATCH, "tfrecord": 16 * BATCH}
"""Pairs that are written, and after a stop made again, together: a file of records is one unit."""

FREE_FORM = "free-form"


@dataclass(frozen=True)
class Plan:
    """Everything that decides the pairs.

    Attributes:
        folder: What the photographs' names are relative to.
        photographs: Names in the order in which they are used, again and again.
        inpainters: Keys of `INPAINTERS` or `FAMILIES`, or `UNTOUCHED`, used in turn.
        masks: Files of holes to draw from; none for free-form masks.
        size: Side of the pairs, in pixels.
        seed: Non-negative integer.
    """

    folder: Path
    photographs: tuple[str, ...]
    inpainters: tuple[str, ...]
    masks: tuple[Path, ...]
    size: int
    seed: int


class BuiltPair(NamedTuple):
    """A forged picture, uint8 (size, size, 3), its mask, uint8 0 or 1, and its manifest line."""

    image: np.ndarray
    mask: np.ndarray
    record: dict


def forge_pairs(plan: Plan, numbers: range) -> list[BuiltPair]:
    """Forges some pairs.

    Args:
        plan: Of the data set.
        numbers: Of the pairs, at most `BATCH`.

    Returns:
        The pairs, in order.

    Raises:
        ValueError: If no photograph can be read, or a mask is bad.
        OSError: If a mask cannot be read.
    """
    drawn = [_draw(plan, number) for number in numbers]
    images = np.stack([pair.image for pair in drawn])
    masks = np.stack([pair.mask for pair in drawn])
    used = np.array([pair.record["inpainter"] for pair in drawn])
    for name in np.unique(used[used != UNTOUCHED]):
        images[used == name] = inpaint(str(name), images[used == name], masks[used == name])
    return [pair._replace(image=image) for pair, image in zip(drawn, images, strict=True)]


def _draw(plan: Plan, number: int) -> BuiltPair:
    """The untouched crop, the mask and the record of a pair."""
    rng = np.random.default_rng([plan.seed, number])
    name, photograph, unreadable = _first_readable(plan, number)
    window = random_window(photograph, plan.size, 1.0, rng)
    mask_seed = int(rng.integers(2**32))
    inpainter = member(plan.inpainters[number % len(plan.inpainters)], mask_seed)
    mask = _mask(plan, mask_seed)
    if inpainter == UNTOUCHED:
        mask = np.zeros_like(mask)
    record = {
        "pair": number,
        "photograph": name,
        "window": window._asdict(),
        "inpainter": inpainter,
        "weights_sha256": weights_sha256(inpainter),
        "mask_seed": mask_seed,
        "mask_share": round(float(mask.mean()), 6),
    }
    if unreadable:
        record["unreadable"] = unreadable
    return BuiltPair(crop(photograph, window, plan.size), mask, record)


def _first_readable(plan: Plan, number: int) -> tuple[str, np.ndarray, list[str]]:
    """The photograph of a pair, or the next one that can be read, and those that cannot."""
    unreadable = []
    count = len(plan.photographs)
    # Where pictures and inpainters share a factor, later rounds meet other inpainters.
    start = number + number // count
    for name in (plan.photographs[(start + step) % count] for step in range(count)):
        try:
            return name, read_image(plan.folder / name), unreadable
        except (OSError, ValueError) as error:
            unreadable.append(" ".join(str(error).split()))
    raise ValueError(f"{plan.folder}: none of {count} photographs can be read: {unreadable[0]}")


def _mask(plan: Plan, seed: int) -> np.ndarray:
    if not plan.masks:
        return free_form_mask(plan.size, plan.size, seed)
    path = plan.masks[seed % len(plan.masks)]
    size = (plan.size, plan.size)
    mask = cv2.resize(read_mask(path), size, interpolation=cv2.INTER_NEAREST_EXACT)
    if not 0 < mask.mean() < 1:
        raise ValueError(f"{path}: at {plan.size} pixels the mask is empty or full; remove it")
    return mask


def write_unit(plan: Plan, out: Path, file_format: str, numbers: range) -> list[dict]:
    """Forges and writes one unit of pairs; returns their manifest lines."""
    batches = (numbers[start : start + BATCH] for start in range(0, len(numbers), BATCH))
    pairs = [pair for batch in batches for pair in forge_pairs(plan, batch)]
    if file_format == "png":
        for pair in pairs:
            _write_pngs(out, pair)
    else:
        from datasets.tfrecords import write_tfrecord

        write_tfrecord(out / f"pairs-{numbers.start:07d}.tfrecord", pairs)
    return [pair.record for pair in pairs]


def _write_pngs(out: Path, pair: BuiltPair) -> None:
    name = f"{pair.record['pair']:07d}.png"
    # Both are written before either gets its name: a full disk leaves no half of a pair.
    with replacing(out / "Tp" / name) as picture, replacing(out / "Gt" / name) as mask:
        picture.write_bytes(encode_png(pair.image))
        mask.write_bytes(encode_png(255 * pair.mask))


class Manifest:
    """`manifest.jsonl`: one line for each pair of the data set, in order.

    Args:
        path: The file.
        unit: Pairs that belong together; what a stop left of a last, incomplete unit is dropped.
        count: Pairs in all, whose last unit may be smaller.
    """

    def __init__(self, path: Path, unit: int, count: int):
        self.path = path
        self.records = self._complete_records(unit, count)
        text = "".join(self._line(record) for record in self.records)
        write_atomically(path, text.encode())

    def _complete_records(self, unit: int, count: int) -> list[dict]:
        lines = self.path.read_bytes().split(b"\n")[:-1] if self.path.exists() else []
        complete = count if len(lines) == count else len(lines) // unit * unit
        return [json.loads(line) for line in lines[:complete]]

    @staticmethod
    def _line(record: dict) -> str:
        return json.dumps(record) + "\n"

    def append(self, records: list[dict]) -> None:
        with self.path.open("ab") as file:
            file.write("".join(map(self._line, records)).encode())
        self.records += records

    def unreadable(self) -> list[str]:
        """What is wrong with each photograph that was passed over, sorted."""
        return sorted({what for record in self.records for what in record.get("unreadable", ())})


def run(plan: Plan, out: Path, file_format: str, count: int, workers: int) -> list[str]:
    """Builds the pairs that `out` does not have yet.

    Args:
        plan: Of the data set.
        out: Folder of the data set.
        file_format: A key of `UNITS`.
        count: Pairs in all.
        workers: Processes.

    Returns:
        One line for each photograph that cannot be read.

    Raises:
        ValueError: As `forge_pairs`.
        OSError: As `forge_pairs`, or if something cannot be written.
    """
    unit = UNITS[file_format]
    manifest = Manifest(out / "manifest.jsonl", unit, count)
    done = len(manifest.records)
    units = [range(start, min(start + unit, count)) for start in range(done, count, unit)]
    with tqdm(total=count, initial=min(done, count), unit=" pairs", mininterval=1) as progress:
        for records in _written(plan, out, file_format, units, min(workers, len(units))):
            manifest.append(records)
            progress.update(len(records))
    return manifest.unreadable()


def _written(plan, out, file_format, units, workers) -> Iterator[list[dict]]:
    """The manifest lines of the units, in order, as they are written."""
    work = partial(write_unit, plan, out, file_format)
    if workers <= 1:
        yield from map(work, units)
        return
    context = multiprocessing.get_context("spawn")  # TensorFlow does not survive a fork
    with ProcessPoolExecutor(workers, context, _end_with_parent) as pool:
        yield from pool.map(work, units)


def _end_with_parent() -> None:
    """Lets a worker end when its parent was killed; it would wait for work for ever."""

    def watch():
        wait([multiprocessing.parent_process().sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    options = _parse(arguments)
    try:
        plan = make_plan(options)
        check_settings(options, plan)
    except (OSError, ValueError) as error:
        print("error: " + " ".join(str(error).split()), file=sys.stderr)
        return 2
    try:
        unreadable = run(plan, options.out, options.format, options.count, options.workers)
    except (OSError, ValueError) as error:
        print(
            f"error: {' '.join(str(error).split())}; what was built is readable, and the same "
            "command goes on when the cause is mended",
            file=sys.stderr,
        )
        return 1
    for line in unreadable:
        print(f"skipped {line}", file=sys.stderr)
    if unreadable:
        print(f"{len(unreadable)} photographs were skipped", file=sys.stderr)
    print(f"{options.count} pairs in {options.out}")
    return 0


def make_plan(options: argparse.Namespace) -> Plan:
    """Finds photographs and masks, and shuffles the photographs."""
    if options.selection:
        selection = read_selection(options.selection, options.source)
        names = selection.parts.get(options.split)
        if selection.source != options.layout or not names:
            raise ValueError(
                f"{options.selection}: selects {', '.join(selection.parts)} of the layout "
                f"{selection.source}, not {options.split} of {options.layout}"
            )
    else:
        names = photographs_of(options.layout, options.source, options.split)
    order = np.random.default_rng(options.seed).permutation(len(names))
    masks = [] if options.masks == FREE_FORM else list_photographs(options.masks)
    return Plan(
        folder=options.source,
        photographs=tuple(names[index] for index in order),
        inpainters=tuple(options.inpainter),
        masks=tuple(masks),
        size=options.size,
        seed=options.seed,
    )


def check_settings(options: argparse.Namespace, plan: Plan) -> None:
    """Writes the settings into a new folder; refuses to go on with others, or to shrink."""
    listed = "\n".join([*plan.photographs, *map(str, plan.masks)])
    settings = {
        "layout": options.layout,
        "split": options.split,
        "photographs": len(plan.photographs),
        "listed_sha256": hashlib.sha256(listed.encode(errors="surrogateescape")).hexdigest(),
        "masks": FREE_FORM if not plan.masks else len(plan.masks),
        "inpainters": {
            name: {one: weights_sha256(one) for one in FAMILIES.get(name, (name,))}
            for name in plan.inpainters
        },
        "size": plan.size,
        "seed": plan.seed,
        "format": options.format,
    }
    path = options.out / "build.json"
    if not path.exists():
        if any(not entry.name.startswith(".") for entry in options.out.glob("*")):
            raise ValueError(f"{options.out}: has other files; choose a new --out")
        write_atomically(path, json.dumps(settings, indent=2).encode())
        return
    found = json.loads(path.read_bytes())
    changed = [key for key in settings if found.get(key) != settings[key]]
    if changed:
        raise ValueError(
            f"{path}: another data set is in this folder ({', '.join(changed)} differ); repeat "
            "its command to go on with it, or choose another --out"
        )
    manifest = options.out / "manifest.jsonl"
    if manifest.exists() and manifest.read_bytes().count(b"\n") > options.count:
        raise ValueError(f"{manifest}: has more than {options.count} pairs already")


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m datasets.build",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--source", type=Path, required=True, metavar="FOLDER", help="of the photographs")
    add("--layout", choices=SOURCES, default="folder", help="how the folder is organized")
    add("--selection", type=Path, metavar="FILE", help="manifest of datasets.photographs.selection")
    add("--split", choices=SPLITS, required=True, help="part of the photographs to use")
    known = [*INPAINTERS, *FAMILIES, UNTOUCHED]
    add(
        "--inpainter",
        choices=known,
        nargs="+",
        required=True,
        metavar="NAME",
        help=f"used in turn; any of {', '.join(known)}",
    )
    add("--masks", default=FREE_FORM, metavar="FOLDER", help="of holes, instead of free-form ones")
    add("--count", type=at_least(1), required=True, help="pairs in all")
    add("--size", type=at_least(16), default=256, help="side of the pairs, pixels; 256 without it")
    add("--seed", type=at_least(0), default=0)
    add("--format", choices=UNITS, default="png")
    add(
        "--workers",
        type=at_least(1),
        default=os.cpu_count(),
        help="processes; all cores without it",
    )
    add(
        "--out", type=Path, required=True, help="folder of the data set; goes on with what is there"
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
