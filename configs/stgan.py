"""STGAN: the shipped editor of surgical masks, and the paper's of CelebA's attributes.

The paper: width 64, WGAN-GP with five critic steps, batches of 32, 100 epochs at a rate of 2e-4
and 100 at a tenth of it.

    python train.py stgan --data FACES/train --val-data FACES/val \
        --out runs/stgan --presets datasets/manipulations/weights
"""

from training.experiments import EditorExperiment

stages = {
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
    ),
}

variants = {
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
    ),
}
