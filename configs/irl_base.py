"""The full network on the mixture of all inpainters, degraded, with untouched pictures.

    python train.py irl --config configs/irl_base.py --data PHOTOGRAPHS/train \
        --val-data PHOTOGRAPHS/val --out runs/irl_base

Half a million crops take weeks on a few CPU cores. Where an accelerator can be had, which needs
no TensorFlow, forge the crops before:

    python -m datasets.build --source PHOTOGRAPHS --split train --count 50000 --out pairs/train \
        --inpainter telea ns patch gc ca ec resynth resynth resynth upsampling upsampling
    python -m datasets.packed --pairs pairs/train --source PHOTOGRAPHS --untouched 0.3 \
        --out packed/train
    KERAS_BACKEND=jax python train.py irl --config configs/irl_base.py --data packed/train \
        --val-data PHOTOGRAPHS/val --mixed-precision mixed_bfloat16 --out runs/irl_base
"""

from dataclasses import replace

from configs.irl_paper import experiment as paper
from configs.irl_small import experiment as small

experiment = replace(
    paper,
    recipe=replace(
        small.recipe,
        size=256,
        # More of diverse traces than of all others, so that no single one is enough.
        inpainters={
            "telea": 1.0,
            "ns": 1.0,
            "patch": 0.1,  # a second each, and a copy carries no trace of its own
            "gc": 1.0,
            "ca": 1.0,
            "ec": 1.0,
            "resynth": 5.0,
            "upsampling": 3.0,
        },
        untouched=0.3,
    ),
    # One pixel: with the 200 of the last parts of `irl_small`, new weights stay silent. After 400
    # steps of 128-pixel crops at a quarter of the width, validation F1 was 0 with 200, 0.27 with 1.
    loss={"smooth": 1.0},
    learning_rate=3e-4,
    final_learning_rate=3e-6,
    clipnorm=1.0,
    validation_degradations=small.validation_degradations,
)
