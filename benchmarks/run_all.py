"""Runs all benchmarks, each in its own process, and joins their tables in one Markdown page.

python -m benchmarks.run_all --out runs/benchmarks --markdown docs/benchmarks.md
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.common import ROOT, read_results, run_benchmark, write_page
from forensics_keras.command_line import ExitCode

BENCHMARKS = ("speed", "pipeline", "memory", "build")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    page = {"type": Path, "metavar": "FILE", "help": "The page (default: all.md in --out)"}
    return run_benchmark("run_all", __doc__, _run_all, arguments, markdown=page)


def _run_all(options: argparse.Namespace) -> int:
    out = options.out.absolute()
    for name in BENCHMARKS:
        command = [sys.executable, "-m", f"benchmarks.{name}", "--out", str(out)]
        code = subprocess.run(command + ["--quick"] * options.quick, cwd=ROOT).returncode
        if code:
            print(f"benchmarks.{name} failed with exit code {code}", file=sys.stderr)
            return ExitCode.SOME_FAILED
    path = options.markdown or out / "all.md"
    write_page(path, [read_results(out, name) for name in BENCHMARKS])
    print(f"Page: {path}")
    return ExitCode.DONE


if __name__ == "__main__":
    sys.exit(main())
