"""STGAN: the shipped editor of surgical masks, and the paper's of CelebA's attributes.

The paper: width 64, WGAN-GP with five critic steps, batches of 32, 100 epochs at a rate of 2e-4
and 100 at a tenth of it.

python train.py stgan --data FACES/train --val-data FACES/val \
    --out runs/stgan --presets datasets/manipulations/weights
"""

from training.experiments import EditorExperiment

experiments = {
    # For half an hour on two CPU cores and a thousand faces: a narrow network, small batches, and
    # the hinge loss, for which one critic step for each of the generator is usual. Without tints
    # and the price of change, the first thing it learns is to redden or to whiten all.
    "stgan_faces": EditorExperiment(
        attributes=("mask",),
        generator={"width": 16, "max_filters": 192},
        critic={"width": 16, "head": 128, "spectral": True},
        training={"loss": "hinge", "change_weight": 5.0},
        tint=0.15,
        batch_size=8,
        epochs=28,
        learning_rate=5e-4,
        factors={"critic": 2.0},
        card={
            "training_data": "1,111 labelled face photographs gathered from the web (645 with a "
            "surgical or cloth mask, 466 without), JPEG files; not redistributed. Square crops "
            "of 85 to 100 % of the short side, at 128 pixels.",
            "limits": [
                "A narrow network, trained for half an hour on a thousand faces: its masks are "
                "crude. It makes training and test data for localizers.",
                "Edits are for faces that fill much of a square picture, at 128 pixels.",
            ],
            "intended_use": "Manipulating faces to train and to measure proactive localizers.",
            "licence": "Apache-2.0",
        },
    ),
    "stgan_celeba": EditorExperiment(
        attributes=(
            "Bald",
            "Bangs",
            "Black_Hair",
            "Blond_Hair",
            "Brown_Hair",
            "Bushy_Eyebrows",
            "Eyeglasses",
            "Male",
            "Mouth_Slightly_Open",
            "Mustache",
            "No_Beard",
            "Pale_Skin",
            "Young",
        ),
        training={"loss": "wgan_gp"},
        batch_size=32,
        epochs=200,
        steps_per_epoch=948,
        factors={"critic": 4.0},
        card={
            "training_data": "CelebA's training part, 13 attributes, 128-pixel crops.",
            "limits": ["Edits are for aligned faces, at 128 pixels."],
            "intended_use": "Manipulating faces to train and to measure proactive localizers.",
            "licence": "Research only, as CelebA.",
        },
    ),
}
