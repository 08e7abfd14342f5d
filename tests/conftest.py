"""Settings and fixtures for all tests."""

import importlib.util
import os
import shutil
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # read when TensorFlow is imported

import keras
import numpy as np
import pytest

from datasets.photographs.sources import bundled_photographs
from forensics_keras.images import read_image
from tests.helpers.tiny_trainings import graphs_off

TESTS = Path(__file__).parent


@pytest.fixture
def photograph() -> np.ndarray:
    """A real photograph, RGB uint8 of shape (192, 256, 3)."""
    return read_image(bundled_photographs("train")[2])[64:256, 64:320].copy()


@pytest.fixture
def without_tracing(monkeypatch):
    """Predictions as plain calls: for a small picture, tracing a graph takes longer."""

    def predict_on_batch(model, x):
        return keras.tree.map_structure(keras.ops.convert_to_numpy, model(x))

    monkeypatch.setattr(keras.Model, "predict_on_batch", predict_on_batch)


@pytest.fixture
def without_graphs():
    """Training steps as plain calls: tracing their graphs takes longer than a few of them."""
    with graphs_off():
        yield


@pytest.fixture(scope="session")
def old_files(tmp_path_factory) -> Path:
    """Models, presets, a key and a training's folder that version 0.1 wrote, unpacked."""
    folder = tmp_path_factory.mktemp("old_files")
    shutil.unpack_archive(TESTS / "fixtures" / "before_0.2.tar.xz", folder)
    return folder


@pytest.fixture(scope="session")
def tiny_preset(tmp_path_factory) -> str:
    """The folder of a preset of an untrained, tiny MaLP, named `tiny`."""
    from tests.helpers.protected_pictures import save_tiny_preset  # most tests need no MaLP

    folder = tmp_path_factory.mktemp("presets") / "tiny"
    save_tiny_preset(folder)
    return str(folder)


LONG = ("test_backends.py", "training", "evaluation")
"""What begins first, in this order, so that both processes of the suite end together."""


def pytest_collection_modifyitems(items):
    """Puts the longest files first, and skips tests marked `torch` where PyTorch is missing."""
    begin = {name: place for place, name in enumerate(LONG)}
    items.sort(key=lambda item: begin.get(item.path.relative_to(TESTS).parts[0], len(LONG)))
    if importlib.util.find_spec("torch") is None:
        for item in items:
            if item.get_closest_marker("torch"):
                item.add_marker(pytest.mark.skip(reason="PyTorch is not installed"))
