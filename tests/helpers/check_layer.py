"""What must hold for every layer, and which layers a package defines."""

import importlib
import pkgutil
import tempfile
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops, tree

ENLARGED = (1, 2, 3, 1)  # by whole factors, so that sizes that belong together stay so


def check_layer(
    layer,
    *inputs,
    any_size=True,
    differentiable=True,
    without_gradient=(),
    half_gives=None,
    atol=1e-5,
):
    """Checks a layer's configuration, saving, shapes, gradients, half precision and sizes.

    The given layer is not touched: each check builds copies from its configuration.

    Args:
        layer: The layer, not built.
        inputs: The positional arguments of its call: each a shape `(batch, ...)`, which is filled
            with normal random numbers, an array, or a list of these where the layer takes a list.
        any_size: Whether pictures of any height and width must be taken; the shapes of fixed
            inputs are built in otherwise.
        differentiable: Whether gradients are asked for at all.
        without_gradient: Ends of the paths of weights that need no gradient (`"key/bias"`), and
            `"input 1"` for an input, counted from 0.
        half_gives: The dtype of the output in mixed precision, where it is not the policy's.
        atol: Largest difference of an output after a round trip or in a graph.
    """
    inputs = [_filled(value, seed) for seed, value in enumerate(inputs)]
    config = layer.get_config()
    layer = _built(type(layer), config, inputs)
    assert type(layer).from_config(config).get_config() == config
    outputs = _in_numpy(layer(*inputs))

    shapes = layer.compute_output_shape(*_shapes(inputs))
    assert _flat_shapes(shapes) == [value.shape for value in tree.flatten(outputs)]
    _check_saved_model(layer, inputs, any_size, atol)
    if differentiable:
        _check_gradients(layer, inputs, without_gradient)
    for policy in ("mixed_bfloat16", "mixed_float16"):
        _check_half_precision(layer, inputs, outputs, policy, half_gives)


def each_layer(layers):
    """Runs a test for each layer, by its name.

    Args:
        layers: Pairs of positional arguments of `check_layer`, as `arguments`, and named ones, as
            `options`.
    """
    names = [type(arguments[0]).__name__ for arguments, _ in layers]
    return pytest.mark.parametrize(("arguments", "options"), layers, ids=names)


def layers_defined_in(package):
    """The layers of a package.

    Args:
        package: Its name, such as `"irl_keras"`.

    Returns:
        Set of the subclasses of `keras.layers.Layer`, but for models, that its modules define.
    """
    package = importlib.import_module(package)
    names = [
        found.name for found in pkgutil.walk_packages(package.__path__, package.__name__ + ".")
    ]
    return {
        value
        for name in names
        if not name.endswith("__main__")
        for value in vars(importlib.import_module(name)).values()
        if isinstance(value, type)
        and issubclass(value, keras.layers.Layer)
        and not issubclass(value, keras.Model)
        and value.__module__ == name
    }


def _filled(value, seed):
    if isinstance(value, list):
        return [_filled(item, seed + 10 * place) for place, item in enumerate(value)]
    if isinstance(value, tuple):
        return np.random.default_rng(seed).standard_normal(value, dtype="float32")
    return value


def _built(kind, config, inputs):
    """A built copy whose weights are random: a gain of 0 would hide what is behind it."""
    layer = kind.from_config(config)
    layer(*inputs)
    rng = np.random.default_rng(0)
    for variable in layer.trainable_variables:
        value = rng.normal(0.0, 0.5, variable.shape).astype("float32")
        if variable.constraint is not None:
            value = variable.constraint(ops.convert_to_tensor(value))
        variable.assign(value)
    return layer


def _in_numpy(outputs):
    return tree.map_structure(ops.convert_to_numpy, outputs)


def _shapes(inputs):
    return [
        [x.shape for x in value] if isinstance(value, list) else value.shape for value in inputs
    ]


def _flat_shapes(shapes):
    """One shape, or those of several outputs, as a list."""
    several = isinstance(shapes, list | tuple) and isinstance(shapes[0], list | tuple)
    return [tuple(shape) for shape in (shapes if several else [shapes])]


def _enlarged(x):
    return np.tile(x, ENLARGED) if x.ndim == 4 else x


def _check_saved_model(layer, inputs, any_size, atol):
    """A functional model with the layer, saved and loaded, predicts what the layer gives."""

    def placeholder(x):
        free = any_size and x.ndim == 4
        shape = (None, None, x.shape[-1]) if free else x.shape[1:]
        return keras.Input(shape, dtype=x.dtype.name)

    placeholders = tree.map_structure(placeholder, inputs)
    symbolic = layer(*placeholders)
    expected = layer.compute_output_shape(*_shapes(placeholders))
    assert _flat_shapes(expected) == [tuple(value.shape) for value in tree.flatten(symbolic)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        keras.Model(tree.flatten(placeholders), symbolic).save(path)
        model = keras.models.load_model(path)
    sizes = [inputs]
    # TensorFlow traces a graph of unknown sizes when the second one comes; JAX knows none such.
    if any_size and keras.backend.backend() != "jax":
        sizes.append(tree.map_structure(_enlarged, inputs))
    for given in sizes:
        predicted = model.predict_on_batch(tree.flatten(given))
        tree.map_structure(
            lambda one, other: np.testing.assert_allclose(one, other, atol=atol, rtol=1e-4),
            _in_numpy(predicted),
            _in_numpy(layer(*given)),
        )


def _check_gradients(layer, inputs, without_gradient):
    of_inputs, of_weights = _gradients(layer, inputs)
    found = {f"input {place}": value for place, value in enumerate(of_inputs)}
    paths = [variable.path for variable in layer.trainable_variables]
    found |= dict(zip(paths, of_weights, strict=True))
    for name, gradient in found.items():
        if not name.endswith(tuple(without_gradient)):
            assert gradient is not None and np.any(gradient), f"no gradient reaches {name}"
            assert np.all(np.isfinite(gradient)), name


def _gradients(layer, inputs):
    """Gradients of a random sum of the outputs: of float inputs, and of trainable weights."""
    flat = tree.flatten(inputs)
    floats = [place for place, x in enumerate(flat) if x.dtype.kind == "f"]

    def total(outputs):
        rng = np.random.default_rng(1)
        draws = [rng.standard_normal(x.shape).astype("float32") for x in tree.flatten(outputs)]
        pairs = zip(tree.flatten(outputs), draws, strict=True)
        return sum(ops.sum(ops.cast(x, "float32") * draw) for x, draw in pairs)

    def packed(values):
        replaced = dict(zip(floats, values, strict=True))
        return tree.pack_sequence_as(inputs, [replaced.get(i, x) for i, x in enumerate(flat)])

    chosen = [ops.convert_to_tensor(flat[place]) for place in floats]
    if keras.backend.backend() == "jax":
        import jax

        rest = [variable.value for variable in layer.non_trainable_variables]
        weights = [variable.value for variable in layer.trainable_variables]
        gradient = jax.grad(
            lambda x, w: total(layer.stateless_call(w, rest, *packed(x))[0]), argnums=(0, 1)
        )
        gradients = jax.jit(gradient)(chosen, weights)  # else each operation is compiled by itself
    elif keras.backend.backend() == "torch":
        weights = [variable.value for variable in layer.trainable_variables]
        chosen = [x.detach().requires_grad_() for x in chosen]
        import torch

        flat_gradients = torch.autograd.grad(
            total(layer(*packed(chosen))), [*chosen, *weights], allow_unused=True
        )
        gradients = flat_gradients[: len(chosen)], flat_gradients[len(chosen) :]
    else:
        import tensorflow as tf

        weights = [variable.value for variable in layer.trainable_variables]
        with tf.GradientTape() as tape:
            tape.watch(chosen)
            result = total(layer(*packed(chosen)))
        gradients = tape.gradient(result, (chosen, weights))
    return tuple(
        [value if value is None else ops.convert_to_numpy(value) for value in part]
        for part in gradients
    )


def _check_half_precision(layer, inputs, expected, policy, half_gives):
    half = type(layer).from_config({**layer.get_config(), "dtype": policy})
    outputs = half(*inputs)
    half.set_weights(layer.get_weights())
    outputs = half(*inputs)
    assert {keras.backend.standardize_dtype(x.dtype) for x in half.weights} <= {
        keras.backend.standardize_dtype(x.dtype) for x in layer.weights
    }
    dtype = half_gives or keras.DTypePolicy(policy).compute_dtype
    for found, whole in zip(tree.flatten(outputs), tree.flatten(expected), strict=True):
        assert keras.backend.standardize_dtype(found.dtype) == dtype, policy
        found = ops.convert_to_numpy(ops.cast(found, "float32"))
        assert np.all(np.isfinite(found)), policy
        # A mean, as single values may jump where the layer compares or rounds.
        assert np.mean(np.abs(found - whole)) <= 0.05 * np.mean(np.abs(whole)) + 1e-3, policy
