"""The layers of IRL-Net and its baselines: what holds for all, and each by its formula."""

import subprocess
import sys
import textwrap
from pathlib import Path

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from keras import ops

from irl_keras import layers
from irl_keras.baselines import ChannelAttention, EdgeResidualBlock, SobelGate
from tests.helpers.check_layer import check_layer, each_layer, layers_defined_in

LAYERS = [
    ((layers.BayarConv2D(3, 5, padding="valid"), (2, 9, 10, 3)), {}),
    ((layers.BayarConv2D(3, 5), (2, 9, 10, 3)), {}),
    ((layers.MultiScaleConv(4, (5, 3)), (2, 9, 10, 6)), {}),
    ((layers.SEBlock(ratio=2), (2, 5, 6, 8)), {}),
    (
        (layers.ResidualBlock(8, strides=2, block="se", kernel_regularizer="l2"), (2, 9, 7, 4)),
        {},
    ),
    ((layers.ResidualBlock(4, block="plain"), (2, 9, 7, 4)), {}),
    ((layers.ResidualBlock(6, block="bn"), (2, 9, 7, 4)), {}),
    (
        (layers.EncoderQueryAttention(2, query_block=7), [(2, 5, 6, 3), (2, 5, 6, 4)]),
        # A constant added to all scores of a query leaves the softmax as it is.
        {"without_gradient": ["key/bias"]},
    ),
    ((layers.PhaseProfiles(), (2, 40, 51, 3)), {}),
    ((layers.ColourProfiles(), (2, 40, 51, 3)), {}),
    ((SobelGate(), (2, 9, 7, 5)), {}),
    ((EdgeResidualBlock(3, activation=None), (2, 9, 7, 5)), {}),
    ((ChannelAttention(), (2, 9, 7, 5)), {}),
]


def random(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape, dtype="float32")


def output(layer, inputs):
    return ops.convert_to_numpy(layer(inputs))


def assert_constrained(kernel):
    kernel = ops.convert_to_numpy(kernel).astype("float64")
    centre = kernel.shape[0] // 2
    assert np.all(np.isfinite(kernel))
    np.testing.assert_array_equal(kernel[centre, centre], -1.0)
    np.testing.assert_allclose(kernel.sum(axis=(0, 1)), 0.0, atol=1e-5)


@pytest.mark.jax
@each_layer(LAYERS)
def test_layer_is_sound(arguments, options):
    check_layer(*arguments, **options)


def test_every_layer_is_checked():
    assert {type(layer) for (layer, _), _ in LAYERS} == layers_defined_in("irl_keras")


@pytest.mark.jax
@settings(max_examples=60, deadline=None)
@given(
    arrays(
        "float32",
        (5, 5, 2, 3),
        elements=st.one_of(
            st.floats(width=32, allow_nan=True, allow_infinity=True),
            st.floats(-0.125, 0.125, width=32),
        ),
    )
)
def test_bayar_constraint_holds_for_any_weights(kernel):
    projected = layers.BayarConstraint()(ops.convert_to_tensor(kernel))
    assert_constrained(projected)
    again = layers.BayarConstraint()(projected)
    # Weights may lie beyond the limit after the projection only when they were near it before.
    if np.abs(np.nan_to_num(kernel)).max() < 1:
        np.testing.assert_allclose(again, projected, atol=1e-6)


@pytest.mark.jax
def test_bayar_constraint_is_the_nearest_kernel():
    kernel = random(3, 3, 1, 1)
    projected = ops.convert_to_numpy(layers.BayarConstraint()(ops.convert_to_tensor(kernel)))
    change = np.delete((projected - kernel).ravel(), 4)
    np.testing.assert_allclose(change, change[0], atol=1e-6)  # along the normal of the plane


@pytest.mark.jax
@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_bayar_constraint_after_building_steps_and_loading(policy, tmp_path):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((16, 16, 3)), layers.BayarConv2D(3, 5, dtype=policy, name="bayar")]
    )
    kernel = model.get_layer("bayar").kernel
    assert keras.backend.standardize_dtype(kernel.dtype) == "float32"
    assert_constrained(kernel)
    model.compile(keras.optimizers.Adam(1.0), loss="mse")  # a rate that throws weights far away
    before = ops.convert_to_numpy(kernel)
    for step in range(3):
        x = 100 * random(2, 16, 16, 3, seed=step)
        model.train_on_batch(x, x)
        assert_constrained(kernel)
    assert np.abs(ops.convert_to_numpy(kernel) - before).max() > 0.01

    path = tmp_path / "bayar.weights.h5"
    model.save_weights(path)
    trained = ops.convert_to_numpy(kernel)
    model.load_weights(path)
    np.testing.assert_array_equal(ops.convert_to_numpy(kernel), trained)
    kernel.assign(100 * random(5, 5, 3, 3))  # as from a file that somebody edited
    model.save_weights(path)
    model.load_weights(path)
    assert_constrained(kernel)


@pytest.mark.jax
def test_bayar_suppresses_flat_content():
    x = np.full((1, 9, 9, 3), 200, "float32")
    y = output(layers.BayarConv2D(3, 5, padding="valid"), x)
    np.testing.assert_allclose(y, 0.0, atol=1e-3)


@pytest.mark.jax
@pytest.mark.parametrize("size", [1, 4])
def test_bayar_refuses_kernels_without_centre_or_surroundings(size):
    with pytest.raises(ValueError, match="odd"):
        layers.BayarConv2D(3, size)


@pytest.mark.jax
def test_se_block_equals_the_formula():
    layer, x = layers.SEBlock(ratio=4), random(2, 5, 6, 8)
    y = output(layer, x)
    w1, b1, w2, b2 = layer.get_weights()
    hidden = np.maximum(x.mean(axis=(1, 2)) @ w1 + b1, 0)
    gates = 1 / (1 + np.exp(-(hidden @ w2 + b2)))
    np.testing.assert_allclose(y, x * gates[:, None, None], atol=1e-5)


@pytest.mark.jax
def test_se_block_in_half_precision_does_not_overflow():
    x = np.full((1, 64, 64, 4), 1000, "float16")
    assert np.all(np.isfinite(output(layers.SEBlock(dtype="mixed_float16"), x)))


@pytest.mark.jax
@pytest.mark.parametrize("block", ["bn", "srresnet", "plain", "se"])
@pytest.mark.parametrize(("filters", "strides"), [(4, 1), (6, 2)])
def test_residual_block_follows_figure_3(block, filters, strides):
    layer, x = (
        layers.ResidualBlock(filters, strides, block),
        ops.convert_to_tensor(random(1, 8, 8, 4)),
    )
    y = output(layer, x)
    has_norm = block in ("bn", "srresnet")
    inner = ops.relu(layer.norm1(layer.conv1(x)) if has_norm else layer.conv1(x))
    inner = layer.conv2(inner)
    after = {"bn": layer.norm2, "srresnet": layer.norm2, "se": layer.se}
    inner = after.get(block, lambda value: value)(inner)
    expected = inner + (x if filters == 4 and strides == 1 else layer.skip(x))
    if block == "bn":
        expected = ops.relu(expected)
    np.testing.assert_allclose(y, ops.convert_to_numpy(expected), atol=1e-6)
    assert (layer.skip is None) == (filters == 4 and strides == 1)


@pytest.mark.jax
def test_residual_block_refuses_unknown_versions():
    with pytest.raises(ValueError, match="se"):
        layers.ResidualBlock(4, block="dense")


def plain_attention(layer, encoder_map, decoder_map):
    """Eq. (2) to (6) with the whole matrix, in float64."""
    wq, bq, wk, bk, wv, bv = (
        ops.convert_to_numpy(variable).astype("float64")
        for conv in (layer.query, layer.key, layer.value)
        for variable in (conv.kernel, conv.bias)
    )
    n = encoder_map.shape[1] * encoder_map.shape[2]
    f = encoder_map.reshape(-1, n, encoder_map.shape[-1])
    x = decoder_map.reshape(-1, n, decoder_map.shape[-1])
    scores = (f @ wq[0, 0] + bq) @ np.swapaxes(x @ wk[0, 0] + bk, 1, 2)
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights /= weights.sum(axis=-1, keepdims=True)
    attended = weights @ (x @ wv[0, 0] + bv)
    gain = float(ops.convert_to_numpy(layer.gain))
    return gain * attended.reshape(decoder_map.shape) + decoder_map


@pytest.mark.jax
@pytest.mark.parametrize("query_block", [7, 30, 1024])
def test_attention_equals_the_plain_formula(query_block):
    layer = layers.EncoderQueryAttention(reduction=4, query_block=query_block)
    encoder_map, decoder_map = random(2, 5, 6, 12), random(2, 5, 6, 8, seed=1)
    y = output(layer, [encoder_map, decoder_map])
    np.testing.assert_allclose(y, decoder_map)  # gain 0
    layer.gain.assign(0.7)
    expected = plain_attention(layer, encoder_map, decoder_map)
    y = output(layer, [encoder_map, decoder_map])
    np.testing.assert_allclose(y, expected, atol=1e-5)


def attention_model(query_block):
    inputs = keras.Input((None, None, 6)), keras.Input((None, None, 8))
    layer = layers.EncoderQueryAttention(query_block=query_block, name="attention")
    model = keras.Model(inputs, layer(list(inputs)))
    model.compile(keras.optimizers.SGD(0.1), loss="mse", jit_compile=False)
    return model


@pytest.mark.jax
def test_attention_trains_alike_in_blocks_and_whole_and_the_gain_moves():
    weights = []
    for query_block in (7, 1024):
        keras.utils.set_random_seed(0)
        model = attention_model(query_block)
        assert float(model.get_layer("attention").gain) == 0.0
        for step in range(3):
            maps = [random(2, 5, 6, 6, seed=step), random(2, 5, 6, 8, seed=10 + step)]
            model.train_on_batch(maps, random(2, 5, 6, 8, seed=20 + step))
        weights.append(model.get_weights())
    for in_blocks, whole in zip(*weights, strict=True):
        np.testing.assert_allclose(in_blocks, whole, atol=1e-5)
    assert abs(float(model.get_layer("attention").gain)) > 1e-4


@pytest.mark.jax
def test_attention_refuses_maps_of_different_size():
    with pytest.raises(ValueError, match="equal height"):
        layers.EncoderQueryAttention()([random(1, 4, 4, 8), random(1, 4, 5, 8)])


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads Linux' process status")
def test_attention_memory_does_not_hold_the_whole_matrix():
    """At 128x128 positions the matrix alone is 1.07 GB; the blocks need a fraction of it."""
    program = """
        import pathlib, re, numpy as np, keras
        from irl_keras.layers import EncoderQueryAttention
        def peak():  # of this process alone, in KiB; getrusage starts at the parent's
            status = pathlib.Path("/proc/self/status").read_text()
            return int(re.search(r"VmHWM:\\s*(\\d+)", status)[1])
        inputs = keras.Input((None, None, 8)), keras.Input((None, None, 8))
        model = keras.Model(inputs, EncoderQueryAttention(query_block=512)(list(inputs)))
        small = [np.ones((1, 8, 8, 8), "float32")] * 2
        large = [np.ones((1, 128, 128, 8), "float32")] * 2
        model.predict_on_batch(small)
        before = peak()
        model.predict_on_batch(large)
        print(peak() - before)
    """
    command = [sys.executable, "-c", textwrap.dedent(program)]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert 0 < int(result.stdout.split()[-1]) < 500_000


@pytest.mark.jax
def test_sobel_gate_by_formula():
    x = np.abs(random(1, 6, 7, 4))
    total = np.pad(x.sum(axis=-1)[0], 1)
    smooth = np.array([1, 2, 1])
    lengths = np.zeros((6, 7))
    for i, j in np.ndindex(6, 7):
        window = total[i : i + 3, j : j + 3]
        across = smooth @ (window[:, 0] - window[:, 2])
        down = smooth @ (window[0] - window[2])
        lengths[i, j] = np.hypot(across, down)
    gate = 1 / (1 + np.exp(-lengths / np.sqrt(1 + 1e-5)))  # batch norm before training
    np.testing.assert_allclose(SobelGate()(x)[0], x[0] * gate[..., None], rtol=1e-3)


@pytest.mark.jax
def test_channel_attention_by_formula():
    x = random(1, 3, 4, 5) / 4
    layer = ChannelAttention()
    np.testing.assert_array_equal(layer(x), x)
    layer.gain.assign(0.5)
    a = x.reshape(12, 5).T.astype("float64")
    energy = a @ a.T
    weights = np.exp(energy.max(axis=1, keepdims=True) - energy)
    mixed = (weights / weights.sum(axis=1, keepdims=True)) @ a
    np.testing.assert_allclose(layer(x), x + 0.5 * mixed.T.reshape(x.shape), atol=1e-5)
