"""Fourth part of the shipped weights `irl_small`: larger crops, more untouched ones.

    python train.py irl --config configs/irl_small_mixture_256.py \
        --init runs/irl_small_mixture/last.keras \
        --data PHOTOGRAPHS/train --val-data PHOTOGRAPHS/val --out runs/irl_small_mixture_256

`irl_small_untouched.py` is the fifth part.
"""

from dataclasses import replace

from configs.irl_small_256 import experiment as second_part
from configs.irl_small_mixture import experiment as third_part

experiment = replace(
    second_part,
    recipe=replace(third_part.recipe, size=256, untouched=0.3),
    model=third_part.model,
    learning_rate=1e-4,
    final_learning_rate=1e-6,
    epochs=3,
    steps_per_epoch=150,
)
