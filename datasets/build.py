r"""Builds a data set of forged pictures and their masks from photographs.

    python -m datasets.build --data PHOTOGRAPHS --split train --inpainters telea ns patch \
        --count 5000 --out pairs/train
    python -m datasets.build --data PLACES --layout places2_256 --selection places.json \
        --split test --inpainters telea --count 1000 --out pairs/test

`--inpainters none` makes pristine pictures, whose masks are empty.

`--out` receives `Tp/` (pictures) and `Gt/` (masks, 255 = inpainted), the layout of IMDL-BenCo's
`ManiDataset`, or `.tfrecord` files; `manifest.jsonl` with a line for each pair; and `build.json`.
Pair `k` follows from the settings and `k` alone, whatever the number of workers. A build that was
stopped goes on when the same command is given again; a larger `--count` adds pairs.

Exit code 0; 1 when all pairs are built but photographs that cannot be read were skipped; 2 for bad
options or data, or when something cannot be written.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import wait
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from tqdm import tqdm

from datasets.forging import crop, random_window, whole_picture
from datasets.inpainting import FAMILIES, INPAINTERS, UNTOUCHED, inpaint, member, weights_sha256
from datasets.manifest import Manifest
from datasets.mask_kinds import KINDS, draw_mask
from datasets.masks import free_form_mask
from datasets.photographs.selection import selected_photographs
from datasets.photographs.sources import SOURCES, SPLITS, list_photographs
from forensics_keras.command_line import (
    ExitCode,
    at_least,
    nonempty_path,
    one_line,
    renamed,
    run_command,
)
from forensics_keras.files import locked, replacing, write_atomically
from forensics_keras.images import encode_png, read_image, read_mask
from forensics_keras.terminal import counted, printable

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
        folder: Folder that the photographs' names are relative to.
        photographs: Names in the order in which they are used, again and again.
        inpainters: Keys of `INPAINTERS` or `FAMILIES`, or `UNTOUCHED`, used in turn.
        masks: Files of holes to draw from; none for drawn masks.
        size: Side of the pairs, in pixels.
        seed: Non-negative integer.
        mask_kind: Kind of the drawn masks, `FREE_FORM` or one of `datasets.mask_kinds.KINDS`.
        whole: Whether `whole_picture` takes the place of cropping.
    """

    folder: Path
    photographs: tuple[str, ...]
    inpainters: tuple[str, ...]
    masks: tuple[Path, ...]
    size: int
    seed: int
    mask_kind: str = FREE_FORM
    whole: bool = False


class BuiltPair(NamedTuple):
    """A forged picture, uint8 (size, size, 3), its mask, uint8 0 or 1, and its manifest line."""

    image: np.ndarray
    mask: np.ndarray
    record: dict


def forge_pairs(plan: Plan, numbers: range) -> list[BuiltPair]:
    """Forges some pairs.

    Args:
        plan: Plan of the data set.
        numbers: Numbers of the pairs, at most `BATCH`.

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
    """Makes the pristine crop, the mask and the record of a pair."""
    rng = np.random.default_rng([plan.seed, number])
    name, photograph, unreadable = _first_readable(plan, number)
    window = random_window(photograph, plan.size, 1.0, rng)
    mask_seed = int(rng.integers(2**32))
    inpainter = member(plan.inpainters[number % len(plan.inpainters)], mask_seed)
    mask = _mask(plan, mask_seed)
    if inpainter == UNTOUCHED:
        mask = np.zeros_like(mask)
    image = crop(photograph, window, plan.size)
    if plan.whole:
        image = whole_picture(photograph, plan.size)
    record = {
        "pair": number,
        "photograph": name,
        "window": None if plan.whole else window._asdict(),
        "inpainter": inpainter,
        "weights_sha256": weights_sha256(inpainter),
        "mask_seed": mask_seed,
        "mask_share": round(float(mask.mean()), 6),
    }
    if unreadable:
        record["unreadable"] = unreadable
    return BuiltPair(image, mask, record)


def _first_readable(plan: Plan, number: int) -> tuple[str, np.ndarray, list[str]]:
    """Finds the photograph of a pair, or the next one that can be read, and those that cannot."""
    unreadable = []
    count = len(plan.photographs)
    # Where pictures and inpainters share a factor, later rounds meet other inpainters.
    start = number + number // count
    for name in (plan.photographs[(start + step) % count] for step in range(count)):
        try:
            return name, read_image(plan.folder / name), unreadable
        except (OSError, ValueError) as error:
            unreadable.append(one_line(error))
    raise ValueError(f"{plan.folder}: none of {count} photographs can be read: {unreadable[0]}")


def _mask(plan: Plan, seed: int) -> np.ndarray:
    if plan.mask_kind != FREE_FORM:
        return draw_mask(plan.mask_kind, plan.size, plan.size, np.random.default_rng(seed))
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


@dataclass(frozen=True, kw_only=True)
class Build:
    """What the command line says.

    Attributes:
        data: Folder of the photographs.
        layout: Key of `SOURCES`, how the folder is organized.
        selection: File of `datasets.photographs.selection` that lists the photographs; `None` for
            all of the part.
        split: Member of `SPLITS`, the part of the photographs to use.
        inpainters: Inpainters and families that are used in turn.
        masks: `FREE_FORM`, one of `datasets.mask_kinds.KINDS`, or a folder of holes.
        count: Pairs in all.
        size: Side of the pairs, in pixels.
        whole: Whether `whole_picture` takes the place of cropping.
        seed: Non-negative integer.
        file_format: Key of `UNITS`.
        workers: Number of processes.
        out: Folder of the data set.
    """

    data: Path
    layout: str = "folder"
    selection: Path | None = None
    split: str
    inpainters: tuple[str, ...]
    masks: str = FREE_FORM
    count: int
    size: int = 256
    whole: bool = False
    seed: int = 0
    file_format: str = "png"
    workers: int = os.cpu_count() or 1
    out: Path

    def plan(self) -> Plan:
        """Finds photographs and masks, and shuffles the photographs.

        Raises:
            OSError: If a file or folder is missing or cannot be read.
            ValueError: If there are no photographs or masks, or the selection has others.
        """
        names = selected_photographs(self.data, self.split, self.layout, self.selection)
        drawn = self.masks in (FREE_FORM, *KINDS)
        order = np.random.default_rng(self.seed).permutation(len(names))
        return Plan(
            folder=self.data,
            photographs=tuple(names[index] for index in order),
            inpainters=self.inpainters,
            masks=() if drawn else tuple(list_photographs(self.masks)),
            size=self.size,
            seed=self.seed,
            mask_kind=self.masks if drawn else FREE_FORM,
            whole=self.whole,
        )

    def settings(self, plan: Plan) -> dict:
        """Describes the data set, as `build.json` keeps it."""
        listed = "\n".join([*plan.photographs, *map(str, plan.masks)])
        return {
            "layout": self.layout,
            "split": self.split,
            "photographs": len(plan.photographs),
            "listed_sha256": hashlib.sha256(listed.encode(errors="surrogateescape")).hexdigest(),
            "masks": len(plan.masks) or plan.mask_kind,
            "inpainters": {
                name: {one: weights_sha256(one) for one in FAMILIES.get(name, (name,))}
                for name in plan.inpainters
            },
            "size": plan.size,
            "whole": plan.whole or None,  # folders from before have none
            "seed": plan.seed,
            "format": self.file_format,
        }

    def check_settings(self, settings: dict) -> None:
        """Writes the settings into a new folder; refuses to go on with others, or to shrink.

        Raises:
            ValueError: If the folder has other files, another data set, or more pairs.
            OSError: If something cannot be read or written.
        """
        path = self.out / "build.json"
        if not path.exists():
            if any(not entry.name.startswith(".") for entry in self.out.glob("*")):
                raise ValueError(f"{self.out}: has other files; choose a new --out")
            write_atomically(path, json.dumps(settings, indent=2).encode())
            return
        found = json.loads(path.read_bytes())
        changed = [key for key in settings if found.get(key) != settings[key]]
        if changed:
            raise ValueError(
                f"{path}: another data set is in this folder ({', '.join(changed)} differ); "
                "repeat its command to go on with it, or choose another --out"
            )
        manifest = self.out / "manifest.jsonl"
        if manifest.exists() and manifest.read_bytes().count(b"\n") > self.count:
            raise ValueError(f"{manifest}: has more than {self.count} pairs already")

    def run(self) -> ExitCode:
        """Builds the pairs that the folder does not have yet.

        Returns:
            Whether photographs were skipped, each with a line on stderr, as they cannot be read.

        Raises:
            ValueError: As `plan`, `check_settings` and `forge_pairs`.
            OSError: As these, or if something cannot be written, or another process writes there.
        """
        plan = self.plan()
        with locked(self.out):
            self.check_settings(self.settings(plan))
            try:
                unreadable = self._write(plan)
            except (OSError, ValueError) as error:
                raise OSError(
                    f"{one_line(error)}; what was built is readable, and the same command goes on "
                    "when the cause is mended"
                ) from error
        print(f"{counted(self.count, 'pair')} in {printable(self.out)}")
        if not unreadable:
            return ExitCode.DONE
        print(*(f"skipped {printable(what)}" for what in unreadable), sep="\n", file=sys.stderr)
        print(f"skipped {counted(len(unreadable), 'photograph')}", file=sys.stderr)
        return ExitCode.SOME_FAILED

    def _write(self, plan: Plan) -> list[str]:
        """Builds the missing pairs; says what is wrong with each photograph that was skipped."""
        unit = UNITS[self.file_format]
        manifest = Manifest(self.out / "manifest.jsonl", unit, self.count)
        done = len(manifest.records)
        units = [
            range(start, min(start + unit, self.count)) for start in range(done, self.count, unit)
        ]
        work = partial(write_unit, plan, self.out, self.file_format)
        start = min(done, self.count)
        with tqdm(total=self.count, initial=start, unit=" pairs", mininterval=1) as progress:
            for records in _in_order(work, units, min(self.workers, len(units))):
                manifest.append(records)
                progress.update(len(records))
        return manifest.unreadable()


def _in_order(work, units, workers) -> Iterator[list[dict]]:
    """Yields the manifest lines of the units, in order, as they are written."""
    if workers <= 1:
        yield from map(work, units)
        return
    context = multiprocessing.get_context("spawn")  # TensorFlow does not survive a fork
    with ProcessPoolExecutor(workers, context, _end_with_parent) as pool:
        with _ignored_interrupts():
            results = pool.map(work, units)  # starts the workers
        yield from results


@contextlib.contextmanager
def _ignored_interrupts() -> Iterator[None]:
    """Lets processes that are started ignore Ctrl-C, which goes to all; the parent answers it."""
    if threading.current_thread() is not threading.main_thread():  # which cannot set this
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _end_with_parent() -> None:
    """Lets a worker end when its parent was killed; it would wait for work for ever."""

    def watch():
        wait([multiprocessing.parent_process().sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""

    def run(options: argparse.Namespace) -> ExitCode:
        return Build(**{**vars(options), "inpainters": tuple(options.inpainters)}).run()

    return run_command(_parser(), run, arguments)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m datasets.build",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add, default = parser.add_argument, "(default: %(default)s)"
    add(
        "--data",
        type=nonempty_path,
        required=True,
        metavar="FOLDER",
        help="Folder of the photographs",
    )
    text = f"How the folder is organized {default}"
    add("--layout", choices=SOURCES, default=Build.layout, help=text)
    text = "File of datasets.photographs.selection that lists the photographs to use"
    add("--selection", type=nonempty_path, metavar="FILE", help=text)
    add("--split", choices=SPLITS, required=True, help="Part of the photographs to use")
    known = [*INPAINTERS, *FAMILIES, UNTOUCHED]
    text = f"Inpainters that are used in turn; any of {', '.join(known)}"
    names = {"choices": known, "nargs": "+", "required": True, "metavar": "NAME"}
    add("--inpainters", **names, help=text)
    text = f"{FREE_FORM}, a kind ({', '.join(KINDS)}), or a folder of holes {default}"
    add("--masks", default=Build.masks, metavar="KIND|FOLDER", help=text)
    add("--count", type=at_least(1), required=True, help="Number of pairs in all")
    text = f"Side of the pairs, in pixels {default}"
    add("--size", type=at_least(16), default=Build.size, help=text)
    text = "Scale whole photographs to the size, instead of cutting crops out of them"
    add("--whole", action="store_true", help=text)
    add("--seed", type=at_least(0), default=Build.seed, help=f"Seed of all that is drawn {default}")
    text = f"Format of the files {default}"
    add("--format", dest="file_format", choices=UNITS, default=Build.file_format, help=text)
    text = "Number of processes (default: all cores)"
    add("--workers", type=at_least(1), default=Build.workers, help=text)
    text = "Folder of the data set; what was begun there goes on"
    add("--out", type=nonempty_path, required=True, help=text)
    renamed(parser, "--source", "--data")
    renamed(parser, "--inpainter", "--inpainters")
    return parser


if __name__ == "__main__":
    sys.exit(main())
