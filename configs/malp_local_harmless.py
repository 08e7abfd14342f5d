"""Second part of `malp_local`: more harmless changes, and no recolouring.

    python train.py malp --config configs/malp_local_harmless.py \
        --init runs/malp_local/last.keras --data SCENES/train FACES/train \
        --val-data SCENES/val FACES/val --out runs/malp_local_harmless
    python train.py preset --config configs/malp_local_harmless.py \
        --training runs/malp_local_harmless --out malp_keras/weights/malp_local

After the first part 7 % of pictures with another brightness or contrast were called manipulated.
Recoloured areas keep the template, so that there was nothing to learn from them but false alarms.
"""

from dataclasses import replace

from configs.malp_local import experiment as first_part

experiment = replace(
    first_part,
    recipe=replace(
        first_part.recipe,
        manipulations={
            "splice": 3.0,
            "blur_region": 1.0,
            "text": 1.0,
            "erase": 1.0,
            "telea": 0.5,
            "ns": 0.5,
        },
        harmless_share=0.8,
    ),
    learning_rate=1e-3,
    epochs=10,
    card={
        **first_part.card,
        "training_data": "986 scene photographs (BSDS500, ImageNet samples, AFHQ, samples of "
        "OpenCV and HiFill) and 1204 faces (Face-Mask-Detection, CelebA-HQ "
        "samples, deepface), most of them JPEG files; not redistributed. Squares "
        "of 256 to 512 pixels, protected, manipulated (splicing, blurring, at "
        "first recolouring, text, erasing, OpenCV's Telea and Navier-Stokes "
        "inpainting), harmlessly changed, and scaled to 256. Thresholds chosen on "
        "106 other photographs; splits by photograph.",
        "limits": [
            *first_part.card["limits"],
            "Blur of two pixels (of the 256) takes the template away: such pictures are called "
            "unprotected, whatever else was done to them.",
        ],
    },
)
