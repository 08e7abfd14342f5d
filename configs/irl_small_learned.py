"""Sixth part of the shipped weights `irl_small`: learned inpainters in the mixture.

    python train.py irl --config configs/irl_small_learned.py \
        --init runs/irl_small_untouched/last.keras \
        --data PHOTOGRAPHS/train --val-data PHOTOGRAPHS/val --out runs/irl_small_learned

Before, the weights knew of networks only re-synthesized pixels, and no network's own content.
`irl_small_pairs.py` is the last part.
"""

from dataclasses import replace

from configs.irl_small_untouched import experiment as part_before

experiment = replace(
    part_before,
    recipe=replace(
        part_before.recipe,
        inpainters={"telea": 1.0, "ns": 1.0, "gc": 2.0, "ca": 2.0, "ec": 2.0, "resynth": 3.0},
        untouched=0.4,
    ),
    learning_rate=2e-4,
    final_learning_rate=2e-6,
    epochs=7,
    steps_per_epoch=150,
    card={
        **part_before.card,
        "training_data": "986 scene photographs of mixed sources (BSDS500, ImageNet samples, AFHQ, "
        "samples of OpenCV and HiFill), most of them JPEG files; not redistributed. Forged on the "
        "fly with free-form masks by OpenCV's Telea and Navier-Stokes inpainting, a patch-copying "
        "method, twelve re-synthesizing autoencoders, and in the last part this repository's GC, "
        "CA and EC; 15 to 50 % of the crops untouched; JPEG, WebP, resizing, blur and noise after "
        "forging. Validation on 139 other photographs; splits by photograph.",
        "limits": [
            "Finds the smooth fills of classical inpainting, those of this repository's own narrow "
            "GC, CA and EC, and two thirds of the autoencoders' re-synthesis that it was trained "
            "on. Published fills of other learned inpainters it does not find; nor copies from "
            "elsewhere in the picture.",
            *part_before.card["limits"][1:],
        ],
    },
)
