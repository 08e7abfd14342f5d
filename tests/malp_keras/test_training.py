"""Training MaLP: what each term is, what it moves, and that it stops and goes on unchanged."""

import dataclasses

import keras
import numpy as np
import pytest
from keras import ops

from forensics_keras.optimizers import AdamByPart
from irl_keras.losses import IRLLoss
from malp_keras import losses, malp, vit_branch
from malp_keras.losses import LossWeights
from malp_keras.training import MaLPTraining

SIZE = 128  # the least that the transformer takes
OFF = dict.fromkeys([field.name for field in dataclasses.fields(LossWeights)], 0.0)
PARTS = ("template_layer", "cnn", "vit", "classifier")


def tiny(vit=True, weights=None, exact_mask=False, count=2):
    keras.utils.set_random_seed(0)
    model = malp(SIZE, count, 0.1, filters=4, stride=4, classifier_filters=4, classifier_pool=4)
    branch = vit_branch(SIZE, depth=1, heads=2, mlp=8, dropout=0.0) if vit else None
    return MaLPTraining(model, branch, weights, exact_mask)


def example(model, seed=0):
    """Two smooth photographs, each with a bright square painted in."""
    rng = np.random.default_rng(seed)
    image = rng.integers(40, 200, (2, 4, 4, 3)).repeat(32, 1).repeat(32, 2).astype("uint8")
    index = np.array([1, 0], "int32")
    layer = model.malp.template_layer
    protected = ops.convert_to_numpy(layer(image, index)).astype("uint8")
    mask = np.zeros((2, SIZE, SIZE, 1), "uint8")
    mask[:, 32:80, 16:64] = 1
    manipulated = np.where(mask == 1, np.uint8(230), protected)
    pictures = {"image": image, "protected": protected, "manipulated": manipulated}
    return {**pictures, "index": index, "mask": mask}


def step(model, inputs, optimizer=None):
    # A single step is traced more slowly than it is run.
    model.compile(optimizer or AdamByPart(1e-3), run_eagerly=True)
    return model.train_on_batch(inputs, return_dict=True)


def weights_of(model):
    values = ops.convert_to_numpy
    return {variable.path: values(variable).copy() for variable in model.trainable_variables}


def moved(model, before):
    return {name for name, value in weights_of(model).items() if np.any(value != before[name])}


def moved_parts(model, before):
    return {part for part in PARTS if any(name.startswith(part) for name in moved(model, before))}


@pytest.mark.parametrize("exact_mask", [False, True])
def test_one_step_moves_every_part(exact_mask):
    model = tiny(exact_mask=exact_mask)
    inputs, before = example(model), weights_of(model)
    logs = step(model, inputs)
    assert all(np.isfinite(value) for value in logs.values())
    still = set(before) - moved(model, before)
    # These change no output: biases before a normalization or of the keys in a softmax, and the
    # scale of a template whose cosine is taken.
    harmless = ("_conv/bias", "key/bias", "cnn_template_norm/gamma")
    assert all(name.endswith(harmless) for name in still), still
    assert "template_layer/templates" not in still
    both = weights_of(model)["template_layer/templates"] != before["template_layer/templates"]
    assert both.mean(axis=(1, 2)).min() > 0.5


def test_parts_learn_at_their_own_rates():
    model = tiny()
    inputs, before = example(model), weights_of(model)
    factors = {"template_layer": 0.0, "vit": 0.0}
    step(model, inputs, AdamByPart(1e-3, factors=factors))
    assert moved_parts(model, before) == {"cnn", "classifier"}


@pytest.mark.slow
def test_steps_reduce_the_loss():
    model = tiny(vit=False)
    inputs = example(model)
    first = step(model, inputs, AdamByPart(1e-2))["loss"]
    for _ in range(6):
        last = model.train_on_batch(inputs, return_dict=True)["loss"]
        model.reset_metrics()
    assert last < 0.95 * first


def test_without_the_transformer_its_terms_are_gone():
    model = tiny(vit=False)
    logs = step(model, example(model))
    assert "cnn_cosine" in logs
    assert not any(name.startswith("vit") for name in logs)


def test_the_loss_is_the_sum_of_the_terms_that_are_on():
    weights = LossWeights(template_low_frequency=0, cnn_ssim=0, vit_cosine=0, vit_segmentation=2)
    model = tiny(weights=weights)
    logs = step(model, example(model))
    on = {name for name, weight in dataclasses.asdict(weights).items() if weight}
    assert set(logs) == on | {"loss", "accuracy", "cosine"}
    assert float(logs["loss"]) == pytest.approx(sum(float(logs[name]) for name in on), rel=1e-5)


def hold_statistics(model):
    """Batch statistics would let protected pictures act on the maps of manipulated ones."""
    for layer in model.malp.localizer.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = False


TOUCHED = {
    "template_magnitude": {"template_layer"},
    "recovery_real": {"template_layer", "cnn"},
    "vit_squared_error": {"template_layer", "vit"},
    "classifier_real": {"template_layer", "cnn", "classifier"},
    # Nothing passes through the manipulation, and eq. (8) alone does not name the templates.
    "cnn_ssim": {"cnn"},
    "vit_ssim": {"vit"},
}


@pytest.mark.filterwarnings("ignore:Gradients do not exist")
@pytest.mark.parametrize("name", TOUCHED)
def test_one_term_alone_moves_its_parts_only(name):
    model = tiny(weights=LossWeights(**{**OFF, name: 1.0}))
    hold_statistics(model)
    inputs, before = example(model), weights_of(model)
    logs = step(model, inputs, keras.optimizers.Adam(1e-3))
    assert moved_parts(model, before) == TOUCHED[name]
    assert float(logs["loss"]) == float(logs[name])


@pytest.mark.filterwarnings("ignore:Gradients do not exist")
@pytest.mark.parametrize("everywhere", [False, True])
def test_templates_learn_around_local_edits_but_not_through_them(everywhere):
    model = tiny(vit=False, weights=LossWeights(**{**OFF, "cnn_ssim": 1.0}), exact_mask=True)
    hold_statistics(model)
    inputs, before = example(model), weights_of(model)
    if everywhere:
        inputs["mask"] = np.ones_like(inputs["mask"])
    step(model, inputs, keras.optimizers.SGD(1.0))
    assert ("template_layer" in moved_parts(model, before)) == (not everywhere)


def cosine(a, b):
    a, b = a.astype("float64").ravel(), b.astype("float64").ravel()
    return a @ b / (np.linalg.norm(a) * np.linalg.norm(b))


def made_up_outputs(count=2):
    rng = np.random.default_rng(1)
    maps = (2 * count, SIZE, SIZE, 1)
    outputs = {name: rng.random(maps).astype("float32") for name in ("map", "vit_map")}
    template = rng.normal(size=maps).astype("float32")
    return {**outputs, "template": template, "logit": rng.normal(size=2 * count).astype("float32")}


def gray_difference(inputs):
    """Eq. (5)."""
    difference = np.abs(inputs["image"].astype("float64") - inputs["manipulated"])
    return difference @ [[0.299], [0.587], [0.114]] / 255


def test_terms_equal_eq_7_to_10():
    model = tiny()
    inputs, outputs = example(model), made_up_outputs()
    truth = gray_difference(inputs)
    templates = ops.convert_to_numpy(model.malp.template_layer.templates).astype("float64")
    expected = {
        "template_magnitude": 100 * np.sqrt((templates**2).mean((1, 2))).mean(),
        "template_similarity": 5 * 2 * cosine(*templates),
        "template_low_frequency": 4 * float(losses.template_low_frequency(templates)),
    }
    for branch, key, energy, weight in (("cnn", "map", 60, 25), ("vit", "vit_map", 25, 150)):
        real, fake = np.split(outputs[key].astype("float64"), 2)
        expected[f"{branch}_squared_error"] = energy * (
            (real**2).mean() + ((fake - truth) ** 2).mean()
        )
        cosines = [
            cosine(r, t) + 1 - cosine(f, t) for r, f, t in zip(real, fake, truth, strict=True)
        ]
        expected[f"{branch}_cosine"] = weight * np.mean(cosines)
        similarity = losses.structural_similarity(fake, truth)
        expected[f"{branch}_ssim"] = 50 * (1 - np.mean(ops.convert_to_numpy(similarity)))
    real, fake = np.split(outputs["template"], 2)
    added = templates[inputs["index"]]
    found = [1 - cosine(r, s) for r, s in zip(real, added, strict=True)]
    expected["recovery_real"] = 15 * np.mean(found)
    expected["recovery_fake"] = 20 * np.mean([sum(cosine(f, s) for s in templates) for f in fake])
    real, fake = np.split(outputs["logit"].astype("float64"), 2)
    expected["classifier_real"] = 50 * np.log1p(np.exp(real)).mean()
    expected["classifier_fake"] = 50 * np.log1p(np.exp(-fake)).mean()
    terms = {name: float(value) for name, value in model.loss_terms(inputs, outputs).items()}
    assert terms == pytest.approx(expected, rel=1e-4, abs=1e-3)


def test_with_exact_masks_the_truth_is_the_mask():
    on = {"cnn_squared_error": 1.0, "cnn_segmentation": 1.0, "recovery_real": 1.0}
    on["recovery_fake"] = 1.0
    model = tiny(vit=False, weights=LossWeights(**{**OFF, **on}), exact_mask=True)
    inputs, outputs = example(model), made_up_outputs()
    mask = inputs["mask"].astype("float64")
    templates = ops.convert_to_numpy(model.malp.template_layer.templates)
    real, fake = np.split(outputs["map"].astype("float64"), 2)
    both = np.concatenate([0 * mask, mask])
    expected = {
        "cnn_squared_error": (real**2).mean() + ((fake - mask) ** 2).mean(),
        "cnn_segmentation": float(IRLLoss(alpha=0.5, smooth=100.0)(both, outputs["map"])),
    }
    real, fake = np.split(outputs["template"], 2)
    added = templates[inputs["index"]][..., None]
    kept = [1 - cosine(f, s) for f, s in zip(fake * (1 - mask), added * (1 - mask), strict=True)]
    found = [1 - cosine(r, s) for r, s in zip(real, added, strict=True)]
    expected["recovery_real"] = np.mean(found) + np.mean(kept)
    lost = [sum(cosine(f, s) for s in templates) for f in fake * mask]
    expected["recovery_fake"] = np.mean(lost)
    terms = {name: float(value) for name, value in model.loss_terms(inputs, outputs).items()}
    assert terms == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_a_batch_is_inspected_as_it_was_stored():
    """The templates' gradient is added to the pictures without changing them."""
    model = tiny()
    inputs = example(model)
    inputs["protected"] = inputs["protected"] // 2  # a change that the layer does not know
    outputs = model(inputs)
    both = np.concatenate([inputs["protected"], inputs["manipulated"]])
    expected = model.malp(both)
    for name in expected:
        np.testing.assert_allclose(outputs[name], expected[name], atol=1e-5)
    np.testing.assert_allclose(outputs["vit_map"], model.vit(both), atol=1e-5)


def test_accuracy_and_cosine_are_of_the_right_halves():
    model = tiny(vit=False)
    model.compile(AdamByPart(1e-3))
    logit = np.array([-1, 2, 3, 4], "float32")  # one protected picture is called manipulated
    outputs = {**made_up_outputs(), "logit": logit, "cosine": np.array([0.5, 0.3, 0, 0], "float32")}
    model.compute_loss(x=example(model), y_pred=outputs)
    assert float(model.accuracy.result()) == pytest.approx(0.75)
    assert float(model.recovered.result()) == pytest.approx(0.4)


@pytest.mark.slow
def test_fit_stops_and_goes_on_unchanged(tmp_path):
    model = tiny(weights=LossWeights(vit_ssim=0), exact_mask=True)
    batches = [example(model, seed) for seed in range(3)]
    step(model, batches[0])
    model.save(tmp_path / "model.keras")
    twin = keras.models.load_model(tmp_path / "model.keras")
    assert twin.loss_weights == model.loss_weights and twin.exact_mask
    for training in (model, twin):
        training.fit(((x,) for x in batches[1:]), steps_per_epoch=2, verbose=0)
    for one, other in zip(model.trainable_variables, twin.trainable_variables, strict=True):
        assert one.path == other.path
        np.testing.assert_allclose(
            ops.convert_to_numpy(one), ops.convert_to_numpy(other), atol=1e-5, err_msg=one.path
        )
    assert int(twin.optimizer.iterations) == 3


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_half_precision_trains(policy):
    keras.config.set_dtype_policy(policy)
    try:
        model = tiny(vit=policy == "mixed_bfloat16", exact_mask=True)
        inputs, before = example(model), weights_of(model)
        # Keras' default scale of 2**15 skips steps until the gradients fit.
        optimizer = keras.optimizers.LossScaleOptimizer(AdamByPart(1e-3), initial_scale=1.0)
        logs = step(model, inputs, optimizer if policy == "mixed_float16" else None)
    finally:
        keras.config.set_dtype_policy("float32")
    assert all(np.isfinite(value) for value in logs.values())
    assert moved_parts(model, before) == {p for p in PARTS if p != "vit" or model.vit is not None}
    assert all(np.all(np.isfinite(value)) for value in weights_of(model).values())
