"""LDICN and MVSS-Net: their sizes, starts, losses, any picture size, saving, training."""

import keras
import numpy as np
import pytest
from keras import ops

from forensics_keras.localizer import ModelLocalizer
from irl_keras.baselines import (
    Bilinear,
    EdgeResidualBlock,
    HighPass,
    MVSSLoss,
    edge_map,
    ldicn,
    mvss_net,
)

TINY = {"width": 1 / 16, "units": (1, 1, 1, 2)}  # of MVSS-Net


def pictures(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (*shape, 3)).astype("uint8")


def random(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape, dtype="float32")


def tiny_ldicn():
    return ldicn(width=1 / 8)


def tiny_mvss_net():
    return mvss_net(**TINY, training_outputs=True)


TRAININGS = [
    (tiny_ldicn, keras.losses.BinaryFocalCrossentropy(gamma=2.0)),
    (tiny_mvss_net, MVSSLoss()),
]


@pytest.fixture(scope="module", params=[tiny_ldicn, tiny_mvss_net])
def tiny(request):
    keras.utils.set_random_seed(0)
    return request.param()


def trainable(model):
    return sum(np.prod(variable.shape) for variable in model.trainable_variables)


def conv(size, channels, filters, bias=False):
    return size * size * channels * filters + bias * filters


def ldicn_size(norm):
    """Parameters by the table of layers, with `norm` of batch norm for each channel."""
    total, channels = 3 * 9 * 3, 9
    for depth in (32, 64, 128, 256):
        for projects in (True, False):  # the second unit keeps the channel count
            total += norm * (channels + depth + depth)
            total += conv(1, channels, depth) + conv(3, depth, depth)
            total += conv(1, depth, 4 * depth, bias=True)
            total += projects * conv(1, channels, 4 * depth, bias=True)
            channels = 4 * depth
    return total + conv(8, 1024, 64) + conv(8, 64, 4) + norm * 4 + conv(5, 4, 1, bias=True)


def mvss_net_size(norm):
    resnet, channels = conv(7, 3, 64) + norm * 64, 64
    for depth, units in ((64, 3), (128, 4), (256, 6), (512, 3)):
        resnet += conv(1, channels, 4 * depth) + norm * 4 * depth  # skip of the first unit
        for _ in range(units):
            resnet += conv(1, channels, depth) + conv(3, depth, depth) + conv(1, depth, 4 * depth)
            resnet += norm * 6 * depth
            channels = 4 * depth
    head = 2 * (conv(3, 4096, 1024) + conv(3, 1024, 1024) + norm * 2 * 1024)
    attentions = 2 * conv(1, 1024, 128, bias=True) + conv(1, 1024, 1024, bias=True) + 2 * 1
    return 5 * 5 * 3 + 2 * resnet + head + attentions + conv(1, 1024, 1, bias=True)


def edge_branch_size(norm):
    gates = 4 * norm * 2
    convolutions = 7 * (2 * conv(3, 1, 1, bias=True) + norm)
    return gates + convolutions + (256 + 512 + 1024 + 2048 + 3) + 7


def test_full_sizes():
    # Without values: random numbers for 143 million weights take long.
    with keras.StatelessScope(initialize_variables=False):
        small, large = ldicn(), mvss_net(training_outputs=True)
        inference = keras.Model(large.input, large.get_layer("probability").output)
    assert small.count_params() == ldicn_size(norm=4) == 7_708_426
    assert trainable(small) == ldicn_size(norm=2) == 7_698_928
    assert inference.count_params() == mvss_net_size(norm=4) == 142_823_630
    assert trainable(inference) == mvss_net_size(norm=2) == 142_709_198
    assert large.count_params() - inference.count_params() == edge_branch_size(norm=4) == 4_050


def test_units_of_other_than_four_stages_are_refused():
    with pytest.raises(ValueError, match="zip"):
        mvss_net(width=1 / 16, units=(1, 1, 1))


# The 1x1 map of a 16x16 picture has one position to attend to.
@pytest.mark.filterwarnings("ignore:You are using a softmax over axis")
@pytest.mark.parametrize(("height", "width"), [(16, 16), (17, 50)])
def test_any_size_comes_back(tiny, height, width):
    y = ops.convert_to_numpy(tiny(pictures(2, height, width)))
    assert y.shape == (2, height, width, tiny.output_shape[-1]) and y.dtype == np.float32
    assert y.min() >= 0 and y.max() <= 1
    if y.shape[-1] == 2:  # edges: a quarter of the size, repeated
        edges = y[:, ::4, ::4, 1].repeat(4, axis=1).repeat(4, axis=2)
        np.testing.assert_array_equal(y[..., 1], edges[:, :height, :width])


def test_keras_file_round_trip(tiny, tmp_path):
    tiny.save(tmp_path / "model.keras")
    twin = keras.models.load_model(tmp_path / "model.keras")
    x = pictures(1, 24, 17)
    np.testing.assert_allclose(twin(x), tiny(x), atol=1e-6)


def test_the_map_alone_is_a_localizer(tiny):
    model = keras.Model(tiny.input, tiny.get_layer("probability").output)
    plain = tiny_ldicn() if tiny.name == "ldicn" else mvss_net(**TINY)
    assert [v.path for v in plain.weights] == [v.path for v in model.weights]
    plain.set_weights(model.get_weights())
    plain.compile(run_eagerly=True)
    picture = pictures(20, 33)
    probability = ModelLocalizer(plain).localize(picture).map
    np.testing.assert_allclose(probability, tiny(picture[None])[0, ..., 0], atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("build", [tiny_ldicn, tiny_mvss_net])
def test_predicts_pictures_of_many_sizes(build):
    localizer = ModelLocalizer(build())
    for height, width in [(32, 32), (32, 48), (48, 32), (40, 64), (33, 47), (64, 50), (70, 41)]:
        assert localizer.localize(pictures(height, width)).map.shape == (height, width)


def test_first_filters_are_high_pass():
    x = pictures(1, 18, 16).astype("float32") / 255
    model = tiny_ldicn()
    residuals = ops.convert_to_numpy(model.get_layer("high_pass")(x)).reshape(1, 18, 16, 3, 3)
    below, right, diagonal = x[:, 1:, :-1], x[:, :-1, 1:], x[:, 1:, 1:]
    expected = np.stack([below, right, diagonal], axis=-1) - x[:, :-1, :-1, :, None]
    np.testing.assert_allclose(residuals[:, :-1, :-1], expected, atol=1e-6)
    assert model.get_layer("high_pass").trainable_variables


def test_upsampling_starts_bilinear():
    """Against linear interpolation between pixel centres, away from the borders."""
    ramp = np.tile(np.arange(8.0, dtype="float32") ** 2, (8, 1))
    layer = keras.layers.Conv2DTranspose(
        2, 8, strides=4, padding="same", use_bias=False, kernel_initializer=Bilinear()
    )
    y = ops.convert_to_numpy(layer(np.stack([ramp, 2 * ramp], axis=-1)[None]))
    centres = (np.arange(32) + 0.5) / 4 - 0.5
    expected = 3 * np.interp(centres, np.arange(8), ramp[0])
    for filters in range(2):
        np.testing.assert_allclose(y[0, 4:-4, 4:-4, filters], [expected[4:-4]] * 24, rtol=1e-5)
    model = tiny_ldicn()
    for name in ("upsample1", "upsample2"):
        kernel = ops.convert_to_numpy(model.get_layer(name).kernel)
        expected = ops.convert_to_numpy(layer.kernel)[..., :1, :1]
        np.testing.assert_array_equal(kernel, np.broadcast_to(expected, kernel.shape))


def test_a_start_with_means_is_that_of_sums_but_for_the_scale():
    shape = (8, 8, 4, 32)
    sums, means = (ops.convert_to_numpy(Bilinear(mean)(shape)) for mean in (False, True))
    np.testing.assert_allclose(32 * means, sums, rtol=1e-6)
    twin = keras.initializers.deserialize(keras.initializers.serialize(Bilinear(mean=True)))
    np.testing.assert_array_equal(ops.convert_to_numpy(twin(shape)), means)
    # Batch norm after them takes the scale away.
    x = pictures(1, 32, 32)
    maps = []
    for mean_start in (False, True):
        keras.utils.set_random_seed(0)
        model = ldicn(width=1 / 8, mean_start=mean_start)
        maps.append(ops.convert_to_numpy(model(x, training=True)))
    np.testing.assert_allclose(*maps, atol=0.02)
    assert np.ptp(maps[0]) > 0.1


@pytest.mark.parametrize(
    ("initializer", "shape"),
    [(HighPass(), (5, 5, 3, 3)), (HighPass(), (3, 3, 3, 1)), (Bilinear(), (8, 4, 1, 1))],
)
def test_initializers_refuse_other_shapes(initializer, shape):
    with pytest.raises(ValueError, match="kernels"):
        initializer(shape)


@pytest.mark.parametrize("momentum", [0.997, 0.9])
def test_all_averages_of_ldicn_have_its_momentum(momentum):
    model = ldicn(width=1 / 8, momentum=momentum) if momentum != 0.997 else tiny_ldicn()
    norms = [one for one in model.layers if isinstance(one, keras.layers.BatchNormalization)]
    assert len(norms) == 4 * 2 * 3 + 1
    assert {norm.momentum for norm in norms} == {momentum}


def test_weight_decay_is_half_the_squared_kernels_of_ordinary_convolutions():
    model = tiny_ldicn()
    kernels = [layer.kernel for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    kernels = [kernel for kernel in kernels if kernel.shape[0] != 8]  # not the transposed ones
    assert len(kernels) == 4 * (2 * 3 + 1) + 1
    expected = sum(0.5e-5 * np.sum(ops.convert_to_numpy(kernel) ** 2) for kernel in kernels)
    assert float(sum(model.losses)) == pytest.approx(expected, rel=1e-5)


def windows(values, size, reduce):
    """By definition: windows of odd size around every second pixel, zeros beyond the border."""
    half = size // 2
    height, width = values.shape
    zeros = np.pad(values, half)
    return np.array(
        [
            [reduce(zeros[i : i + size, j : j + size]) for j in range(0, width, 2)]
            for i in range(0, height, 2)
        ]
    )


@pytest.mark.parametrize(("name", "size"), [("rgb_stem", 7), ("noise_stage2_unit1_conv2", 3)])
def test_strided_convolutions_of_mvss_net_are_centred_as_pytorchs(name, size):
    model = tiny_mvss_net()
    layer = model.get_layer(name)
    assert layer.strides == (2, 2) and layer.kernel_size == (size, size)
    source = model.get_layer(f"{name}_padding")
    part = keras.Model(source.input, layer.output)
    kernel = random(*layer.kernel.shape)
    layer.kernel.assign(kernel)
    x = random(1, 8, 12, kernel.shape[2])
    found = ops.convert_to_numpy(part(x))[0, ..., 0]
    expected = sum(
        windows(x[0, ..., c], size, lambda w, c=c: np.sum(w * kernel[..., c, 0]))
        for c in range(kernel.shape[2])
    )
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_the_pooling_of_mvss_net_is_centred_as_pytorchs():
    model = tiny_mvss_net()
    part = keras.Model(
        model.get_layer("rgb_pool_padding").input, model.get_layer("rgb_pool").output
    )
    x = np.abs(random(1, 8, 12, part.input.shape[-1]))
    found = ops.convert_to_numpy(part(x))[0, ..., 0]
    np.testing.assert_array_equal(found, windows(x[0, ..., 0], 3, np.max))


@pytest.mark.parametrize("block", [1, 2, 3, 4])
def test_strided_units_of_ldicn_look_where_their_skips_look(block):
    model = tiny_ldicn()
    name = f"block{block}_unit2"
    layer = model.get_layer(f"{name}_conv2")
    assert layer.strides == (2, 2) and layer.padding == "valid"
    part = keras.Model(model.get_layer(f"{name}_conv2_padding").input, layer.output)
    # A kernel that takes its centre alone.
    kernel = np.zeros(layer.kernel.shape, "float32")
    kernel[1, 1] = np.eye(kernel.shape[-1])
    layer.kernel.assign(kernel)
    x = random(1, 8, 12, kernel.shape[-1])
    skip = ops.convert_to_numpy(model.get_layer(f"{name}_skip")(x))
    np.testing.assert_allclose(ops.convert_to_numpy(part(x)), skip, atol=1e-6)


def blob(height, width):
    mask = np.zeros((height, width), "uint8")
    mask[3 : height // 2, 2 : width // 3] = 1
    return mask


def edges_by_definition(mask):
    """Pixels with both classes among them and their neighbours, then 4x4 pixels with any such."""
    height, width = mask.shape
    mask = np.pad(mask, ((0, -height % 4), (0, -width % 4)), mode="reflect")
    contour = np.zeros(mask.shape)
    for i, j in np.ndindex(mask.shape):
        window = mask[max(i - 1, 0) : i + 2, max(j - 1, 0) : j + 2]
        contour[i, j] = window.min() != window.max()
    return contour.reshape(mask.shape[0] // 4, 4, -1, 4).max(axis=(1, 3))


@pytest.mark.parametrize("size", [(32, 40), (23, 33)])
def test_edge_map_by_definition(size):
    mask = blob(*size)
    edges = ops.convert_to_numpy(edge_map(mask[None, ..., None]))
    np.testing.assert_array_equal(edges[0, ..., 0], edges_by_definition(mask))
    assert 0 < edges.mean() < 1
    assert not np.any(edge_map(np.ones((1, *size, 1))))  # the border is no edge


def dice_by_definition(truth, p):
    return 1 - (2 * (truth * p).sum() + 1) / ((truth**2).sum() + (p**2).sum() + 1)


def test_mvss_loss_by_definition():
    masks = np.stack([blob(23, 33), np.zeros((23, 33), "uint8")])[..., None]
    prediction = np.random.default_rng(0).uniform(0.01, 0.9, (2, 23, 33, 2)).astype("float32")
    p, edges = prediction[..., 0].astype("float64"), prediction[:, ::4, ::4, 1].astype("float64")
    touched = 0.16 * dice_by_definition(masks[0, ..., 0].astype("float64"), p[0])
    touched += 0.80 * dice_by_definition(edges_by_definition(masks[0, ..., 0]), edges[0])
    touched -= 0.04 * np.log(p[0].max())
    untouched = -0.04 * np.log(1 - p[1].max())
    loss = MVSSLoss()
    assert float(loss(masks, prediction)) == pytest.approx((touched + untouched) / 2, rel=1e-5)
    twin = keras.losses.deserialize(keras.losses.serialize(MVSSLoss(0.5, 0.2, 0.3, 2.0)))
    assert float(twin(masks, prediction)) == float(MVSSLoss(0.5, 0.2, 0.3, 2.0)(masks, prediction))


def test_ldicns_loss_is_the_focal_loss_of_two_classes():
    """The published loss takes the softmax of two logits, this one the sigmoid of one."""
    logits = random(2, 6, 7, 2).astype("float64")
    truth = np.random.default_rng(1).integers(0, 2, (2, 6, 7, 1))
    softmax = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    of_truth = np.take_along_axis(softmax, truth, axis=-1)
    expected = np.mean(-((1 - of_truth) ** 2) * np.log(of_truth))
    loss = keras.losses.BinaryFocalCrossentropy(gamma=2.0)
    assert float(loss(truth, softmax[..., 1:])) == pytest.approx(expected, rel=1e-4)


def training_batch():
    x, masks = pictures(2, 32, 48), np.zeros((2, 32, 48, 1), "uint8")
    x[:, 6:20, 8:30], masks[:, 6:20, 8:30] = 128, 1
    return x, masks


@pytest.mark.parametrize(("build", "loss"), TRAININGS, ids=["ldicn", "mvss_net"])
def test_training_moves_every_variable_and_lowers_the_loss(build, loss):
    keras.utils.set_random_seed(0)
    model = build()
    for layer in model.layers:
        # At a gain of 0 nothing reaches query, key and value.
        if hasattr(layer, "gain"):
            layer.gain.assign(0.1)
        # A single channel whose ReLU is off passes nothing on.
        if isinstance(layer, EdgeResidualBlock):
            layer.conv2.bias.assign([2.0])
    before = [ops.convert_to_numpy(variable) for variable in model.trainable_variables]
    # So small an epsilon lets gradients of any size move a weight.
    model.compile(keras.optimizers.Adam(2e-3, epsilon=1e-20), loss, run_eagerly=True)
    x, masks = training_batch()
    losses = [float(model.train_on_batch(x, masks)) for _ in range(3)]
    assert np.all(np.isfinite(losses)) and losses[-1] < 0.98 * losses[0], losses
    still = {
        variable.path
        for variable, old in zip(model.trainable_variables, before, strict=True)
        if np.array_equal(ops.convert_to_numpy(variable), old)
    }
    # A constant added to all scores of a query leaves the softmax as it is.
    assert still <= {"position_attention/key/bias"}, still


@pytest.mark.parametrize("build", [tiny_ldicn, tiny_mvss_net])
def test_half_precision_answers_in_float32(build):
    keras.utils.set_random_seed(0)
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = build()
    finally:
        keras.config.set_dtype_policy("float32")
    first = {"ldicn": "high_pass", "mvss_net": "bayar"}[model.name]
    assert model.get_layer(first).compute_dtype == "float32"
    assert any(layer.compute_dtype == "float16" for layer in model.layers)
    y = ops.convert_to_numpy(model(pictures(1, 16, 32), training=True))
    assert y.dtype == np.float32 and np.all(np.isfinite(y))
