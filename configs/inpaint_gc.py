"""GC (gated convolution, DeepFill v2), at half the paper's width.

The paper: width 48, critic of 64, 256-pixel crops in batches of 16, a constant rate of 1e-4.

python train.py inpaint gc --data PHOTOGRAPHS/train --val-data PHOTOGRAPHS/val \
    --out runs/inpaint --presets datasets/inpainting/weights
"""

from configs.inpaint_resynth import CARD
from configs.inpainting import InpainterExperiment
from datasets.inpainting.gc import GCTraining, gc_critic

CARD = {
    **CARD,
    "training_data": CARD["training_data"].replace("96-pixel", "128-pixel"),
    "limits": [
        "A narrow network, trained for an hour or so on a thousand photographs: it makes training "
        "and test data for localizers, and is no tool for retouching.",
    ],
    "intended_use": "Forging pictures to train and to measure localizers of inpainting.",
}

experiments = {
    "gc": InpainterExperiment(
        architecture={"name": "gc_generator", "arguments": {"width": 24}},
        training=lambda generator: GCTraining(generator, gc_critic(32)),
        # Five times the paper's rate, affordable because it decays.
        learning_rate=5e-4,
        batch_size=4,
        epochs=20,
        steps_per_epoch=200,
        card=CARD,
    )
}
