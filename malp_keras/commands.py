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
    method.add_argument(
        "--strength",
        type=_strength,
        default=1.0,
        help="Strength of a key's template, 0.25 to 4; 1 keeps about 38.3 dB (default: 1)",
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
    method = _add_weights(parser)
    method.add_argument(
        "--records",
        metavar="DIR",
        help="Compare with the signed records in this folder, which protect --key wrote",
    )


def add_keygen(commands: argparse._SubParsersAction) -> None:
    """Adds `keygen` to the commands of a parser; see `add_protect`."""
    parser = commands.add_parser(
        "keygen",
        help="Make a private key",
        description="Makes a private key at once. Keep it secret, and keep a copy: only the key "
        "can verify what it protected.",
    )
    parser.set_defaults(run=_keygen)
    parser.add_argument("file", metavar="FILE", help="Key file to make")
    parser.add_argument("--publisher", default="", metavar="NAME", help="Named in signed records")
    parser.add_argument("--overwrite", action="store_true", help="Replace an existing file")


COMMANDS = add_protect, add_verify, add_keygen


def _strength(text: str) -> float:
    value = float(text)
    if not 0.25 <= value <= 4:
        raise argparse.ArgumentTypeError(f"{text} is not from 0.25 to 4")
    return value


def _add_weights(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """Adds --preset and --key, of which one may be given; returns their group."""
    method = parser.add_argument_group("method")
    weights = method.add_mutually_exclusive_group()
    weights.add_argument(
        "--preset",
        default="malp_local",
        help="Shipped preset or its folder (default: %(default)s)",
    )
    weights.add_argument(
        "--key", metavar="FILE", help="Private key made by keygen (or train.py key)"
    )
    return method


def _protect(options: argparse.Namespace) -> int:
    if options.key and _is_key_file(options.key):
        from malp_keras.key_files import read_key_file
        from malp_keras.keyed_jobs import KeyedProtection

        job = KeyedProtection(read_key_file(options.key), options.jpeg, options.strength)
        return BatchRun.of(options).execute(job)
    from malp_keras.keys import chosen_weights
    from malp_keras.protection import Protection

    if options.strength != 1:
        raise ValueError("--strength needs a key made by keygen (--key FILE)")
    weights = chosen_weights(options.preset, options.key)
    return BatchRun.of(options).execute(Protection(weights, options.jpeg))


def _verify(options: argparse.Namespace) -> int:
    if options.key and _is_key_file(options.key):
        from malp_keras.key_files import read_key_file
        from malp_keras.keyed_jobs import KeyedVerifying

        job = KeyedVerifying(read_key_file(options.key), options.records)
        return BatchRun.of(options).execute(job)
    from malp_keras.keys import chosen_weights
    from malp_keras.verification import Verifying

    if options.records:
        raise ValueError("--records needs a key made by keygen (--key FILE)")
    weights = chosen_weights(options.preset, options.key)
    return BatchRun.of(options).execute(Verifying(weights))


def _is_key_file(path: str) -> bool:
    from malp_keras.key_files import is_key_file

    return is_key_file(path)


def _keygen(options: argparse.Namespace) -> None:
    from malp_keras.key_files import make_key_file

    key = make_key_file(options.file, options.publisher, options.overwrite)
    print(f"{options.file}: key {key.id}; keep it secret, and keep a copy")
