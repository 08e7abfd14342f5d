"""The commands of `irl-keras`: their options. What they do is imported when they run."""

from __future__ import annotations

import argparse

from forensics_keras import command_line
from forensics_keras.batch import BatchRun


def add_predict(commands: argparse._SubParsersAction) -> None:
    """Adds `predict` to the commands of a parser.

    Args:
        commands: What `argparse.ArgumentParser.add_subparsers` gave.
    """
    parser = commands.add_parser(
        "predict",
        help="Localize inpainting in pictures",
        description="Writes probability maps, masks, heat maps and a report for pictures.",
    )
    parser.set_defaults(run=_predict)
    BatchRun.add_reports(BatchRun.add_arguments(parser))
    method = parser.add_argument_group("method")
    weights = method.add_mutually_exclusive_group()
    weights.add_argument(
        "--preset", default="irl_small", help="Shipped preset or its folder (default: %(default)s)"
    )
    weights.add_argument(
        "--weights",
        metavar="FILE.keras",
        help="Model saved by Keras instead, by somebody whom you trust",
    )
    method.add_argument(
        "--threshold",
        type=command_line.threshold,
        help="Probability from which a pixel is flagged (default: the preset's). Another one in a "
        "later run is applied to the stored maps, without the network",
    )
    method.add_argument(
        "--max-side",
        type=command_line.at_least(16),
        metavar="PIXELS",
        help="Scale larger pictures down to this longer side for the network: faster, but small "
        "regions and fine traces are lost",
    )


def _predict(options: argparse.Namespace) -> int:
    from irl_keras.prediction import prediction

    job = prediction(options.preset, options.weights, options.threshold, options.max_side)
    return BatchRun.of(options).execute(job)


def add_app(commands: argparse._SubParsersAction) -> None:
    """Adds `app` to the commands of a parser; see `add_predict`."""
    parser = commands.add_parser(
        "app",
        help="Open a page on this machine to drop pictures into",
        description="Serves a page to this machine alone: pictures are dropped in, and maps and "
        "a report come out. Needs the extra [app].",
    )
    parser.set_defaults(run=_app)
    parser.add_argument(
        "--preset", default="irl_small", help="Shipped preset or its folder (default: %(default)s)"
    )
    parser.add_argument(
        "--port",
        type=command_line.at_least(0, most=65535),
        default=7860,
        help="Port of the page's address, 0 for any that is free (default: %(default)s)",
    )


def _app(options: argparse.Namespace) -> None:
    from irl_keras.app import run_app

    run_app(options.preset, options.port)


COMMANDS = (add_predict, add_app)
