"""Narrower networks from the channels of wider ones."""

import keras
import numpy as np
import pytest

from irl_keras import irl_net
from irl_keras.pruning import narrow


@pytest.fixture(scope="module")
def wide():
    keras.utils.set_random_seed(0)
    model = irl_net(width=0.25)
    model.get_layer("attention").gain.assign(0.5)
    return model


@pytest.fixture
def picture():
    return np.random.default_rng(0).integers(0, 256, (1, 24, 40, 3)).astype("float32")


def test_at_the_same_width_it_is_the_same_network(wide, picture):
    same = narrow(wide, 0.25)
    np.testing.assert_allclose(same(picture), wide(picture), atol=1e-6)


def test_dead_channels_go_first(picture):
    """A network half of whose channels do nothing is equal to its narrow half."""
    keras.utils.set_random_seed(0)
    small, large = irl_net(width=0.125), irl_net(width=0.25)
    padded = {}
    for one, other in zip(small.weights, large.weights, strict=True):
        value = np.zeros(other.shape, "float32")
        value[tuple(slice(0, side) for side in one.shape)] = keras.ops.convert_to_numpy(one)
        padded[one.path] = value
    for source in ("encoder32_block1/conv1/kernel", "encoder32_block1/skip/kernel"):
        kernel = small_kernel(small, source)
        value = np.zeros_like(padded[source])
        for branch in range(3):  # the three scales are concatenated
            value[:, :, 8 * branch : 8 * branch + 4, :4] = kernel[:, :, 4 * branch : 4 * branch + 4]
        padded[source] = value
    for number in (1, 2, 3):  # pixel shuffle takes four groups of channels apart
        for part in ("kernel", "bias"):
            path = f"upscale_conv{number}/{part}"
            groups = np.split(small_kernel(small, path), 4, axis=-1)
            value = np.zeros_like(padded[path])
            for group, block in zip(groups, np.split(value, 4, axis=-1), strict=True):
                block[tuple(slice(0, side) for side in group.shape)] = group
            padded[path] = value
    for variable in large.weights:
        variable.assign(padded[variable.path])
    np.testing.assert_allclose(large(picture), small(picture), atol=1e-6)
    np.testing.assert_allclose(narrow(large, 0.125)(picture), small(picture), atol=1e-6)


def small_kernel(model, path):
    return next(keras.ops.convert_to_numpy(v) for v in model.weights if v.path == path)


def test_attention_can_be_left_out(wide, picture):
    without = narrow(wide, 0.25, attention=False)
    silent = keras.models.clone_model(wide)
    silent.set_weights(wide.get_weights())
    silent.get_layer("attention").gain.assign(0.0)
    np.testing.assert_allclose(without(picture), silent(picture), atol=1e-6)


def test_refuses_what_it_cannot_narrow(wide):
    with pytest.raises(ValueError, match="channels are wanted"):
        narrow(wide, 0.5)
    with pytest.raises(ValueError, match="early-fusion"):
        narrow(irl_net(width=0.125, fusion="late"), 0.125)


def test_traces_join_and_the_rest_stays_the_same_network(wide, picture):
    joined = narrow(wide, 0.25, traces=("phase",))
    kernel = joined.get_layer("decoder_conv1").kernel
    encoder = wide.get_layer("decoder_conv1").kernel.shape[2]
    value = keras.ops.convert_to_numpy(kernel).copy()
    assert np.abs(value[:, :, encoder:]).max() > 0, "what uses the traces would never learn"
    value[:, :, encoder:] = 0
    kernel.assign(value)
    np.testing.assert_allclose(joined(picture), wide(picture), atol=1e-6)


def test_a_trace_branch_is_taken_over(picture):
    keras.utils.set_random_seed(1)
    model = irl_net(width=0.125, attention=False, traces=("phase",))
    same = narrow(model, 0.125, attention=False, traces=("phase",))
    np.testing.assert_allclose(same(picture), model(picture), atol=1e-6)
