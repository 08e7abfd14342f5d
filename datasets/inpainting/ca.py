"""CA: inpainting by contextual attention (DeepFill v1).

Yu et al., "Generative Image Inpainting with Contextual Attention", CVPR 2018, arXiv:1801.07892.
"""

import keras
from keras import ops

from datasets.gan.gradient_penalty import gradient_penalty, mixed
from datasets.gan.training import InpainterTraining, composite, frozen
from datasets.inpainting.two_stage import two_stage_generator

_COARSE_WEIGHT = 1.2
_PENALTY_WEIGHT = 10.0
_CRITICS = ("whole", "hole")


def ca_generator(width: int = 32, smooth_start: bool = False) -> keras.Model:
    """Builds the generator of CA (section 4.2, Fig. 4).

    Args:
        width: Positive multiple of 4, filters of the first convolution; the paper's is 32.
        smooth_start: Whether the hole is first filled smoothly (`SmoothFill`), and the network
            predicts the difference to that, inside the hole alone. The paper's network starts
            from a blank hole and makes the whole picture, which takes far longer to learn.

    Returns:
        A functional `keras.Model`, as `two_stage_generator` describes it.

    Raises:
        ValueError: If `width` is no positive multiple of 4.

    Example:
    ```python
    picture, mask = np.zeros((1, 100, 150, 3)), np.ones((1, 100, 150, 1))
    completed = ca_generator(16)({"image": picture, "mask": mask})["completed"]
    ```
    """
    return two_stage_generator(
        keras.layers.Conv2D,
        width,
        _clip,
        fuse=True,
        smooth_start=smooth_start,
        name="ca_generator",
    )


def _clip(x):
    return ops.clip(x, -1.0, 1.0)


def ca_critic(width: int = 64) -> keras.Model:
    """Builds both critics of CA (section 3.2), of the whole picture and of the hole.

    Each has four 5x5 convolutions of stride 2 with leaky ReLU of slope 0.2. The paper's holes are
    rectangles of one size, which its second critic sees as a crop; here the hole has any form, so
    that critic sees the picture with all but the hole blanked, and the mask. A mean over positions
    takes the place of the paper's dense layer over all of them, which fits one size only.

    Args:
        width: Positive integer, filters of the first convolutions; the paper's is 64.

    Returns:
        A functional `keras.Model` from `{"image": (batch, height, width, 3) in [-1, 1], "mask":
        (batch, height, width, 1)}` to `{"whole", "hole"}`, scores of shape `(batch, 1)`.
    """
    image = keras.Input((None, None, 3), name="image")
    mask = keras.Input((None, None, 1), name="mask")
    hole = keras.layers.Concatenate(name="critic_hole_inputs")([image * mask, mask])
    scores = {
        "whole": _critic(image, width, (1, 2, 4, 4), "critic_whole"),
        "hole": _critic(hole, width, (1, 2, 4, 8), "critic_hole"),
    }
    return keras.Model({"image": image, "mask": mask}, scores, name="critic")


def _critic(x, width, factors, name):
    for index, factor in enumerate(factors, start=1):
        conv = keras.layers.Conv2D(
            factor * width, 5, strides=2, padding="same", name=f"{name}_{index}"
        )
        x = keras.layers.LeakyReLU(0.2, name=f"{name}_activation{index}")(conv(x))
    x = keras.layers.GlobalAveragePooling2D(name=f"{name}_mean")(x)
    # Only differences of scores count, so that a bias would never learn.
    return keras.layers.Dense(1, use_bias=False, name=f"{name}_score")(x)


@keras.saving.register_keras_serializable(package="datasets.inpainting")
class CATraining(InpainterTraining):
    """Trains CA: spatially discounted L1 on both stages and two WGAN-GP critics (section 3).

    Terms: `l1_coarse` (weight 1.2), `l1_completed`, `adversarial` (both critics), `critic` and
    `penalty` (weight 10). The paper: Adam, rate 1e-4, betas 0.5 and 0.9.

    The paper trains the critics five steps for each of the generator. Here every step trains both,
    and a higher rate of the critics takes the place of their further steps, as in the example
    (two time-scale update rule, Heusel et al., 2017, arXiv:1706.08500).

    Args:
        generator: Network of `ca_generator`.
        critic: Network of `ca_critic`.
        adversarial_weight: Positive float; the paper's is 0.001.
        seed: Non-negative integer, for the mixtures of pictures that the penalty is taken at.
        **kwargs: Arguments of `keras.Model`.

    Example:
    ```python
    training = CATraining(ca_generator(16), ca_critic(32))
    rates = {"critic": 4.0}
    optimizer = forensics_keras.optimizers.AdamByPart(1e-4, rates, beta_1=0.5, beta_2=0.9)
    training.compile(optimizer)
    training.fit(pictures_and_masks)
    ```
    """

    def __init__(self, generator, critic, adversarial_weight=0.001, seed=0, **kwargs):
        terms = ("l1_coarse", "l1_completed", "adversarial", "critic", "penalty")
        super().__init__(generator, critic, terms, **kwargs)
        self.adversarial_weight = adversarial_weight
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, inputs, training=False):
        return self.generator(inputs, training=training)

    def loss_terms(self, inputs, outputs, training):
        image, mask = inputs["image"], inputs["mask"]
        filled = composite(outputs["completed"], image, mask)
        constant = ops.stop_gradient(filled)
        held = frozen(self.critic, {"image": filled, "mask": mask})
        real = self.critic({"image": image, "mask": mask}, training=training)
        fake = self.critic({"image": constant, "mask": mask}, training=training)
        weights = discount(mask)
        return {
            "l1_coarse": _COARSE_WEIGHT * _l1(outputs["coarse"], image, mask, weights),
            "l1_completed": _l1(outputs["completed"], image, mask, weights),
            "adversarial": -self.adversarial_weight * sum(ops.mean(held[c]) for c in _CRITICS),
            "critic": sum(ops.mean(fake[c]) - ops.mean(real[c]) for c in _CRITICS),
            "penalty": _PENALTY_WEIGHT * self._penalty(image, constant, mask),
        }

    def get_config(self):
        config = {"adversarial_weight": self.adversarial_weight, "seed": self.seed}
        return {**super().get_config(), **config}

    def _penalty(self, image, filled, mask):
        """Gives the penalty of both critics (WGAN-GP), inside the hole (equation 3)."""
        pictures = mixed(image, filled, self.seed_generator)
        critics = (
            lambda x, name=name: self.critic({"image": x, "mask": mask}, training=True)[name]
            for name in _CRITICS
        )
        return sum(gradient_penalty(critic, pictures, mask) for critic in critics)


def _l1(picture, image, mask, weights):
    """Gives the mean error in the hole, discounted by `weights`, plus that of the known pixels."""
    error = ops.mean(ops.abs(picture - image), axis=-1, keepdims=True)
    known = 1.0 - mask
    hole_error = ops.sum(error * weights) / ops.maximum(ops.sum(mask), 1.0)
    return hole_error + ops.sum(error * known) / ops.maximum(ops.sum(known), 1.0)


def discount(mask, gamma=0.9, steps=24):
    """Makes weights of hole pixels that fall with their distance from the known ones (section 3.3).

    Deep in a hole many fills are right, and the L1 of one of them should count less. The distance
    is the number of 3x3 erosions that a pixel survives, which for the paper's rectangles is its
    distance to the nearest side, and fits holes of any form.

    Args:
        mask: `(batch, height, width, 1)`, 1 = hole.
        gamma: Float in (0, 1], factor for each pixel of distance.
        steps: Non-negative integer; pixels further in weigh as those at this distance. The default
            is more than half the widest brush, and the least weight is 0.08.

    Returns:
        Tensor of the mask's shape: 1 at the hole's border, `gamma` one pixel further in, and so
        on; 0 at known pixels.
    """
    known = 1.0 - mask
    weights = mask
    for step in range(1, steps + 1):
        known = ops.max_pool(known, 3, 1, padding="same")
        weights -= (1.0 - known) * (gamma ** (step - 1) - gamma**step)
    return weights
