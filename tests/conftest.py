"""Settings and fixtures for all tests."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # read when TensorFlow is imported

import numpy as np
import pytest

from datasets.photographs.sources import bundled_photographs
from forensics_keras.images import read_image


@pytest.fixture
def photograph() -> np.ndarray:
    """A real photograph, RGB uint8 of shape (192, 256, 3)."""
    return read_image(bundled_photographs("train")[2])[64:256, 64:320].copy()
