"""The gradient penalty of WGAN-GP (Gulrajani et al., 2017, equation 3, arXiv:1704.00028)."""

import keras
from keras import ops

from datasets.gan.input_gradient import input_gradient


def mixed(real, fake, seed_generator):
    """Draws a point between each pristine and its generated picture, where slopes are taken.

    Args:
        real: Pristine pictures (batch, height, width, 3).
        fake: Generated pictures of the same shape, without their gradient.
        seed_generator: `keras.random.SeedGenerator` of the draw.

    Returns:
        Tensor like the pictures.
    """
    shares = keras.random.uniform((ops.shape(real)[0], 1, 1, 1), seed=seed_generator)
    return real + shares * (fake - real)


def gradient_penalty(critic, pictures, mask=1.0):
    """Measures how far a critic's slopes are from 1.

    Args:
        critic: Function from pictures to scores (batch, 1).
        pictures: Tensor (batch, height, width, 3), as `mixed` draws it.
        mask: Tensor (batch, height, width, 1), 1 where the gradient counts, else 0.

    Returns:
        Scalar, the mean squared difference of the slopes from 1.
    """
    gradient = input_gradient(critic, pictures) * mask
    # The root has no derivative at 0, where a picture without a hole would be.
    slopes = ops.sqrt(ops.sum(ops.square(gradient), axis=(1, 2, 3)) + 1e-12)
    return ops.mean(ops.square(slopes - 1.0))
