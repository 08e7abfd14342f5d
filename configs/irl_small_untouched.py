"""Fifth part of the shipped weights `irl_small`: half of the crops untouched.

    python train.py irl --config configs/irl_small_untouched.py \
        --init runs/irl_small_mixture_256/last.keras \
        --data PHOTOGRAPHS/train --val-data PHOTOGRAPHS/val --out runs/irl_small_untouched

After the part before, 8 to 12 % of fifty untouched validation pictures were flagged.
`irl_small_learned.py` is the sixth part.
"""

from dataclasses import replace

from configs.irl_small_mixture_256 import experiment as part_before

experiment = replace(
    part_before,
    recipe=replace(part_before.recipe, untouched=0.5),
    epochs=4,
    steps_per_epoch=180,
)
