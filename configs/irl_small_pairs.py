"""Last part of the shipped weights `irl_small`: pairs that were built before.

    build="python -m datasets.build --source PHOTOGRAPHS --split train"
    for name in telea ns gc ca ec; do
        $build --inpainter $name --count 1500 --out pairs/$name
    done
    for name in resynth none; do
        $build --inpainter $name --count 4000 --out pairs/$name
    done
    python train.py irl --config configs/irl_small_pairs.py \
        --init runs/irl_small_learned/last.keras \
        --data pairs --val-data PHOTOGRAPHS/val --out runs/irl_small_pairs
    python train.py preset --config configs/irl_small_pairs.py \
        --training runs/irl_small_pairs --out irl_keras/weights/irl_small

A learned inpainter forges a pair in 0.1 to 0.2 seconds, in which the network learns from two. The
part before saw 8,400 pictures, fewer than three thousand of them by `gc`, `ca` and `ec`.
"""

from dataclasses import replace

from configs.irl_small_learned import experiment as part_before

experiment = replace(
    part_before,
    recipe=replace(
        part_before.recipe,
        # Most of what was found least before: `ca` with F1 0.876, `resynth` with 0.649.
        inpainters={"telea": 1.0, "ns": 1.0, "gc": 1.5, "ca": 3.0, "ec": 1.5, "resynth": 3.0},
    ),
    learning_rate=1e-4,
    final_learning_rate=1e-6,
    batch_size=8,
    epochs=5,
    steps_per_epoch=220,
    card={
        **part_before.card,
        "training_data": "986 scene photographs of mixed sources (BSDS500, ImageNet samples, AFHQ, "
        "samples of OpenCV and HiFill), most of them JPEG files; not redistributed. Forged with "
        "free-form masks by OpenCV's Telea and Navier-Stokes inpainting, a patch-copying "
        "method, twelve re-synthesizing autoencoders, and in the last two parts this repository's "
        "GC, CA and EC; 15 to 50 % of the crops untouched; JPEG, WebP, resizing, blur and noise "
        "after forging. Validation on 139 other photographs; splits by photograph.",
        "limits": [
            "Finds the smooth fills of classical inpainting, those of this repository's own narrow "
            "GC, CA and EC, and two thirds of the autoencoders' re-synthesis that it was trained "
            "on. Published fills of other learned inpainters it does not find; nor copies from "
            "elsewhere in the picture.",
            *part_before.card["limits"][1:],
        ],
    },
)
