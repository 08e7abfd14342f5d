"""MaLP in the paper's setting: faces of 128 pixels whose attributes STGAN edits.

    python train.py malp --config configs/malp_stgan_faces.py --data FACES/train \
        --val-data FACES/val --out runs/malp_stgan_faces
    python train.py preset --config configs/malp_stgan_faces.py --best \
        --training runs/malp_stgan_faces/malp_stgan_faces_longer \
        --out malp_keras/weights/malp_stgan_faces

For the shipped weights the second stage had `--mixed-precision mixed_bfloat16`, and was stopped
after the twelfth epoch.
"""

from dataclasses import replace

from datasets.protection_batches import ProtectionRecipe
from training.experiments import MaLPExperiment

malp_stgan_faces = MaLPExperiment(
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
)

# The same, further on at half the rate: the cosine of validation faces was still rising when the
# first stage ended. In this one the template goes on shrinking, under the magnitude term of eq.
# (7), until less of it can be found: the epoch with the best cosine is the eighth.
malp_stgan_faces_longer = replace(
    malp_stgan_faces, starts_from="malp_stgan_faces", learning_rate=1e-3, epochs=18
)

stages = {
    "malp_stgan_faces": malp_stgan_faces,
    "malp_stgan_faces_longer": malp_stgan_faces_longer,
}
