"""Second part of `malp_stgan_faces`: the same, further on at half the rate.

    python train.py malp --config configs/malp_stgan_faces_longer.py \
        --init runs/malp_stgan_faces/last.keras --data FACES/train --val-data FACES/val \
        --mixed-precision mixed_bfloat16 --out runs/malp_stgan_faces_longer
    python train.py preset --config configs/malp_stgan_faces_longer.py --best \
        --training runs/malp_stgan_faces_longer --out malp_keras/weights/malp_stgan_faces

The cosine of validation faces was still rising when the first part ended. In this one the template
goes on shrinking, under the magnitude term of eq. (7), until less of it can be found: the epoch
with the best cosine is the eighth, and the training was stopped after the twelfth.
"""

from dataclasses import replace

from configs.malp_stgan_faces import experiment as first_part

experiment = replace(
    first_part,
    learning_rate=1e-3,
    epochs=18,
    card={
        **first_part.card,
        "training_data": "1204 face photographs (Face-Mask-Detection, CelebA-HQ samples, "
        "deepface), most of them JPEG files; not redistributed. Squares of 128 pixels, protected, "
        "and edited by the shipped STGAN (surgical masks added or taken away). The epoch with the "
        "best cosine on validation faces. Thresholds chosen on 146 other photographs; splits by "
        "photograph.",
        "limits": [
            "A study of the paper's setting: its strength m of 0.3, but a template that its loss "
            "then made faint (48 dB), so that compression takes most of it away: after JPEG 90 a "
            "constant map is nearer to the truth. To protect photographs, take malp_local.",
            "Trained with one narrow STGAN for 4000 pictures; what it says of other editors, and "
            "of local edits, is measured nowhere.",
            *first_part.card["limits"][2:3],
            "Trained without harmless changes, as in the paper: a third of the authentic pictures "
            "are called unprotected after compression, scaling, blur or noise, nearly all after "
            "JPEG 70.",
            *first_part.card["limits"][5:],
        ],
    },
)
