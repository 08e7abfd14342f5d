"""Runs all benchmarks, each in its own process, and joins their tables in one Markdown page.

python -m benchmarks.run_all --out runs/benchmarks --markdown docs/benchmarks.md
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.common import ROOT, parse_options, read_results, write_page

BENCHMARKS = ("speed", "pipeline", "memory", "build")


def main(arguments: Sequence[str] | None = None) -> int:
    page = {"type": Path, "metavar": "FILE", "help": "the page; by default all.md in --out"}
    options = parse_options("run_all", __doc__, arguments, markdown=page)
    out = options.out.absolute()
    for name in BENCHMARKS:
        command = [sys.executable, "-m", f"benchmarks.{name}", "--out", str(out)]
        code = subprocess.run(command + ["--quick"] * options.quick, cwd=ROOT).returncode
        if code:
            print(f"benchmarks.{name} failed with exit code {code}", file=sys.stderr)
            return 1
    path = options.markdown or out / "all.md"
    write_page(path, [read_results(out, name) for name in BENCHMARKS])
    print(f"Page: {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
