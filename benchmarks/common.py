"""What the benchmarks share: timing, naming the machine, and writing results."""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import tensorflow as tf

from forensics_keras.command_line import nonempty_path, run_command
from forensics_keras.files import write_atomically
from forensics_keras.records import library_versions, write_json
from forensics_keras.tables import markdown_table, text_table
from irl_keras import list_presets, read_card

ROOT = Path(__file__).parent.parent
SHIPPED = "irl_small"


class Table(NamedTuple):
    """A table of results.

    Attributes:
        title: Heading.
        columns: Column title by key of a row, for the keys that are shown.
        rows: Results; a value is a string, a number, None, or a summary (see `summarize`).
        note: What the columns mean.
    """

    title: str
    columns: dict[str, str]
    rows: list[dict]
    note: str


def run_benchmark(
    name: str,
    description: str,
    benchmark: Callable[[argparse.Namespace], int | None],
    arguments: Sequence[str] | None,
    **more: dict,
) -> int:
    """Runs a benchmark's command line: --out, --quick, and more options if given by name.

    Args:
        name: The benchmark's module.
        description: Text for its help.
        benchmark: Function from the parsed options to an exit code, or to `None` when all is done.
        arguments: Without the program's name; those of the process by default.
        **more: Arguments of `add_argument`, by the name of the option.

    Returns:
        As `forensics_keras.command_line.run_command`.
    """
    parser = argparse.ArgumentParser(
        prog=f"python -m benchmarks.{name}",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--out",
        type=nonempty_path,
        default=Path("runs/benchmarks"),
        help="Output folder (default: %(default)s)",
    )
    parser.add_argument(
        "--quick", action="store_true", help="Least sizes and repeats: does it run? Not for record"
    )
    for option, settings in more.items():
        parser.add_argument(f"--{option}", **settings)
    return run_command(parser, benchmark, arguments)


def shipped_architecture() -> dict:
    """Returns the arguments of `irl_net` for the shipped weights: the model card's, if there."""
    if SHIPPED in list_presets():
        return read_card(SHIPPED)["architecture"]["arguments"]
    return {"width": 0.5}


# --- timing -----------------------------------------------------------------------------------


def time_in_turn(
    calls: Mapping[str, Callable[[], object]], repeats: int, warmup: int = 1
) -> dict[str, list[float]]:
    """Times several functions in turn, so that a drift of the machine meets all alike.

    Args:
        calls: The functions by name; each returns when its work is done.
        repeats: How often each is timed.
        warmup: How often each is called before, without timing.

    Returns:
        Seconds of each call by name.
    """
    seconds = {name: [] for name in calls}
    for index in range(warmup + repeats):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            if index >= warmup:
                seconds[name].append(time.perf_counter() - start)
    return seconds


def summarize(values: Sequence[float]) -> dict[str, float]:
    """Returns median, spread (least and greatest value) and number of some measurements."""
    return {
        "median": statistics.median(values),
        "low": min(values),
        "high": max(values),
        "repeats": len(values),
    }


def rates(count: int, seconds: Sequence[float]) -> dict[str, float]:
    """Summarizes how many of `count` things a call were done in a second."""
    return summarize([count / value for value in seconds])


# --- the machine ------------------------------------------------------------------------------


def machine() -> dict[str, object]:
    """Names what the numbers hold for: processor, cores, memory in bytes, GPUs and libraries."""
    gpus = tf.config.list_physical_devices("GPU")
    details = [tf.config.experimental.get_device_details(gpu) for gpu in gpus]
    usable = getattr(os, "sched_getaffinity", None)  # Linux only
    return {
        "cpu": _cpu_model(),
        "cores": len(usable(0)) if usable else os.cpu_count(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "gpus": [detail.get("device_name", "GPU") for detail in details],
        "system": f"{platform.system()} {platform.machine()}",
        "versions": library_versions(),
    }


def _cpu_model() -> str:
    path = Path("/proc/cpuinfo")
    if path.exists():
        for line in path.read_text().splitlines():
            field, _, value = line.partition(":")
            if field.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()


def _machine_text(named: Mapping) -> str:
    versions = ", ".join(f"{library} {version}" for library, version in named["versions"].items())
    hardware = [
        named["cpu"],
        f"{named['cores']} cores",
        f"{named['memory_bytes'] / 2**30:.0f} GiB of memory",
        *named["gpus"],
        named["system"],
    ]
    return f"Machine: {', '.join(hardware)}; {versions}."


# --- results ----------------------------------------------------------------------------------


def write_results(
    out: Path, quick: bool, name: str, title: str, settings: dict, tables: Sequence[Table]
) -> None:
    """Writes `NAME.json` (all values) and `NAME.md` into the output folder; prints the tables.

    Args:
        out: Output folder.
        quick: Whether sizes and repeats were the least.
        name: The benchmark's module.
        title: Heading of its section.
        settings: What was measured.
        tables: The results.
    """
    results = {
        "benchmark": name,
        "title": title,
        "command": f"python -m benchmarks.{name}{' --quick' * quick}",
        "quick": quick,
        "machine": machine(),
        "settings": settings,
        "tables": [table._asdict() for table in tables],
    }
    write_json(out / f"{name}.json", results)
    write_page(out / f"{name}.md", [results])
    for table in tables:
        print(f"{table.title}\n\n{text_table(_cells(table._asdict()))}\n\n{table.note}\n")
    print(f"All values: {out / f'{name}.json'}")


def read_results(out: Path, name: str) -> dict:
    """Reads the results that `write_results` wrote."""
    return json.loads((out / f"{name}.json").read_text())


def write_page(path: Path, results: Sequence[dict]) -> None:
    """Writes results of one machine as a Markdown page: one section a benchmark."""
    lines = ["# Benchmarks", "", _machine_text(results[0]["machine"])]
    lines += ["Cells with brackets: median (least-greatest) of the repeats."]
    if any(result["quick"] for result in results):
        lines += ["", "**Measured with `--quick`: not for the record.**"]
    for result in results:
        lines += ["", f"## {result['title']}", "", f"`{result['command']}`"]
        for table in result["tables"]:
            lines += ["", f"### {table['title']}", "", table["note"], ""]
            lines += [markdown_table(_cells(table))]
    write_atomically(path, ("\n".join(lines) + "\n").encode())


def _cells(table: Mapping) -> list[dict[str, str]]:
    """Returns the shown columns of a table as text."""
    return [
        {title: _cell(row[key]) for key, title in table["columns"].items()} for row in table["rows"]
    ]


def _cell(value: object) -> str:
    if isinstance(value, Mapping):
        low, high = _cell(value["low"]), _cell(value["high"])
        return f"{_cell(value['median'])}\n{low}-{high}"
    if isinstance(value, float):
        digits = 2 - math.floor(math.log10(abs(value))) if value else 0
        return f"{value:.{max(digits, 0)}f}"
    return "-" if value is None else str(value)
