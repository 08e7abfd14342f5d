"""The losses against the paper's equations, computed apart in float64."""

import keras
import numpy as np
import pytest
from keras import ops

from irl_keras.losses import DiceLoss, FusedFocalLoss, IRLLoss


def example():
    rng = np.random.default_rng(0)
    truth = (rng.random((3, 6, 7, 1)) > 0.7).astype("float32")
    return truth, rng.uniform(0.01, 0.99, truth.shape).astype("float32")


def focal_by_equation(truth, p, alpha=0.75, focusing=2.0):
    """Eq. (8), averaged."""
    truth, p = truth.astype("float64"), p.astype("float64")
    terms = alpha * (1 - p) ** focusing * truth * np.log(p)
    terms += (1 - alpha) * p**focusing * (1 - truth) * np.log(1 - p)
    return -terms.mean()


def dice_by_equation(truth, p):
    """Eq. (9) of each picture, averaged."""
    overlaps = []
    for m, q in zip(truth.astype("float64"), p.astype("float64"), strict=True):
        overlaps.append(1 - 2 * (m * q).sum() / ((q**2).sum() + (m**2).sum()))
    return np.mean(overlaps)


@pytest.mark.jax
def test_losses_equal_the_equations():
    truth, p = example()
    focal, dice = focal_by_equation(truth, p), dice_by_equation(truth, p)
    assert float(FusedFocalLoss()(truth, p)) == pytest.approx(focal, abs=1e-6)
    assert float(DiceLoss()(truth, p)) == pytest.approx(dice, abs=1e-5)
    assert float(IRLLoss()(truth, p)) == pytest.approx(focal + dice, abs=1e-5)
    assert float(FusedFocalLoss(0.6, 3.0)(truth, p)) == pytest.approx(
        focal_by_equation(truth, p, 0.6, 3.0), abs=1e-6
    )


@pytest.mark.jax
def test_focal_loss_without_focusing_is_the_balanced_cross_entropy():
    truth, p = example()
    cross_entropy = keras.losses.BinaryCrossentropy()(truth, p)
    assert float(FusedFocalLoss(0.5, 0.0)(truth, p)) == pytest.approx(
        0.5 * float(cross_entropy), abs=1e-5
    )


@pytest.mark.jax
@pytest.mark.parametrize("truth_value", [0.0, 1.0])
@pytest.mark.parametrize("p_value", [0.0, 1.0])
def test_certain_maps_of_empty_and_full_masks(truth_value, p_value):
    truth = np.full((2, 4, 4, 1), truth_value, "float32")
    p = np.full((2, 4, 4, 1), p_value, "float32")
    focal, dice = float(FusedFocalLoss()(truth, p)), float(DiceLoss()(truth, p))
    if truth_value == p_value:
        assert focal == pytest.approx(0, abs=1e-6) and dice == pytest.approx(0, abs=1e-6)
    else:
        assert np.isfinite(focal) and focal > 1  # 0.25 or 0.75 times -log(1e-7) = 16.1
        assert dice == pytest.approx(1, abs=1e-5)


@pytest.mark.jax
@pytest.mark.parametrize("p_value", [0.0, 1.0])
@pytest.mark.parametrize("truth_value", [0.0, 1.0])
@pytest.mark.parametrize("loss", [FusedFocalLoss(), DiceLoss(), DiceLoss(1.0), IRLLoss()])
def test_training_from_certain_maps_stays_finite(loss, truth_value, p_value):
    """A layer whose only weight is the map itself, at exactly 0 or 1, takes a step."""
    model = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Conv2D(1, 1, use_bias=False)])
    model.set_weights([np.full((1, 1, 1, 1), p_value, "float32")])
    model.compile(keras.optimizers.SGD(0.01), loss)
    x = np.ones((1, 4, 4, 1), "float32")
    value = model.train_on_batch(x, truth_value * x)
    assert np.isfinite(float(value)) and np.all(np.isfinite(model.get_weights()[0]))


@pytest.mark.jax
def test_gradient_equals_finite_differences():
    truth, p = example()
    truth, p = truth[:1, :2, :2], p[:1, :2, :2]
    loss, step = IRLLoss(), 1e-2
    layer = keras.layers.Layer()
    layer.map = layer.add_weight(shape=p.shape, initializer="zeros")
    layer.map.assign(p)
    model = keras.Sequential([keras.Input((2, 2, 1)), _Map(layer.map)])
    model.compile(keras.optimizers.SGD(1.0), loss)
    model.train_on_batch(truth, truth)
    gradient = p - ops.convert_to_numpy(layer.map)
    for index in np.ndindex(p.shape):
        up, down = p.copy(), p.copy()
        up[index] += step
        down[index] -= step
        slope = (float(loss(truth, up)) - float(loss(truth, down))) / (2 * step)
        assert gradient[index] == pytest.approx(slope, abs=2e-3)


class _Map(keras.layers.Layer):
    """Answers with a trainable map, whatever it is given."""

    def __init__(self, values):
        super().__init__()
        self.values = values

    def call(self, inputs):
        return self.values + 0.0 * inputs


@pytest.mark.jax
@pytest.mark.parametrize("loss", [FusedFocalLoss(0.6, 3.0), DiceLoss(0.5), IRLLoss(0.6, 3.0, 0.5)])
def test_config_round_trip(loss):
    truth, p = example()
    twin = keras.losses.deserialize(keras.losses.serialize(loss))
    assert float(twin(truth, p)) == float(loss(truth, p))


@pytest.mark.jax
def test_half_precision_predictions():
    truth, p = np.zeros((1, 512, 512, 1)), np.full((1, 512, 512, 1), 0.5, "float16")
    # The sum of squares, 65,536, is beyond float16.
    assert float(DiceLoss()(truth, p)) == pytest.approx(1.0)
