"""Second part of `malp_stgan_faces`: the same, for as long again at half the rate.

    python train.py malp --config configs/malp_stgan_faces_longer.py \
        --init runs/malp_stgan_faces/last.keras --data FACES/train --val-data FACES/val \
        --mixed-precision mixed_bfloat16 --out runs/malp_stgan_faces_longer
    python train.py preset --config configs/malp_stgan_faces_longer.py \
        --training runs/malp_stgan_faces_longer --out malp_keras/weights/malp_stgan_faces

The cosine of validation faces was still rising when the first part ended.
"""

from dataclasses import replace

from configs.malp_stgan_faces import experiment as first_part

experiment = replace(first_part, learning_rate=1e-3, epochs=18)
