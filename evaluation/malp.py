"""Measures MaLP; the command line is `python evaluate.py malp`.

Photographs are protected, manipulated (every manipulation, then every degradation), and
inspected; protected pictures without a manipulation, the same after harmless changes, and
unprotected photographs are inspected, too. `measuring_malp` defines what is measured.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from tqdm import tqdm

import malp_keras
from datasets import degradations
from datasets.manipulations import HARMLESS, MANIPULATIONS, Manipulation, foreign
from datasets.manipulations.local import Splice
from datasets.photographs.sources import bundled_photographs
from evaluation.measuring_malp import (
    CLEAN,
    Calibrator,
    Conditions,
    Measurements,
    Source,
    calibration_of,
    measure_all,
    photographs,
)
from evaluation.methods import Proactive
from evaluation.tables.malp import command, report
from evaluation.tables.malp.specs import CORPORA
from evaluation.tables.report import write
from forensics_keras.command_line import at_least, checked_by
from forensics_keras.images import read_bytes, read_image, write_png
from forensics_keras.presets import CARD_FILE, load_model_file
from forensics_keras.records import library_versions, to_json, write_json
from malp_keras import keys
from malp_keras.calibration import Calibration
from malp_keras.malp import MaLP
from training import loop

DEFAULT_PRESET = "malp_local"
CLASSICAL = ("telea", "ns", "patch")


def add_parser(commands) -> None:
    """Adds the subcommand `malp` to the command line of evaluate.py."""
    parser = commands.add_parser(
        "malp",
        help="MaLP: pictures that were protected beforehand",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    model = parser.add_mutually_exclusive_group()
    model.add_argument(
        "--preset",
        default=DEFAULT_PRESET,
        help=f"shipped preset or a preset's folder (default: {DEFAULT_PRESET})",
    )
    model.add_argument("--weights", type=Path, metavar="FILE.keras", help="model saved by Keras")
    model.add_argument("--key", type=Path, metavar="FILE", help="private key made by keygen")
    parser.add_argument(
        "--passive",
        type=Path,
        metavar="FILE.keras",
        help="a network without templates to measure beside it, as table 2 trains it",
    )
    parser.add_argument(
        "--data",
        type=Path,
        metavar="FOLDER",
        help="untouched photographs; by default the bundled test photographs",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("runs/evaluate_malp"),
        help="output folder (default: %(default)s)",
    )
    parser.add_argument(
        "--size",
        type=at_least(64),
        help="side of the squares that photographs are cut and shrunk to (default: the model's)",
    )
    parser.add_argument(
        "--manipulations",
        nargs="+",
        metavar="NAME",
        help=f"any of {', '.join(MANIPULATIONS)}; or of your own: a network from pictures to "
        "pictures (.keras, .onnx, or the folder of a SavedModel), or a folder that --export made "
        "(default: those of the preset's model card, or else the local edits and the classical "
        "inpainters)",
    )
    parser.add_argument(
        "--value-range",
        type=float,
        nargs=2,
        default=(-1.0, 1.0),
        metavar=("BLACK", "WHITE"),
        help="numbers of your network's pictures (default: -1 1)",
    )
    parser.add_argument(
        "--network-size", type=at_least(1), help="side of the pictures that your network takes"
    )
    parser.add_argument(
        "--export",
        type=Path,
        metavar="FOLDER",
        help="only write the protected pictures, to manipulate them with any other program: put "
        "the results under the same names into FOLDER/manipulated, exact masks (if there are any) "
        "into FOLDER/mask, and give FOLDER to --manipulations",
    )
    parser.add_argument(
        "--degradations",
        nargs="+",
        type=checked_by(degradations.parse),
        default=[CLEAN, "jpeg:90", "jpeg:70"],
        metavar="SPEC",
        help="of manipulated and of untouched pictures (default: clean jpeg:90 jpeg:70)",
    )
    parser.add_argument("--seed", type=at_least(0), default=0, help="of all that is drawn")
    parser.add_argument("--limit", type=at_least(1), metavar="N", help="the first N photographs")
    parser.add_argument(
        "--calibrate",
        action="store_true",
        help="choose the preset's thresholds on these photographs, which must not be test "
        "photographs, and write them into its model card",
    )
    _add_table_options(parser)
    parser.set_defaults(run=run)


def _add_table_options(parser: argparse.ArgumentParser) -> None:
    table = parser.add_argument_group("tables")
    table.add_argument(
        "--table",
        choices=command.NAMES,
        help="make this table; see docs/evaluation.md for what is in them",
    )
    table.add_argument(
        "--corpora",
        type=Path,
        metavar="FOLDER",
        help="for tables that train: has scenes/ and faces/, each with train/, val/ and test/ "
        "photographs; by default the bundled photographs",
    )
    table.add_argument(
        "--config",
        choices=list(CORPORA),
        help="for tables that train: what they start from, instead of the table's own",
    )
    effort = table.add_mutually_exclusive_group()
    effort.add_argument("--plan", action="store_true", help="only say what would be trained")
    effort.add_argument(
        "--quick", action="store_true", help="minutes: tiny networks, few pictures, marked numbers"
    )
    table.add_argument("--steps", type=at_least(1), help="of each training, instead of its own")
    table.add_argument(
        "--filters", type=at_least(1), help="of each CNN and classifier, instead of its own"
    )
    loop.add_precision(table)


def run(options: argparse.Namespace) -> int:
    """Measures or calibrates a model, or makes a table.

    Returns:
        The exit code: 0, or 1 when photographs failed.

    Raises:
        ValueError: If an option or the weights do not fit.
        OSError: If something cannot be read or written.
    """
    _check(options)
    if options.calibrate:
        return calibrate(options)
    if options.table and command.needs_training(options.table):
        find = partial(
            find_manipulation, value_range=options.value_range, size=options.network_size
        )
        return command.run_trained(options, find)
    method, weights = load_method(options)
    sources = photographs(options.data, options.size or method.model.size, options.limit)
    if options.export:
        return export(method, sources, options)
    conditions = find_conditions(options)
    methods, all_weights = [method], [weights]
    if options.passive:
        passive, passive_weights = load_file(options.passive, options.passive.parent.name)
        methods.append(passive)
        all_weights.append(passive_weights)
    if options.table:
        return command.run_experiment(options, methods, all_weights, conditions)
    measured = measure_all(sources, methods, conditions, options.seed)
    if len(measured.failed) == len(sources):
        raise ValueError(f"none of the {len(sources)} photographs could be measured")
    data = {
        "folder": options.data or "the bundled test photographs",
        "pictures": len(sources),
        "size": options.size or method.model.size,
    }
    weights = {"weights": weights, "passive": all_weights[1:]}
    write_results(measured, methods, conditions, {"data": data, **weights}, options)
    return say_failures(measured.failed, sources)


def write_results(
    measured: Measurements,
    methods: Sequence[Proactive],
    conditions: Conditions,
    settings: dict,
    options: argparse.Namespace,
) -> None:
    """Prints the tables; writes them, all values and the picture grid into the output folder."""
    thresholds = report.thresholds_of(methods, options.seed)
    results = {
        **settings,
        "thresholds": {
            method.name: dataclasses.asdict(calibration_of(method)) for method in methods
        },
        "manipulations": [one.name for one in conditions.manipulations],
        "degradations": conditions.degradations,
        "calibration": dataclasses.asdict(methods[0].calibration),
        "seed": options.seed,
        "versions": library_versions(),
        "summaries": report.summaries(measured, thresholds, options.seed),
        "pictures": measured.records,
        "quality": measured.quality,
        "failed": measured.failed,
        "notes": notes(methods[0]),
    }
    sections = report.sections(measured, thresholds, options.seed)
    write(methods[0].name, options.out / "metrics", results, sections, measured.grid)


def _check(options: argparse.Namespace) -> None:
    """Refuses options that would be ignored."""
    trains = bool(options.table) and command.needs_training(options.table)
    for name in ("corpora", "config", "plan", "steps", "filters", "mixed_precision", "quick"):
        if getattr(options, name) and not (trains or (name == "quick" and options.table)):
            kind = "a --table" if name == "quick" else "a --table that trains"
            raise ValueError(f"--{name.replace('_', '-')} needs {kind}")
    if options.calibrate and options.table:
        raise ValueError("--calibrate and --table are two commands")
    for name in ("steps", "filters", "mixed_precision"):
        if options.quick and getattr(options, name):
            raise ValueError(f"--quick has its own effort: leave out --{name.replace('_', '-')}")
    for name in ("data", "weights", "key", "size", "export"):
        if trains and getattr(options, name):
            raise ValueError(f"table {options.table} trains its own networks: leave out --{name}")


def notes(method: Proactive) -> list[str]:
    """What stands below the tables."""
    limits = method.calibration
    return [
        *report.EXPLANATION,
        f"A pixel is flagged from {limits.map_threshold:.3g}, a picture called manipulated from the score "
        f"{limits.score_threshold:.3g} and protected from the cosine {limits.cosine_threshold:.3g} on; calibrated on: "
        f"{limits.data}.",
    ]


def calibrate(options: argparse.Namespace) -> int:
    """Chooses the thresholds of a preset and writes them into its model card."""
    if options.weights or options.key or not options.data:
        raise ValueError("--calibrate needs --preset and --data with validation photographs")
    method, weights = load_method(options)
    sources = photographs(options.data, options.size or method.model.size, options.limit)
    calibrator = Calibrator()
    conditions = find_conditions(options)
    measured = measure_all(sources, [method], conditions, options.seed, calibrator.add)
    names = ", ".join(one.name for one in conditions.manipulations)
    data = (
        f"{len(sources) - len(measured.failed)} photographs of "
        f"{'/'.join(options.data.resolve().parts[-2:])}, seed {options.seed}; {names}; "
        f"{', '.join(options.degradations)}; harmless: {', '.join(HARMLESS)}"
    )
    thresholds = calibrator.thresholds(data)
    folder = preset_folder(options.preset)
    card = malp_keras.read_card(options.preset)
    card["calibration"] = dataclasses.asdict(thresholds)
    write_json(folder / CARD_FILE, card)
    print(f"{weights['name']}: {to_json(card['calibration'], indent=2)}")
    return say_failures(measured.failed, sources)


def preset_folder(preset: str) -> Path:
    """The folder of a preset, for changing its model card."""
    shipped = Path(malp_keras.__file__).parent / "weights" / preset
    return shipped if preset in malp_keras.list_presets() else Path(preset)


def load_method(options: argparse.Namespace) -> tuple[Proactive, dict[str, str]]:
    """Loads the model to measure; also returns the name and the SHA-256 of its weights."""
    if options.weights:
        return load_file(options.weights, options.weights.name)
    if options.key:
        card, model = keys.read_key_card(options.key), keys.load_key(options.key)
    else:
        card = malp_keras.read_card(options.preset)
        model = malp_keras.from_preset(options.preset)
    method = Proactive(model, card["name"], Calibration.of_card(card))
    return method, {"name": card["name"], "sha256": card["sha256"]}


def load_file(path: Path, name: str) -> tuple[Proactive, dict[str, str]]:
    """Loads a model that Keras saved, or the one in a checkpoint of training; not calibrated."""
    model = load_model_file(path)
    model = getattr(model, "malp", model)
    if not isinstance(model, MaLP):
        raise ValueError(f"{path}: is no MaLP, nor a training of it")
    sha256 = hashlib.sha256(read_bytes(path)).hexdigest()
    return Proactive(model, name), {"name": name, "sha256": sha256}


def export(method: Proactive, sources: list[Source], options: argparse.Namespace) -> int:
    """Writes protected pictures, for programs that this one cannot run."""
    folder = options.export / "protected"
    written, failed = set(), []
    for name, read in tqdm(sources, unit="picture", disable=None):
        try:
            protected = method.protect(read())
        except (OSError, ValueError) as error:
            tqdm.write(f"{name}: {error}", file=sys.stderr)
            failed.append({"picture": name, "error": str(error)})
            continue
        file = folder / Path(name).with_suffix(".png")
        if file in written:  # a.jpg beside a.png
            file = folder / f"{name}.png"
        write_png(file, protected)
        written.add(file)
    print(
        f"{len(written)} protected pictures are in {folder}; put what becomes of them into "
        f"{options.export / 'manipulated'}, and repeat the command with --manipulations "
        f"{options.export} instead of --export"
    )
    return say_failures(failed, sources)


def find_conditions(options: argparse.Namespace) -> Conditions:
    """What happens to protected pictures."""
    names = options.manipulations or default_manipulations(options)
    return Conditions(
        [find_manipulation(name, options.value_range, options.network_size) for name in names],
        options.degradations,
        list(HARMLESS.values()),
    )


def default_manipulations(options: argparse.Namespace) -> list[str]:
    """What the preset's model card names, or else the local edits and the classical inpainters."""
    own = options.weights or options.key
    card = {} if own else malp_keras.read_card(options.preset)
    local = [name for name, manipulation in MANIPULATIONS.items() if manipulation.family == "local"]
    return card.get("manipulations") or [*local, *CLASSICAL]


def find_manipulation(
    name: str, value_range: tuple[float, float] = (-1.0, 1.0), size: int | None = None
) -> Manipulation:
    """Finds a manipulation by its name, or makes one of a user's file or folder.

    What is spliced in comes from bundled training photographs, so that a picture's manipulation
    depends on no other picture.

    Args:
        name: As for `--manipulations`.
        value_range: Numbers of black and white for a user's network.
        size: Of the pictures that a user's network takes.

    Raises:
        ValueError: If there is no such manipulation, or the file is none.
    """
    if name == "splice":
        return Splice([read_image(path) for path in bundled_photographs("train")])
    if name in MANIPULATIONS:
        return MANIPULATIONS[name]
    path, network = Path(name), {"value_range": value_range, "size": size}
    if (path / "protected").is_dir():
        return foreign.from_pairs(path)
    if path.is_dir():
        return foreign.from_saved_model(path, **network)
    if path.suffix == ".onnx":
        return foreign.from_onnx(path, **network)
    if path.suffix in (".keras", ".h5"):
        return foreign.from_keras(path, **network)
    raise ValueError(
        f"unknown manipulation {name!r}; known are: {', '.join(MANIPULATIONS)}, "
        "and files .keras and .onnx"
    )


def say_failures(failed: list[dict], sources: list) -> int:
    """Prints how many photographs failed; returns the exit code."""
    if failed:
        print(f"{len(failed)} of {len(sources)} photographs failed", file=sys.stderr)
    return 1 if failed else 0
