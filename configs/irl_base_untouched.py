"""Last part of the shipped weights `irl_base`: against false alarms.

    KERAS_BACKEND=jax python train.py irl --config configs/irl_base_untouched.py \
        --init runs/irl_base/last.keras --data pairs --val-data PHOTOGRAPHS/val \
        --mixed-precision mixed_bfloat16 --out runs/irl_base_untouched
    KERAS_BACKEND=jax python train.py preset --config configs/irl_base_untouched.py \
        --training runs/irl_base_untouched --out irl_keras/weights/irl_base
"""

from dataclasses import replace

from configs.irl_base import experiment as first_part

experiment = replace(
    first_part,
    # 200 pixels: false alarms of some hundred pixels in an untouched crop then cost much.
    loss={"smooth": 200.0},
    learning_rate=1e-4,
    final_learning_rate=1e-6,
    epochs=2,
    steps_per_epoch=600,
    card={
        "training_data": "986 scene photographs of mixed sources (BSDS500, ImageNet samples, AFHQ, "
        "samples of OpenCV and HiFill), most of them JPEG files; not redistributed. Forged with "
        "free-form masks by OpenCV's Telea and Navier-Stokes inpainting, a patch-copying method, "
        "this repository's GC, CA and EC, twelve re-synthesizing autoencoders and random "
        "upsampling, 4000 pairs each (400 of the patch-copying method); 30 % of the crops "
        "untouched; JPEG, WebP, resizing, blur and noise after forging. Splits by photograph.",
        "limits": ["to be written from what is measured"],
        "intended_use": "Research, teaching and triage: pointing an examiner to areas worth a "
        "closer look. Not a sole basis for a decision about a person or a publication.",
        "licence": "Apache-2.0",
    },
)
