"""The paper's own settings (section IV-A), on photographs forged on the fly.

python train.py irl --config configs/irl_paper.py --data PHOTOGRAPHS --out runs/irl_paper
"""

from datasets.forging import ForgingRecipe
from training.experiments import IRLExperiment

experiment = IRLExperiment(
    # Whole 256x256 pictures without augmentation.
    recipe=ForgingRecipe(size=256, mask_size=256),
    learning_rate=1e-4,
    batch_size=16,
    # 10 epochs of 50,000 pairs.
    epochs=10,
    steps_per_epoch=50_000 // 16,
)
