"""The family of re-synthesizers: four upsamplings at three strides, each made and trained apart.

    python train.py inpaint --config configs/inpaint_resynth.py --data PHOTOGRAPHS/train \
        --val-data PHOTOGRAPHS/val --out runs/inpaint --presets datasets/inpainting/weights

Norms and losses are spread over the grid like a Latin square, so that no two members that share
an upsampling or a stride share the rest.
"""

from datasets.inpainting.resynthesis import ResynthesisTraining, patch_critic
from training.experiments import InpainterExperiment

# Member: norm, activation, kernel size, weight of the adversarial and of the perceptual loss.
MEMBERS = {
    ("nearest", 2): (None, "relu", 3, 0.0, 0.0),
    ("nearest", 4): ("batch", "elu", 3, 0.01, 0.0),
    ("nearest", 8): ("instance", "relu", 3, 0.0, 0.5),
    ("bilinear", 2): ("batch", "relu", 3, 0.01, 0.0),
    ("bilinear", 4): ("instance", "leaky_relu", 3, 0.0, 0.0),
    ("bilinear", 8): (None, "elu", 3, 0.01, 0.5),
    ("transposed", 2): ("instance", "elu", 2, 0.0, 0.5),
    ("transposed", 4): (None, "leaky_relu", 3, 0.01, 0.0),
    ("transposed", 8): ("batch", "relu", 4, 0.0, 0.5),
    ("pixel_shuffle", 2): (None, "silu", 3, 0.01, 0.5),
    ("pixel_shuffle", 4): ("instance", "relu", 3, 0.01, 0.0),
    ("pixel_shuffle", 8): ("batch", "elu", 3, 0.0, 0.0),
}


def member(upsampling, stride, norm, activation, kernel_size, adversarial, perceptual):
    """The experiment of one member."""

    def training(generator):
        critic = patch_critic() if adversarial else None
        return ResynthesisTraining(generator, critic, adversarial, perceptual)

    arguments = {
        "upsampling": upsampling,
        "stride": stride,
        "norm": norm,
        "activation": activation,
        "kernel_size": kernel_size,
    }
    return InpainterExperiment(
        architecture={"name": "autoencoder", "arguments": arguments},
        training=training,
        # The traces are local: small crops show them as well, and cost less.
        size=96,
        # Small networks without a hole to fill learn fast; the decay takes the noise out.
        learning_rate=1e-3,
        epochs=5,
        steps_per_epoch=80,
    )


stages = {
    f"resynth_{upsampling}_{stride}": member(upsampling, stride, *rest)
    for (upsampling, stride), rest in MEMBERS.items()
}
