"""The network: its size, its parts, any picture size, saving, training, half precision."""

import keras
import numpy as np
import pytest
from keras import ops

from irl_keras import irl_net
from irl_keras.layers import EncoderQueryAttention, ResidualBlock
from irl_keras.losses import IRLLoss

PARAMETERS = 13_536_599  # facts of the authors' program, every variable trainable
BLOCKS = {32: 2, 64: 5, 128: 7, 256: 7}
# Squeeze and excitation: from all channels to a quarter of them, and back.
PLAIN = PARAMETERS - sum(n * (c // 4 * (2 * c + 1) + c) for c, n in BLOCKS.items())
NORMS = sum(n * 2 * 4 * c for c, n in BLOCKS.items())


def pictures(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (*shape, 3)).astype("uint8")


@pytest.fixture(scope="module")
def tiny():
    keras.utils.set_random_seed(0)
    return irl_net(width=0.125)


def test_the_full_network_has_the_papers_size():
    model = irl_net()
    assert sum(np.prod(variable.shape) for variable in model.trainable_variables) == PARAMETERS
    assert not model.non_trainable_variables


@pytest.mark.parametrize(
    ("arguments", "parameters"),
    [
        ({"fusion": "late"}, 25_503_511),  # facts of the authors' program, and the next
        ({"fusion": "middle", "attention": False}, 13_571_350),
        # As the paper has it: three more 1x1 convolutions and a gain.
        ({"fusion": "middle"}, 13_571_350 + 2 * (128 * 16 + 16) + 128 * 128 + 128 + 1),
        ({"attention": False}, PARAMETERS - (2 * (128 * 16 + 16) + 128 * 128 + 128 + 1)),
        # Two batch norms of four numbers a channel in each block.
        ({"block": "bn"}, PLAIN + NORMS),
        ({"block": "srresnet"}, PLAIN + NORMS),
        ({"block": "plain"}, PLAIN),
    ],
    ids=str,
)
def test_the_full_variants_have_the_sizes_of_their_parts(arguments, parameters):
    # Without values: random numbers for 25 million weights take long.
    with keras.StatelessScope(initialize_variables=False):
        model = irl_net(**arguments)
    assert model.count_params() == parameters


def test_late_fusion_reduces_its_queries_linearly():
    model = irl_net(width=0.125, fusion="late")
    conv = model.get_layer("late_fusion_query_conv")
    assert conv.kernel_size == (3, 3) and conv.activation is keras.activations.linear
    query = model.get_layer("attention").input[0]
    assert query is conv.output and query.shape[-1] == model.get_layer("attention").output.shape[-1]


@pytest.mark.parametrize(
    "arguments",
    [
        {"fusion": "middle"},
        {"fusion": "late"},
        {"block": "plain"},
        {"block": "srresnet"},
        {"block": "bn"},
        {"attention": False},
    ],
    ids=str,
)
def test_variants_map_pictures_to_probabilities(arguments):
    model = irl_net(width=0.125, **arguments)
    y = model.predict_on_batch(pictures(2, 24, 32))
    assert y.shape == (2, 24, 32, 1)
    assert y.min() >= 0 and y.max() <= 1
    attentions = [layer for layer in model.layers if isinstance(layer, EncoderQueryAttention)]
    assert len(attentions) == arguments.get("attention", True)
    encoders = 2 if arguments.get("fusion") == "late" else 1
    blocks = [layer for layer in model.layers if isinstance(layer, ResidualBlock)]
    assert len(blocks) == 21 * encoders
    assert {layer.block for layer in blocks} == {arguments.get("block", "se")}


@pytest.mark.jax
def test_unknown_variants_are_refused():
    with pytest.raises(ValueError, match="fusion"):
        irl_net(fusion="none")
    with pytest.raises(ValueError, match="block"):
        irl_net(block="none")


@pytest.mark.parametrize(("height", "width"), [(16, 16), (17, 30), (8, 9), (33, 64)])
def test_any_size_comes_back(tiny, height, width):
    y = tiny.predict_on_batch(pictures(1, height, width))
    assert y.shape == (1, height, width, 1)
    assert y.dtype == np.float32


def test_fixed_input_shape():
    assert irl_net((40, 48, 3), width=0.125).output_shape == (None, 40, 48, 1)


@pytest.mark.jax
def test_pictures_are_taken_as_0_to_255_of_any_dtype(tiny):
    x = pictures(1, 16, 16)
    from_bytes = tiny.predict_on_batch(x)
    np.testing.assert_array_equal(from_bytes, tiny.predict_on_batch(x.astype("float32")))
    first = tiny.get_layer("rescaling")(ops.convert_to_tensor(x.astype("float32")))
    np.testing.assert_allclose(first, x / 255.0, atol=1e-6)


def test_keras_file_round_trip(tiny, tmp_path):
    tiny.save(tmp_path / "model.keras")
    twin = keras.models.load_model(tmp_path / "model.keras")
    x = pictures(1, 24, 17)
    np.testing.assert_allclose(twin.predict_on_batch(x), tiny.predict_on_batch(x), atol=1e-6)


@pytest.mark.slow
@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="exports by TensorFlow")
def test_saved_model_round_trip(tiny, tmp_path):
    import tensorflow as tf

    tiny.export(tmp_path / "saved_model", verbose=False)
    loaded = tf.saved_model.load(tmp_path / "saved_model")
    for shape in [(1, 24, 17), (2, 72, 160)]:  # the second has more positions than a query block
        x = pictures(*shape)
        y = loaded.serve(tf.constant(x, tf.float32)).numpy()
        np.testing.assert_allclose(y, tiny.predict_on_batch(x), atol=1e-5)


def test_a_step_changes_every_trainable_variable():
    keras.utils.set_random_seed(0)
    model = irl_net(width=0.25)
    # At a gain of 0 nothing reaches query, key and value.
    model.get_layer("attention").gain.assign(1.0)
    # A hidden unit whose ReLU is off passes nothing on either.
    for layer in model.layers:
        if isinstance(layer, ResidualBlock):
            layer.se.squeeze.bias.assign(np.ones(layer.se.squeeze.bias.shape))
    model.compile(keras.optimizers.SGD(0.1), IRLLoss(), jit_compile=False)
    before = [ops.convert_to_numpy(variable) for variable in model.trainable_variables]
    mask = (np.random.default_rng(0).random((2, 32, 32, 1)) > 0.5).astype("uint8")
    model.train_on_batch(pictures(2, 32, 32), mask)
    still = [
        variable.path
        for variable, old in zip(model.trainable_variables, before, strict=True)
        if np.array_equal(ops.convert_to_numpy(variable), old)
    ]
    # A constant added to all scores of a query leaves the softmax as it is.
    assert set(still) <= {"attention/key/bias"}, still


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_half_precision_trains_and_answers_in_float32(policy):
    if policy == "mixed_float16" and keras.backend.backend() == "torch":
        pytest.skip("PyTorch on CPUs has no float16 gradient of a convolution with one filter")
    keras.utils.set_random_seed(0)
    keras.config.set_dtype_policy(policy)
    try:
        model = irl_net(width=0.125)
    finally:
        keras.config.set_dtype_policy("float32")
    assert model.get_layer("bayar").compute_dtype == "float32"
    assert model.get_layer("encoder64_block2").compute_dtype == policy.removeprefix("mixed_")
    optimizer = keras.optimizers.Adam(1e-3)
    if policy == "mixed_float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    # Steps of this network are traced more slowly than they are run.
    model.compile(optimizer, IRLLoss(), jit_compile=False, run_eagerly=True)
    x, mask = pictures(2, 16, 16), np.zeros((2, 16, 16, 1), "uint8")
    x[0, 4:12, 4:12], mask[0, 4:12, 4:12] = 128, 1
    losses = [float(model.train_on_batch(x, mask)) for _ in range(8)]
    assert np.all(np.isfinite(losses)) and losses[-1] < losses[0]
    y = model.predict_on_batch(x)
    assert y.dtype == np.float32 and np.all(np.isfinite(y))
