import struct

import keras
import numpy as np
import pytest

from datasets.manipulations.foreign import (
    from_callable,
    from_keras,
    from_onnx,
    from_pairs,
    from_saved_model,
)
from forensics_keras.images import read_image, write_jpeg, write_png

IMAGES = np.random.default_rng(0).integers(0, 256, (2, 64, 80, 3), np.uint8)


def _is_negative(results) -> bool:
    assert all(result.mask is None for result in results)
    images = np.stack([result.image for result in results])
    return images.dtype == np.uint8 and np.abs(images.astype(int) - (255 - IMAGES)).max() <= 1


def _negative_model(size=None, **more) -> keras.Model:
    """Minus its input: in [-1, 1] that is the negative."""
    inputs = keras.Input((size, size, 3))
    return keras.Model(inputs, keras.layers.Rescaling(-1.0)(inputs), name="minus", **more)


# Functions


def test_a_function_gets_copies_and_seeds():
    got = {}

    def function(images, seeds):
        got.update(images=images.copy(), seeds=seeds)
        images[:] = 0
        return images

    before = IMAGES.copy()
    results = from_callable("black", function)(IMAGES, [3, 4])
    np.testing.assert_array_equal(got["images"], before)
    np.testing.assert_array_equal(IMAGES, before)
    assert got["seeds"] == [3, 4]
    assert all((result.image == 0).all() for result in results)


def test_a_function_may_give_masks_and_floats():
    def function(images, seeds):
        return np.full(images.shape, 300.0), images[..., 0] > 127

    manipulation = from_callable("white", function, family="local")
    results = manipulation(IMAGES, [0, 0])
    assert (manipulation.name, manipulation.family) == ("white", "local")
    for result, image in zip(results, IMAGES, strict=True):
        assert (result.image == 255).all() and result.mask.dtype == np.uint8
        np.testing.assert_array_equal(result.mask == 1, image[..., 0] > 127)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda images, seeds: images[:1], r"odd: gave pictures \(1, 64, 80, 3\)"),
        (lambda images, seeds: images.astype(int), "odd: gave pictures of int64"),
        (lambda images, seeds: images * np.nan, "finite floating-point"),
        (lambda images, seeds: (images, images[..., 0]), "odd: gave masks uint8"),
        (lambda images, seeds: (images, images[..., :1] // 255), r"expected \(2, 64, 80\)"),
    ],
)
def test_odd_results_of_functions_are_refused(function, message):
    with pytest.raises(ValueError, match=message):
        from_callable("odd", function)(IMAGES, [0, 1])


# Networks


def test_a_keras_model_and_its_file(tmp_path):
    assert _is_negative(from_keras(_negative_model())(IMAGES, [0, 1]))
    path = tmp_path / "negative.keras"
    _negative_model().save(path)
    manipulation = from_keras(path)
    assert (manipulation.name, manipulation.family) == ("negative", "generative")
    assert _is_negative(manipulation(IMAGES, [0, 1]))


def test_the_value_range_is_that_of_the_network():
    inputs = keras.Input((None, None, 3))
    model = keras.Model(inputs, keras.layers.Rescaling(-1.0, offset=1.0)(inputs))
    assert _is_negative(from_keras(model, value_range=(0, 1))(IMAGES, [0, 1]))
    with pytest.raises(ValueError, match="value_range"):
        from_keras(model, value_range=(1, 0))


def test_pictures_are_scaled_to_the_size_of_the_network_and_back():
    smooth = np.linspace(20, 230, 80).astype(np.uint8)[None, None, :, None]
    smooth = np.broadcast_to(smooth, (1, 64, 80, 3))
    [result] = from_keras(_negative_model(size=32), size=32)(smooth, [0])
    assert np.abs(result.image.astype(int) - (255 - smooth[0])).max() <= 6


def test_outputs_are_chosen_by_name():
    inputs = keras.Input((None, None, 3))
    outputs = {"same": keras.layers.Rescaling(1.0)(inputs), "minus": -inputs}
    model = keras.Model(inputs, outputs, name="both")
    assert _is_negative(from_keras(model, output="minus")(IMAGES, [0, 1]))
    for output in (None, "plus"):
        with pytest.raises(ValueError, match="both: has no single output .*: same, minus"):
            from_keras(model, output=output)(IMAGES, [0, 1])


def test_models_of_several_inputs_are_refused():
    first, second = keras.Input((8, 8, 3), name="a"), keras.Input((8, 8, 3), name="b")
    with pytest.raises(ValueError, match="inputs a, b; wrap the model by from_callable"):
        from_keras(keras.Model([first, second], first + second))


def test_results_of_another_size_are_refused():
    inputs = keras.Input((None, None, 3))
    model = keras.Model(inputs, keras.layers.AveragePooling2D(2)(inputs), name="half")
    with pytest.raises(ValueError, match=r"half: gave pictures \(2, 32, 40, 3\)"):
        from_keras(model)(IMAGES, [0, 1])


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="exports with TensorFlow")
def test_a_saved_model(tmp_path):
    _negative_model().export(tmp_path / "minus", verbose=False)
    manipulation = from_saved_model(tmp_path / "minus")
    assert manipulation.name == "minus"
    assert _is_negative(manipulation(IMAGES, [0, 1]))
    with pytest.raises(ValueError, match="no signature 'edit'; it has: .*serving_default"):
        from_saved_model(tmp_path / "minus", signature="edit")


def _field(number: int, value: int | bytes) -> bytes:
    """A field of a protocol buffer with a small number."""
    if isinstance(value, int):
        return bytes([number << 3, value])
    length = struct.pack("B", len(value)) if len(value) < 128 else _varint(len(value))
    return bytes([number << 3 | 2]) + length + value


def _varint(value: int) -> bytes:
    return bytes([value & 127 | 128, value >> 7])


def _onnx_negative() -> bytes:
    """An ONNX file of one operation: y = -x."""

    def tensor(name):
        sides = b"".join(_field(1, _field(1, side)) for side in (1, 3, 64, 80))
        kind = _field(1, _field(1, 1) + _field(2, sides))  # float32
        return _field(1, name) + _field(2, kind)

    node = _field(1, b"x") + _field(2, b"y") + _field(3, b"negate") + _field(4, b"Neg")
    graph = _field(1, node) + _field(2, b"graph")
    graph += _field(11, tensor(b"x")) + _field(12, tensor(b"y"))
    return _field(1, 8) + _field(7, graph) + _field(8, _field(1, b"") + _field(2, 13))


def test_an_onnx_file(tmp_path):
    path = tmp_path / "neg.onnx"
    path.write_bytes(_onnx_negative())
    manipulation = from_onnx(path)
    assert manipulation.name == "neg"
    assert _is_negative(manipulation(IMAGES, [0, 1]))


@pytest.mark.parametrize(
    ("load", "name", "what"),
    [
        (from_keras, "model.keras", "a Keras model"),
        (from_keras, "model.h5", "a Keras model"),
        (from_onnx, "model.onnx", "an ONNX model"),
        (from_saved_model, "model", "a SavedModel"),
    ],
)
def test_bad_files_are_named_in_one_line(tmp_path, load, name, what):
    path = tmp_path / name
    with pytest.raises(FileNotFoundError, match="no such file"):
        load(path)
    path.write_bytes(b"this is no model at all")
    with pytest.raises(ValueError, match=f"{name}: cannot be read as {what}") as caught:
        load(path)
    assert "\n" not in str(caught.value)


# Pairs


@pytest.fixture
def pair_folder(tmp_path):
    for index, image in enumerate(IMAGES):
        write_png(tmp_path / f"protected/a/{index}.png", image)
        write_jpeg(tmp_path / f"manipulated/a/{index}.jpg", 255 - image, 100)
    write_png(tmp_path / "mask/a/1.png", np.full((64, 80), 255, np.uint8))
    return tmp_path


def test_pairs_are_found_by_their_pixels(pair_folder):
    manipulation = from_pairs(pair_folder, name="elsewhere")
    second, first = manipulation(IMAGES[::-1], [0, 0])
    assert first.mask is None and (second.mask == 1).all()
    for result, name in [(first, "a/0"), (second, "a/1")]:
        expected = read_image(manipulation.manipulated[name])
        np.testing.assert_array_equal(result.image, expected)
    assert list(manipulation.protected) == ["a/0", "a/1"]
    with pytest.raises(ValueError, match="no such picture"):
        manipulation(IMAGES ^ 1, [0, 0])


def test_pairs_that_do_not_fit_are_refused(pair_folder):
    with pytest.raises(FileNotFoundError, match="protected"):
        from_pairs(pair_folder / "mask")
    write_png(pair_folder / "manipulated/a/1.jpg", IMAGES[0, :32])
    with pytest.raises(ValueError, match="has 80x32 pixels, the protected picture 80x64"):
        from_pairs(pair_folder)(IMAGES, [0, 0])
    (pair_folder / "manipulated/a/1.jpg").unlink()
    with pytest.raises(ValueError, match="a/1 is in only one of protected/ and manipulated/"):
        from_pairs(pair_folder)
    (pair_folder / "protected/a/1.png").unlink()
    with pytest.raises(ValueError, match="mask without a picture"):
        from_pairs(pair_folder)


@pytest.mark.parametrize(
    "location", ["/etc/passwd", "../weights", "a/../../weights", "x" * 200, None]
)
def test_onnx_files_take_no_weights_from_outside_their_folder(tmp_path, location):
    value = b"" if location is None else _field(2, location.encode())
    path = tmp_path / "model" / "neg.onnx"
    path.parent.mkdir()
    path.write_bytes(_onnx_negative() + b"\x0a\x08location" + value)
    with pytest.raises(ValueError, match="outside its folder|unusual way"):
        from_onnx(path)
