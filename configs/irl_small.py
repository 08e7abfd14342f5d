"""The recipe of the shipped weights `irl_small`: half the width, 128-pixel crops, degradations.

    python train.py irl --config configs/irl_small.py --data PHOTOGRAPHS/train \
        --val-data PHOTOGRAPHS/val --out runs/irl_small
    python train.py preset --config configs/irl_small.py --training runs/irl_small \
        --out irl_keras/weights/irl_small
"""

from configs.experiment import IRLExperiment
from datasets.forging import ForgingRecipe

experiment = IRLExperiment(
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
    card={
        "training_data": "986 scene photographs of mixed sources (BSDS500, ImageNet samples, AFHQ, "
        "samples of OpenCV and HiFill), most of them JPEG files; not redistributed. Forged on the "
        "fly with OpenCV's Telea and Navier-Stokes inpainting and free-form masks; 15 % of the "
        "crops untouched; JPEG, WebP, resizing, blur and noise after forging. Validation on 139 "
        "other photographs; splits by photograph.",
        "limits": [
            "Finds the smooth fills of classical inpainting. Learned inpainters and generative "
            "fills leave other traces, which these weights were never shown.",
            "Strong JPEG compression, shrinking and blur remove traces; an empty map does not "
            "prove a picture untouched.",
            "Naturally smooth or retouched areas (sky, flat backgrounds, beauty filters) can be "
            "flagged.",
            "Trained on 128-pixel crops of photographs; drawings, screenshots and scans are "
            "outside of what it knows.",
        ],
        "intended_use": "Research, teaching and triage: pointing an examiner to areas worth a "
        "closer look. Not a sole basis for a decision about a person or a publication.",
        "licence": "Apache-2.0",
    },
)
