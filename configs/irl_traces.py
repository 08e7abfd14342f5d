"""IRL-Net with trace inputs, for fills of tools that nobody trained on: four stages.

    pip install --no-deps -r requirements-forge.txt
    python -m datasets.synthesised --data PHOTOGRAPHS/train --count 1900 --out synthesised
    python train.py irl --config configs/irl_traces.py --out runs/irl_traces \
        --data PHOTOGRAPHS/train synthesised FILLS/train --val-data FILLS/val PHOTOGRAPHS/val

`FILLS` holds fills that published tools made, `TOOL/image/` and `TOOL/mask/` in it; the tools of
the validation are others than those of the training. docs/training_log.md says what came of it.
"""

from dataclasses import replace

from datasets.history import HistoryRecipe
from training.experiments import IRLExperiment

# The statistics by themselves, which learn in a tenth of the network's time.
irl_traces_branch = IRLExperiment(
    recipe=HistoryRecipe(
        size=128,
        inpainters={"telea": 1.0, "ns": 1.0, "upsampling": 1.0},
        untouched=0.25,
        # The same content with another history teaches the traces by themselves.
        history_only=0.15,
        filled=0.12,
        synthesised=0.20,
        real=0.28,
        afterwards=0.12,
    ),
    network="trace_net",
    # One pixel: an untouched crop then has a useful Dice gradient.
    loss={"smooth": 1.0},
    learning_rate=2e-3,
    final_learning_rate=5e-4,
    clipnorm=1.0,
    batch_size=16,
    epochs=5,
    steps_per_epoch=240,
)

# The content has to explain the statistics away, which vary within photographs, too.
irl_traces_network = replace(
    irl_traces_branch,
    preset="irl_small",
    traces_from="irl_traces_branch",
    narrow_init=True,
    network="irl_net",
    model={"width": 0.25, "attention": False, "traces": ("phase", "colour")},
    recipe=replace(
        irl_traces_branch.recipe,
        inpainters={"telea": 1.0, "ns": 1.0, "upsampling": 2.0, "gc": 0.7, "ca": 0.7, "ec": 0.7},
        filled=0.15,
    ),
    learning_rate=8e-4,
    final_learning_rate=3e-4,
    epochs=10,
    steps_per_epoch=150,
)

# Larger crops, more of them pristine, more compression afterwards. Before, 24 % of the pixels of
# pristine photographs were flagged.
irl_traces_pristine = replace(
    irl_traces_network,
    starts_from="irl_traces_network",
    preset=None,
    traces_from=None,
    # Of the same width; built anew, so that it may compute in 16 bits.
    narrow_init=True,
    recipe=replace(
        irl_traces_network.recipe,
        size=192,
        untouched=0.42,
        history_only=0.08,
        filled=0.14,
        synthesised=0.15,
        real=0.21,
        afterwards=0.25,
    ),
    learning_rate=4e-4,
    final_learning_rate=1.6e-4,
    batch_size=8,
    epochs=10,
    steps_per_epoch=150,
)

# Before, 20 % were flagged: with one pixel in the Dice loss, a pristine crop in which a fifth is
# flagged costs as much as one in which a twentieth is.
irl_traces = replace(
    irl_traces_pristine,
    starts_from="irl_traces_pristine",
    loss={"smooth": 2000.0},
    learning_rate=3e-4,
    final_learning_rate=1e-5,
    epochs=12,
)

stages = {
    "irl_traces_branch": irl_traces_branch,
    "irl_traces_network": irl_traces_network,
    "irl_traces_pristine": irl_traces_pristine,
    "irl_traces": irl_traces,
}
