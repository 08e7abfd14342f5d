"""Archives that were made to harm: each is refused by its path, before it is unpacked."""

import io
import os
import struct
import zipfile

import h5py
import keras
import numpy as np
import pytest

from forensics_keras.archives import check_model_file, read_arrays
from forensics_keras.localizer import ModelLocalizer, check_model
from forensics_keras.presets import load_model_file

SHAPES = {"a/kernel": (2, 3), "b": (4,)}


def npz(compression=zipfile.ZIP_STORED, **changed):
    arrays = {name: np.ones(shape, np.float16) for name, shape in SHAPES.items()}
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, array in arrays.items():
            content = io.BytesIO()
            np.save(content, array)
            archive.writestr(f"{name}.npy", changed.get(name, content.getvalue()))
    return file.getvalue()


def header(shape, dtype="<f2", more=b""):
    text = f"{{'descr': {dtype!r}, 'fortran_order': False, 'shape': {shape}}}".encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + more


def test_arrays_come_back():
    for order in "CF":
        array = np.asarray(np.arange(6, dtype=np.float32).reshape(2, 3), order=order)
        file = io.BytesIO()
        np.savez_compressed(file, **{"a/kernel": array, "b": np.zeros(4, np.float16)})
        found = read_arrays(file.getvalue(), SHAPES, "it", "x.npz")
        np.testing.assert_array_equal(found["a/kernel"], array)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not a weights file"),
        (b"PK\x05\x06" + bytes(18), "missing .*a/kernel"),
        (npz(b=header((2**40,))), r"b is float16 of shape \(1099511627776,\)"),
        (npz(b=header((4,), "|O")), "b is object"),
        (npz(b=header((4,), "<i8", bytes(32))), "b is int64"),
        (npz(b=header((4,), more=bytes(7))), "b is cut short"),
        (npz(b=header("(4,)*9")), "not a weights file"),
        (npz(b=header("(" * 5000)), "not a weights file"),
        (npz(b=b"text"), "not a weights file: b"),
        (npz(b=b""), "not a weights file: b"),
        (npz(b=header((4,), more=np.full(4, np.nan, np.float16).tobytes())), "not finite"),
        (npz(zipfile.ZIP_BZIP2), "unknown way"),
        (npz(zipfile.ZIP_LZMA), "unknown way"),
        (npz()[:-30], "not a weights file"),
        (
            npz().replace(b"PK\x01\x02\x14\x03\x14\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01"),
            "encrypted",
        ),
    ],
)
def test_hostile_arrays_are_refused_by_the_path_of_their_file(data, message):
    with pytest.raises(ValueError, match=f"x.npz: .*{message}"):
        read_arrays(data, SHAPES, "it", "x.npz")


def test_names_that_are_there_twice_are_refused():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive, pytest.warns(UserWarning, match="Duplicate"):
        for name in ("b.npy", "b.npy", "a/kernel.npy"):
            archive.writestr(name, header(SHAPES[name[:-4]], more=bytes(12)))
    with pytest.raises(ValueError, match="does not fit"):
        read_arrays(file.getvalue(), SHAPES, "it", "x.npz")


# --- models -----------------------------------------------------------------------------------


def zip_bomb(path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model.weights.h5", bytes(2**25))


def unallocated(path):
    with h5py.File(path, "w") as file:
        file.create_dataset("x", (2**40,), "f4", chunks=True)


def inside_keras(make):
    def made(path):
        make(path.with_suffix(".h5"))
        with zipfile.ZipFile(path, "w") as archive:
            archive.write(path.with_suffix(".h5"), "model.weights.h5")

    return made


def linked(path):
    with h5py.File(path, "w") as file:
        file["x"] = h5py.ExternalLink("/etc/passwd", "/")


def elsewhere(path):
    with h5py.File(path, "w") as file:
        file.create_dataset("x", (4,), "u1", external=[("/etc/passwd", 0, 4)])


def looping(path):
    with h5py.File(path, "w") as file:
        file.create_group("x")["x"] = file["/"]


FILES = {"zip_bomb.keras": zip_bomb, "unallocated.h5": unallocated, "linked.h5": linked}
FILES |= {"elsewhere.h5": elsewhere, "looping.h5": looping}
FILES |= {"inside.keras": inside_keras(unallocated), "linked.keras": inside_keras(linked)}


@pytest.mark.parametrize("name", FILES)
def test_models_that_unpack_to_more_than_they_can_hold_are_refused(tmp_path, name):
    FILES[name](tmp_path / name)
    with pytest.raises(ValueError, match=f"{name}: .*(honest|not a model)"):
        load_model_file(tmp_path / name)


def test_pipes_are_not_loaded(tmp_path):
    os.mkfifo(tmp_path / "x.keras")
    with pytest.raises(OSError, match="x.keras: is not a regular file"):
        load_model_file(tmp_path / "x.keras")


PICTURE = keras.Input((None, None, 3))


def convolution(filters=1, activation=None, scale=1.0):
    layer = keras.layers.Conv2D(filters, 1, activation=activation)
    model = layer(PICTURE)
    layer.set_weights([np.full((1, 1, 3, filters), scale), np.zeros(filters)])
    return model


MODELS = {
    "logits": (lambda: keras.Model(PICTURE, convolution()), "0 to 1: end it with a sigmoid"),
    "negative": (lambda: keras.Model(PICTURE, convolution(scale=-0.001)), "end it with a sigmoid"),
    "nan": (lambda: keras.Model(PICTURE, convolution(scale=np.nan)), "not finite"),
    "dict": (lambda: keras.Model(PICTURE, {"map": convolution()}), "gave 1 outputs"),
    "list": (lambda: keras.Model(PICTURE, [convolution(), convolution()]), "gave 2 outputs"),
    "two inputs": (
        lambda: keras.Model([PICTURE, other := keras.Input((2,))], [convolution(), other]),
        "has 2 inputs",
    ),
    "one number": (
        lambda: keras.Model(PICTURE, keras.layers.GlobalAveragePooling2D()(PICTURE)),
        "for each pixel",
    ),
    "half": (
        lambda: keras.Model(PICTURE, keras.layers.AveragePooling2D(2)(PICTURE)),
        "for each pixel",
    ),
    "grey": (
        lambda: keras.Model(one := keras.Input((None, None, 1)), keras.layers.ReLU()(one)),
        "no localizer",
    ),
}


@pytest.mark.usefixtures("without_tracing")
@pytest.mark.parametrize("kind", MODELS)
def test_models_that_are_no_localizers_are_refused_by_their_file(kind):
    make, message = MODELS[kind]
    with pytest.raises(ValueError, match=f"x.keras: .*{message}"):
        check_model(make(), "x.keras")


@pytest.mark.usefixtures("without_tracing")
def test_localizers_are_taken(tmp_path):
    model = keras.Model(PICTURE, convolution(2, "sigmoid"))
    check_model(model, "x.keras")
    model.save(tmp_path / "x.keras")
    check_model_file(tmp_path / "x.keras")
    image = np.zeros((20, 30, 3), np.uint8)
    assert ModelLocalizer(load_model_file(tmp_path / "x.keras")).localize(image).map.max() == 0.5
