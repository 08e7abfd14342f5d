"""MaLP in the paper's setting: faces of 128 pixels whose attributes STGAN edits.

    python train.py malp --config configs/malp_stgan_faces.py --data FACES/train \
        --val-data FACES/val --out runs/malp_stgan_faces
"""

from configs.malp import MaLPExperiment
from datasets.protected import ProtectionRecipe

experiment = MaLPExperiment(
    recipe=ProtectionRecipe(
        size=128,
        manipulations={"stgan_faces": 1.0},
        sides=(128,),
    ),
    # The paper's rates are 1e-5 for the CNN and the classifier, 1e-6 for the template and the
    # transformer, over several hundred times as many pictures.
    learning_rate=1e-3,
    vit={"backbone": "vit"},
    factors={"vit": 0.3},
    # A step takes two seconds on two CPU cores: many small ones teach more than few large ones.
    batch_size=2,
    epochs=12,
    steps_per_epoch=100,
)
