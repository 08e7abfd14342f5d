"""Last part of the shipped weights `irl_small`: whole pairs, more untouched ones.

    python train.py irl --config configs/irl_small_pairs_256.py \
        --init runs/irl_small_pairs/last.keras \
        --data pairs --val-data PHOTOGRAPHS/val --out runs/irl_small_pairs_256
    python train.py preset --config configs/irl_small_pairs_256.py \
        --training runs/irl_small_pairs_256 --out irl_keras/weights/irl_small

The pairs are those of the part before.
"""

from dataclasses import replace

from configs.irl_small_pairs import experiment as part_before

experiment = replace(
    part_before,
    # Pictures of the size that is evaluated, against false alarms.
    recipe=replace(part_before.recipe, size=256, untouched=0.4),
    learning_rate=1e-4,
    final_learning_rate=1e-6,
    batch_size=8,
    epochs=3,
    steps_per_epoch=150,
)
