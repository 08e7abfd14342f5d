"""The commands of `train.py`: their options, which become runs before anything else happens.

TensorFlow and Keras are imported by what a command calls, so that `--help` needs neither.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from forensics_keras.command_line import at_least, nonempty_path, refuse, renamed
from forensics_keras.files import write_atomically

if TYPE_CHECKING:
    import keras

    from training.adversarial import AdversarialRun
    from training.malp_key import Calibrate
    from training.run import TrainingRun

Commands = argparse._SubParsersAction
RUNS = {
    "irl": "training.irl.IRLRun",
    "malp": "training.malp.MaLPRun",
    "inpaint": "training.inpainters.InpainterRun",
    "stgan": "training.stgan.STGANRun",
}
"""Where the class of the runs of a command is."""
SAMPLES = "malp_samples"
"""The variant of `malp_local` that is trained when no photographs are given."""
PHOTOGRAPHS = "Folders of photographs (default: the bundled training photographs)"
HELD_OUT = "Folders of photographs to validate on (default: the bundled test photographs)"


def add_irl(commands: Commands) -> None:
    """Adds `irl`."""
    parser = commands.add_parser("irl", help="Train or fine-tune IRL-Net or a baseline")
    _add_training(
        parser,
        "irl_small",
        "Folders of photographs to forge; or a folder of pairs, what datasets.packed made of one, "
        "or a folder with one of these for each inpainter, named so (default: the bundled "
        "training photographs)",
        "Folders of photographs to validate on (default: a tenth of the training photographs; "
        "with --layout its validation part)",
    )
    add_layout(parser)


def add_layout(parser) -> None:
    """Adds the options that say how folders of photographs are organized."""
    from datasets.photographs.sources import SOURCES

    text = "How the folders of photographs are organized; their official parts are taken"
    parser.add_argument("--layout", choices=SOURCES, help=text)
    text = "File of datasets.photographs.selection that lists the photographs to use"
    parser.add_argument("--selection", type=nonempty_path, metavar="FILE", help=text)


def check_layout(options: argparse.Namespace, folder: str) -> None:
    """Raises ValueError, one line, if the options of `add_layout` lack what they need."""
    if options.selection and not options.layout:
        raise ValueError("--selection needs --layout, the source that it selects from")
    if options.layout and not getattr(options, folder):
        raise ValueError(f"--layout needs --{folder}, the folder of the photographs")


def add_malp(commands: Commands) -> None:
    """Adds `malp`."""
    parser = commands.add_parser("malp", help="Train MaLP")
    _add_training(parser, f"malp_local; without --data its short {SAMPLES}", PHOTOGRAPHS, HELD_OUT)
    parser.set_defaults(config=None)


def add_inpaint(commands: Commands) -> None:
    """Adds `inpaint`."""
    parser = commands.add_parser("inpaint", help="Train learned inpainters")
    _add_training(parser, None, PHOTOGRAPHS, HELD_OUT)
    _add_presets(parser, "--config inpaint_{}")
    renamed(parser, "--only", "--stage")


def add_stgan(commands: Commands) -> None:
    """Adds `stgan`."""
    parser = commands.add_parser("stgan", help="Train an editor of faces' attributes")
    _add_training(
        parser,
        "stgan",
        "CelebA's folder, or faces whose names begin with the attribute: mask_, nomask_",
        "The same, for sample grids and the model card",
        {"nargs": 1, "required": True},
    )
    _add_presets(parser, "--stage {}")


def add_preset(commands: Commands) -> None:
    """Adds `preset`."""
    parser = commands.add_parser(
        "preset",
        help="Turn a finished training of irl or malp into a preset",
        description="Turns a finished training into a preset. The prose of its model card must "
        "lie in OUT/card.toml, as beside the shipped weights.",
    )
    parser.add_argument("--config", required=True, help="Its config file, or the name of one")
    parser.add_argument("--stage", help="The stage that was trained (default: the last)")
    parser.add_argument("--training", type=nonempty_path, required=True, help="Its output folder")
    parser.add_argument(
        "--best", action="store_true", help="Take its best epoch (best.keras), not its last one"
    )
    parser.add_argument(
        "--metrics",
        type=nonempty_path,
        nargs="*",
        default=[],
        help="The metrics.json files of evaluate.py, measured with this preset",
    )
    parser.add_argument(
        "--out", type=nonempty_path, required=True, help="Folder of the preset, named so"
    )
    parser.set_defaults(run=_write_preset)


def add_cards(commands: Commands) -> None:
    """Adds `cards`."""
    parser = commands.add_parser("cards", help="Write the page of model cards")
    parser.add_argument(
        "--out",
        type=nonempty_path,
        default=Path("docs/model_cards.md"),
        help="The Markdown file (default: %(default)s)",
    )
    parser.set_defaults(run=_write_cards)


def add_key(commands: Commands, calibrate: Calibrate) -> None:
    """Adds `key`, with the function that chooses thresholds."""
    parser = commands.add_parser(
        "key",
        help="Make a private key of MaLP",
        description="Makes a private key: own templates, and a localizer trained to know them.",
    )
    parser.add_argument("file", metavar="FILE", help="The key file to write")
    parser.add_argument(
        "--preset",
        default="malp_local",
        help="Shipped preset or its folder to start from (default: %(default)s)",
    )
    parser.add_argument(
        "--data",
        nargs="+",
        type=nonempty_path,
        default=[],
        metavar="FOLDER",
        help="Folders of photographs to train and calibrate on, hundreds of them if possible "
        "(default: the bundled training photographs)",
    )
    renamed(parser, "--photos", "--data")
    parser.add_argument(
        "--config", help="Config file, or the name of one (default: what trained the preset)"
    )
    parser.add_argument(
        "--steps", type=at_least(1), default=400, help="Steps of training (default: %(default)s)"
    )
    parser.add_argument("--overwrite", action="store_true", help="Replace an existing key")
    parser.set_defaults(run=partial(_make_key, calibrate))


# --- options of trainings ---------------------------------------------------------------------


def _add_training(
    parser: argparse.ArgumentParser,
    config: str | None,
    data: str,
    val_data: str,
    folders: dict | None = None,
) -> None:
    """Adds the options of a training; `config` is the default one, or says which it is."""
    parser.set_defaults(run=_train)
    given = f" (default: {config})" if config else ""
    parser.add_argument(
        "--config",
        required=config is None,
        default=config,
        help=f"Config file, or the name of one in configs/{given}",
    )
    parser.add_argument(
        "--stage",
        help="The one stage or variant of the config file to train, in --out itself; without it, "
        "all stages are trained in turn, each in a folder of its own",
    )
    folders = folders or {"nargs": "+", "default": []}
    parser.add_argument("--data", type=nonempty_path, metavar="FOLDER", help=data, **folders)
    parser.add_argument(
        "--val-data", type=nonempty_path, metavar="FOLDER", help=val_data, **folders
    )
    parser.add_argument(
        "--init", help="Preset or .keras file to train further, with the last stage or --stage"
    )
    parser.add_argument(
        "--out",
        type=nonempty_path,
        help="Folder to write into; what was begun there goes on (default: named as the config "
        "file and the stage, in runs/)",
    )
    for name in ("epochs", "steps-per-epoch", "batch-size"):
        parser.add_argument(
            f"--{name}", type=at_least(1), help="Number that replaces the experiment's"
        )
    add_precision(parser)
    parser.add_argument(
        "--seed", type=at_least(0), default=0, help="Seed of all choices (default: %(default)s)"
    )


def add_precision(parser: argparse.ArgumentParser) -> None:
    """Adds the option `--mixed-precision`."""
    parser.add_argument(
        "--mixed-precision",
        choices=["mixed_bfloat16", "mixed_float16"],
        help="Precision of computing in 16 bits, with weights in 32: up to twice as fast where "
        "the processor has such arithmetic (bfloat16 on CPUs, both on GPUs)",
    )


def _add_presets(parser: argparse.ArgumentParser, now: str) -> None:
    """Adds `--presets`, and lets a name without an option answer with what says it now."""

    class Moved(argparse.Action):
        def __call__(self, parser, namespace, value, *_):
            if value:
                refuse(parser, f"{value} is chosen with {now.format(value)} now")

    parser.add_argument(
        "--presets", type=nonempty_path, help="Folder to write finished presets into"
    )
    parser.add_argument("name", nargs="?", action=Moved, help=argparse.SUPPRESS)


# --- what the commands do ---------------------------------------------------------------------


def runs_of(options: argparse.Namespace, kind: type[TrainingRun]) -> dict[str, TrainingRun]:
    """Turns the options of a training into runs: one, or one for each stage.

    Args:
        options: As `_add_training` defines them.
        kind: Class of the runs.

    Returns:
        The runs, in order, by the recipe that a model card would name.

    Raises:
        ValueError: If there is no such config file or stage.
    """
    from training.configs import read_config

    config = read_config(options.config, kind.kind)
    stage = options.stage or (config.last if options.init else None)
    numbers = ("batch_size", "epochs", "steps_per_epoch")
    changes = {name: getattr(options, name) for name in numbers if getattr(options, name)}
    is_alone = list(config.stages) == [config.path.stem]

    def folder(name: str) -> Path:
        if options.out:
            return options.out if stage or is_alone else options.out / name
        has_own = is_alone or name in config.variants
        return Path("runs", name) if has_own else Path("runs", config.path.stem, name)

    given = {name: getattr(options, name) for name in ("layout", "selection") if name in options}
    if given:
        check_layout(options, "data")

    return {
        config.recipe(name): kind(
            experiment=dataclasses.replace(config.stage(name), **changes),
            data=tuple(options.data),
            val_data=tuple(options.val_data),
            out=folder(name),
            init=options.init,
            precision=options.mixed_precision,
            seed=options.seed,
            config=config.path.stem,
            name=name,
            **given,
        )
        for name in ([stage] if stage else config.stages)
    }


def run_class(command: str) -> type[TrainingRun]:
    """Imports the class of the runs of a command."""
    module, name = RUNS[command].rsplit(".", 1)
    return getattr(importlib.import_module(module), name)


def _train(options: argparse.Namespace) -> None:
    """Trains what the options ask for, one run after the other, and writes `--presets`."""
    if options.config is None:  # malp's
        options.config = "malp_local"
        is_bare = not (options.data or options.init or options.stage)
        options.stage = SAMPLES if is_bare else options.stage
    _refuse_misspelt(options)
    runs = runs_of(options, run_class(options.command))
    if len(runs) > 1:
        _refuse_folder_of_one_stage(next(iter(runs.values())).out.parent)
    before = {run.experiment.starts_from for run in runs.values()}
    for recipe, run in runs.items():
        print(f"{run.name}:", flush=True)
        model = run.train()
        best = f", the best {run.out / 'best.keras'}" if run.monitor else ""
        print(f"The last model is {run.out / 'last.keras'}{best}.", flush=True)
        if "presets" in options and options.presets and run.name not in before:
            _write_generator(options.presets / run.name, recipe, run, model)


def _refuse_misspelt(options: argparse.Namespace) -> None:
    """Refuses folders and config files that are not there, before Keras is imported.

    Raises:
        OSError: There is no such folder.
        ValueError: There is no such config file.
    """
    from training.configs import find_config

    if options.config:
        find_config(options.config)
    for folder in (*options.data, *getattr(options, "val_data", ())):
        if not folder.exists():
            raise FileNotFoundError(f"{folder}: no such folder; check the path")


def _refuse_folder_of_one_stage(folder: Path) -> None:
    """Refuses to train all stages below a folder that is the output of one.

    It was begun with `--stage`, or before a config file had several: the same command would then
    begin anew beside what was trained.

    Raises:
        ValueError: If it is one.
    """
    if (folder / "experiment.json").exists():
        raise ValueError(
            f"{folder}: holds the training of one stage; name it with --stage to go on with it, or "
            "choose another --out"
        )


def _write_generator(folder: Path, recipe: str, run: AdversarialRun, model: keras.Model) -> None:
    """Writes a preset of an inpainter or an editor, which the training itself measures."""
    from training.presets import write_preset

    write_preset(run, model, folder, recipe, lambda _: {"measured": run.measure(folder, model)})


def _write_preset(options: argparse.Namespace) -> None:
    from forensics_keras.presets import load_model_file
    from training.configs import read_config
    from training.experiments import IRLExperiment, MaLPExperiment
    from training.presets import measured_by_evaluation, write_preset

    config = read_config(options.config, (IRLExperiment, MaLPExperiment))
    name = options.stage or config.last
    experiment = config.stage(name)
    run = run_class(experiment.command)(experiment=experiment, out=options.training)
    model = load_model_file(options.training / ("best.keras" if options.best else "last.keras"))
    measure = partial(measured_by_evaluation, paths=options.metrics)
    write_preset(run, model, options.out, config.recipe(name), measure)


def _write_cards(options: argparse.Namespace) -> None:
    from training.presets import cards_page

    write_atomically(options.out, cards_page().encode())


def _make_key(calibrate: Calibrate, options: argparse.Namespace) -> None:
    _refuse_misspelt(options)
    from malp_keras.key_making import make_key
    from malp_keras.keys import refuse_existing
    from malp_keras.presets import read_card
    from training.configs import read_recipe, read_stage
    from training.experiments import MaLPExperiment
    from training.malp_key import KeyTraining

    start = time.monotonic()
    refuse_existing(options.file, options.overwrite)
    if options.config:
        experiment = read_stage(options.config, kind=MaLPExperiment)
    else:
        experiment = read_recipe(read_card(options.preset)["recipe"], MaLPExperiment)
    training = KeyTraining(
        experiment=experiment,
        data=tuple(options.data),
        steps=options.steps,
        calibrate=calibrate,
    )
    card = make_key(options.file, options.preset, training.fine_tune, options.overwrite)
    minutes = (time.monotonic() - start) / 60
    print(
        f"{options.file}: {card['name']}, SHA-256 {card['sha256']}, made in {minutes:.1f} minutes. "
        "Keep it secret, and keep a copy: nothing else can verify what it protects."
    )
