"""GC (gated convolution, DeepFill v2), at a third of the paper's width, from a smooth start.

The paper: width 48, critic of 64, 256-pixel crops in batches of 16, a constant rate of 1e-4.

    python train.py inpaint --config configs/inpaint_gc.py --data PHOTOGRAPHS/train \
        --val-data PHOTOGRAPHS/val --out runs/inpaint --presets datasets/inpainting/weights
"""

from dataclasses import replace

from datasets.inpainting.gc import GCTraining, gc_critic
from training.experiments import InpainterExperiment

# From four times this weight on, the critic is pleased with a scribble here and there in the hole;
# with 1 the training diverges.
gc_first = InpainterExperiment(
    architecture={"name": "gc_generator", "arguments": {"width": 16, "smooth_start": True}},
    training=lambda generator: GCTraining(generator, gc_critic(32), adversarial_weight=0.005),
    # Five times the paper's rate, affordable because it decays.
    learning_rate=5e-4,
    # At more than the paper's 1e-4 its normalized kernels jump about and learn nothing.
    factors={"critic": 0.2},
    batch_size=4,
    epochs=12,
    steps_per_epoch=300,
)

stages = {
    "gc_first": gc_first,
    # The first stage leaves streaks, which cost it more than its structure gains: L1 leads now.
    "gc": replace(
        gc_first,
        training=lambda generator: GCTraining(generator, gc_critic(32), adversarial_weight=0.001),
        starts_from="gc_first",
        learning_rate=4e-4,
        factors={"critic": 0.25},
        epochs=6,
    ),
}
