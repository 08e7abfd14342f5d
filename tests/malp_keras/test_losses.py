"""The losses of MaLP against the paper's equations, computed apart in float64."""

import dataclasses
import functools
import math

import keras
import numpy as np
import pytest
from keras import ops
from scipy import ndimage, special

from malp_keras import losses
from malp_keras.losses import LossWeights


def maps(*shape, seed=0, low=0.0, high=1.0):
    values = np.random.default_rng(seed).uniform(low, high, shape or (3, 16, 20, 1))
    return values.astype("float32")


def cosine_by_equation(a, b):
    a, b = a.astype("float64").ravel(), b.astype("float64").ravel()
    return a @ b / (np.linalg.norm(a) * np.linalg.norm(b))


def cosines_by_equation(a, b):
    return [cosine_by_equation(x, y) for x, y in zip(a, b, strict=True)]


def ssim_by_equation(a, b, max_value=1.0, window=11, sigma=1.5):
    """Of one picture with one channel; the blur of the whole picture, then cut to valid places."""
    a, b = a.astype("float64"), b.astype("float64")
    margin = window // 2

    def mean(x):
        blurred = ndimage.gaussian_filter(x, sigma, radius=margin)
        return blurred[margin : x.shape[0] - margin, margin : x.shape[1] - margin]

    c1, c2 = (0.01 * max_value) ** 2, (0.03 * max_value) ** 2
    ma, mb = mean(a), mean(b)
    va, vb, covariance = mean(a * a) - ma**2, mean(b * b) - mb**2, mean(a * b) - ma * mb
    similarity = (2 * ma * mb + c1) * (2 * covariance + c2)
    return (similarity / ((ma**2 + mb**2 + c1) * (va + vb + c2))).mean()


@functools.cache
def compiled(function):
    """Value and gradient, compiled on the backend at hand."""
    if keras.backend.backend() == "jax":
        import jax

        return jax.jit(jax.value_and_grad(function))
    import tensorflow as tf

    @tf.function(jit_compile=True)
    def value_and_gradient(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = function(x)
        return value, tape.gradient(value, x)

    return value_and_gradient


def value_and_gradient(function, x):
    value, gradient = compiled(function)(ops.convert_to_tensor(x))
    return float(value), np.asarray(gradient)


@pytest.mark.jax
def test_cosine_similarity_equals_its_formula():
    a, b = maps(), maps(seed=1, low=-1)
    values = np.asarray(losses.cosine_similarity(a, b))
    assert values.shape == (3,)
    assert values == pytest.approx(cosines_by_equation(a, b), abs=1e-6)
    assert np.asarray(losses.cosine_similarity(a, -3 * a)) == pytest.approx(-1, abs=1e-6)


@pytest.mark.jax
def test_cosine_similarity_with_a_zero_map_is_zero():
    a = maps()
    a[1] = 0
    values = np.asarray(losses.cosine_similarity(a, a))
    assert values == pytest.approx([1, 0, 1], abs=1e-6)


@pytest.mark.jax
def test_cosine_similarity_does_not_depend_on_the_scale_of_faint_maps():
    a, b = maps(), maps(seed=1)
    faint = losses.cosine_similarity(a * 1e-3, b)
    assert np.asarray(faint) == pytest.approx(np.asarray(losses.cosine_similarity(a, b)), abs=1e-6)


@pytest.mark.jax
@pytest.mark.parametrize("options", [{}, {"max_value": 255.0}, {"window": 7, "sigma": 1.0}])
def test_structural_similarity_equals_its_formula(options):
    scale = options.get("max_value", 1.0)
    a, b = scale * maps(2, 20, 31, 1), scale * maps(2, 20, 31, 1, seed=1)
    b[1] = 0.7 * a[1] + 0.3 * b[1]
    expected = [
        ssim_by_equation(x[..., 0], y[..., 0], **options) for x, y in zip(a, b, strict=True)
    ]
    values = np.asarray(losses.structural_similarity(a, b, **options))
    assert values == pytest.approx(expected, abs=1e-5)
    assert expected[0] < 0.3 < expected[1]


@pytest.mark.jax
def test_structural_similarity_of_colours_is_the_mean_of_the_channels():
    a, b = maps(2, 12, 14, 3), maps(2, 12, 14, 3, seed=1)
    channels = [losses.structural_similarity(a[..., c, None], b[..., c, None]) for c in range(3)]
    expected = np.mean([np.asarray(c) for c in channels], axis=0)
    assert np.asarray(losses.structural_similarity(a, b)) == pytest.approx(expected, abs=1e-6)


@pytest.mark.jax
def test_structural_similarity_refuses_pictures_smaller_than_the_window():
    with pytest.raises(ValueError, match="at least 11 pixels"):
        losses.structural_similarity(maps(1, 10, 40, 1), maps(1, 10, 40, 1))


@pytest.mark.jax
def test_magnitude_is_the_mean_root_mean_square():
    templates = maps(3, 16, 16, low=-1)
    norms = np.linalg.norm(templates.reshape(3, -1).astype("float64"), axis=1)
    assert float(losses.template_magnitude(templates)) == pytest.approx(np.mean(norms) / 16)


@pytest.mark.jax
@pytest.mark.parametrize("count", [1, 2, 5])
def test_similarity_sums_over_ordered_pairs(count):
    templates = maps(count, 16, 16, low=-0.5)
    pairs = [(i, j) for i in range(count) for j in range(count) if i != j]
    expected = sum(cosine_by_equation(templates[i], templates[j]) for i, j in pairs)
    assert float(losses.template_similarity(templates)) == pytest.approx(expected, abs=1e-5)


@pytest.mark.jax
@pytest.mark.parametrize("size, half_width, side", [(128, 50, 100), (32, 50, 24), (64, 10, 10)])
def test_low_frequency_equals_the_centre_of_the_shifted_spectrum(size, half_width, side):
    templates = maps(2, size, size, low=-0.3).astype("float64")
    start = size // 2 - side // 2
    norms = []
    for template in templates:
        spectrum = np.fft.fftshift(np.fft.fft2(template, norm="ortho"))
        norms.append(np.linalg.norm(spectrum[start : start + side, start : start + side]))
    value = losses.template_low_frequency(templates, half_width)
    assert float(value) == pytest.approx(np.mean(norms) / size, rel=1e-5)


@pytest.mark.jax
def test_low_frequency_of_a_wave_and_of_the_whole_spectrum():
    x = np.arange(128)
    slow, fast = (np.tile(np.cos(2 * np.pi * f * x / 128), (1, 128, 1)) for f in (5, 60))
    assert float(losses.template_low_frequency(slow)) == pytest.approx(np.sqrt(0.5), rel=1e-5)
    assert float(losses.template_low_frequency(fast)) == pytest.approx(0, abs=1e-5)
    templates = maps(2, 128, 128)
    magnitude = float(losses.template_magnitude(templates))
    assert float(losses.template_low_frequency(templates, 64)) == pytest.approx(magnitude, rel=1e-5)


@pytest.mark.jax
def test_map_terms_equal_eq_8():
    predicted, truth = maps(), maps(seed=1)
    cosine = np.mean(cosines_by_equation(predicted, truth))
    ssim = [ssim_by_equation(x[..., 0], y[..., 0]) for x, y in zip(predicted, truth, strict=True)]
    expected = {
        "map_similarity": cosine,
        "cosine_distance": 1 - cosine,
        "ssim_distance": 1 - np.mean(ssim),
        "squared_error": np.mean((predicted.astype("float64") - truth) ** 2),
    }
    for name, value in expected.items():
        assert float(getattr(losses, name)(predicted, truth)) == pytest.approx(value, abs=1e-5)
    energy = np.mean(predicted.astype("float64") ** 2)
    assert float(losses.map_energy(predicted)) == pytest.approx(energy)


@pytest.mark.jax
def test_recovery_equals_eq_9():
    recovered, templates = maps(3, 16, 16, 1, low=-1), maps(4, 16, 16, seed=1, low=-0.5)
    added = templates[[2, 0, 2]][..., None]
    real = np.mean([1 - c for c in cosines_by_equation(recovered, added)])
    assert float(losses.recovery_real(recovered, added)) == pytest.approx(real, abs=1e-6)
    fake = np.mean([sum(cosine_by_equation(r, s) for s in templates) for r in recovered])
    assert float(losses.recovery_fake(recovered, templates)) == pytest.approx(fake, abs=1e-6)


@pytest.mark.jax
def test_classification_is_the_cross_entropy_of_logits():
    logit = np.array([-3, -0.2, 0, 2, 40, -40], "float32")
    label = np.array([0, 1, 1, 1, 0, 1], "float32")
    p = np.where(label == 1, logit, -logit).astype("float64")
    expected = -special.log_expit(p).mean()
    assert float(losses.classification(logit, label)) == pytest.approx(expected, rel=1e-5)


MAP_TERMS = {
    "map_energy": losses.map_energy,
    "map_similarity": lambda x: losses.map_similarity(x, maps(2, 16, 16, 1)),
    "cosine_distance": lambda x: losses.cosine_distance(x, maps(2, 16, 16, 1)),
    "cosine_distance_to_zero": lambda x: losses.cosine_distance(x, ops.zeros((2, 16, 16, 1))),
    "ssim_distance": lambda x: losses.ssim_distance(x, maps(2, 16, 16, 1)),
    "ssim_distance_to_zero": lambda x: losses.ssim_distance(x, ops.zeros((2, 16, 16, 1))),
    "squared_error": lambda x: losses.squared_error(x, maps(2, 16, 16, 1)),
    "recovery_real": lambda x: losses.recovery_real(x, maps(2, 16, 16, 1)),
    "recovery_fake": lambda x: losses.recovery_fake(x, maps(3, 16, 16)),
    "template_magnitude": lambda x: losses.template_magnitude(x[..., 0]),
    "template_similarity": lambda x: losses.template_similarity(x[..., 0]),
    "template_low_frequency": lambda x: losses.template_low_frequency(x[..., 0]),
}


@pytest.mark.jax
@pytest.mark.parametrize("name", MAP_TERMS)
def test_compiled_value_and_slope(name):
    """The gradient against the change of the value along a direction."""
    function = MAP_TERMS[name]
    x, direction = maps(2, 16, 16, 1, seed=5, low=0.1), maps(2, 16, 16, 1, seed=6, low=-1)
    value, gradient = value_and_gradient(function, x)
    assert value == pytest.approx(float(function(x)), abs=1e-5)
    step = 1e-2
    change = float(function(x + step * direction)) - float(function(x - step * direction))
    assert np.sum(gradient * direction) == pytest.approx(change / (2 * step), abs=2e-4, rel=1e-2)
    if not name.endswith("cosine_distance_to_zero"):
        assert np.abs(gradient).max() > 1e-6


@pytest.mark.jax
@pytest.mark.parametrize("name", MAP_TERMS)
@pytest.mark.parametrize("constant", [0.0, 1.0])
def test_certain_maps_have_finite_values_and_gradients(name, constant):
    x = np.full((2, 16, 16, 1), constant, "float32")
    value, gradient = value_and_gradient(MAP_TERMS[name], x)
    assert math.isfinite(value) and np.all(np.isfinite(gradient))
    assert np.linalg.norm(gradient) < 2e3  # one step from zero must not undo a training


@pytest.mark.jax
@pytest.mark.parametrize("name", MAP_TERMS)
def test_half_precision_inputs_are_computed_in_float32(name):
    x = maps(2, 16, 16, 1, seed=5).astype("float16")
    value = MAP_TERMS[name](ops.convert_to_tensor(x))
    assert keras.backend.standardize_dtype(value.dtype) == "float32"
    assert float(value) == pytest.approx(float(MAP_TERMS[name](x.astype("float32"))), abs=1e-6)


@pytest.mark.jax
def test_certain_logits_have_finite_gradients():
    label = np.array([0, 1, 0, 1], "float32")
    logit = np.array([100, 100, -100, -100], "float32")
    value, gradient = value_and_gradient(lambda x: losses.classification(x, label), logit)
    assert value == pytest.approx(50) and gradient == pytest.approx([0.25, 0, 0, -0.25])


@pytest.mark.jax
def test_default_weights_are_those_of_the_program():
    weights = LossWeights()
    assert (weights.template_magnitude, weights.template_similarity) == (100, 5)
    assert (weights.template_low_frequency, weights.recovery_real) == (4, 15)
    assert (weights.recovery_fake, weights.cnn_squared_error, weights.cnn_cosine) == (20, 60, 25)
    assert (weights.vit_squared_error, weights.vit_cosine) == (25, 150)
    assert (weights.classifier_real, weights.classifier_fake) == (50, 50)
    assert (weights.cnn_ssim, weights.vit_ssim) == (50, 50)
    assert (weights.cnn_segmentation, weights.vit_segmentation) == (0, 0)


@pytest.mark.jax
@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(LossWeights)])
def test_a_weight_of_zero_switches_its_term_off(name):
    def off():
        raise AssertionError("a term that is switched off was computed")

    terms = {field.name: lambda: 2.0 for field in dataclasses.fields(LossWeights)}
    on = LossWeights(**dict.fromkeys(terms, 3.0)).weighted(terms)
    assert on == dict.fromkeys(terms, 6.0)
    rest = LossWeights(**{**dict.fromkeys(terms, 3.0), name: 0}).weighted({**terms, name: off})
    assert rest == {key: 6.0 for key in terms if key != name}


@pytest.mark.jax
@pytest.mark.parametrize("weight", [-1.0, math.nan, math.inf])
def test_impossible_weights_are_refused(weight):
    with pytest.raises(ValueError, match="vit_ssim"):
        LossWeights(vit_ssim=weight)
