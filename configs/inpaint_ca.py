"""CA (contextual attention, DeepFill v1), at half the paper's width, from a smooth start.

    python train.py inpaint --config configs/inpaint_ca.py --data PHOTOGRAPHS/train \
        --val-data PHOTOGRAPHS/val --out runs/inpaint --presets datasets/inpainting/weights
"""

from datasets.inpainting.ca import CATraining, ca_critic
from training.experiments import InpainterExperiment

stages = {
    "ca": InpainterExperiment(
        architecture={"name": "ca_generator", "arguments": {"width": 16, "smooth_start": True}},
        # At the paper's weight the critics soon outweigh L1.
        training=lambda generator: CATraining(generator, ca_critic(32), adversarial_weight=0.0005),
        # Five times the paper's rate; for the critics in place of their five steps to one.
        learning_rate=5e-4,
        betas=(0.5, 0.9),
        batch_size=4,
        epochs=12,
        steps_per_epoch=300,
    )
}
