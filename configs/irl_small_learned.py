"""Sixth part of the shipped weights `irl_small`: learned inpainters in the mixture.

    python train.py irl --config configs/irl_small_learned.py \
        --init runs/irl_small_untouched/last.keras \
        --data PHOTOGRAPHS/train --val-data PHOTOGRAPHS/val --out runs/irl_small_learned

Before, the weights knew of networks only re-synthesized pixels, and no network's own content.
`irl_small_pairs.py` is the last part.
"""

from dataclasses import replace

from configs.irl_small_untouched import experiment as part_before

experiment = replace(
    part_before,
    recipe=replace(
        part_before.recipe,
        inpainters={"telea": 1.0, "ns": 1.0, "gc": 2.0, "ca": 2.0, "ec": 2.0, "resynth": 3.0},
        untouched=0.4,
    ),
    learning_rate=2e-4,
    final_learning_rate=2e-6,
    epochs=7,
    steps_per_epoch=150,
)
