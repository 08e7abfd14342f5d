"""Fifth part of the shipped weights `irl_small`: half of the crops untouched.

    python train.py irl --config configs/irl_small_untouched.py \
        --init runs/irl_small_mixture_256/last.keras \
        --data PHOTOGRAPHS/train --val-data PHOTOGRAPHS/val --out runs/irl_small_untouched
    python train.py preset --config configs/irl_small_untouched.py \
        --training runs/irl_small_untouched --out irl_keras/weights/irl_small

After the part before, 8 to 12 % of fifty untouched validation pictures were flagged.
"""

from dataclasses import replace

from configs.irl_small_mixture_256 import experiment as part_before

experiment = replace(
    part_before,
    recipe=replace(part_before.recipe, untouched=0.5),
    epochs=4,
    steps_per_epoch=180,
    card={
        **part_before.card,
        "training_data": "986 scene photographs of mixed sources (BSDS500, ImageNet samples, AFHQ, "
        "samples of OpenCV and HiFill), most of them JPEG files; not redistributed. Forged on the "
        "fly with free-form masks by OpenCV's Telea and Navier-Stokes inpainting, a patch-copying "
        "method and twelve re-synthesizing autoencoders; 15 to 50 % of the crops untouched; JPEG, "
        "WebP, resizing, blur and noise after forging. Validation on 139 other photographs; splits "
        "by photograph.",
        "limits": [
            "Finds the smooth fills of classical inpainting, and most of the autoencoders' "
            "re-synthesis that it was trained on. Published fills of other learned inpainters it "
            "does not find; nor copies from elsewhere in the picture.",
            *part_before.card["limits"][1:],
        ],
    },
)
