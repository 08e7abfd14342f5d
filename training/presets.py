"""Turns a finished training into a preset; the command line is `python train.py preset`."""

import json
from pathlib import Path

from forensics_keras.presets import load_model_file, save_preset
from training.experiments import IRLExperiment, MaLPExperiment
from training.records import (
    read_config,
    read_record,
)

MEASURED = (
    *("data", "threshold", "seed", "forged", "untouched", "detection"),
    *("manipulations", "degradations", "calibration", "summaries"),
)
"""Fields of metrics.json that model cards keep, of IRL-Net and of MaLP."""


def make_preset(args):
    """Writes the last or best model of a training as a preset, with its model card.

    The numbers of the card must come from the preset's own float16 weights: make the preset,
    calibrate it if it is MaLP's, measure it with evaluate.py, then make it again with `--metrics`,
    which keeps the calibration that was measured with.
    """
    experiment = read_config(args.config, (IRLExperiment, MaLPExperiment))
    record = read_record(args.training / "experiment.json")
    model = load_model_file(args.training / ("best.keras" if args.best else "last.keras"))
    if isinstance(experiment, MaLPExperiment):
        model = model.malp
    card = {
        "name": args.out.name,
        "architecture": experiment.architecture,
        "recipe": args.config,
        "commit": record["commit"],
        "seed": record["seed"],
        "measured": "not measured yet",
        **experiment.card,
    }
    card = save_preset(model, args.out, card)
    if args.metrics:
        measured = [read_measured(path, card["sha256"]) for path in args.metrics]
        calibrations = [one.pop("calibration") for one in measured if "calibration" in one]
        kept = {"calibration": calibrations[0]} if calibrations else {}
        save_preset(model, args.out, {**card, **kept, "measured": measured})
    print(f"Preset {args.out}: {card['bytes']} bytes, SHA-256 {card['sha256']}")


def read_measured(path, sha256):
    """What evaluate.py measured, without the values of single pictures and the library versions."""
    results = json.loads(path.read_text())
    if results["weights"]["sha256"] != sha256:
        raise ValueError(f"{path}: measured with other weights; run evaluate.py --preset again")
    return {key: results[key] for key in MEASURED if key in results}


def add_parser(systems):
    """Adds the subcommand `preset` to the command line of train.py."""
    preset = systems.add_parser("preset", help="turn a finished training into a preset")
    preset.add_argument("--config", required=True, help="its experiment file, which has the card")
    preset.add_argument("--training", type=Path, required=True, help="its output folder")
    preset.add_argument(
        "--best", action="store_true", help="take its best epoch (best.keras), not its last one"
    )
    preset.add_argument(
        "--metrics",
        type=Path,
        nargs="*",
        default=[],
        help="metrics.json files of evaluate.py, measured with this preset",
    )
    preset.add_argument("--out", type=Path, required=True, help="folder of the preset, named so")
    preset.set_defaults(run=make_preset)
