"""MaLP in the paper's setting: faces of 128 pixels whose attributes STGAN edits.

    python train.py malp --config configs/malp_stgan_faces.py --data FACES/train \
        --val-data FACES/val --out runs/malp_stgan_faces
"""

from datasets.protection_batches import ProtectionRecipe
from training.experiments import MaLPExperiment

CARD = {
    "manipulations": ["stgan_faces"],
    "training_data": "1204 face photographs (Face-Mask-Detection, CelebA-HQ samples, deepface), "
    "most of them JPEG files; not redistributed. Squares of 128 pixels, protected, and edited by "
    "the shipped STGAN (surgical masks added or taken away). Thresholds chosen on 146 other "
    "photographs; splits by photograph.",
    "limits": [
        "A study of the paper's setting: the template is as strong as the paper's (its m of 0.3) "
        "and can be seen on dark and flat areas. To protect photographs, take malp_local.",
        "Trained with one narrow STGAN for 2400 pictures; what it says of other editors, and of "
        "local edits, is measured nowhere.",
        "STGAN takes the template away everywhere, so that verify calls its pictures unprotected, "
        "not manipulated. What tells them from authentic ones is the score, and what was changed "
        "most is in the map.",
        "Trained without harmless changes, as in the paper: half of the authentic pictures are "
        "called unprotected after compression, scaling, blur or noise, and fewer edits are "
        "localized.",
        "The maps of authentic pictures have a few bright spots, always in about the same places.",
        "The template is public: whoever has this preset can protect a manipulated picture again.",
        "Cropping, turning, or any other move of the picture's contents makes a protected picture "
        "look unprotected.",
    ],
    "intended_use": "Research: comparison with the paper and with other proactive methods. Not a "
    "basis for a decision about a person or a publication.",
    "licence": "Apache-2.0",
}

experiment = MaLPExperiment(
    recipe=ProtectionRecipe(
        size=128,
        manipulations={"stgan_faces": 1.0},
        sides=(128,),
    ),
    # The paper's rates are 1e-5 for the CNN and the classifier, 1e-6 for the template and the
    # transformer, over several hundred times as many pictures.
    learning_rate=2e-3,
    vit={"backbone": "vit"},
    factors={"vit": 0.3},
    # A step takes two seconds on two CPU cores: many small ones teach more than few large ones.
    batch_size=2,
    epochs=12,
    steps_per_epoch=100,
    card=CARD,
)
