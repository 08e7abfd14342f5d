"""Trains IRL-Net and its baselines; the command line is `python train.py irl`."""

import contextlib
import dataclasses
import json
from pathlib import Path

import keras
import numpy as np
from tqdm import tqdm

from datasets.batches import SampleBatches
from datasets.forging import forge
from datasets.open import open_data
from forensics_keras.images import read_image
from forensics_keras.metrics import LocalizationF1
from forensics_keras.presets import load_model_file
from irl_keras.networks import NETWORKS
from irl_keras.presets import from_preset
from irl_keras.pruning import narrow
from training import loop
from training.experiments import IRLExperiment
from training.records import (
    check_same_experiment,
    read_config,
    with_changes,
    write_record,
)

ON_TENSORFLOW = keras.backend.backend() == "tensorflow"
if ON_TENSORFLOW:  # other backends train without it
    import tensorflow as tf

    from datasets.tf_data import training_dataset


MONITOR = "val_F1"


def train_irl(args):
    """Trains what the config file defines; see `train_experiment`."""
    args.out = loop.output_folder(args, Path(args.config).stem)
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

    training_set, val_photographs = open_data(
        args.data, args.val_data, experiment.recipe, args.seed
    )
    validation = forge_validation_set(val_photographs, experiment)

    def start():
        model = start_model(args.init, experiment)
        compile_model(model, experiment)
        return model

    with distribution(), loop.precision(args.mixed_precision):
        epochs_done, model = loop.resume(args.out, start)
    # After all inputs were read: a mistyped one leaves no folder that would refuse the right one.
    write_record(args.out / "experiment.json", record)
    samples_done = epochs_done * experiment.steps_per_epoch * experiment.batch_size
    loop.fit(
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


def add_parser(systems):
    """Adds the subcommand `irl` to the command line of train.py."""
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
    loop.add_precision(irl)
    loop.add_arguments(irl)
    irl.set_defaults(run=train_irl)
