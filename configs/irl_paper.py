"""The paper's own settings (section IV-A), on photographs forged on the fly.

    python train.py irl --config configs/irl_paper.py --data PHOTOGRAPHS --out runs/irl_paper
    python train.py irl --config configs/irl_paper.py --stage ldicn --data PHOTOGRAPHS

The variants are the paper's setting for one inpainter each, and its baselines on the same crops in
the same number.
"""

from dataclasses import replace

from datasets.forging import ForgingRecipe
from training.experiments import IRLExperiment

experiment = IRLExperiment(
    # Whole 256x256 pictures without augmentation.
    recipe=ForgingRecipe(size=256, mask_size=256),
    learning_rate=1e-4,
    batch_size=16,
    # 10 epochs of 50,000 pairs.
    epochs=10,
    steps_per_epoch=50_000 // 16,
)


def on(inpainter):
    """The same, with the forgeries of one inpainter."""
    return replace(experiment, recipe=replace(experiment.recipe, inpainters={inpainter: 1.0}))


variants = {
    "irl_gc": on("gc"),
    "irl_ca": on("ca"),
    "irl_ec": on("ec"),
    # Its loss, and the weight decay, are the network's own; see `irl_keras.baselines.ldicn`.
    "ldicn": replace(experiment, network="ldicn", learning_rate=1e-4, epoch_decay=0.5),
    # The loss needs the edge map, the second channel.
    "mvss_net": replace(experiment, network="mvss_net", model={"training_outputs": True}),
}
