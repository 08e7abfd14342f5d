"""The shipped weights `irl_small`: seven stages, from half the width to three eighths.

    python train.py irl --config configs/irl_small.py --data PHOTOGRAPHS/train \
        --val-data PHOTOGRAPHS/val --out runs/irl_small
    python train.py preset --config configs/irl_small.py \
        --training runs/irl_small/irl_small_pairs --out irl_keras/weights/irl_small

The last stage of the shipped weights was trained on pairs that were built before, by itself:

    build="python -m datasets.build --data PHOTOGRAPHS --split train"
    for name in telea ns gc ca ec; do
        $build --inpainters $name --count 1500 --out pairs/$name
    done
    for name in resynth none; do
        $build --inpainters $name --count 4000 --out pairs/$name
    done
    python train.py irl --config configs/irl_small.py --stage irl_small_pairs --data pairs \
        --val-data PHOTOGRAPHS/val --out runs/irl_small/irl_small_pairs

The other stages can have pairs too, with `patch` among them, and this one photographs.
"""

from dataclasses import replace

from datasets.forging import ForgingRecipe
from training.experiments import IRLExperiment

# Half the width, 128-pixel crops, degradations.
irl_small = IRLExperiment(
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

# After the first stage, untouched validation pictures had 1.4 % of their pixels flagged.
irl_small_256 = replace(
    irl_small,
    starts_from="irl_small",
    # Crops of the size that is evaluated; more of them untouched, against false alarms.
    recipe=replace(irl_small.recipe, size=256, untouched=0.3),
    # 200 pixels: false alarms of some hundred pixels in an untouched crop then cost much.
    loss={"smooth": 200.0},
    learning_rate=2e-4,
    final_learning_rate=2e-6,
    batch_size=4,
    epochs=10,
    steps_per_epoch=250,
)

# After the first two stages the network was three times as fast as the full one, not four, and
# found nothing of learned inpainters' work.
irl_small_mixture = replace(
    irl_small,
    starts_from="irl_small_256",
    recipe=replace(
        irl_small.recipe,
        inpainters={
            "telea": 1.0,
            "ns": 1.0,
            # Copies carry no trace of their own, and take a second each.
            "patch": 0.1,
            # Diverse traces of networks, for the networks that nobody has seen yet.
            "resynth": 3.0,
        },
        untouched=0.2,
    ),
    # A seventh of the full network's operations. Without the attention, the time of which does
    # not fall with the width, it is four times as fast at every size of picture.
    model={"width": 0.375, "attention": False},
    narrow_init=True,
    final_learning_rate=5e-5,
    epochs=8,
    steps_per_epoch=400,
)

# Again larger crops, more of them untouched.
irl_small_mixture_256 = replace(
    irl_small_256,
    starts_from="irl_small_mixture",
    recipe=replace(irl_small_mixture.recipe, size=256, untouched=0.3),
    model=irl_small_mixture.model,
    learning_rate=1e-4,
    final_learning_rate=1e-6,
    epochs=3,
    steps_per_epoch=150,
)

# After the stage before, 8 to 12 % of fifty untouched validation pictures were flagged.
irl_small_untouched = replace(
    irl_small_mixture_256,
    starts_from="irl_small_mixture_256",
    recipe=replace(irl_small_mixture_256.recipe, untouched=0.5),
    epochs=4,
    steps_per_epoch=180,
)

# Before, the weights knew of networks only re-synthesized pixels, and no network's own content.
irl_small_learned = replace(
    irl_small_untouched,
    starts_from="irl_small_untouched",
    recipe=replace(
        irl_small_untouched.recipe,
        inpainters={"telea": 1.0, "ns": 1.0, "gc": 2.0, "ca": 2.0, "ec": 2.0, "resynth": 3.0},
        untouched=0.4,
    ),
    learning_rate=2e-4,
    final_learning_rate=2e-6,
    epochs=7,
    steps_per_epoch=150,
)

# A learned inpainter forges a pair in 0.1 to 0.2 seconds, in which the network learns from two. The
# stage before saw 8,400 pictures, fewer than three thousand of them by `gc`, `ca` and `ec`.
irl_small_pairs = replace(
    irl_small_learned,
    starts_from="irl_small_learned",
    recipe=replace(
        irl_small_learned.recipe,
        # Most of what was found least before: `ca` with F1 0.876, `resynth` with 0.649.
        inpainters={"telea": 1.0, "ns": 1.0, "gc": 1.5, "ca": 3.0, "ec": 1.5, "resynth": 3.0},
    ),
    learning_rate=1e-4,
    final_learning_rate=1e-6,
    batch_size=8,
    epochs=5,
    steps_per_epoch=220,
)

stages = {
    "irl_small": irl_small,
    "irl_small_256": irl_small_256,
    "irl_small_mixture": irl_small_mixture,
    "irl_small_mixture_256": irl_small_mixture_256,
    "irl_small_untouched": irl_small_untouched,
    "irl_small_learned": irl_small_learned,
    "irl_small_pairs": irl_small_pairs,
}
