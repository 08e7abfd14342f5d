"""The template layer: its formula, its draws, its gradient, and what resizing does to templates."""

import keras
import numpy as np
import pytest
from keras import ops
from PIL import Image

from malp_keras.layers import TemplateLayer


def pictures(count=2, height=32, width=32, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (count, height, width, 3), dtype=np.uint8)


def templates_of(layer):
    return ops.convert_to_numpy(layer.templates).astype("float64")


def template_gradient(layer, images, index):
    """Of the sum of all protected pixels, compiled."""
    if keras.backend.backend() == "jax":
        import jax

        rest = [variable.value for variable in layer.non_trainable_variables]

        def total(templates):
            return layer.stateless_call([templates], rest, images, index)[0].sum()

        return np.asarray(jax.jit(jax.grad(total))(layer.templates.value))
    import tensorflow as tf

    @tf.function(jit_compile=True)
    def gradient():
        with tf.GradientTape() as tape:
            total = tf.reduce_sum(layer(images, index))
        return tf.convert_to_tensor(tape.gradient(total, layer.templates.value))

    return np.asarray(gradient())


def test_protection_equals_eq_6_clipped_and_rounded():
    layer = TemplateLayer(count=3, size=32, strength=0.3, seed=0)
    images, index = pictures(4), np.array([2, 0, 1, 2], "int32")
    expected = images + 127.5 * 0.3 * templates_of(layer)[index][..., None]
    protected = ops.convert_to_numpy(layer(images, index))
    assert protected.dtype == np.float32
    assert (expected > 256).any()  # so that clipping is tested
    # Float32 may round a tie to the other side.
    clear = np.abs(expected % 1 - 0.5) > 1e-3
    np.testing.assert_array_equal(protected[clear], np.clip(np.round(expected), 0, 255)[clear])


def test_dark_pictures_are_clipped_too():
    layer = TemplateLayer(size=16, strength=1.0)
    layer.templates.assign(np.full((1, 16, 16), -1.0))
    assert np.all(ops.convert_to_numpy(layer(np.full((1, 16, 16, 3), 90, np.uint8))) == 0)


@pytest.mark.parametrize("strength", [0.01, 0.3, 1.7])
def test_protected_pictures_survive_storage_unchanged(strength):
    layer = TemplateLayer(size=32, strength=strength, normalize=True, seed=1)
    protected = ops.convert_to_numpy(layer(pictures(8, 48, 40)))
    np.testing.assert_array_equal(protected, protected.astype("uint8"))


def test_bytes_and_floats_are_protected_alike():
    layer, index = TemplateLayer(size=32, seed=0), np.zeros(2, "int32")
    from_bytes = ops.convert_to_numpy(layer(pictures(), index))
    from_floats = ops.convert_to_numpy(layer(pictures().astype("float32"), index))
    np.testing.assert_array_equal(from_bytes, from_floats)


def test_templates_start_uniform_between_0_and_1_and_repeat_with_the_seed():
    one, same, other = (templates_of(TemplateLayer(4, seed=seed)) for seed in (5, 5, 6))
    assert one.shape == (4, 128, 128)
    assert one.min() >= 0 and one.max() < 1
    assert one.mean() == pytest.approx(0.5, abs=0.01)
    assert one.std() == pytest.approx(12**-0.5, abs=0.01)
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)
    assert abs(np.corrcoef(one[0].ravel(), one[1].ravel())[0, 1]) < 0.05


def test_templates_can_start_as_noise_of_a_band():
    one, same, other = (
        templates_of(TemplateLayer(2, 64, band=(0.3, 0.4), seed=seed)) for seed in (5, 5, 6)
    )
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other) and not np.array_equal(one[0], one[1])
    assert one.mean() == pytest.approx(0, abs=1e-6)
    assert (one**2).mean(axis=(1, 2)) == pytest.approx([1, 1], abs=1e-5)
    frequencies = np.fft.fftfreq(64)
    radius = np.hypot(frequencies[:, None], frequencies)
    energy = np.abs(np.fft.fft2(one)) ** 2
    assert energy[:, (radius < 0.3) | (radius > 0.4)].sum() < 1e-6 * energy.sum()
    with pytest.raises(ValueError, match="no frequency in"):
        TemplateLayer(size=16, band=(0.71, 0.8))


def drawn(layer, images):
    """Which template each picture got; the templates are constant and different."""
    return ops.convert_to_numpy(layer(images))[:, 0, 0, 0].astype(int).tolist()


def test_draws_are_seeded_and_reach_the_whole_set():
    gray, runs = np.full((64, 16, 16, 3), 100, np.uint8), []
    for seed in (0, 0, 1):
        layer = TemplateLayer(count=3, size=16, strength=1 / 127.5, seed=seed)
        layer.templates.assign(np.ones((3, 16, 16)) * np.arange(3)[:, None, None])
        runs.append([drawn(layer, gray), drawn(layer, gray)])
    assert runs[0] == runs[1] != runs[2]
    assert runs[0][0] != runs[0][1]
    assert set(runs[0][0]) == {100, 101, 102}


@pytest.mark.jax
@pytest.mark.parametrize("value", [0, 128, 255])
def test_gradient_passes_straight_through_clipping_and_rounding(value):
    layer = TemplateLayer(count=2, size=16, strength=0.3, seed=0)
    images = np.full((3, 16, 16, 3), value, np.float32)
    gradient = template_gradient(layer, images, np.array([1, 1, 1], "int32"))
    assert np.all(gradient[0] == 0)
    # Three pictures with three channels each.
    np.testing.assert_allclose(gradient[1], 9 * 127.5 * 0.3, rtol=1e-5)


@pytest.mark.parametrize(("height", "width"), [(64, 96), (47, 33), (16, 24), (20, 50)])
def test_templates_are_resized_bilinearly(height, width):
    """As Pillow does it, which averages over all pixels where it shrinks."""
    layer = TemplateLayer(count=2, size=32, seed=0)
    resized = ops.convert_to_numpy(layer.at_size(height, width))
    assert resized.shape == (2, height, width)
    for template, found in zip(templates_of(layer), resized, strict=True):
        pillow = Image.fromarray(template.astype("float32"))
        expected = np.asarray(pillow.resize((width, height), Image.Resampling.BILINEAR))
        np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize(("height", "width"), [(32, 32), (128, 96), (40, 200), (24, 16)])
def test_normalized_templates_set_the_psnr_by_strength_alone(height, width):
    layer = TemplateLayer(count=2, size=32, strength=0.03, normalize=True, seed=0)
    resized = ops.convert_to_numpy(layer.at_size(height, width)).astype("float64")
    assert resized.mean(axis=(1, 2)) == pytest.approx([0, 0], abs=1e-5)
    assert np.sqrt((resized**2).mean(axis=(1, 2))) == pytest.approx([1, 1], abs=1e-5)
    images = np.random.default_rng(0).integers(60, 200, (2, height, width, 3), dtype=np.uint8)
    protected = ops.convert_to_numpy(layer(images)).astype("float64")
    # Rounding is uniform noise of variance 1/12.
    error = (127.5 * 0.03) ** 2 + 1 / 12
    psnr = 10 * np.log10(255**2 / ((protected - images) ** 2).mean())
    assert psnr == pytest.approx(10 * np.log10(255**2 / error), abs=0.1)


def test_a_constant_template_vanishes_when_normalized():
    layer = TemplateLayer(size=16, normalize=True)
    layer.templates.assign(np.full((1, 16, 16), 0.5))
    images = pictures(1, 16, 16)
    np.testing.assert_array_equal(ops.convert_to_numpy(layer(images)), images)
    gradient = template_gradient(layer, images.astype("float32"), np.zeros(1, "int32"))
    assert np.all(np.isfinite(gradient))


def test_variables_are_named_after_the_layer():
    layer = TemplateLayer(2, 16, name="template_layer")
    assert [variable.path for variable in layer.trainable_variables] == ["template_layer/templates"]


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_protection_is_the_same_in_half_precision(policy):
    index = np.zeros(2, "int32")
    expected = ops.convert_to_numpy(TemplateLayer(size=32, seed=0)(pictures(), index))
    keras.config.set_dtype_policy(policy)
    try:
        layer = TemplateLayer(size=32, seed=0)
        protected = layer(pictures().astype("float32"), index)
    finally:
        keras.config.set_dtype_policy("float32")
    np.testing.assert_array_equal(ops.convert_to_numpy(protected), expected)
