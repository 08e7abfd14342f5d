"""EdgeConnect: its layers against independent formulas, its generators and both stages."""

import cv2
import keras
import numpy as np
import pytest
from keras import ops

from datasets.inpainting import ec
from datasets.inpainting.ec import ECEdgeTraining, ECPictureTraining, ec_critic, ec_generator
from datasets.inpainting.layers import CannyEdges, ReflectionPadding2D
from datasets.inpainting.learned import complete
from datasets.masks import free_form_mask
from forensics_keras.optimizers import AdamByPart

WIDTH = 4


@pytest.fixture
def shallow(monkeypatch):
    """Tracing takes nearly all of the time; one block stands for eight."""
    monkeypatch.setattr(ec, "_RESIDUAL_BLOCKS", 1)


@pytest.fixture
def generator(shallow):
    keras.utils.set_random_seed(0)
    return ec_generator(WIDTH)


def random(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape, dtype="float32")


def batch(photograph, side=64, count=2):
    crops = [photograph[k * side : (k + 1) * side, :side] for k in range(count)]
    masks = [free_form_mask(side, side, seed) for seed in range(count)]
    return {
        "image": np.stack(crops).astype("float32") / 127.5 - 1,
        "mask": np.stack(masks)[..., None].astype("float32"),
    }


def canny(image, mask):
    inputs = [image[None].astype("float32") / 127.5 - 1, mask[None, ..., None].astype("float32")]
    return ops.convert_to_numpy(CannyEdges()(inputs))[0, ..., 0]


# --- layers -----------------------------------------------------------------------------------


def test_canny_equals_opencv(photograph):
    image = photograph[:, :200]
    gray = image.astype(np.float64) @ [0.2989, 0.5870, 0.1140] / 255
    ones = np.ones_like(gray)
    smooth, weight = (
        cv2.GaussianBlur(x, (17, 17), 2.0, borderType=cv2.BORDER_CONSTANT) for x in (gray, ones)
    )
    dx, dy = (
        np.rint(4000 * cv2.Sobel(smooth / weight, cv2.CV_64F, *order)).astype(np.int16)
        for order in ((1, 0), (0, 1))
    )
    expected = cv2.Canny(dx, dy, 400, 800, L2gradient=True)[1:-1, 1:-1] > 0
    found = canny(image, np.zeros(image.shape[:2]))[1:-1, 1:-1] > 0.5
    assert 0.02 < expected.mean() < 0.3
    assert (found != expected).mean() < 0.002  # the gradient is rounded for OpenCV


def test_canny_sees_neither_the_hole_nor_its_outline(photograph):
    mask = free_form_mask(*photograph.shape[:2], seed=3)
    edges = canny(photograph, mask)
    assert not edges[mask == 1].any() and edges.any()
    other = np.where(mask[..., None] == 1, 255 - photograph, photograph)
    np.testing.assert_array_equal(canny(other, mask), edges)
    assert not canny(np.full_like(photograph, 200), mask).any()
    # Far from the hole it does not matter that there is one.
    far = cv2.dilate(mask, np.ones((41, 41), np.uint8)) == 0
    whole = canny(photograph, np.zeros_like(mask))
    assert (edges != whole)[far].mean() < 0.01


def test_reflection_padding_equals_numpys():
    x = random(2, 5, 6, 3)
    padded = ops.convert_to_numpy(ReflectionPadding2D(2)(x))
    expected = np.pad(x, [(0, 0), (2, 2), (2, 2), (0, 0)], mode="reflect")
    np.testing.assert_array_equal(padded, expected)


# --- networks ---------------------------------------------------------------------------------


def test_parameters_at_the_papers_and_at_a_shippable_width():
    def expected(width, channels_in, channels_out):
        halvings_and_doublings = 2 * 16 * (width * 2 * width + 2 * width * 4 * width)
        blocks = 16 * 9 * (4 * width) ** 2
        ends = 49 * width * (channels_in + channels_out) + channels_out
        return halvings_and_doublings + blocks + ends

    for width, limit in ((64, 21.6e6), (32, 6.2e6)):
        model = ec_generator(width)
        trainable = sum(int(np.prod(v.shape)) for v in model.trainable_variables)
        assert trainable == expected(width, 3, 1) + expected(width, 5, 3)
        assert model.count_params() < limit
        assert len({v.path for v in model.weights}) == len(model.weights)


def test_any_size_and_edges_outside_the_hole_are_cannys(generator, photograph):
    image = photograph[:67, :90]
    mask = free_form_mask(67, 90, seed=1)
    inputs = {
        "image": image[None].astype("float32") / 127.5 - 1,
        "mask": mask[None, ..., None].astype("float32"),
    }
    outputs = {key: ops.convert_to_numpy(value) for key, value in generator(inputs).items()}
    assert outputs["completed"].shape == (1, 67, 90, 3)
    assert np.abs(outputs["completed"]).max() <= 1
    edges = outputs["edges"][0, ..., 0]
    np.testing.assert_array_equal(edges[mask == 0], canny(image, mask)[mask == 0])
    assert np.all((edges[mask == 1] > 0) & (edges[mask == 1] < 1))


def test_the_holes_content_does_not_matter(generator, photograph):
    mask = free_form_mask(*photograph.shape[:2], seed=1)
    other = np.where(mask[..., None] == 1, 255 - photograph, photograph)
    first, second = (complete(generator, x[None], mask[None]) for x in (photograph, other))
    np.testing.assert_array_equal(first, second)
    elsewhere = complete(generator, np.roll(photograph, 50, axis=1)[None], mask[None])
    assert (elsewhere != first).mean() > 0.5


def test_smooth_start_keeps_what_is_known(shallow, photograph):
    generator = ec_generator(WIDTH, smooth_start=True)
    image, mask = photograph[:67, :90], free_form_mask(67, 90, seed=1)
    completed = complete(generator, image[None], mask[None])[0]
    np.testing.assert_array_equal(completed[mask == 0], image[mask == 0])
    # The smooth fill, changed by a network that has learned nothing.
    other = np.where(mask[..., None] == 1, 255 - image, image)
    np.testing.assert_array_equal(complete(generator, other[None], mask[None])[0], completed)
    assert completed[mask == 1].std() > 5


def test_each_score_of_the_critic_sees_70_pixels():
    critic = ec_critic(width=2)
    # One picture a row, which is made unreadable; so is what comes from it.
    pictures = np.zeros((128, 128, 16, 3), "float32")
    pictures[np.arange(128), np.arange(128)] = np.nan
    scores = ops.convert_to_numpy(critic(pictures)[-1])
    assert scores.shape == (128, 16, 2, 1)
    seen = np.isnan(scores).any(axis=(2, 3)).sum(axis=0)
    assert set(seen[5:10]) == {70}


# --- training ---------------------------------------------------------------------------------


STAGES = [
    (ECEdgeTraining, 2, "ec_edge_generator", "ec_picture_generator"),
    (ECPictureTraining, 3, "ec_picture_generator", "ec_edge_generator"),
]


@pytest.mark.parametrize(("stage", "channels", "trained", "held"), STAGES)
@pytest.mark.slow
def test_stages_train_their_part_and_survive_the_keras_format(
    stage, channels, trained, held, generator, photograph, tmp_path
):
    training = stage(generator, ec_critic(channels, WIDTH))
    optimizer = AdamByPart(1e-3, {"critic": 0.1}, beta_1=0.0, beta_2=0.9)
    training.compile(optimizer, jit_compile=keras.config.backend() == "jax")
    part, other = (training.generator.get_layer(name) for name in (trained, held))
    before = {v.path: ops.convert_to_numpy(v) for v in training.generator.weights}
    before.update({v.path: ops.convert_to_numpy(v) for v in training.critic.weights})
    inputs = batch(photograph)
    images = np.tile(inputs["image"], (3, 1, 1, 1))
    masks = np.tile(inputs["mask"], (3, 1, 1, 1))
    history = training.fit({"image": images, "mask": masks}, batch_size=2, verbose=0).history
    assert set(history) >= {"loss", *training.trackers}
    assert np.all(np.isfinite([values[0] for values in history.values()]))

    # Gradients reach every trainable weight and no weight of the other part.
    for variable in (*part.trainable_variables, *training.critic.trainable_variables):
        assert np.any(ops.convert_to_numpy(variable) != before[variable.path]), variable.path
    assert not other.trainable_variables
    for variable in other.variables:
        np.testing.assert_array_equal(ops.convert_to_numpy(variable), before[variable.path])

    training.save(tmp_path / "stage.keras")
    twin = keras.models.load_model(tmp_path / "stage.keras")
    assert type(twin) is stage
    for one, two in zip(training.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.slow
def test_picture_stage_has_true_edges_in_training_and_predicted_ones_afterwards(
    generator, photograph
):
    inputs = batch(photograph)
    true_edges = CannyEdges()([inputs["image"], 0 * inputs["mask"]])
    predicted = ops.convert_to_numpy(generator(inputs)["edges"])
    hole = inputs["mask"] == 1
    for share, training, expected in (
        (0.0, True, ops.convert_to_numpy(true_edges)),
        (1.0, True, predicted),
        (0.0, False, predicted),
    ):
        stage = ECPictureTraining(generator, ec_critic(width=WIDTH), predicted_share=share)
        edges = ops.convert_to_numpy(stage(inputs, training=training)["edges"])
        np.testing.assert_allclose(edges[hole], expected[hole], atol=1e-6)
        np.testing.assert_allclose(edges[~hole], predicted[~hole], atol=1e-6)


def test_style_weight_scales_its_term_and_is_saved(generator, photograph):
    inputs = batch(photograph)
    gray = {"completed": ops.zeros_like(inputs["image"])}
    stages = [ECPictureTraining(generator, ec_critic(width=WIDTH), style_weight=w) for w in (25, 5)]
    large, small = (float(stage.loss_terms(inputs, gray, False)["style"]) for stage in stages)
    assert large == pytest.approx(5 * small, rel=1e-4) and small > 0
    assert ECPictureTraining.from_config(stages[1].get_config()).style_weight == 5


def test_loss_terms_of_perfect_output_are_zero(generator, photograph):
    stage = ECPictureTraining(generator, ec_critic(width=WIDTH))
    inputs = batch(photograph)
    terms = stage.loss_terms(inputs, {"completed": ops.convert_to_tensor(inputs["image"])}, False)
    for name in ("L1", "content", "style"):
        assert abs(float(terms[name])) < 1e-5
    # The scores of equal pictures are equal, so that the critic can only guess.
    assert float(terms["critic"]) >= np.log(2) - 1e-5
    gray = {"completed": ops.zeros_like(inputs["image"])}
    worse = stage.loss_terms(inputs, gray, False)
    hole = inputs["mask"][..., 0] == 1
    error = np.abs(inputs["image"]).mean(axis=-1) / 2
    expected = error[hole].mean() + error[~hole].mean()
    np.testing.assert_allclose(float(worse["L1"]), expected, rtol=1e-4)
    for name in ("adversarial", "content", "style"):
        assert 0.02 < float(worse[name]) / float(worse["L1"]) < 5, name
