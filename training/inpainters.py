"""Trains the learned inpainters; the command line is `python train.py inpaint`."""

import dataclasses
import json
import runpy
from pathlib import Path

import keras
import numpy as np

from datasets.batches import SampleBatches
from datasets.forging import crop, random_window
from datasets.inpainting.learned import WEIGHTS, complete
from datasets.masks import free_form_mask
from datasets.photographs.sources import bundled_photographs, list_photographs
from datasets.training_sets import CropsWithHoles
from forensics_keras.figures import picture_grid
from forensics_keras.images import read_image, write_png
from forensics_keras.presets import load_model_file, save_preset
from training import loop
from training.records import check_same_experiment, read_record, with_changes, write_record

CONFIGS = Path(__file__).parent.parent / "configs"
SAMPLES = 6
"""Validation pictures in the grid that is written after each epoch."""


def add_parser(systems):
    """Adds the subcommand `inpaint` to the command line of train.py."""
    parser = systems.add_parser("inpaint", help="train a learned inpainter")
    names = sorted(path.stem.removeprefix("inpaint_") for path in CONFIGS.glob("inpaint_*.py"))
    parser.add_argument("name", choices=names, help="configs/inpaint_NAME.py")
    parser.add_argument(
        "--data", type=Path, help="photographs; the bundled training photographs without it"
    )
    parser.add_argument(
        "--val-data",
        type=Path,
        help="photographs for sample grids and the card; the bundled test photographs without it",
    )
    parser.add_argument("--only", help="train this network of the config, not all")
    parser.add_argument("--presets", type=Path, help="folder to write finished presets into")
    loop.add_arguments(parser)
    parser.set_defaults(run=train_inpainters)


def train_inpainters(args):
    """Trains the networks of a config one after the other, each in a folder of its own."""
    args.out = loop.output_folder(args, f"inpaint_{args.name}")
    experiments = read_experiments(args)
    photographs = list_photographs(args.data) if args.data else bundled_photographs("train")
    held_out = list_photographs(args.val_data) if args.val_data else bundled_photographs("test")
    intermediate = {experiment.starts_from for experiment in experiments.values()}
    for name, experiment in experiments.items():
        print(f"{name}:", flush=True)
        model, samples = train_one(name, experiment, photographs, held_out, args)
        if args.presets is not None and name not in intermediate:
            write_preset(name, experiment, model, samples, args)


def read_experiments(args):
    """The experiments of the config file by name, with the command line's changes."""
    path = CONFIGS / f"inpaint_{args.name}.py"
    experiments = runpy.run_path(str(path))["experiments"]
    if args.only is not None:
        if args.only not in experiments:
            raise ValueError(f"{path}: has no {args.only!r}, but {', '.join(experiments)}")
        experiments = {args.only: experiments[args.only]}
    return {name: with_changes(e, args) for name, e in experiments.items()}


def train_one(name, experiment, photographs, held_out, args):
    """Trains one network, from where an earlier run of the same command stopped.

    Returns:
        The training model, and the validation samples.
    """
    out = args.out / name
    record = experiment_record(experiment, args)
    check_same_experiment(out / "experiment.json", record)
    keras.utils.set_random_seed(args.seed)

    epochs_done, model = loop.resume(out, lambda: start_model(experiment, args))
    samples = validation_samples(held_out, experiment)
    write_record(out / "experiment.json", record)
    training_set = CropsWithHoles(
        photographs, experiment.size, experiment.mask_size, experiment.min_scale, args.seed
    )
    samples_done = epochs_done * experiment.steps_per_epoch * experiment.batch_size
    loop.fit(
        model,
        GeneratorBatches(training_set, experiment.batch_size, first_sample=samples_done),
        experiment,
        out,
        epochs_done,
        callbacks=[SampleGrid(out / "samples", *samples)],
        verbose=2,
    )
    return model, samples


class GeneratorBatches(SampleBatches):
    """Batches in the form that generators take: `image` in [-1, 1] and `mask`, 1 = hole."""

    def __getitem__(self, index):
        """Returns batch `index`."""
        images, masks = super().__getitem__(index)
        return ({"image": images.astype("float32") / 127.5 - 1, "mask": masks.astype("float32")},)


class SampleGrid(keras.callbacks.Callback):
    """Writes a grid of completed validation pictures after each epoch.

    Args:
        folder: Where `epoch_0007.png` (after seven epochs) is written.
        images: uint8 (N, H, W, 3), untouched.
        masks: uint8 (N, H, W), 1 = hole.
    """

    def __init__(self, folder, images, masks):
        super().__init__()
        self.folder = folder
        self.images, self.masks = images[:SAMPLES], masks[:SAMPLES]

    def on_epoch_end(self, epoch, logs=None):
        completed = complete(self.model.generator, self.images, self.masks)
        rows = []
        for image, mask, picture in zip(self.images, self.masks, completed, strict=True):
            hole = mask[..., None] == 1
            pictures = [image, np.where(hole, 255, image), np.where(hole, picture, image), picture]
            rows.append(("", [p.astype(np.uint8) for p in pictures]))
        headers = ["original", "hole", "composite", "network's output"]
        write_png(self.folder / f"epoch_{epoch + 1:04d}.png", picture_grid(rows, headers))


def start_model(experiment, args):
    """A new training model, compiled."""
    architecture = experiment.architecture
    generator = WEIGHTS.builders[architecture["name"]](**architecture["arguments"])
    if experiment.starts_from is not None:
        before = load_model_file(args.out / experiment.starts_from / "last.keras")
        generator.set_weights(before.generator.get_weights())
    model = experiment.training(generator)
    loop.compile_adversarial(model, experiment)
    return model


def validation_samples(photographs, experiment):
    """One crop and one hole of each held-out photograph, the same in every run."""
    images, masks = [], []
    for seed, path in enumerate(photographs):
        photograph = read_image(path)
        size = experiment.mask_size
        window = random_window(photograph, size, 1.0, np.random.default_rng(seed))
        images.append(crop(photograph, window, size))
        masks.append(free_form_mask(size, size, seed))
    return np.stack(images), np.stack(masks)


def write_preset(name, experiment, model, samples, args):
    """Writes the generator as a preset, with the error of its own float16 weights."""
    folder = args.presets / name
    recipe = f"configs/inpaint_{args.name}.py"
    card = {
        "name": name,
        "architecture": experiment.architecture,
        "recipe": recipe,
        "commit": read_record(args.out / name / "experiment.json")["commit"],
        "seed": args.seed,
        "measured": "not measured yet",
        **experiment.card,
    }
    save_preset(model.generator, folder, card)
    error = hole_error(WEIGHTS.load(folder), *samples)
    measured = {"pictures": len(samples[0]), "size": experiment.mask_size, "hole_L1": error}
    card = save_preset(model.generator, folder, {**card, "measured": measured})
    print(f"Preset {folder}: {card['bytes']} bytes, mean error in the hole {error:.2f} of 255")


def hole_error(generator, images, masks):
    """Mean absolute error inside the holes, in 8-bit levels."""
    errors = []
    for image, mask in zip(images, masks, strict=True):
        completed = complete(generator, image[None], mask[None])[0]
        errors.append(np.abs(completed.astype(float) - image)[mask == 1].mean())
    return float(np.mean(errors))


def experiment_record(experiment, args):
    """What is trained on what, as JSON holds it."""
    definition = dataclasses.asdict(experiment)
    del definition["card"], definition["training"]
    record = {
        "experiment": definition,
        "config": args.name,
        "data": str(args.data),
        "val_data": str(args.val_data),
        "seed": args.seed,
    }
    return json.loads(json.dumps(record))
