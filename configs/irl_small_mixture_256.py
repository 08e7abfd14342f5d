"""Last part of the shipped weights `irl_small`: larger crops, more untouched ones.

    python train.py irl --config configs/irl_small_mixture_256.py \
        --init runs/irl_small_mixture/last.keras \
        --data PHOTOGRAPHS/train --val-data PHOTOGRAPHS/val --out runs/irl_small_mixture_256
    python train.py preset --config configs/irl_small_mixture_256.py \
        --training runs/irl_small_mixture_256 --out irl_keras/weights/irl_small
"""

from dataclasses import replace

from configs.irl_small_256 import experiment as second_part
from configs.irl_small_mixture import experiment as third_part

experiment = replace(
    second_part,
    recipe=replace(third_part.recipe, size=256, untouched=0.3),
    model=third_part.model,
    learning_rate=1e-4,
    final_learning_rate=1e-6,
    epochs=3,
    steps_per_epoch=150,
    card={
        **second_part.card,
        "training_data": "986 scene photographs of mixed sources (BSDS500, ImageNet samples, AFHQ, "
        "samples of OpenCV and HiFill), most of them JPEG files; not redistributed. Forged on the "
        "fly with free-form masks by OpenCV's Telea and Navier-Stokes inpainting, a patch-copying "
        "method and twelve re-synthesizing autoencoders; 15 to 30 % of the crops untouched; JPEG, "
        "WebP, resizing, blur and noise after forging. Validation on 139 other photographs; splits "
        "by photograph.",
    },
)
