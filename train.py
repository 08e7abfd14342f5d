"""Trains the networks of this repository; `python train.py irl --help` lists the options."""

import argparse
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from training import inpainters, irl, malp, presets, stgan


def main(argv=None):
    """Runs the command line; returns the exit code: 0, or 1 after one line about the cause."""
    parser = argparse.ArgumentParser(description=__doc__)
    systems = parser.add_subparsers(dest="system", required=True)
    for module in (irl, inpainters, stgan, malp, presets):
        module.add_parser(systems)
    args = parser.parse_args(argv)
    try:
        args.run(args)
    except (ValueError, OSError) as error:
        print(f"train.py: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
