"""The trace layers against loops in NumPy, what they tell, and the network that has them."""

import keras
import numpy as np
import pytest
from keras import ops

from datasets.history import apply_history
from irl_keras import irl_net
from irl_keras.layers import ColourProfiles, PhaseProfiles
from irl_keras.trace_net import trace_net
from tests.helpers.tiny_trainings import shallow_irl_net

LAYERS = (PhaseProfiles, ColourProfiles)
S1, S2 = 16, 17  # of the horizontal axis


def pictures(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (*shape, 3)).astype("uint8")


def output(layer, image):
    return ops.convert_to_numpy(layer(image[None]))[0]


def window(values, row, column):
    """The part of 5x5 blocks around a block that is inside the picture."""
    rows, columns = (slice(max(8 * k - 16, 0), 8 * k + 24) for k in (row, column))
    return values[rows, columns], columns.start


def minus_median(x):
    return x - np.median(x, axis=(0, 1))


def phase_reference(image):
    """Of the horizontal axis, with loops."""
    luma = image @ np.array([0.299, 0.587, 0.114])
    second = np.full(luma.shape, np.nan)
    second[:, 1:-1] = np.abs(2 * luma[:, 1:-1] - luma[:, :-2] - luma[:, 2:])
    second = np.minimum(second, 12)
    blocks = [-(-side // 8) for side in luma.shape]
    p = np.zeros((*blocks, 8))
    for row, column in np.ndindex(*blocks):
        part, first = window(second, row, column)
        phases = (first + np.arange(part.shape[1])) % 8
        for k in range(8):
            p[row, column, k] = 10 * np.log(np.nanmean(part[:, phases == k]) + 0.1)
    p -= p.mean(axis=-1, keepdims=True)
    whole = np.median(p, axis=(0, 1))
    s1 = -(p * whole).mean(axis=-1) / np.sqrt((whole**2).mean() + 1)
    s2 = np.sqrt((p**2).mean(axis=-1))
    amplitudes = np.abs(np.fft.fft(p))[..., 1:5] / 4
    return np.dstack([p, p - whole, s1, s2, amplitudes])


def colour_reference(image):
    height, width = image.shape[:2]
    line = np.exp(-(np.arange(-3, 4) ** 2) / 2)
    kernel = np.outer(line, line) / line.sum() ** 2
    padded = np.pad(image.astype(float), ((3, 3), (3, 3), (0, 0)), mode="edge")
    residual = image.astype(float)
    for dy, dx in np.ndindex(7, 7):
        residual -= kernel[dy, dx] * padded[dy : dy + height, dx : dx + width]
    weights = [(0.299, 0.587, 0.114), (0.5, -0.4187, -0.0813), (-0.1687, -0.3313, 0.5)]
    blocks = -(-height // 8), -(-width // 8)
    x = np.zeros((*blocks, 8))
    for row, column in np.ndindex(*blocks):
        part = window(residual, row, column)[0].reshape(-1, 3)
        luma, cr, cb = (np.log(np.mean((part @ w) ** 2) + 0.01) for w in weights)
        c = part.T @ part / len(part)
        scale = np.sqrt(np.diag(c) + 0.01)
        c /= np.outer(scale, scale)
        x[row, column] = luma, cr, cb, cr - luma, cb - luma, c[0, 1], c[1, 2], c[0, 2]
    return np.dstack([x, minus_median(x)])


@pytest.mark.parametrize("size", [(64, 56), (45, 83)], ids=str)
def test_phase_profiles_of_both_axes_are_those_of_loops(size):
    image = pictures(*size)
    traces = output(PhaseProfiles(), image)
    np.testing.assert_allclose(traces[..., :22], phase_reference(image), atol=2e-3)
    turned = phase_reference(image.transpose(1, 0, 2)).transpose(1, 0, 2)
    np.testing.assert_allclose(traces[..., 22:], turned, atol=2e-3)


@pytest.mark.parametrize("size", [(64, 56), (45, 83)], ids=str)
def test_colour_profiles_are_those_of_loops(size):
    image = pictures(*size)
    np.testing.assert_allclose(output(ColourProfiles(), image), colour_reference(image), atol=2e-3)


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.__name__)
@pytest.mark.parametrize("size", [(1, 1), (2, 9), (5, 3), (17, 30), (64, 64)], ids=str)
def test_pictures_of_every_size_have_traces(layer, size):
    image = pictures(2, *size)
    traces = ops.convert_to_numpy(layer()(image))
    assert traces.shape == tuple(layer().compute_output_shape(image.shape))
    assert traces.shape[1:3] == (-(-size[0] // 8), -(-size[1] // 8))
    assert np.isfinite(traces).all()
    alone = ops.convert_to_numpy(layer()(image[:1]))
    np.testing.assert_allclose(alone[0], traces[0], atol=1e-4)


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.__name__)
def test_half_precision_rounds_the_result_alone(layer):
    image = pictures(40, 48)
    half = layer(dtype="mixed_bfloat16")(image[None].astype("float32"))
    assert keras.backend.standardize_dtype(half.dtype) == "bfloat16"
    half = ops.convert_to_numpy(ops.cast(half, "float32"))[0]
    np.testing.assert_allclose(half, output(layer(), image), rtol=0.01, atol=0.01)


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.__name__)
def test_layers_come_back_from_their_configuration(layer):
    twin = layer.from_config(layer(name="traces").get_config())
    assert twin.name == "traces" and not twin.weights
    np.testing.assert_array_equal(output(twin, pictures(24, 40)), output(layer(), pictures(24, 40)))


def test_the_half_that_lost_its_grid_is_told_from_the_other(photograph):
    grid = apply_history(photograph, (("jpeg", (70, "4:2:0", 3, 5)),))
    half = photograph.shape[1] // 2
    grid[:, half:] = photograph[:, half:]
    traces = output(PhaseProfiles(), grid)
    blocks = half // 8
    left, right = traces[:, : blocks - 3], traces[:, blocks + 3 :]
    # Above the middle of the grid's half lie nearly all blocks of the half without.
    assert (right[..., S1] > np.median(left[..., S1])).mean() > 0.9
    assert np.median(left[..., S2]) > np.median(right[..., S2])


def test_halved_chroma_lowers_its_energy(photograph):
    compressed = apply_history(photograph, (("jpeg", (90, "4:2:0", 0, 0)),))
    before, after = (output(ColourProfiles(), image) for image in (photograph, compressed))
    assert (after[..., 1:3] < before[..., 1:3]).mean() > 0.9


def test_traces_are_off_unless_asked_for():
    plain = irl_net(width=0.125)
    traced = irl_net(width=0.125, traces=("phase", "colour"))
    assert not [layer for layer in plain.layers if "profiles" in layer.name]
    before = {v.path: v.shape for v in plain.weights}
    after = {v.path: v.shape for v in traced.weights}
    new = {path for path in after if path not in before}
    assert {path.split("/")[0] for path in new} == {"trace_conv1", "trace_conv2"}
    changed = {path for path in before if after[path] != before[path]}
    assert changed == {"decoder_conv1/kernel"}


def test_unknown_traces_are_refused():
    with pytest.raises(ValueError, match="grain"):
        irl_net(traces=("phase", "grain"))


@pytest.mark.parametrize("traces", [("phase",), ("phase", "colour")], ids=str)
def test_a_network_with_traces_maps_any_size_and_comes_back_from_a_file(traces, tmp_path):
    with shallow_irl_net():
        model = irl_net(width=0.125, attention=False, traces=traces)
    model.save(tmp_path / "model.keras")
    twin = keras.models.load_model(tmp_path / "model.keras")
    for size in [(24, 32), (33, 50)]:
        y = model.predict_on_batch(pictures(1, *size))
        assert y.shape == (1, *size, 1) and np.isfinite(y).all()
        np.testing.assert_allclose(twin.predict_on_batch(pictures(1, *size)), y, atol=1e-6)


def test_the_trace_network_is_the_branch_of_irl_net():
    branch, whole = trace_net(), irl_net(width=0.125, traces=("phase", "colour"))
    for name in ("trace_conv1", "trace_conv2"):
        assert branch.get_layer(name).kernel.shape == whole.get_layer(name).kernel.shape
    for size in [(24, 32), (33, 50)]:
        y = branch.predict_on_batch(pictures(1, *size))
        assert y.shape == (1, *size, 1) and y.min() >= 0 and y.max() <= 1
