"""Trains MaLP; the command line is `python train.py malp`."""

import dataclasses
import json
from pathlib import Path

import keras
import numpy as np

from datasets.manipulations import MANIPULATIONS
from datasets.photographs.sources import bundled_photographs, list_photographs
from datasets.protection_batches import ProtectedBatches
from forensics_keras.metrics import localization_scores
from forensics_keras.optimizers import AdamByPart
from forensics_keras.presets import load_model_file
from malp_keras import from_preset, malp
from malp_keras.baselines import second_branch
from malp_keras.ground_truth import cosine, difference_map
from malp_keras.training import MaLPTraining
from training import loop
from training.experiments import MaLPExperiment
from training.records import check_same_experiment, read_config, with_changes, write_record

MONITORS = {True: "val_F1", False: "val_cosine"}
"""What chooses the best epoch, by whether masks are exact."""
VALIDATION_BATCHES = 8
FULL, SHORT = "configs/malp_local.py", "configs/malp_samples.py"
"""What is trained on photographs of the user's, and on the bundled ones."""


def add_parser(systems):
    """Adds the subcommand `malp` to the command line of train.py."""
    parser = systems.add_parser("malp", help="train MaLP")
    parser.add_argument(
        "--config", help=f"experiment file (default: {FULL}; without --data, {SHORT})"
    )
    parser.add_argument(
        "--data",
        type=Path,
        nargs="+",
        help="folders of photographs; the bundled training photographs without it",
    )
    parser.add_argument(
        "--val-data",
        type=Path,
        nargs="+",
        help="photographs to validate on; the bundled test photographs without it",
    )
    parser.add_argument("--init", help="preset, or .keras file, to train further")
    loop.add_precision(parser)
    loop.add_arguments(parser)
    parser.set_defaults(run=train_malp)


def train_malp(args):
    """Trains what the config file defines."""
    config = args.config or (FULL if args.data else SHORT)
    args.out = loop.output_folder(args, Path(config).stem)
    train_experiment(with_changes(read_config(config, MaLPExperiment), args), args)


def train_experiment(experiment, args):
    """Trains MaLP in `args.out`, from where an earlier run of the same command stopped.

    Args:
        experiment: The `MaLPExperiment`.
        args: `data`, `val_data`, `out`, `init`, `mixed_precision` and `seed` of the command line.

    Returns:
        The trained `MaLPTraining`.

    Raises:
        ValueError: If the folder holds another experiment, `init` does not fit it, or the training
            diverged; and as the readers of data and weights.
        OSError: If something cannot be read or written.
    """
    record = experiment_record(experiment, args)
    check_same_experiment(args.out / "experiment.json", record)
    keras.utils.set_random_seed(args.seed)
    photographs = read_folders(args.data, "train")
    held_out = read_folders(args.val_data, "test")

    with loop.precision(args.mixed_precision):
        epochs_done, model = loop.resume(args.out, lambda: start_model(experiment, args))
    write_record(args.out / "experiment.json", record)
    steps_done = epochs_done * experiment.steps_per_epoch
    loop.fit(
        model,
        batches(photographs, experiment, model.malp, args.seed, steps_done),
        experiment,
        args.out,
        epochs_done,
        callbacks=[Validation(held_out, experiment, args.seed + 1)],
        monitor=MONITORS[experiment.exact_mask],
        verbose=2,
    )
    return model


def experiment_record(experiment, args):
    """What is trained on what, as JSON holds it."""
    definition = dataclasses.asdict(experiment)
    del definition["card"]
    record = {
        "experiment": definition,
        "data": [str(folder) for folder in args.data or []],
        "val_data": [str(folder) for folder in args.val_data or []],
        "init": args.init,
        "mixed_precision": args.mixed_precision,
        "seed": args.seed,
    }
    return json.loads(json.dumps(record))


def read_folders(folders, part):
    """The photographs of all folders, or the bundled ones."""
    if folders is None:
        return bundled_photographs(part)
    return [path for folder in folders for path in list_photographs(folder)]


def batches(photographs, experiment, model, seed, first_batch=0):
    """Batches protected with the templates that a `MaLP` has at the time."""

    def protect(images, index):
        return np.asarray(keras.ops.convert_to_numpy(model.template_layer(images, index)), "uint8")

    return ProtectedBatches(
        photographs,
        experiment.recipe,
        MANIPULATIONS,
        protect,
        experiment.batch_size,
        seed,
        first_batch,
    )


def start_model(experiment, args):
    """A training model, compiled; new, or with the weights of what is to be trained further."""
    recipe = experiment.recipe
    model = MaLPTraining(
        malp(**experiment.architecture["arguments"], seed=args.seed),
        None if experiment.vit is None else second_branch(recipe.size, **experiment.vit),
        experiment.loss,
        experiment.exact_mask,
    )
    if args.init is not None:
        take_weights(model, args.init)
    steps = experiment.epochs * experiment.steps_per_epoch
    warmup = min(experiment.warmup_steps, steps // 2)
    rate = keras.optimizers.schedules.CosineDecay(
        0.0,
        steps - warmup,
        alpha=0.01,
        warmup_target=experiment.learning_rate,
        warmup_steps=warmup,
    )
    # XLA's convolutions are several times slower than oneDNN's on a CPU.
    jit_compile = keras.config.backend() == "jax"
    model.compile(AdamByPart(rate, experiment.factors, clipnorm=1.0), jit_compile=jit_compile)
    return model


def take_weights(model, init):
    """Copies the weights of a preset, of a MaLP that Keras saved, or of a training of one.

    The second branch stays new where `init` has none.

    Raises:
        ValueError: If `init` cannot be loaded, or its networks are not those of `model`.
    """
    source = load_model_file(init) if init.endswith(".keras") else from_preset(init)
    branch = getattr(source, "vit", None)
    try:
        model.malp.set_weights(getattr(source, "malp", source).get_weights())
        if model.vit is not None and branch is not None:
            model.vit.set_weights(branch.get_weights())
    except ValueError as error:
        raise ValueError(f"{init}: does not fit the networks of the experiment: {error}") from error


class Validation(keras.callbacks.Callback):
    """Adds scores of held-out photographs to the logs of each epoch.

    They are `val_accuracy`, and of the maps `val_F1` against exact masks or `val_cosine` with the
    difference of eq. (5).

    The pictures are protected with the templates of the time, so they cannot be made beforehand.

    Args:
        photographs: Paths of untouched photographs.
        experiment: The `MaLPExperiment`.
        seed: Of the manipulations, the same in every epoch.
    """

    def __init__(self, photographs, experiment, seed):
        super().__init__()
        self.photographs = photographs
        self.experiment = experiment
        self.seed = seed

    def on_train_begin(self, logs=None):
        # Once, for it keeps the photographs that it has read.
        malp = self.model.malp
        self.source = batches(self.photographs, self.experiment, malp, self.seed)

    def on_epoch_end(self, epoch, logs=None):
        malp = self.model.malp
        scores, right = [], []
        for number in range(VALIDATION_BATCHES):
            (batch,) = self.source.make(number)
            authentic, manipulated = (malp(batch[k]) for k in ("protected", "manipulated"))
            right += [
                *(np.asarray(authentic["logit"]) < 0),
                *(np.asarray(manipulated["logit"]) >= 0),
            ]
            maps = np.asarray(manipulated["map"])[..., 0]
            scores += self._map_scores(maps, batch)
        logs[MONITORS[self.experiment.exact_mask]] = float(np.mean(scores)) if scores else 0.0
        logs["val_accuracy"] = float(np.mean(right))

    def _map_scores(self, maps, batch):
        if self.experiment.exact_mask:
            pairs = zip(maps, batch["mask"][..., 0], strict=True)
            return [localization_scores(*pair)["F1"] for pair in pairs if pair[1].any()]
        triples = zip(maps, batch["image"], batch["manipulated"], strict=True)
        return [cosine(found, difference_map(*pictures)) for found, *pictures in triples]
