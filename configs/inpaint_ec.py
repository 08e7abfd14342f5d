"""EC (EdgeConnect) at a quarter of the paper's width: edges, then the picture; smooth start.

    python train.py inpaint --config configs/inpaint_ec.py --data PHOTOGRAPHS/train \
        --val-data PHOTOGRAPHS/val --out runs/inpaint --presets datasets/inpainting/weights
"""

from dataclasses import replace

from datasets.inpainting.ec import ECEdgeTraining, ECPictureTraining, ec_critic
from training.experiments import InpainterExperiment

# The weight of the critic is the paper's.
ec_edges = InpainterExperiment(
    architecture={"name": "ec_generator", "arguments": {"width": 16, "smooth_start": True}},
    training=lambda generator: ECEdgeTraining(generator, ec_critic(channels=2, width=16)),
    # Five times the paper's rate, affordable because it decays.
    learning_rate=5e-4,
    betas=(0.0, 0.9),
    factors={"critic": 0.1},
    batch_size=4,
    epochs=10,
    steps_per_epoch=200,
)

stages = {
    "ec_edges": ec_edges,
    "ec": replace(
        ec_edges,
        # At a tenth of the paper's balance, L1 leads: at that balance a short training fools the
        # style term with coloured dots.
        training=lambda generator: ECPictureTraining(
            generator, ec_critic(width=16), style_weight=2.5
        ),
        starts_from="ec_edges",
        epochs=9,
    ),
}
