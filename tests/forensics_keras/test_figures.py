"""The grid of pictures and the heat map."""

import numpy as np
import pytest

from forensics_keras import figures
from forensics_keras.figures import overlay, picture_grid


def test_picture_grid_places_pictures_in_equal_cells():
    red = np.zeros((40, 20, 3), np.uint8)
    red[..., 0] = 255
    half = np.full((10, 10), 0.5, np.float32)
    truth = np.zeros((300, 300), bool)
    truth[:150] = True
    grid = picture_grid(
        [("first", [red, half, truth]), ("second" * 90, [red, half, truth])],
        ["original", "probability map", "truth"],
        cell=64,
    )
    gap, text = 4, 11
    assert grid.dtype == np.uint8
    assert grid.shape == (text + 2 * gap + 2 * (64 + text + 3 * gap), 3 * (64 + gap) + gap, 3)
    for top in (text + 2 * gap, text + 2 * gap + 64 + text + 3 * gap):
        first, second, third = (
            grid[top : top + 64, left : left + 64] for left in (gap, 2 * gap + 64, 3 * gap + 128)
        )
        assert (first[:, 16:48] == (255, 0, 0)).all() and (first[:, :16] == 255).all()
        assert (second == 128).all()
        assert (third[:30] > 250).all() and (third[34:] < 5).all()  # but for the scaling
    header, label = grid[: text + 2 * gap], grid[-text - 2 * gap :]
    assert header.min() < 100 and label.min() < 200
    assert (label[:, -gap:] == 255).all()  # the long label is cut before the margin


def test_picture_grid_refuses_missing_pictures():
    with pytest.raises(ValueError, match="at least one row"):
        picture_grid([], ["original"])
    with pytest.raises(ValueError, match="a.jpg: 1 pictures for 2 headers"):
        picture_grid([("a.jpg", [np.zeros((8, 8))])], ["original", "truth"])


def test_overlay_is_transparent_at_zero_and_grows_with_the_probability(monkeypatch):
    random = np.random.default_rng(0)
    image = random.integers(0, 256, (33, 7, 3), dtype=np.uint8)
    assert (overlay(image, np.zeros((33, 7), np.float32)) == image).all()
    changes = [
        np.abs(overlay(image, np.full((33, 7), p, np.float32)).astype(int) - image).mean()
        for p in (0.05, 0.3, 0.6, 1.0)
    ]
    assert changes[0] < 8 and changes == sorted(changes) and changes[-1] > 50
    probability = random.random((33, 7)).astype(np.float32)
    whole = overlay(image, probability)
    monkeypatch.setattr(figures, "_BAND_PIXELS", 28)
    assert (overlay(image, probability) == whole).all()
    with pytest.raises(ValueError, match="differ in size"):
        overlay(image, probability[:-1])
