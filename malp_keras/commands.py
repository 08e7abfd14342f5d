"""The commands of `malp-keras`: their options. What they do is imported when they run."""

from __future__ import annotations

import argparse

from forensics_keras.batch import BatchRun
from forensics_keras.command_line import at_least


def add_protect(commands: argparse._SubParsersAction) -> None:
    """Adds `protect` to the commands of a parser.

    Args:
        commands: What `argparse.ArgumentParser.add_subparsers` gave.
    """
    parser = commands.add_parser(
        "protect",
        help="Make protected copies of photographs",
        description="Writes protected copies of photographs, and a report.",
    )
    parser.set_defaults(run=_protect)
    BatchRun.add_arguments(parser)
    method = _add_weights(parser)
    method.add_argument(
        "--jpeg",
        type=at_least(1, most=100),
        metavar="QUALITY",
        help="Write JPEG files of this quality, 1 to 100, instead of PNG",
    )


def add_verify(commands: argparse._SubParsersAction) -> None:
    """Adds `verify` to the commands of a parser; see `add_protect`."""
    parser = commands.add_parser(
        "verify",
        help="Find what was changed in protected photographs",
        description="Writes a verdict, a fakeness map and a heat map for each picture.",
    )
    parser.set_defaults(run=_verify)
    BatchRun.add_reports(BatchRun.add_arguments(parser))
    _add_weights(parser)


def add_keygen(commands: argparse._SubParsersAction) -> None:
    """Adds `keygen`, which answers with the command that makes keys now."""
    # Without options of its own, whatever followed the old name is taken and ignored.
    parser = commands.add_parser("keygen", prefix_chars="+", add_help=False)
    parser.add_argument("ignored", nargs="*")
    parser.set_defaults(run=_say_where)


COMMANDS = add_protect, add_verify, add_keygen


def _add_weights(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """Adds --preset and --key, of which one may be given; returns their group."""
    method = parser.add_argument_group("method")
    weights = method.add_mutually_exclusive_group()
    weights.add_argument(
        "--preset",
        default="malp_local",
        help="Shipped preset or its folder (default: %(default)s)",
    )
    weights.add_argument("--key", metavar="FILE", help="Private key made by train.py key instead")
    return method


def _protect(options: argparse.Namespace) -> int:
    from malp_keras.keys import chosen_weights
    from malp_keras.protection import Protection

    weights = chosen_weights(options.preset, options.key)
    return BatchRun.of(options).execute(Protection(weights, options.jpeg))


def _verify(options: argparse.Namespace) -> int:
    from malp_keras.keys import chosen_weights
    from malp_keras.verification import Verifying

    weights = chosen_weights(options.preset, options.key)
    return BatchRun.of(options).execute(Verifying(weights))


def _say_where(_: argparse.Namespace) -> None:
    raise ValueError(
        "a key needs training: make it in a clone with python train.py key FILE --data FOLDER"
    )
