"""MaLP for local edits of any photograph: one template, at 38.2 dB, inspected at 256 pixels.

    python train.py malp --config configs/malp_local.py --data SCENES/train FACES/train \
        --val-data SCENES/val FACES/val --out runs/malp_local

Copy-move, pixelation, stickers and the patch-copying inpainter are left out of training, to
measure how well edits of unseen kinds are found.
"""

from datasets.protection_batches import ProtectionRecipe
from malp_keras.losses import LossWeights
from training.experiments import MaLPExperiment

CARD = {
    "training_data": "986 scene photographs (BSDS500, ImageNet samples, AFHQ, samples of OpenCV "
    "and HiFill) and 1204 faces (Face-Mask-Detection, CelebA-HQ samples, deepface), most of them "
    "JPEG files; not redistributed. Squares of 256 to 512 pixels, protected, manipulated "
    "(splicing, blurring, recolouring, text, erasing, OpenCV's Telea and Navier-Stokes "
    "inpainting), harmlessly changed, and scaled to 256. Thresholds chosen on 106 other "
    "photographs; splits by photograph.",
    "limits": [
        "The template is public: whoever has this preset can protect a manipulated picture again, "
        "and so can whoever has ten pictures that one private key protected.",
        "Recolouring, brightness and contrast leave the template in place and are hardly found.",
        "Pictures are inspected at 256 by 256 pixels: a change of a few per cent of the sides is "
        "too small to be seen.",
        "On flat backgrounds the template can be seen as a fine grain.",
        "The template hardly changed in training: it is noise of the band that the configuration "
        "gives, and the networks learned to find it.",
        "Cropping, turning, or any other move of the picture's contents makes a protected picture "
        "look unprotected.",
    ],
    "intended_use": "Protecting photographs before they are published, and showing later what was "
    "changed. Not a sole basis for a decision about a person or a publication.",
    "licence": "Apache-2.0",
}

experiment = MaLPExperiment(
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
    card=CARD,
)
