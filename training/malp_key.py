"""Trains the localizer of a private key; the command line is `python -m malp_keras keygen`."""

import functools
import time
from pathlib import Path

import keras

from datasets.manipulations import HARMLESS
from evaluation.malp import find_manipulation
from evaluation.measuring_malp import (
    CLEAN,
    Calibrator,
    Conditions,
    Photograph,
    central_square,
    measure,
    picture_seed,
)
from evaluation.methods import Proactive
from forensics_keras.images import read_image
from forensics_keras.optimizers import AdamByPart
from malp_keras.key_making import FineTuned
from malp_keras.training import MaLPTraining
from training.experiments import MaLPExperiment
from training.malp import batches, read_folders
from training.records import read_config

ROOT = Path(__file__).parent.parent
DEGRADATIONS = [CLEAN, "jpeg:90", "jpeg:70"]
CALIBRATION_PHOTOGRAPHS = 40
"""At most this many, and at most a fifth of them, are kept apart for choosing thresholds."""
WARMUP = 20


def prepare(config, folders, steps, seed=0):
    """Finds what the fine-tuning needs, before any time is spent.

    Args:
        config: Path of the experiment file; a relative one, as model cards have it, from the
            repository's root.
        folders: Of photographs; the bundled training photographs when `None`.
        steps: Of training.
        seed: Of the training pictures; the templates do not depend on it.

    Returns:
        `fine_tune` for `malp_keras.key_making.make_key`.

    Raises:
        ValueError: If there is no such experiment, or there are too few photographs.
        OSError: If a folder cannot be read.
    """
    experiment = read_config(ROOT / config, MaLPExperiment)
    photographs = read_folders(folders, "train")
    count = min(CALIBRATION_PHOTOGRAPHS, len(photographs) // 5)
    if count < 1:
        raise ValueError(f"{len(photographs)} photographs are too few; give at least 5")
    every = len(photographs) // count
    held_out = photographs[::every][:count]
    others = [path for path in photographs if path not in set(held_out)]
    return functools.partial(_fine_tune, experiment, others, held_out, steps, seed)


def _fine_tune(experiment, photographs, held_out, steps, seed, model):
    start = time.monotonic()
    keras.utils.set_random_seed(seed)
    model.template_layer.trainable = False
    training = MaLPTraining(model, None, experiment.loss, experiment.exact_mask)
    warmup = min(WARMUP, steps // 2)
    rate = keras.optimizers.schedules.CosineDecay(
        0.0,
        steps - warmup,
        alpha=0.01,
        warmup_target=experiment.learning_rate / 2,
        warmup_steps=warmup,
    )
    jit_compile = keras.config.backend() == "jax"  # as in train_malp.start_model
    training.compile(AdamByPart(rate, experiment.factors, clipnorm=1.0), jit_compile=jit_compile)
    history = training.fit(
        batches(photographs, experiment, model, seed), steps_per_epoch=steps, shuffle=False
    )
    logs = {name: values[-1] for name, values in history.history.items()}
    recipe = {
        "photographs": len(photographs),
        "steps": steps,
        "batch_size": experiment.batch_size,
        "loss": logs["loss"],
        "accuracy": logs["accuracy"],
        "minutes": round((time.monotonic() - start) / 60, 1),
    }
    return FineTuned(_calibrate(model, experiment, held_out, seed), recipe)


def _calibrate(model, experiment, held_out, seed):
    """Chooses thresholds on photographs that the training has not seen."""
    names = list(experiment.recipe.manipulations)
    conditions = Conditions(
        [find_manipulation(name) for name in names], DEGRADATIONS, list(HARMLESS.values())
    )
    method, calibrator = Proactive(model), Calibrator()
    for path in held_out:
        square = central_square(read_image(path), model.size)
        photograph = Photograph(path.name, square, picture_seed(path.name, seed))
        for inspection in measure(photograph, method, conditions):
            calibrator.add(inspection)
    data = f"{len(held_out)} photographs kept apart; {', '.join(names)}; {', '.join(DEGRADATIONS)}"
    return calibrator.thresholds(data).calibration()
