"""Seventh part of the shipped weights `irl_small`: JPEG before the forging, and drawn traces.

    python train.py irl --config configs/irl_small_history.py \
        --init runs/irl_small_learned/last.keras \
        --data PHOTOGRAPHS/train --val-data PHOTOGRAPHS/val --out runs/irl_small_history
    python train.py preset --config configs/irl_small_history.py \
        --training runs/irl_small_history --out irl_keras/weights/irl_small
"""

from dataclasses import replace

from configs.irl_small_learned import experiment as part_before

experiment = replace(
    part_before,
    recipe=replace(
        part_before.recipe,
        inpainters={
            "telea": 0.5,
            "ns": 0.5,
            "gc": 1.0,
            "ca": 1.5,
            "ec": 1.0,
            "resynth": 2.0,
            "traces": 3.0,
        },
        # Crops are shrunk at random, which takes the blocks of their JPEG files away.
        history={"clean": (0.4,), "jpeg": (0.6, 50, 98)},
    ),
    epochs=6,
)
