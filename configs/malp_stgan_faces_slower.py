"""Second part of `malp_stgan_faces`: as much again, at half the rate.

    python train.py malp --config configs/malp_stgan_faces_slower.py \
        --init runs/malp_stgan_faces/last.keras --data FACES/train --val-data FACES/val \
        --out runs/malp_stgan_faces_slower
    python train.py preset --config configs/malp_stgan_faces_slower.py \
        --training runs/malp_stgan_faces_slower --out malp_keras/weights/malp_stgan_faces

At the end of the first part the cosine was still rising.
"""

from dataclasses import replace

from configs.malp_stgan_faces import experiment as first_part

experiment = replace(first_part, learning_rate=1e-3, epochs=14)
