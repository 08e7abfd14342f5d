"""GC: inpainting by gated convolution with contextual attention (DeepFill v2).

Yu et al., "Free-Form Image Inpainting with Gated Convolution", ICCV 2019, arXiv:1806.03589.
"""

import keras
from keras import ops

from datasets.gan.layers import SpectralConv2D
from datasets.gan.training import InpainterTraining, composite, frozen, hinge_critic_loss
from datasets.inpainting.layers import GatedConv2D
from datasets.inpainting.two_stage import two_stage_generator


def gc_generator(width: int = 48, smooth_start: bool = False) -> keras.Model:
    """Builds the generator of GC (section 3.3, Fig. 3).

    Unlike the authors' program, the refinement stage gets the mask too, as in DeepFill v1.

    Args:
        width: Positive multiple of 4, filters of the first gated convolution; the paper's is 48.
        smooth_start: Whether the hole is first filled smoothly, as for `ca_generator`.

    Returns:
        As `ca_generator`.

    Raises:
        ValueError: As `ca_generator`.
    """
    return two_stage_generator(
        GatedConv2D, width, ops.tanh, fuse=False, smooth_start=smooth_start, name="gc_generator"
    )


def gc_critic(width: int = 64) -> keras.Model:
    """Builds the critic of GC, SN-PatchGAN (section 3.4).

    Six 5x5 convolutions of stride 2, spectrally normalized, with leaky ReLU of slope 0.2 between.
    They have no bias; a channel of ones beside the picture and the mask takes its place.

    Args:
        width: Positive integer, filters of the first convolution; the paper's is 64.

    Returns:
        A functional `keras.Model` from `{"image": (batch, height, width, 3) in [-1, 1], "mask":
        (batch, height, width, 1)}` to scores `(batch, height / 64, width / 64, 4 * width)`,
        rounded up; each judges a patch of the picture, all channels count alike.
    """
    image = keras.Input((None, None, 3), name="image")
    mask = keras.Input((None, None, 1), name="mask")
    x = keras.layers.Concatenate(name="critic_inputs")([image, mask, ops.ones_like(mask)])
    for index, factor in enumerate((1, 2, 4, 4, 4, 4), start=1):
        if index > 1:
            x = keras.layers.LeakyReLU(0.2, name=f"critic_activation{index - 1}")(x)
        x = SpectralConv2D(factor * width, 5, strides=2, padding="same", name=f"critic_{index}")(x)
    return keras.Model({"image": image, "mask": mask}, x, name="critic")


@keras.saving.register_keras_serializable(package="datasets.inpainting")
class GCTraining(InpainterTraining):
    """Trains GC: L1 on both stages and hinge loss of the critic (section 3.4).

    Terms: `l1_coarse`, `l1_completed` (both of weight 1), `adversarial` and `critic`. The paper:
    Adam, rate 1e-4, betas 0.5 and 0.999, batches of 16.

    Args:
        generator: Network of `gc_generator`.
        critic: Network of `gc_critic`.
        adversarial_weight: Positive float. The paper's is 1, at which this term's gradient soon is
            dozens of times that of L1, and short trainings diverge.
        **kwargs: Arguments of `keras.Model`.

    Example:
    ```python
    training = GCTraining(gc_generator(24), gc_critic(32))
    training.compile(keras.optimizers.Adam(1e-4, beta_1=0.5))
    training.fit(pictures_and_masks)
    ```
    """

    def __init__(self, generator, critic, adversarial_weight=1.0, **kwargs):
        terms = ("l1_coarse", "l1_completed", "adversarial", "critic")
        super().__init__(generator, critic, terms, **kwargs)
        self.adversarial_weight = adversarial_weight

    def call(self, inputs, training=False):
        return self.generator(inputs, training=training)

    def loss_terms(self, inputs, outputs, training):
        image, mask = inputs["image"], inputs["mask"]
        filled = composite(outputs["completed"], image, mask)
        both = {
            "image": ops.concatenate([image, ops.stop_gradient(filled)]),
            "mask": ops.concatenate([mask, mask]),
        }
        real, fake = ops.split(self.critic(both, training=training), 2)
        held = frozen(self.critic, {"image": filled, "mask": mask})
        return {
            "l1_coarse": ops.mean(ops.abs(outputs["coarse"] - image)),
            "l1_completed": ops.mean(ops.abs(outputs["completed"] - image)),
            "adversarial": -self.adversarial_weight * ops.mean(held),
            "critic": hinge_critic_loss(real, fake),
        }

    def get_config(self):
        return {**super().get_config(), "adversarial_weight": self.adversarial_weight}
