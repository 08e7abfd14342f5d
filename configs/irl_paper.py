"""The paper's own settings (section IV-A and IV-B), on photographs forged on the fly.

    python train.py irl --config configs/irl_paper.py --stage irl_gc --data PLACES2 \
        --layout places2_256 --selection places2.json --out runs/irl_gc
    python train.py irl --config configs/irl_paper.py --stage ldicn --data CELEBA --layout celeba
    python train.py irl --config configs/irl_paper.py --data PHOTOGRAPHS --out runs/irl_paper

The paper trains one network for each inpainter: the variants. The experiment itself mixes all
three, and the other variants are the paper's baselines on the same pictures in the same number.
"""

from dataclasses import replace

from datasets.forging import ForgingRecipe
from training.experiments import IRLExperiment

experiment = IRLExperiment(
    # Whole pictures of 256x256 pixels without augmentation: what is smaller or larger, such as
    # CelebA's of 178x218, is scaled with its sides apart, and nothing is cropped or mirrored.
    recipe=ForgingRecipe(
        size=256, mask_size=256, inpainters={"gc": 1.0, "ca": 1.0, "ec": 1.0}, whole=True
    ),
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
    # Its loss, and the weight decay, are the network's own; see `irl_keras.baselines.ldicn`. It was
    # published with 450,000 steps of one picture. In steps of 16 there are too few of them for its
    # start and its averages; what differs is in docs/results_irl.md.
    "ldicn": replace(
        experiment,
        network="ldicn",
        model={"momentum": 0.9, "mean_start": True},
        learning_rate=1e-4,
        epoch_decay=0.5,
    ),
    # The loss needs the edge map, the second channel.
    "mvss_net": replace(experiment, network="mvss_net", model={"training_outputs": True}),
}
