"""STGAN: its layers and parameter counts, and what its losses do."""

import keras
import numpy as np
import pytest
from keras import ops

from datasets.faces import FaceCrops, face_crop, labelled_faces
from datasets.gan.input_gradient import input_gradient
from datasets.manipulations.layers import ConcatenateVector, SelectiveTransferUnit
from datasets.manipulations.stgan import (
    ADVERSARIAL_LOSSES,
    STGANTraining,
    stgan_critic,
    stgan_generator,
)
from forensics_keras.images import write_png
from tests.helpers.made_up import make_celeba, write_lines

SMALL = {"attributes": 2, "size": 32}


def random(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape, dtype="float32")


def training(loss, size=32, **arguments):
    keras.utils.set_random_seed(0)
    shape = {"attributes": 2, "size": size}
    critic = stgan_critic(4, head=8, spectral=loss == "hinge", **shape)
    return STGANTraining(stgan_generator(4, **shape), critic, loss, **arguments)


def faces(count=4, seed=0, size=32):
    """Pictures whose left and right half are bright where the first and second label is 1."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, (count, 2)).astype("float32")
    image = np.repeat(labels - 0.5, size // 2, axis=1)[:, None, :, None]
    image = image * np.ones((1, size, 1, 3))
    noise = rng.normal(0, 0.1, image.shape)
    return {"image": (image + noise).astype("float32"), "labels": labels}


# --- layers -----------------------------------------------------------------------------------


def unit_with(**biases):
    """A unit whose gates and candidate are constants, and the inputs."""
    unit, inputs = SelectiveTransferUnit(4), [random(2, 8, 6, 3), random(2, 4, 3, 5, seed=1)]
    unit(inputs)
    for name in ("reset", "update", "candidate"):
        convolution = getattr(unit, name)
        convolution.kernel.assign(np.zeros(convolution.kernel.shape, "float32"))
        convolution.bias.assign(np.full(4, biases[name], "float32"))
    return unit, inputs


@pytest.mark.jax
def test_gates_of_the_unit_open_and_close():
    unit, inputs = unit_with(reset=-50, update=-50, candidate=9)
    upsampled = ops.convert_to_numpy(unit.upsample(inputs[1]))
    output, state = map(ops.convert_to_numpy, unit(inputs))
    np.testing.assert_allclose(output, upsampled, atol=1e-5)
    np.testing.assert_allclose(state, 0, atol=1e-5)
    unit, inputs = unit_with(reset=50, update=50, candidate=0.5)
    upsampled = ops.convert_to_numpy(unit.upsample(inputs[1]))
    output, state = map(ops.convert_to_numpy, unit(inputs))
    np.testing.assert_allclose(output, np.tanh(0.5), atol=1e-5)
    np.testing.assert_allclose(state, upsampled, atol=1e-5)


@pytest.mark.jax
def test_unit_equals_its_equations():
    unit, inputs = SelectiveTransferUnit(4), [random(2, 8, 6, 3), random(2, 4, 3, 5, seed=1)]
    output, state = map(ops.convert_to_numpy, unit(inputs))
    kernels = {
        name: ops.convert_to_numpy(getattr(unit, name).kernel)
        for name in ("reset", "update", "candidate")
    }

    def convolved(x, name):
        padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))
        return np.einsum("nhwcij,ijcf->nhwf", windows, kernels[name])

    upsampled = ops.convert_to_numpy(unit.upsample(inputs[1]))
    both = np.concatenate([inputs[0], upsampled], axis=-1)
    reset, update = (1 / (1 + np.exp(-convolved(both, name))) for name in ("reset", "update"))
    passed = np.concatenate([inputs[0], reset * upsampled], axis=-1)
    candidate = np.tanh(convolved(passed, "candidate"))
    np.testing.assert_allclose(state, reset * upsampled, atol=1e-5)
    expected = (1 - update) * upsampled + update * candidate
    np.testing.assert_allclose(output, expected, atol=1e-5)


@pytest.mark.jax
def test_concatenated_vector_is_the_same_everywhere():
    maps, vector = random(2, 3, 4, 5), random(2, 2)
    output = ops.convert_to_numpy(ConcatenateVector()([maps, vector]))
    np.testing.assert_array_equal(output[..., :5], maps)
    assert (output[..., 5:] == vector[:, None, None]).all()


# --- networks ---------------------------------------------------------------------------------


def generator_parameters(filters, attributes):
    """Trainable weights, from the table of layers."""
    fed = [3, *filters]
    encoder = sum(16 * fed[i] * fed[i + 1] + 2 * fed[i + 1] for i in range(5))
    transfer, state = 0, filters[4]
    for here in reversed(filters[:4]):
        transfer += 16 * (state + attributes) * here + here + 3 * (9 * 2 * here * here + here)
        state = here
    decoder, x = 0, filters[4] + attributes
    for level in (4, 3, 2, 1):
        decoder += 16 * x * filters[level] + 2 * filters[level]
        x = filters[level] + filters[level - 1] + attributes
    return encoder + transfer + decoder + 16 * x * 3 + 3


@pytest.mark.parametrize(
    ("arguments", "filters"),
    [({}, [64, 128, 256, 512, 1024]), ({"width": 16, "max_filters": 192}, [16, 32, 64, 128, 192])],
)
def test_parameters_of_the_generator(arguments, filters):
    model = stgan_generator(**arguments, attributes=13)
    trainable = sum(int(np.prod(v.shape)) for v in model.trainable_variables)
    assert trainable == generator_parameters(filters, 13)
    assert model.output.shape == (None, 128, 128, 3)
    assert len({v.path for v in model.weights}) == len(model.weights)
    if "width" in arguments:  # float16 in at most 8 MiB
        assert 2 * model.count_params() < 7.9 * 2**20


@pytest.mark.parametrize("spectral", [False, True])
def test_parameters_of_the_critic(spectral):
    model = stgan_critic(attributes=13, spectral=spectral)
    filters = [3, 64, 128, 256, 512, 1024]
    bias = 0 if spectral else 1
    count = sum(16 * filters[i] * filters[i + 1] for i in range(5))
    count += 0 if spectral else sum(2 * f for f in filters[1:])
    count += 2 * (16 * 1024 * 1024 + bias * 1024) + 1024 + bias + 1024 * 13 + 13
    assert sum(int(np.prod(v.shape)) for v in model.trainable_variables) == count
    assert all(v.path.startswith("critic") for v in model.weights)


def test_difference_reaches_the_picture():
    model = stgan_generator(4, **SMALL)
    inputs = {"image": random(1, 32, 32, 3), "attributes": np.zeros((1, 2), "float32")}
    kept = ops.convert_to_numpy(model(inputs))
    assert np.abs(kept).max() <= 1
    for index in range(2):
        inputs["attributes"] = np.eye(2, dtype="float32")[index : index + 1]
        assert np.abs(ops.convert_to_numpy(model(inputs)) - kept).max() > 1e-3


def test_sizes_must_be_multiples_of_32():
    with pytest.raises(ValueError, match="multiple of 32, not 100"):
        stgan_generator(size=100)


# --- training ---------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", ADVERSARIAL_LOSSES)
def test_training_moves_every_weight(loss):
    # Instance normalization of a single position, as the last of 32 pixels has, leaves nothing.
    size = 64 if loss == "wgan_gp" else 32
    model = training(loss, size)
    before = {v.path: ops.convert_to_numpy(v).copy() for v in model.trainable_variables}
    parts = (model.generator, model.critic)
    assert len(before) == sum(len(part.trainable_variables) for part in parts)
    # Compiling the steps would take longer than the few of them.
    model.compile(keras.optimizers.Adam(1e-3), run_eagerly=keras.config.backend() != "jax")
    history = model.fit(faces(size=size), epochs=2, batch_size=4, verbose=0).history
    assert np.isfinite(list(history.values())).all()
    after = {v.path: ops.convert_to_numpy(v) for v in model.trainable_variables}
    # Only differences of WGAN's scores count.
    unmoved = {"critic_score_logits/bias"} if loss == "wgan_gp" else set()
    assert {path for path, value in after.items() if (value == before[path]).all()} == unmoved


@pytest.mark.parametrize("loss", ["wgan_gp", pytest.param("hinge", marks=pytest.mark.jax)])
def test_losses_equal_their_equations(loss):
    model = training(loss, reconstruction_weight=7.0, change_weight=3.0)
    inputs = faces()
    outputs = model(inputs)
    edited, flipped = (ops.convert_to_numpy(outputs[key]) for key in ("edited", "flipped"))
    assert (flipped.sum(axis=1) == 1).all()
    terms = model.loss_terms(inputs, outputs, False)
    terms = {key: float(value) for key, value in terms.items()}
    both = [model.critic(x) for x in (inputs["image"], edited)]
    (real, fake), (known, found) = (
        [ops.convert_to_numpy(x[key]) for x in both] for key in ("score", "attributes")
    )
    target = np.where(flipped == 1, 1 - inputs["labels"], inputs["labels"])

    def cross_entropy(labels, logits):
        return -np.log(1 / (1 + np.exp(-np.where(labels == 1, logits, -logits)))).mean()

    rebuilt = ops.convert_to_numpy(outputs["reconstructed"])
    expected = {
        "reconstruction": 7 * np.abs(rebuilt - inputs["image"]).mean(),
        "attributes": 10 * cross_entropy(target, found),
        "adversarial": -fake.mean(),
        "change": 3 * np.abs(edited - inputs["image"]).mean(),
        "critic_attributes": cross_entropy(inputs["labels"], known),
    }
    if loss == "hinge":
        hinges = np.maximum(1 - real, 0).mean() + np.maximum(1 + fake, 0).mean()
        expected["critic"] = hinges
    else:
        expected["critic"] = fake.mean() - real.mean()
        # Near the critic's start, the slope is about the same wherever the mixture lies.
        slope = input_gradient(
            lambda x: model.critic(x)["score"], ops.convert_to_tensor(inputs["image"])
        )
        norms = np.sqrt((ops.convert_to_numpy(slope) ** 2).sum(axis=(1, 2, 3)))
        assert terms.pop("penalty") == pytest.approx(10 * ((norms - 1) ** 2).mean(), rel=0.3)
    assert terms == pytest.approx(expected, rel=1e-3)
    assert len(model.trackers) == len(expected) + (2 if loss == "wgan_gp" else 1)


@pytest.mark.jax
def test_each_side_sees_the_other_as_a_constant():
    class Generator(STGANTraining):
        def loss_terms(self, inputs, outputs, training):
            terms = super().loss_terms(inputs, outputs, training)
            return {key: terms[key] for key in ("reconstruction", "attributes", "adversarial")}

    class Critic(STGANTraining):
        def loss_terms(self, inputs, outputs, training):
            terms = super().loss_terms(inputs, outputs, training)
            return {key: terms[key] for key in ("critic", "critic_attributes", "penalty")}

    for kind, loss, moves in ((Generator, "hinge", "generator"), (Critic, "wgan_gp", "critic")):
        critic = stgan_critic(4, head=8, spectral=loss == "hinge", **SMALL)
        model = kind(stgan_generator(4, **SMALL), critic, loss)
        before = {v.path: ops.convert_to_numpy(v).copy() for v in model.trainable_variables}
        # Plain descent without momentum: a gradient of zero moves nothing.
        model.compile(keras.optimizers.SGD(1e-2), run_eagerly=keras.config.backend() != "jax")
        model.fit(faces(), batch_size=4, verbose=0)
        moved = {
            "critic" if v.path.startswith("critic") else "generator"
            for v in model.trainable_variables
            if (ops.convert_to_numpy(v) != before[v.path]).any()
        }
        assert moved == {moves}


@pytest.mark.slow
def test_it_learns_to_flip_an_attribute():
    model = training("hinge")
    model.compile(keras.optimizers.Adam(5e-3, beta_1=0.5), jit_compile=False)
    data = faces(64)
    history = model.fit(data, epochs=12, batch_size=16, verbose=0).history
    assert history["critic_attributes"][-1] < 0.3 < history["critic_attributes"][0]
    assert history["reconstruction"][-1] < 0.5 * history["reconstruction"][0]
    assert history["edits_recognized"][-1] > 0.9


def test_a_saved_training_goes_on_as_it_was(tmp_path):
    model = training("hinge", adversarial_weight=0.5)
    model.compile(keras.optimizers.Adam(1e-3), jit_compile=False)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.get_config()["adversarial_weight"] == 0.5
    inputs = faces()
    for one, two in zip(model(inputs).values(), loaded(inputs).values(), strict=True):
        np.testing.assert_allclose(one, two, atol=1e-6)
    with pytest.raises(ValueError, match="wgan_gp, hinge, not 'lsgan'"):
        STGANTraining(model.generator, model.critic, "lsgan")


# --- labelled faces ---------------------------------------------------------------------------


@pytest.fixture
def face_folder(tmp_path):
    """Bright faces with a mask, dark ones without, and one without a label."""
    rng = np.random.default_rng(0)
    for index in range(4):
        for name, low in (("mask", 150), ("nomask", 0)):
            image = rng.integers(low, low + 100, (40 + 8 * index, 48, 3)).astype(np.uint8)
            write_png(tmp_path / "faces" / f"{name}_{index}.png", image)
    write_png(tmp_path / "faces" / "other.png", image)
    return tmp_path / "faces"


def test_names_of_pictures_tell_the_attribute(face_folder):
    found = labelled_faces(face_folder, ["mask"], "train")
    names = [path.name for path in found.photographs]
    assert names == [f"{kind}_{i}.png" for kind in ("mask", "nomask") for i in range(4)]
    assert found.labels.tolist() == [[1.0]] * 4 + [[0.0]] * 4
    crops = FaceCrops(found, 32, 0.8, seed=3)
    for index in range(16):
        image, label = crops.sample(index)
        assert image.shape == (32, 32, 3) and image.dtype == np.uint8
        assert (image.mean() > 125) == (label[0] == 1)
        np.testing.assert_array_equal(image, crops.sample(index)[0])
    for attributes, match in ((["hat"], "hat_ or nohat_"), (["a", "b"], "one attribute, not 2")):
        with pytest.raises(ValueError, match=match):
            labelled_faces(face_folder, attributes, "train")
    for index in range(4):
        (face_folder / f"nomask_{index}.png").unlink()
    with pytest.raises(ValueError, match="all faces have the attribute 'mask'"):
        labelled_faces(face_folder, ["mask"], "train")


def test_faces_of_celeba(tmp_path):
    names = make_celeba(tmp_path)
    rows = np.where(np.random.default_rng(1).random((len(names), 40)) < 0.5, 1, -1)
    rows[:2, 3] = 1, -1
    attributes = [f"Attribute_{index}" for index in range(40)]
    lines = (f"{name} {' '.join(map(str, row))}" for name, row in zip(names, rows, strict=True))
    header = [str(len(names)), " ".join(attributes)]
    write_lines(tmp_path / "list_attr_celeba.txt", [*header, *lines])
    found = labelled_faces(tmp_path, ["Attribute_3", "Attribute_7"], "train")
    chosen = [names.index(path.name) for path in found.photographs]
    assert len(chosen) == 6
    np.testing.assert_array_equal(found.labels, rows[chosen][:, [3, 7]] == 1)


def test_crops_lie_in_the_middle_and_rather_high():
    image = np.arange(200, dtype=np.uint8)[:, None, None] * np.ones((1, 100, 3), np.uint8)
    face = face_crop(image, 100)
    assert face[0, 0, 0] == 30 and face[-1, 0, 0] == 129
    # Smaller is the mean of the same square; larger the inner half of it.
    half = face_crop(image, 50)
    np.testing.assert_allclose(
        half[:, :, 0], np.arange(30.5, 130, 2)[:, None] * np.ones(50), atol=1
    )
    larger = face_crop(image, 128, 0.5).astype(int)
    assert larger.shape == (128, 128, 3)
    assert abs(larger[0].mean() - 45) <= 1 and abs(larger[-1].mean() - 94) <= 1
