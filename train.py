"""Trains the networks of this repository; `python train.py irl --help` lists the options."""

import argparse
import contextlib
import dataclasses
import json
import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
from tqdm import tqdm

import training_loop
from configs.experiment import IRLExperiment
from configs.malp import MaLPExperiment
from datasets.batches import SampleBatches
from datasets.forging import forge
from datasets.inpainting import UNTOUCHED
from datasets.packed import PackedPairs, is_packed_folder
from datasets.pairs import find_pairs, is_pair_folder
from datasets.sources import bundled_photographs, list_photographs
from datasets.training_sets import CACHE_BYTES, CroppedPairs, ForgedPhotographs, Mixture
from irl_keras.images import read_image
from irl_keras.metrics import LocalizationF1
from irl_keras.narrowing import narrow
from irl_keras.networks import NETWORKS
from irl_keras.presets import from_preset, load_model_file, save_preset
from train_inpainter import add_parser as add_inpainter_parser
from train_malp import add_parser as add_malp_parser
from train_stgan import add_parser as add_stgan_parser
from training_records import (
    check_same_experiment,
    read_config,
    read_record,
    with_changes,
    write_record,
)

ON_TENSORFLOW = keras.backend.backend() == "tensorflow"
if ON_TENSORFLOW:  # other backends train without it
    import tensorflow as tf

    from datasets.pipeline import training_dataset

MONITOR = "val_F1"
MEASURED = (
    *("data", "threshold", "seed", "forged", "untouched", "detection"),
    *("manipulations", "degradations", "calibration", "summaries"),
)
"""Fields of metrics.json that model cards keep, of IRL-Net and of MaLP."""


def main(argv=None):
    """Runs the command line; returns the exit code: 0, or 1 after one line about the cause."""
    parser = argparse.ArgumentParser(description=__doc__)
    systems = parser.add_subparsers(dest="system", required=True)
    irl = systems.add_parser("irl", help="train or fine-tune IRL-Net or a rival")
    irl.add_argument("--config", default="configs/irl_small.py", help="experiment file")
    irl.add_argument(
        "--data",
        type=Path,
        help="photographs to forge, a pair folder, what datasets.packed made of one, or a folder "
        "with one of these for each inpainter, named so; the bundled training photographs "
        "without it",
    )
    irl.add_argument(
        "--val-data",
        type=Path,
        help="photographs to validate on; a tenth of the training photographs without it",
    )
    irl.add_argument("--init", help="preset, or .keras file, to fine-tune")
    training_loop.add_precision(irl)
    training_loop.add_arguments(irl)
    irl.set_defaults(run=train_irl)
    add_inpainter_parser(systems)
    add_stgan_parser(systems)
    add_malp_parser(systems)
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
    args = parser.parse_args(argv)
    try:
        args.run(args)
    except (ValueError, OSError) as error:
        print(f"train.py: {error}", file=sys.stderr)
        return 1
    return 0


def train_irl(args):
    """Trains what the config file defines; see `train_experiment`."""
    args.out = training_loop.output_folder(args, Path(args.config).stem)
    train_experiment(read_experiment(args), args)


def train_experiment(experiment, args):
    """Trains a network in `args.out`, from where an earlier run of the same command stopped.

    Args:
        experiment: The `IRLExperiment`.
        args: `data`, `val_data`, `out`, `init`, `mixed_precision` and `seed` of the command line.

    Raises:
        ValueError: If the folder holds another experiment, or the training diverged; and as the
            readers of data and weights.
        OSError: If something cannot be read or written.
    """
    record = experiment_record(experiment, args)
    check_same_experiment(args.out / "experiment.json", record)
    keras.utils.set_random_seed(args.seed)

    training_set, val_photographs = open_data(args, experiment)
    validation = forge_validation_set(val_photographs, experiment)

    def start():
        model = start_model(args.init, experiment)
        compile_model(model, experiment)
        return model

    with distribution(), training_loop.precision(args.mixed_precision):
        epochs_done, model = training_loop.resume(args.out, start)
    # After all inputs were read: a mistyped one leaves no folder that would refuse the right one.
    write_record(args.out / "experiment.json", record)
    samples_done = epochs_done * experiment.steps_per_epoch * experiment.batch_size
    training_loop.fit(
        model,
        training_batches(training_set, experiment.batch_size, samples_done),
        experiment,
        args.out,
        epochs_done,
        monitor=MONITOR,
        validation_data=validation,
        validation_batch_size=experiment.batch_size,
    )
    print(f"The last model is {args.out / 'last.keras'}, the best {args.out / 'best.keras'}.")


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


def read_experiment(args):
    """The experiment of the config file, with the command line's changes."""
    return with_changes(read_config(args.config, IRLExperiment), args)


def experiment_record(experiment, args):
    """What is trained on what, as JSON holds it."""
    definition = dataclasses.asdict(experiment)
    del definition["card"]
    record = {
        "experiment": definition,
        "data": str(args.data),
        "val_data": str(args.val_data),
        "init": args.init,
        "mixed_precision": args.mixed_precision,
        "seed": args.seed,
    }
    return json.loads(json.dumps(record))


def open_data(args, experiment):
    """The training set, and the photographs that validation forgeries are made of."""
    if args.data is not None and (
        has_pairs(args.data) or any(map(has_pairs, args.data.glob("*/")))
    ):
        if args.val_data is None:
            raise ValueError("--data has pairs; name photographs with --val-data")
        open_set = open_pairs if has_pairs(args.data) else open_mixture
        return open_set(args.data, experiment.recipe, args.seed), list_photographs(args.val_data)
    photographs = list_photographs(args.data) if args.data else bundled_photographs("train")
    if args.val_data is not None:
        held_out = list_photographs(args.val_data)
    else:
        count = max(len(photographs) // 10, 1)
        order = np.random.default_rng(args.seed).permutation(len(photographs))
        held_out = [photographs[i] for i in order[:count]]
        photographs = [photographs[i] for i in sorted(order[count:])]
    if not photographs:
        raise ValueError("one photograph is too few to train and validate; add some to --data")
    return ForgedPhotographs(photographs, experiment.recipe, args.seed), held_out


def has_pairs(folder):
    """Whether a folder is a pair folder, or a packed one."""
    return is_pair_folder(folder) or is_packed_folder(folder)


def open_pairs(folder, recipe, seed, cache_bytes=CACHE_BYTES):
    """The training set of a pair folder, or of a packed one."""
    if is_packed_folder(folder):
        packed = PackedPairs(folder)
        return CroppedPairs(range(len(packed)), recipe, seed, read=packed.__getitem__)
    return CroppedPairs(find_pairs(folder), recipe, seed, cache_bytes=cache_bytes)


def open_mixture(folder, recipe, seed):
    """The training set of a folder with one of pairs for each inpainter of the recipe.

    Raises:
        ValueError: If an inpainter has no folder of pairs.
    """
    shares = pair_folders(recipe)
    missing = [name for name in shares if not has_pairs(folder / name)]
    if missing:
        raise ValueError(
            f"{folder}: has no pairs of {', '.join(missing)}; build them into folders named so "
            "(python -m datasets.build --inpainter NAME)"
        )
    parts = [
        (open_pairs(folder / name, recipe, seed, CACHE_BYTES // len(shares)), share)
        for name, share in shares.items()
    ]
    return Mixture(parts, seed)


def pair_folders(recipe):
    """The folders of pairs that a mixture is drawn from, and the share of each."""
    forged = (1 - recipe.untouched) / sum(recipe.inpainters.values())
    shares = {name: forged * weight for name, weight in recipe.inpainters.items()}
    return shares | ({UNTOUCHED: recipe.untouched} if recipe.untouched else {})


def forge_validation_set(photographs, experiment):
    """One forgery of each photograph, the same in every run: inpainters and degradations in turn.

    A few photographs are forged several times, up to one batch, which several devices can share.

    Returns pictures, uint8 (count, size, size, 3), and masks, uint8 (count, size, size, 1).
    """
    inpainters = list(experiment.recipe.inpainters)
    degradations = experiment.validation_degradations
    count = max(len(photographs), experiment.batch_size)
    forgeries = [
        forge(
            read_image(photographs[index % len(photographs)]),
            experiment.validation_size,
            seed=index,
            inpainter=inpainters[index % len(inpainters)],
            degradation=degradations[index // len(inpainters) % len(degradations)],
        )
        for index in tqdm(range(count), "forging the validation set")
    ]
    images = np.stack([forgery.image for forgery in forgeries])
    masks = np.stack([forgery.mask[..., None] for forgery in forgeries])
    return images, masks


def training_batches(training_set, batch_size, first_sample):
    """Endless batches from a sample on, as the backend takes them best."""
    batches = training_dataset if ON_TENSORFLOW else SampleBatches
    return batches(training_set, batch_size, first_sample)


def distribution():
    """All GPUs of this machine, if there are several; one on other backends than TensorFlow."""
    if ON_TENSORFLOW and len(tf.config.list_logical_devices("GPU")) > 1:
        return tf.distribute.MirroredStrategy().scope()
    return contextlib.nullcontext()


def start_model(init, experiment):
    """A new network, or the preset or file to fine-tune."""
    if init is None:
        return NETWORKS[experiment.network].build(**experiment.model)
    model = load_model_file(init) if init.endswith(".keras") else from_preset(init)
    return narrow(model, **experiment.model) if experiment.narrow_init else model


def compile_model(model, experiment):
    """Compiles with the experiment's optimizer and loss."""
    model.compile(
        optimizer=keras.optimizers.Adam(learning_rate(experiment), clipnorm=experiment.clipnorm),
        loss=NETWORKS[experiment.network].loss(**experiment.loss),
        metrics=[LocalizationF1(name="F1")],
        # XLA's convolutions are several times slower than oneDNN's on a CPU.
        jit_compile=bool(tf.config.list_physical_devices("GPU")) if ON_TENSORFLOW else "auto",
    )
    # TensorFlow traces a step twice if the optimizer makes its variables in it.
    model.optimizer.build(model.trainable_variables)


def learning_rate(experiment):
    """The experiment's learning rate, or its schedule."""
    steps = experiment.epochs * experiment.steps_per_epoch
    if experiment.final_learning_rate is not None:
        warmup = max(steps // 50, 1)
        return keras.optimizers.schedules.CosineDecay(
            initial_learning_rate=0.0,
            warmup_target=experiment.learning_rate,
            warmup_steps=warmup,
            decay_steps=steps - warmup,
            alpha=experiment.final_learning_rate / experiment.learning_rate,
        )
    if experiment.epoch_decay != 1:
        return keras.optimizers.schedules.ExponentialDecay(
            experiment.learning_rate,
            decay_steps=experiment.steps_per_epoch,
            decay_rate=experiment.epoch_decay,
            staircase=True,
        )
    return experiment.learning_rate


if __name__ == "__main__":
    sys.exit(main())
