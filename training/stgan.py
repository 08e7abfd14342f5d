"""Trains STGAN, an editor of faces' attributes; the command line is `python train.py stgan`."""

import dataclasses
import json
from pathlib import Path

import keras
import numpy as np

from configs.stgan import experiments
from datasets.batches import SampleBatches
from datasets.faces import FaceCrops, face_crop, labelled_faces
from datasets.manipulations.stgan import (
    WEIGHTS,
    STGANTraining,
    edit,
    stgan_critic,
    stgan_generator,
)
from forensics_keras.figures import picture_grid
from forensics_keras.images import read_image, write_png
from forensics_keras.presets import save_preset
from training import loop
from training.records import check_same_experiment, read_record, with_changes, write_record

SAMPLES = 8
"""Validation faces in the grid that is written after each epoch."""


def add_parser(systems):
    """Adds the subcommand `stgan` to the command line of train.py."""
    parser = systems.add_parser("stgan", help="train an editor of faces' attributes")
    parser.add_argument(
        "name",
        nargs="?",
        choices=sorted(experiments),
        default="stgan_faces",
        help="experiment of configs/stgan.py, by default %(default)s",
    )
    parser.add_argument(
        "--data",
        type=Path,
        required=True,
        help="CelebA's folder, or faces whose names begin with the attribute: mask_, nomask_",
    )
    parser.add_argument(
        "--val-data", type=Path, required=True, help="the same, for sample grids and the card"
    )
    parser.add_argument("--presets", type=Path, help="folder to write the finished preset into")
    loop.add_arguments(parser)
    parser.set_defaults(run=train_stgan)


def train_stgan(args):
    """Trains one experiment in `args.out`, from where an earlier run of the same command stopped.

    Raises:
        ValueError: If the folder holds another experiment, or the training diverged; and as the
            readers of data.
        OSError: If something cannot be read or written.
    """
    args.out = loop.output_folder(args, args.name)
    experiment = with_changes(experiments[args.name], args)
    record = experiment_record(experiment, args)
    check_same_experiment(args.out / "experiment.json", record)
    keras.utils.set_random_seed(args.seed)
    faces = labelled_faces(args.data, experiment.attributes, "train")
    validation = read_validation_faces(args.val_data, experiment)

    epochs_done, model = loop.resume(args.out, lambda: start_model(experiment, args))
    write_record(args.out / "experiment.json", record)
    crops = FaceCrops(faces, experiment.size, experiment.min_scale, args.seed, experiment.tint)
    samples_done = epochs_done * experiment.steps_per_epoch * experiment.batch_size
    loop.fit(
        model,
        FaceBatches(crops, experiment.batch_size, first_sample=samples_done),
        experiment,
        args.out,
        epochs_done,
        callbacks=[EditGrid(args.out / "samples", validation[0], experiment.attributes)],
        verbose=2,
    )
    if args.presets is not None:
        write_preset(experiment, model, validation, args)


class FaceBatches(SampleBatches):
    """Batches in the form that `STGANTraining` takes: `image` in [-1, 1] and `labels`."""

    def __getitem__(self, index):
        """Returns batch `index`."""
        images, labels = super().__getitem__(index)
        return ({"image": images.astype("float32") / 127.5 - 1, "labels": labels},)


class EditGrid(keras.callbacks.Callback):
    """Writes a grid of edited validation faces after each epoch.

    Args:
        folder: Where `epoch_0007.png` (after seven epochs) is written.
        images: uint8 (N, size, size, 3), untouched.
        attributes: Their names.
    """

    def __init__(self, folder, images, attributes):
        super().__init__()
        self.folder = folder
        self.images = images[np.linspace(0, len(images) - 1, SAMPLES).astype(int)]
        self.attributes = attributes

    def on_epoch_end(self, epoch, logs=None):
        both_ways = [sign * row for row in np.eye(len(self.attributes)) for sign in (1, -1)]
        columns = [self.images] + [
            edit(self.model.generator, self.images, np.tile(difference, (len(self.images), 1)))
            for difference in [np.zeros(len(self.attributes)), *both_ways]
        ]
        headers = ["original", "reconstruction"]
        headers += [f"{sign} {name}" for name in self.attributes for sign in ("with", "without")]
        rows = [("", pictures) for pictures in zip(*columns, strict=True)]
        write_png(self.folder / f"epoch_{epoch + 1:04d}.png", picture_grid(rows, headers, 128))


def read_validation_faces(folder, experiment):
    """Central crops, uint8 (N, size, size, 3), and labels of up to 256 held-out faces."""
    faces = labelled_faces(folder, experiment.attributes, "val")
    chosen = np.unique(np.linspace(0, len(faces.photographs) - 1, 256).astype(int))
    images = [face_crop(read_image(faces.photographs[i]), experiment.size) for i in chosen]
    return np.stack(images), faces.labels[chosen]


def start_model(experiment, args):
    """A new training model, compiled."""
    shape = {"attributes": len(experiment.attributes), "size": experiment.size}
    model = STGANTraining(
        stgan_generator(**experiment.generator, **shape),
        stgan_critic(**experiment.critic, **shape),
        **experiment.training,
        seed=args.seed,
    )
    loop.compile_adversarial(model, experiment)
    return model


def write_preset(experiment, model, validation, args):
    """Writes the generator as a preset, with measures of its own float16 weights."""
    folder = args.presets / args.name
    shape = {"attributes": len(experiment.attributes), "size": experiment.size}
    card = {
        "name": args.name,
        "architecture": {"name": "stgan_generator", "arguments": {**experiment.generator, **shape}},
        "recipe": "configs/stgan.py",
        "attributes": experiment.attributes,
        "commit": read_record(args.out / "experiment.json")["commit"],
        "seed": args.seed,
        "measured": "not measured yet",
        **experiment.card,
    }
    save_preset(model.generator, folder, card)
    measured = measure(WEIGHTS.load(folder), model.critic, *validation)
    card = save_preset(model.generator, folder, {**card, "measured": measured})
    print(f"Preset {folder}: {card['bytes']} bytes, {json.dumps(measured)}")


def measure(generator, critic, images, labels):
    """How well pictures are reconstructed and edited, in 8-bit levels and shares.

    `edits_recognized` is judged by the critic that the generator learned from, and no independent
    proof; `labels_recognized` is the same head's accuracy on the untouched pictures.
    """
    rebuilt = edit(generator, images, np.zeros_like(labels))
    change, recognized = [], []
    for index in range(labels.shape[1]):
        difference = np.zeros_like(labels)
        difference[:, index] = 1 - 2 * labels[:, index]
        edited = edit(generator, images, difference)
        change.append(np.abs(edited.astype(float) - rebuilt).mean())
        found = critic_attributes(critic, edited)[:, index]
        recognized.append(np.mean(found != labels[:, index]))
    return {
        "pictures": len(images),
        "reconstruction_L1": float(np.abs(rebuilt.astype(float) - images).mean()),
        "change_L1": float(np.mean(change)),
        "edits_recognized": float(np.mean(recognized)),
        "labels_recognized": float(np.mean(critic_attributes(critic, images) == labels)),
    }


def critic_attributes(critic, images):
    """The attributes that the critic's head sees, float (N, attributes), 0 or 1."""
    outputs = critic.predict(images.astype("float32") / 127.5 - 1, batch_size=SAMPLES, verbose=0)
    return (outputs["attributes"] > 0).astype(float)


def experiment_record(experiment, args):
    """What is trained on what, as JSON holds it."""
    definition = dataclasses.asdict(experiment)
    del definition["card"]
    record = {
        "experiment": definition,
        "name": args.name,
        "data": str(args.data),
        "val_data": str(args.val_data),
        "seed": args.seed,
    }
    return json.loads(json.dumps(record))
