"""Measures how well manipulations are localized, beside predictors that look at nothing.

    python evaluate.py irl                                   # shipped weights, bundled photographs
    python evaluate.py irl --data PHOTOGRAPHS --limit 20     # forge a folder of photographs
    python evaluate.py irl --data PAIRS --preset FOLDER      # forged elsewhere, with masks
    python evaluate.py irl --table 1 --corpora CORPORA       # a table of the paper; trains its rows
    python evaluate.py malp                                  # MaLP: see `evaluate.py malp --help`

For `irl`, every picture is localized under each condition, inpainter x degradation; measures are
defined in `forensics_keras.metrics`. Tables of forged pictures, of untouched ones and of telling the two
apart go to stdout, and to the output folder with `metrics.json` (all values) and `grid.png`. Exit
code 1 when a picture failed.

`--table` makes one of the tables of `tables.specs`: 1 and 2 compare the methods on scenes and on
faces, 3 the fusions, 4 the blocks; 5 is about inpainters and degradations never seen in training,
6 about whole pictures. What has no weights is trained first, in `--out`, and goes on there after a
stop; look with `--plan` how long that takes.
"""

from __future__ import annotations

import argparse
import sys

from evaluation import irl, malp


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line; returns the exit code: 0, 1 for bad pictures, 2 for bad options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True, metavar="SYSTEM")
    irl.add_parser(commands)
    malp.add_parser(commands)
    options = parser.parse_args(arguments)
    try:
        return options.run(options)
    except (OSError, ValueError) as error:
        print("error: " + " ".join(str(error).split()), file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
