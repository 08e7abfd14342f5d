"""Third part of the shipped weights `irl_small`: narrower, and on the mixture of inpainters.

    python train.py irl --config configs/irl_small_mixture.py --init runs/irl_small_256/last.keras \
        --data PHOTOGRAPHS/train --val-data PHOTOGRAPHS/val --out runs/irl_small_mixture

After the first two parts the network was three times as fast as the full one, not four, and found
nothing of learned inpainters' work.
"""

from dataclasses import replace

from configs.irl_small import experiment as first_part

MIXTURE = {
    "telea": 1.0,
    "ns": 1.0,
    # Copies carry no trace of their own, and take a second each.
    "patch": 0.1,
    # Diverse traces of networks, for the networks that nobody has seen yet.
    "resynth": 3.0,
}

experiment = replace(
    first_part,
    recipe=replace(first_part.recipe, inpainters=MIXTURE, untouched=0.2),
    # A seventh of the full network's operations. Without the attention, the time of which does
    # not fall with the width, it is four times as fast at every size of picture.
    model={"width": 0.375, "attention": False},
    narrow_init=True,
    final_learning_rate=5e-5,
    epochs=8,
    steps_per_epoch=400,
)
