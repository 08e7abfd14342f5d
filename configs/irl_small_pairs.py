"""Seventh part of the shipped weights `irl_small`: crops of pairs that were built before.

    build="python -m datasets.build --source PHOTOGRAPHS --split train"
    for name in telea ns gc ca ec; do
        $build --inpainter $name --count 1500 --out pairs/$name
    done
    for name in resynth upsampling none; do
        $build --inpainter $name --count 4000 --history --out pairs/$name
    done
    python train.py irl --config configs/irl_small_pairs.py \
        --init runs/irl_small_learned/last.keras \
        --data pairs --val-data PHOTOGRAPHS/val --out runs/irl_small_pairs

A learned inpainter forges a crop in 0.1 seconds, in which the network learns from four. The part
before saw 8,400 crops, fewer than three thousand of them by `gc`, `ca` and `ec`.
`irl_small_pairs_256.py` is the last part.
"""

from dataclasses import replace

from configs.irl_small_learned import experiment as part_before

experiment = replace(
    part_before,
    recipe=replace(
        part_before.recipe,
        # Small crops again, for more steps; the networks before this part knew 256 pixels.
        size=128,
        inpainters={
            "telea": 1.0,
            "ns": 1.0,
            "gc": 1.5,
            "ec": 1.5,
            # Most of what was found least before: `ca` with F1 0.876, `resynth` with 0.649.
            "ca": 3.0,
            "resynth": 5.0,
            # Textured traces, endless in number, for the generators that nobody has seen yet: the
            # fills of all others here are smoother than their surroundings.
            "upsampling": 4.0,
        },
        # Every other 128-pixel window of a pair has little of the hole or nothing anyway.
        untouched=0.3,
    ),
    learning_rate=3e-4,
    final_learning_rate=3e-6,
    batch_size=16,
    epochs=8,
    steps_per_epoch=500,
)
