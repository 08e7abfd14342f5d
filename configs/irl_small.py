"""First part of the shipped weights `irl_small`: half the width, 128-pixel crops, degradations.

    python train.py irl --config configs/irl_small.py --data PHOTOGRAPHS/train \
        --val-data PHOTOGRAPHS/val --out runs/irl_small

`irl_small_256.py` is the second part.
"""

from datasets.forging import ForgingRecipe
from training.experiments import IRLExperiment

experiment = IRLExperiment(
    recipe=ForgingRecipe(
        # Small crops give two CPU cores more photographs and more steps in an hour.
        size=128,
        mask_size=256,
        # Untouched pictures teach the network to stay silent.
        untouched=0.15,
        # JPEG has most weight because nearly every published picture went through it.
        degradations={
            "clean": (0.35,),
            "jpeg": (0.38, 60, 100),
            "resize": (0.15, 0.5, 0.95),
            "webp": (0.06, 60, 100),
            "blur": (0.03, 0.3, 1.0),
            "noise": (0.03, 1.0, 6.0),
        },
        min_scale=0.5,
    ),
    # A quarter of the full network's operations.
    model={"width": 0.5},
    # One pixel: an untouched crop then has a useful Dice gradient.
    loss={"smooth": 1.0},
    # Five times the paper's rate, affordable because it decays and gradients are clipped.
    learning_rate=5e-4,
    final_learning_rate=5e-6,
    clipnorm=1.0,
    batch_size=8,
    epochs=10,
    steps_per_epoch=450,
    validation_degradations=("clean", "jpeg:90", "jpeg:75", "resize:0.75"),
)
