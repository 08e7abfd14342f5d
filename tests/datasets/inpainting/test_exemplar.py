"""Exemplar-based inpainting beyond what test_inpainting.py asks of every inpainter."""

import numpy as np

from datasets.inpainting.exemplar import patch_copy


def colours(pixels):
    return {tuple(pixel) for pixel in pixels.reshape(-1, 3).tolist()}


def test_fills_are_copies_of_known_pixels(photograph):
    mask = np.zeros(photograph.shape[:2], np.uint8)
    mask[20:50, 10:60] = 1
    filled = patch_copy(photograph, mask)
    assert colours(filled[mask == 1]) <= colours(photograph[mask == 0])


def test_continues_a_texture():
    rows, columns = np.mgrid[:96, :96]
    stripes = np.where((rows + columns) % 8 < 4, 40, 200).astype(np.uint8)
    stripes = np.repeat(stripes[..., None], 3, axis=2)
    mask = np.zeros((96, 96), np.uint8)
    mask[40:56, 30:70] = 1
    filled = patch_copy(np.where(mask[..., None] == 1, 0, stripes).astype(np.uint8), mask)
    assert (filled == stripes)[mask == 1].mean() > 0.95


def test_a_picture_without_a_known_patch_is_filled_all_the_same():
    picture = np.full((12, 12, 3), 90, np.uint8)
    mask = np.zeros((12, 12), np.uint8)
    mask[4:8, 4:8] = 1
    filled = patch_copy(np.where(mask[..., None] == 1, 0, picture).astype(np.uint8), mask)
    # Telea extrapolates along gradients and ends a few levels off.
    np.testing.assert_allclose(filled.astype(int), picture, atol=3)
