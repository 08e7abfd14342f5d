"""CA (contextual attention, DeepFill v1), at half the paper's width.

python train.py inpaint ca --data PHOTOGRAPHS/train --val-data PHOTOGRAPHS/val \
    --out runs/inpaint --presets datasets/inpainting/weights
"""

from configs.inpaint_gc import CARD
from configs.inpainting import InpainterExperiment
from datasets.inpainting.ca import CATraining, ca_critic

experiments = {
    "ca": InpainterExperiment(
        architecture={"name": "ca_generator", "arguments": {"width": 16}},
        training=lambda generator: CATraining(generator, ca_critic(32)),
        # Above 5e-4 the Wasserstein critics made it bounce.
        learning_rate=3e-4,
        betas=(0.5, 0.9),
        # In place of the paper's five critic steps for each step of the generator.
        factors={"critic": 4.0},
        batch_size=4,
        epochs=20,
        steps_per_epoch=200,
        card=CARD,
    )
}
