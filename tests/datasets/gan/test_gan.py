"""What the adversarial trainings share: gradients of inputs, penalties, losses, spectral norms."""

import keras
import numpy as np
import pytest
from keras import ops

from datasets.gan.gradient_penalty import gradient_penalty, mixed
from datasets.gan.input_gradient import input_gradient
from datasets.gan.layers import SpectralConv2D, SpectralConv2DTranspose
from datasets.gan.training import composite, frozen, hinge_critic_loss
from datasets.inpainting.ca import ca_critic
from datasets.inpainting.resynthesis import patch_critic


def random(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape, dtype="float32")


@pytest.mark.jax
def test_input_gradient_of_a_known_function():
    x = random(3, 5)
    gradient = input_gradient(lambda t: ops.sum(t**3, axis=1), ops.convert_to_tensor(x))
    np.testing.assert_allclose(ops.convert_to_numpy(gradient), 3 * x**2, rtol=1e-5)


def test_input_gradient_of_a_critic_by_finite_differences():
    # Weights for which the step crosses no kink of the leaky ReLU.
    keras.utils.set_random_seed(2)
    critic = ca_critic(4)
    image, mask = random(1, 16, 16, 3), np.zeros((1, 16, 16, 1), "float32")
    mask[:, 4:8, 5:8] = 1

    def score(picture):
        picture = ops.convert_to_tensor(picture)
        return critic({"image": picture, "mask": ops.convert_to_tensor(mask)})["hole"]

    gradient = ops.convert_to_numpy(input_gradient(score, ops.convert_to_tensor(image)))
    step = 1e-2 * gradient / np.linalg.norm(gradient)
    rise = float((score(image + step) - score(image - step))[0, 0])
    assert rise == pytest.approx(2e-2 * np.linalg.norm(gradient), rel=0.05)
    assert not gradient[mask[..., 0] == 0].any()


@pytest.mark.jax
def test_penalty_of_a_linear_critic_is_how_far_its_slope_is_from_1():
    weights, mask = random(1, 4, 5, 3), random(2, 4, 5, 1, seed=1) > 0
    expected = [np.linalg.norm(weights * part) for part in mask]

    def critic(pictures):
        return ops.sum(pictures * weights, axis=(1, 2, 3))

    pictures = ops.convert_to_tensor(random(2, 4, 5, 3, seed=2))
    whole = float(gradient_penalty(critic, pictures))
    assert whole == pytest.approx((np.linalg.norm(weights) - 1) ** 2, rel=1e-4)
    masked = float(
        gradient_penalty(critic, pictures, ops.convert_to_tensor(mask.astype("float32")))
    )
    assert masked == pytest.approx(np.mean(np.square(np.array(expected) - 1)), rel=1e-4)


def test_penalties_are_taken_at_one_point_between_each_two_pictures():
    real, fake = random(8, 4, 5, 3), random(8, 4, 5, 3, seed=1)
    points = ops.convert_to_numpy(mixed(real, fake, keras.random.SeedGenerator(0)))
    shares = (points - real) / (fake - real)
    np.testing.assert_allclose(
        shares, np.broadcast_to(shares[:, :1, :1, :1], shares.shape), atol=0.01
    )
    assert 0 <= shares.min() and shares.max() <= 1.001 and np.ptp(shares[:, 0, 0, 0]) > 0.3


@pytest.mark.parametrize(
    ("spectral", "plain", "swap"),
    [
        (SpectralConv2D, keras.layers.Conv2D, (0, 1, 2, 3)),
        (SpectralConv2DTranspose, keras.layers.Conv2DTranspose, (0, 1, 3, 2)),
    ],
)
def test_spectral_convolutions_divide_by_the_largest_singular_value(spectral, plain, swap):
    x = random(1, 8, 8, 3)
    layer = spectral(5, 4, strides=2, padding="same")
    layer.build(x.shape)
    layer.kernel.assign(3 * random(*layer.kernel.shape, seed=1))
    for _ in range(80):  # steps of the power iteration
        layer(x, training=True)
    kernel = ops.convert_to_numpy(layer.kernel)
    matrix = kernel.transpose(swap).reshape(-1, 5)
    twin = plain(5, 4, strides=2, padding="same", use_bias=False)
    twin.build(x.shape)
    twin.kernel.assign(kernel / np.linalg.svd(matrix, compute_uv=False)[0])
    np.testing.assert_allclose(layer(x), twin(x), atol=1e-4)
    # Scaling the kernel changes nothing, so that the gradient has no part along it.
    layer.kernel.assign(7 * kernel)
    np.testing.assert_allclose(layer(x), twin(x), atol=1e-4)


def test_frozen_passes_gradients_to_the_input_only():
    tf = pytest.importorskip("tensorflow")
    if keras.config.backend() != "tensorflow":
        pytest.skip("gradients are taken with TensorFlow's tape")
    critic = patch_critic(4)
    image = tf.Variable(np.random.default_rng(0).uniform(-1, 1, (1, 16, 16, 3)).astype("float32"))
    with tf.GradientTape() as tape:
        score = tf.reduce_mean(frozen(critic, image))
    variables = [v.value for v in critic.trainable_variables]
    to_image, *to_weights = tape.gradient(score, [image, *variables])
    assert np.abs(to_image).max() > 0
    assert all(gradient is None for gradient in to_weights)


def test_hinge_and_composite():
    assert float(hinge_critic_loss(ops.array([2.0, 0.0]), ops.array([-2.0, 1.0]))) == 1.5
    mask = np.array([1.0, 0.0])
    np.testing.assert_array_equal(composite(5.0, 7.0, mask), [5, 7])
