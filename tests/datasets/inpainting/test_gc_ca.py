"""GC and CA: their layers against slow formulas, their generators, and their trainings."""

import keras
import numpy as np
import pytest
from keras import ops

from datasets.inpainting.ca import CATraining, ca_critic, ca_generator, discount
from datasets.inpainting.gc import GCTraining, gc_critic, gc_generator
from datasets.inpainting.layers import ContextualAttention, GatedConv2D, SmoothFill
from forensics_keras.optimizers import AdamByPart

GENERATORS = {"gc": gc_generator, "ca": ca_generator}


def random(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape, dtype="float32")


def holes(*shape):
    """Another rectangular hole in each picture of a batch (N, H, W)."""
    masks = np.zeros((*shape, 1), "float32")
    for i, mask in enumerate(masks):
        mask[shape[1] // 4 + i : shape[1] // 2 + i, shape[2] // 3 : shape[2] // 2 + 2 * i] = 1
    return masks


def numpy_attention(features, mask, scale, fuse):
    """Contextual attention of one picture, position by position, with 3x3 patches and rate 2."""
    height, width = features.shape[0] // 2, features.shape[1] // 2
    positions = [(i, j) for i in range(height) for j in range(width)]
    small = np.pad(features[::2, ::2], ((1, 1), (1, 1), (0, 0)), "reflect")
    full = np.pad(features, ((1, 1), (1, 1), (0, 0)), "reflect")
    cells = mask.reshape(height, 2, width, 2).max(axis=(1, 3))
    hole = np.pad(cells, 1)
    scores = np.empty((height, width, height, width))
    for i, j in positions:
        for k, m in positions:
            known = small[k : k + 3, m : m + 3]
            scores[i, j, k, m] = np.sum(small[i : i + 3, j : j + 3] * known)
            scores[i, j, k, m] /= np.linalg.norm(known)
    for step in ((0, 1), (1, 0)) if fuse else ():
        scores = diagonal_sums(scores, positions, *step)
    total, times = np.zeros_like(full), np.zeros((*full.shape[:2], 1))
    for i, j in positions:
        known = [(k, m) for k, m in positions if not hole[k : k + 3, m : m + 3].any()]
        logits = scale * np.array([scores[i, j, k, m] for k, m in known])
        weights = np.exp(logits - logits.max())
        for weight, (k, m) in zip(weights / weights.sum(), known, strict=True):
            patch = full[2 * k : 2 * k + 4, 2 * m : 2 * m + 4]
            total[2 * i : 2 * i + 4, 2 * j : 2 * j + 4] += weight * patch
        times[2 * i : 2 * i + 4, 2 * j : 2 * j + 4] += 1
    return (total / times)[1:-1, 1:-1]


def diagonal_sums(scores, positions, row, column):
    fused = scores.copy()
    for i, j in positions:
        for k, m in positions:
            for sign in (-1, 1):
                at = (i + sign * row, j + sign * column, k + sign * row, m + sign * column)
                if all(0 <= a < side for a, side in zip(at, scores.shape, strict=True)):
                    fused[i, j, k, m] += scores[at]
    return fused


@pytest.mark.jax
@pytest.mark.parametrize("fuse", [False, True])
def test_attention_equals_slow_formula(fuse):
    features, masks = 0.3 * random(2, 12, 16, 3), holes(2, 12, 16)
    output = ops.convert_to_numpy(ContextualAttention(fuse=fuse)([features, masks]))
    for picture, mask, expected in zip(features, masks, output, strict=True):
        slow = numpy_attention(picture, mask[..., 0], 10.0, fuse)
        np.testing.assert_allclose(expected, slow, atol=1e-4)


def test_attention_continues_a_periodic_texture():
    texture = np.tile(random(1, 8, 8, 4), (1, 4, 4, 1))
    mask = holes(1, 32, 32)
    guess = texture + 0.5 * random(*texture.shape, seed=1) * mask
    output = ops.convert_to_numpy(ContextualAttention()([guess, mask]))
    np.testing.assert_allclose(output, texture, atol=0.01)


def test_attention_never_copies_from_the_hole():
    features, mask = random(1, 24, 24, 3), holes(1, 24, 24)
    layer = ContextualAttention(fuse=True)
    changed = features + 5 * mask
    output, other = (ops.convert_to_numpy(layer([x, mask])) for x in (features, changed))
    # Rows below see the hole in no compared patch and in no fused score.
    np.testing.assert_allclose(output[:, 20:], other[:, 20:], atol=1e-5)
    assert np.abs(output - other).max() > 0.1


def test_attention_is_finite_without_known_patches():
    output = ContextualAttention()([random(1, 8, 8, 3), np.ones((1, 8, 8, 1), "float32")])
    assert np.isfinite(ops.convert_to_numpy(output)).all()


def test_attention_refuses_sides_that_it_cannot_halve():
    with pytest.raises(ValueError, match=r"multiples of it, not \(7, 8\)"):
        ContextualAttention().build([(None, 7, 8, 3), (None, 7, 8, 1)])


def test_gated_convolution_is_features_times_gates():
    x, layer = random(2, 9, 11, 3), GatedConv2D(8, 3, strides=2, padding="same")
    output = ops.convert_to_numpy(layer(x))
    plain = keras.layers.Conv2D(8, 3, strides=2, padding="same")
    plain.build(x.shape)
    plain.set_weights(layer.get_weights())
    features, gates = np.split(ops.convert_to_numpy(plain(x)), 2, axis=-1)
    expected = np.where(features > 0, features, np.expm1(features)) / (1 + np.exp(-gates))
    np.testing.assert_allclose(output, expected, atol=1e-5)
    assert output.shape == layer.compute_output_shape(x.shape) == (2, 5, 6, 4)
    with pytest.raises(ValueError, match="even number"):
        GatedConv2D(7, 3)


def smooth_fill(image, mask):
    return ops.convert_to_numpy(SmoothFill()([image, mask]))


def test_smooth_fill_keeps_what_is_known_and_sees_nothing_of_the_hole():
    image, mask = random(2, 67, 90, 3), holes(2, 67, 90)
    filled = smooth_fill(image, mask)
    np.testing.assert_array_equal(filled[mask[..., 0] == 0], image[mask[..., 0] == 0])
    np.testing.assert_array_equal(smooth_fill(image + 5 * mask, mask), filled)
    assert not smooth_fill(image, np.ones_like(mask)).any()


def test_smooth_fill_spreads_colours_like_heat():
    mask = np.zeros((1, 96, 96, 1), "float32")
    mask[:, 20:70, 30:75] = 1
    down, right = np.meshgrid(np.linspace(-1, 1, 96), np.linspace(-1, 1, 96), indexing="ij")
    # Solutions of Laplace's equation, so that heat from the hole's border gives them back.
    plane, saddle = down + 0.5 * right, down * right
    image = np.stack([np.full_like(plane, 0.3), plane, saddle], axis=-1)[None].astype("float32")
    error = np.abs(smooth_fill(image, mask) - image)[mask[..., 0] == 1]
    assert error[:, 0].max() < 1e-5
    assert error.mean(axis=0).max() < 0.05


@pytest.mark.parametrize("smooth_start", [False, True])
@pytest.mark.parametrize("name", GENERATORS)
def test_generator_takes_odd_sizes_and_never_sees_the_hole(name, smooth_start):
    generator = GENERATORS[name](4, smooth_start)
    image, mask = np.clip(random(2, 67, 90, 3), -1, 1), holes(2, 67, 90)
    outputs = generator({"image": image, "mask": mask})
    changed = generator({"image": np.where(mask == 1, 0.5, image), "mask": mask})
    assert set(outputs) == {"coarse", "completed"}
    for key, picture in outputs.items():
        picture = ops.convert_to_numpy(picture)
        assert picture.shape == image.shape
        assert np.abs(picture).max() <= 1
        np.testing.assert_array_equal(picture, ops.convert_to_numpy(changed[key]))
    # The known pixels do matter.
    other = ops.convert_to_numpy(generator({"image": -image, "mask": mask})["completed"])
    assert np.abs(ops.convert_to_numpy(outputs["completed"]) - other).max() > 1e-3


@pytest.mark.parametrize("name", GENERATORS)
def test_a_smooth_start_is_where_a_new_network_starts(name):
    generator = GENERATORS[name](4, smooth_start=True)
    image, mask = np.clip(random(1, 67, 90, 3), -1, 1), holes(1, 67, 90)
    for picture in generator({"image": image, "mask": mask}).values():
        np.testing.assert_allclose(picture, smooth_fill(image, mask), atol=1e-6)
    for variable in generator.trainable_variables:
        variable.assign(variable + 0.1)
    completed = ops.convert_to_numpy(generator({"image": image, "mask": mask})["completed"])
    hole = mask[..., 0] == 1
    np.testing.assert_array_equal(completed[~hole], image[~hole])
    assert np.abs(completed - smooth_fill(image, mask))[hole].mean() > 0.01


def test_generator_is_the_same_after_saving(tmp_path):
    generator = gc_generator(4)
    generator.save(tmp_path / "gc.keras")
    loaded = keras.saving.load_model(tmp_path / "gc.keras")
    inputs = {"image": random(1, 64, 72, 3), "mask": holes(1, 64, 72)}
    expected = ops.convert_to_numpy(generator(inputs)["completed"])
    np.testing.assert_allclose(loaded(inputs)["completed"], expected, atol=1e-6)


@pytest.mark.parametrize(
    ("build", "count"),
    [
        (gc_generator, 4_057_278),
        (ca_generator, 3_601_542),
        (gc_critic, 5_948_416),
        (ca_critic, 6_976_832),
    ],
)
def test_parameters_at_the_papers_width(build, count):
    model = build()
    assert model.count_params() == count
    paths = [variable.path for variable in model.weights]
    assert len(set(paths)) == len(paths)
    if "critic" in model.name:
        assert all(path.startswith("critic") for path in paths)


def test_width_must_be_a_multiple_of_4():
    with pytest.raises(ValueError, match="multiple of 4, not 6"):
        gc_generator(6)


def test_discount_is_the_papers_for_a_rectangle():
    mask = np.zeros((1, 40, 40, 1), "float32")
    mask[0, 5:30, 10:31] = 1
    i, j = np.arange(25), np.arange(21)
    distance = np.minimum(np.minimum(i, i[::-1])[:, None], np.minimum(j, j[::-1]))
    expected = np.zeros((40, 40))
    expected[5:30, 10:31] = 0.9**distance
    weights = ops.convert_to_numpy(discount(ops.convert_to_tensor(mask)))
    np.testing.assert_allclose(weights[0, ..., 0], expected, atol=1e-5)
    limited = ops.convert_to_numpy(discount(ops.convert_to_tensor(mask), steps=2))
    assert limited[mask == 1].min() == pytest.approx(0.81)


def gc_training():
    return GCTraining(gc_generator(8), gc_critic(4), adversarial_weight=0.5)


def ca_training():
    return CATraining(ca_generator(8), ca_critic(4), adversarial_weight=0.01)


def values(model):
    return {v.path: ops.convert_to_numpy(v).copy() for v in model.trainable_variables}


@pytest.mark.slow
@pytest.mark.parametrize("build", [gc_training, ca_training])
def test_training_moves_every_weight_and_lowers_l1(build, photograph):
    keras.utils.set_random_seed(0)
    training = build()
    image = photograph[None, 64:128, 64:128].astype("float32") / 127.5 - 1
    inputs = {"image": np.repeat(image, 2, axis=0), "mask": holes(2, 64, 64)}
    before = values(training)
    # Compiling the steps would take longer than the few of them.
    training.compile(keras.optimizers.Adam(1e-3, beta_1=0.5), run_eagerly=True)
    history = training.fit(inputs, epochs=4, batch_size=2, verbose=0).history
    assert np.isfinite(list(history.values())).all()
    assert history["l1_completed"][-1] < 0.95 * history["l1_completed"][0]
    still = [path for path, value in values(training).items() if (value == before[path]).all()]
    assert not still
    assert len(before) == len(training.generator.trainable_variables) + len(
        training.critic.trainable_variables
    )


@pytest.mark.parametrize("build", [gc_training, ca_training])
def test_adversarial_weight_scales_its_term_and_is_saved(build):
    keras.utils.set_random_seed(0)
    training = build()
    inputs = {"image": random(1, 64, 64, 3), "mask": holes(1, 64, 64)}
    inputs = {key: ops.convert_to_tensor(value) for key, value in inputs.items()}
    outputs = training(inputs)
    term = float(training.loss_terms(inputs, outputs, False)["adversarial"])
    training.adversarial_weight *= 4
    larger = float(training.loss_terms(inputs, outputs, False)["adversarial"])
    assert term != 0 and larger == pytest.approx(4 * term)
    twin = type(training).from_config(training.get_config())
    assert twin.adversarial_weight == training.adversarial_weight


@pytest.mark.parametrize("build", [gc_training, ca_training])
def test_training_goes_on_from_a_file(build, tmp_path):
    training = build()
    training.compile(AdamByPart(1e-3, factors={"critic": 0.2}))
    training.optimizer.build(training.trainable_variables)
    training.save(tmp_path / "training.keras")
    twin = keras.models.load_model(tmp_path / "training.keras")
    assert type(twin) is type(training) and twin.optimizer.factors == {"critic": 0.2}
    for one, two in zip(training.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


class PenaltyAlone(CATraining):
    def loss_terms(self, inputs, outputs, training):
        return {"penalty": super().loss_terms(inputs, outputs, training)["penalty"]}


@pytest.mark.slow
@pytest.mark.jax
@pytest.mark.filterwarnings("ignore:Gradients do not exist")
def test_penalty_trains_the_critics_alone():
    keras.utils.set_random_seed(0)
    image = keras.Input((None, None, 3), name="image")
    mask = keras.Input((None, None, 1), name="mask")
    output = keras.layers.Conv2D(3, 1, name="generator")(image * (1 - mask))
    outputs = {"coarse": output, "completed": output}
    generator = keras.Model({"image": image, "mask": mask}, outputs)
    training = PenaltyAlone(generator, ca_critic(4))
    inputs = {"image": random(2, 32, 32, 3), "mask": holes(2, 32, 32)}
    before = values(training)
    training.compile(keras.optimizers.Adam(1e-2), jit_compile=keras.config.backend() == "jax")
    history = training.fit(inputs, epochs=10, batch_size=2, verbose=0).history["penalty"]
    assert history[-1] < 0.9 * history[0]
    moved = {path for path, value in values(training).items() if (value != before[path]).any()}
    kernels = {path for path in before if path.startswith("critic") and path.endswith("kernel")}
    assert kernels <= moved
    assert not any(path.startswith("generator") for path in moved)
