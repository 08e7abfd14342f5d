"""MaLP for local edits of any photograph: one template, at 38.2 dB, inspected at 256 pixels.

    python train.py malp --config configs/malp_local.py --data SCENES/train FACES/train \
        --val-data SCENES/val FACES/val --out runs/malp_local
    python train.py preset --config configs/malp_local.py \
        --training runs/malp_local/malp_local_harmless --out malp_keras/weights/malp_local

Copy-move, pixelation, stickers and the patch-copying inpainter are left out of training, to
measure how well edits of unseen kinds are found. The variant `malp_samples` is what
`python train.py malp` trains on the bundled photographs.
"""

from dataclasses import replace

from datasets.protection_batches import ProtectionRecipe
from malp_keras.losses import LossWeights
from training.experiments import MaLPExperiment

malp_local = MaLPExperiment(
    recipe=ProtectionRecipe(
        size=256,
        manipulations={
            "splice": 3.0,
            "blur_region": 1.0,
            "colour": 1.0,
            "text": 1.0,
            "erase": 1.0,
            "telea": 0.5,
            "ns": 0.5,
        },
        # Most photographs are larger than what inspects them.
        sides=(256, 256, 256, 384, 512),
        harmless_share=0.6,
    ),
    model={
        # 127.5 * 0.0246 = 3.1 levels, 38.2 dB with the rounding.
        "strength": 0.0246,
        "normalize": True,
        # The finest that 128 pixels hold: photographs have less detail of their own there than at
        # the lower frequencies that a training from uniform noise comes to.
        "band": (0.42, 0.68),
        "filters": 24,
        "stride": 2,
        "matched": True,
        "classifier_filters": 16,
        "classifier_pool": 4,
    },
    loss=LossWeights(
        # The strength is fixed; what the template may look like is left to JPEG and the encoder.
        template_magnitude=0.0,
        template_low_frequency=0.0,
        cnn_squared_error=0.0,
        cnn_cosine=1.0,
        cnn_ssim=0.0,
        cnn_segmentation=10.0,
        vit_squared_error=0.0,
        vit_cosine=0.2,
        vit_ssim=0.0,
        vit_segmentation=2.0,
        recovery_real=5.0,
        recovery_fake=1.0,
        classifier_real=1.0,
        classifier_fake=1.0,
    ),
    exact_mask=True,
    # The transformer learns little in so few steps, and costs time.
    vit=None,
    # Left free, much of the template moves into a frame along the borders, where the padding tells
    # the network its place: it is emitted for every picture, and proves nothing.
    factors={"template_layer": 0.1},
    learning_rate=2e-3,
    batch_size=4,
    epochs=20,
    steps_per_epoch=100,
)

# More harmless changes, and no recolouring. After the first stage 7 % of pictures with another
# brightness or contrast were called manipulated. Recoloured areas keep the template, so that there
# was nothing to learn from them but false alarms.
malp_local_harmless = replace(
    malp_local,
    starts_from="malp_local",
    recipe=replace(
        malp_local.recipe,
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
)

stages = {"malp_local": malp_local, "malp_local_harmless": malp_local_harmless}

# Some minutes, to show every step of a training; too short, on too few photographs, for weights of
# any use.
samples = replace(malp_local, batch_size=2, epochs=3, steps_per_epoch=50, warmup_steps=30)
variants = {"malp_samples": samples}
