r"""Kills `predict` and `protect` at random moments, and compares the end with an uninterrupted run.

    python -m benchmarks.kills --out runs/benchmarks

Each command works on the same pictures in two folders: once undisturbed, and once in a process that
is killed (SIGKILL) a random time after it began to write, again and again, until a last one may
finish. All files must then be the same, byte for byte, and the report but for the seconds.

The processes are forked, so that none has to import Keras and load weights: `protect` has the
shipped `malp_local`, and `predict` noise in the place of a network, which is the same each time.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import cv2

from datasets.photographs.sources import bundled_photographs
from forensics_keras import batch
from forensics_keras.command_line import ExitCode, at_least, nonempty_path, run_command
from forensics_keras.files import write_atomically
from forensics_keras.images import read_image, write_png
from forensics_keras.localizer import Noise
from forensics_keras.tables import markdown_table

SIDE = 96
POLL_S = 0.0005
COMMANDS = "predict", "protect"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.kills",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--out", type=nonempty_path, default=Path("runs/benchmarks"))
    parser.add_argument("--commands", nargs="+", choices=COMMANDS, default=COMMANDS)
    parser.add_argument("--kills", type=at_least(1), default=20, help="default: %(default)s")
    parser.add_argument("--pictures", type=at_least(1), default=300, help="default: %(default)s")
    parser.add_argument("--longest", type=float, default=0.2, help="Seconds until a kill, at most")
    parser.add_argument("--seed", type=at_least(0), default=0)
    return run_command(parser, _run, arguments)


def _run(options: argparse.Namespace) -> int:
    cv2.setNumThreads(0)  # its threads do not survive a fork
    rows = []
    for command in options.commands:
        with tempfile.TemporaryDirectory() as folder:
            pictures = Path(folder, "in")
            make_pictures(pictures, options.pictures)
            rows.append(check(command, pictures, Path(folder), options))
    table = markdown_table(rows)
    write_atomically(options.out / "kills.md", (table + "\n").encode())
    print(table)
    is_same = all(row["same bytes"] == "yes" for row in rows)
    return ExitCode.DONE if is_same else ExitCode.SOME_FAILED


def make_pictures(folder: Path, count: int) -> None:
    """Cuts squares out of the bundled photographs."""
    photographs = [read_image(path) for path in bundled_photographs("test")]
    places = random.Random(0)
    for number in range(count):
        image = photographs[number % len(photographs)]
        top, left = (places.randrange(length - SIDE) for length in image.shape[:2])
        write_png(folder / f"{number:04d}.png", image[top : top + SIDE, left : left + SIDE])


def make_job(command: str) -> batch.BatchJob:
    """Makes the job of a command, loaded."""
    if command == "predict":
        from irl_keras.prediction import Method, Prediction

        return Prediction(Method("noise", "0" * 64, 0.5), Noise)
    from malp_keras.keys import chosen_weights
    from malp_keras.protection import Protection

    job = Protection(chosen_weights("malp_local"))
    job.load()
    job.load = lambda: None  # type: ignore[method-assign]
    return job


def start(job: batch.BatchJob, pictures: Path, out: Path) -> multiprocessing.Process:
    """Starts a process that does a job."""

    def work() -> None:
        for stream in (1, 2):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
        batch.run(job, [str(pictures)], out)

    process = multiprocessing.get_context("fork").Process(target=work)
    process.start()
    return process


def check(command: str, pictures: Path, folder: Path, options: argparse.Namespace) -> dict:
    """Compares a run that was killed again and again with an undisturbed one; returns a row."""
    job, whole, killed = make_job(command), folder / "whole", folder / "killed"
    start(job, pictures, whole).join()
    delays = random.Random(options.seed)
    unfinished = without_output = kills = 0
    while kills < options.kills:
        before = state(killed)
        process = start(job, pictures, killed)
        while process.is_alive() and state(killed) == before:
            time.sleep(POLL_S)
        time.sleep(delays.uniform(0, options.longest))
        process.kill()
        process.join()
        if process.exitcode != -signal.SIGKILL:
            break  # it was done before
        kills += 1
        names = [path.name for path in killed.rglob("*") if path.is_file()]
        unfinished += any(name.startswith(".unfinished") for name in names)
        without_output += any(
            not (killed / line[kind]).exists()
            for line in report(killed)
            for kind in line.get("outputs_sha256", ())
        )
    done = len(report(killed))
    start(job, pictures, killed).join()
    return {
        "command": command,
        "pictures": options.pictures,
        "kills": kills,
        "left unfinished files": unfinished,
        "left a line before its outputs": without_output,
        "pictures done before the last run": done,
        "same bytes": "yes" if content(whole) == content(killed) else "NO",
    }


def state(folder: Path) -> list[tuple[str, int]]:
    """Names and sizes of the report and of unfinished files, of which any may vanish meanwhile."""
    found = []
    for path in [folder / "report.jsonl", *folder.rglob(".unfinished*")]:
        with contextlib.suppress(OSError):
            found.append((path.name, path.stat().st_size))
    return found


def report(folder: Path) -> list[dict]:
    """The whole lines of the report."""
    path = folder / "report.jsonl"
    lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
    return [json.loads(line) for line in lines]


def content(folder: Path) -> dict[str, object]:
    """All files of a folder; of the report what must not differ."""
    found: dict[str, object] = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "report.jsonl"
    }
    lines = [{**line, "seconds": None} for line in report(folder)]
    found["report.jsonl"] = sorted(lines, key=lambda line: line["path"])
    return found


if __name__ == "__main__":
    sys.exit(main())
