"""Re-synthesizers, their training model and the pieces that learned inpainters share."""

import keras
import numpy as np
import pytest
from keras import ops

from datasets.inpainting.feature_network import content_loss, feature_network, style_loss
from datasets.inpainting.resynthesis import (
    NORMS,
    UPSAMPLINGS,
    ResynthesisTraining,
    autoencoder,
    patch_critic,
)
from forensics_keras.optimizers import AdamByPart

# Trainings run eagerly: compiling the steps would take longer than the few of them.


@pytest.fixture
def small_autoencoder():
    keras.utils.set_random_seed(0)
    return autoencoder(2, "nearest", None, width=4)


def batch(photograph, count=2, side=32):
    crops = [photograph[k * side : (k + 1) * side, :side] for k in range(count)]
    images = np.stack(crops).astype("float32") / 127.5 - 1
    return {"image": images, "mask": np.zeros((count, side, side, 1), "float32")}


@pytest.mark.parametrize("stride", (2, 4, 8))
@pytest.mark.parametrize("upsampling", UPSAMPLINGS)
def test_every_member_takes_any_size(stride, upsampling):
    norm = NORMS[(stride + UPSAMPLINGS.index(upsampling)) % 3]
    model = autoencoder(stride, upsampling, norm, width=4, kernel_size=2)
    picture = np.random.default_rng(0).uniform(-1, 1, (1, 37, 21, 3)).astype("float32")
    height, width = (-(-side // stride) * stride for side in (37, 21))
    missing = (0, 0), (0, height - 37), (0, width - 21), (0, 0)
    padded = np.pad(picture, missing, mode="reflect")
    one, whole = (ops.convert_to_numpy(model({"image": x})["completed"]) for x in (picture, padded))
    assert one.shape == picture.shape and whole.shape == padded.shape
    np.testing.assert_allclose(one, whole[:, :37, :21], atol=1e-5)


@pytest.mark.parametrize("upsampling", UPSAMPLINGS)
def test_a_member_predicts_pictures_of_several_sizes(upsampling):
    """TensorFlow traces a graph of unknown sizes when the second one comes."""
    model = autoencoder(2, upsampling, None, width=4)
    for shape in ((1, 16, 10, 3), (1, 21, 12, 3)):
        picture = np.random.default_rng(0).uniform(-1, 1, shape).astype("float32")
        predicted = model.predict_on_batch({"image": picture})["completed"]
        np.testing.assert_allclose(predicted, model({"image": picture})["completed"], atol=1e-5)


def test_unknown_makes_are_refused():
    with pytest.raises(ValueError, match="stride=3"):
        autoencoder(3, "nearest", None)


def test_the_critic_learns_from_its_own_terms_only(small_autoencoder, photograph):
    critic = patch_critic(4)
    training = ResynthesisTraining(small_autoencoder, critic, adversarial=0.1, perceptual=0.5)
    training.compile(keras.optimizers.SGD(0.0), run_eagerly=True)
    inputs = batch(photograph)
    logs = training.train_on_batch(inputs, return_dict=True)
    terms = [logs[name] for name in ("L1", "perceptual", "adversarial", "critic")]
    np.testing.assert_allclose(logs["loss"], sum(terms), rtol=1e-4)

    # The generator's adversarial term leaves no gradient at the critic, whatever its weight.
    steps = []
    start = training.get_weights()
    for adversarial in (0.0, 100.0):
        training.set_weights(start)
        training.adversarial = adversarial
        training.compile(keras.optimizers.SGD(1e-3), run_eagerly=True)
        generator = small_autoencoder.get_weights()[0]
        training.train_on_batch(inputs)
        steps.append([critic.get_weights(), small_autoencoder.get_weights()[0] - generator])
    for one, other in zip(steps[0][0], steps[1][0], strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
    assert np.abs(steps[0][1] - steps[1][1]).max() > 1e-5


def test_parts_learn_at_their_own_rates(small_autoencoder, photograph):
    critic = patch_critic(4)
    training = ResynthesisTraining(small_autoencoder, critic, adversarial=0.1)
    training.compile(AdamByPart(1e-2, factors={"critic": 0.5, "": 0.0}), run_eagerly=True)
    generator, kernel = small_autoencoder.get_weights(), critic.get_layer("critic_1").kernel
    before = ops.convert_to_numpy(kernel)
    training.train_on_batch(batch(photograph))
    # Adam's first step has the size of the rate.
    step = np.abs(ops.convert_to_numpy(kernel) - before).max()
    np.testing.assert_allclose(step, 5e-3, rtol=0.01)
    for one, other in zip(generator, small_autoencoder.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.slow
def test_training_lowers_the_error_and_reaches_every_weight(photograph):
    keras.utils.set_random_seed(0)
    training = ResynthesisTraining(
        autoencoder(2, "pixel_shuffle", "instance", width=4), patch_critic(4), 0.01, 0.1
    )
    training.compile(AdamByPart(5e-3, factors={"critic": 0.5}), run_eagerly=True)
    before = [ops.convert_to_numpy(v) for v in training.trainable_variables]
    inputs = batch(photograph)
    losses = [training.train_on_batch(inputs, return_dict=True)["L1"] for _ in range(12)]
    assert losses[-1] < 0.7 * losses[0]
    for value, variable in zip(before, training.trainable_variables, strict=True):
        # Inside the hinge's margins the last bias shifts both scores alike and cancels.
        if variable.path != "critic_score_conv/bias":
            assert (value != ops.convert_to_numpy(variable)).any(), variable.path


@pytest.mark.slow
def test_a_saved_training_goes_on(tmp_path, small_autoencoder, photograph):
    training = ResynthesisTraining(small_autoencoder, patch_critic(4), 0.01, 0.5)
    training.compile(AdamByPart(1e-3, factors={"critic": 0.5}), run_eagerly=True)
    inputs = batch(photograph)
    training.train_on_batch(inputs)
    training.save(tmp_path / "training.keras")
    again = keras.models.load_model(tmp_path / "training.keras")
    assert again.optimizer.factors == {"critic": 0.5}
    assert int(again.optimizer.iterations) == 1
    one, other = (model.train_on_batch(inputs, return_dict=True) for model in (training, again))
    assert one == pytest.approx(other, rel=1e-4)


def test_features_are_the_same_for_everybody_and_silent_on_flat_areas():
    first, second = feature_network(), feature_network()
    for one, other in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert not first.trainable_variables
    flat = first(np.full((1, 32, 32, 3), 0.7, "float32"))[0]
    assert np.abs(ops.convert_to_numpy(flat)[:, 4:-4, 4:-4]).max() < 1e-4
    assert [tuple(f.shape[1:3]) for f in first(np.zeros((1, 32, 32, 3)))] == [
        (32, 32),
        (16, 16),
        (8, 8),
    ]


def test_style_forgets_places_and_content_does_not():
    rng = np.random.default_rng(0)
    picture = rng.uniform(-1, 1, (1, 32, 32, 3)).astype("float32")
    network = feature_network()
    features, moved = network(picture), network(np.roll(picture, 8, axis=2))
    blurred = network(picture * 0.3)
    assert float(style_loss(features, features)) == float(content_loss(features, features)) == 0
    assert float(style_loss(moved, features)) < 0.2 * float(style_loss(blurred, features))
    assert float(content_loss(moved, features)) > 0.5 * float(content_loss(blurred, features))
