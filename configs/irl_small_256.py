"""Second part of the shipped weights `irl_small`: larger crops, more untouched ones.

    python train.py irl --config configs/irl_small_256.py --init runs/irl_small/last.keras \
        --data PHOTOGRAPHS/train --val-data PHOTOGRAPHS/val --out runs/irl_small_256

After the first part, untouched validation pictures had 1.4 % of their pixels flagged.
`irl_small_mixture.py` is the third part.
"""

from dataclasses import replace

from configs.irl_small import experiment as first_part

experiment = replace(
    first_part,
    # Crops of the size that is evaluated; more of them untouched, against false alarms.
    recipe=replace(first_part.recipe, size=256, untouched=0.3),
    # 200 pixels: false alarms of some hundred pixels in an untouched crop then cost much.
    loss={"smooth": 200.0},
    learning_rate=2e-4,
    final_learning_rate=2e-6,
    batch_size=4,
    epochs=10,
    steps_per_epoch=250,
    card={
        "training_data": "986 scene photographs of mixed sources (BSDS500, ImageNet samples, AFHQ, "
        "samples of OpenCV and HiFill), most of them JPEG files; not redistributed. Forged on the "
        "fly with OpenCV's Telea and Navier-Stokes inpainting and free-form masks; 15 to 30 % "
        "of the crops untouched; JPEG, WebP, resizing, blur and noise after forging. Validation on "
        "139 other photographs; splits by photograph.",
        "limits": [
            "Finds the smooth fills of classical inpainting. Learned inpainters and generative "
            "fills leave other traces, which these weights were never shown.",
            "Strong JPEG compression, shrinking and blur remove traces; an empty map does not "
            "prove a picture untouched.",
            "Naturally smooth or retouched areas (sky, flat backgrounds, beauty filters) can be "
            "flagged.",
            "Trained on crops of 128 and 256 pixels of photographs; drawings, screenshots and "
            "scans are outside of what it knows.",
        ],
        "intended_use": "Research, teaching and triage: pointing an examiner to areas worth a "
        "closer look. Not a sole basis for a decision about a person or a publication.",
        "licence": "Apache-2.0",
    },
)
