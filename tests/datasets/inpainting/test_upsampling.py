"""Random traces of upsampling: what they keep of a picture, and what they leave in it."""

import numpy as np

from datasets.inpainting.upsampling import upsampling_traces


def changed(picture):
    return upsampling_traces(picture, np.ones(picture.shape[:2], np.uint8))


def test_the_content_stays(photograph):
    before, after = photograph.astype(float), changed(photograph).astype(float)
    assert np.abs(before - after).mean() < 20
    assert np.corrcoef(before.ravel(), after.ravel())[0, 1] > 0.95


def test_each_picture_has_traces_of_its_own(photograph):
    np.testing.assert_array_equal(changed(photograph), changed(photograph))
    other = photograph.copy()
    other[0, 0, 0] ^= 1
    assert (changed(other) != changed(photograph)).mean() > 0.5


def test_flat_pictures_show_the_period():
    """Where nothing is, only the offsets of the positions in the grid are left."""
    patterned = 0
    for level in range(40, 200, 10):
        result = changed(np.full((64, 48, 3), level, np.uint8)).astype(int)
        inner = result[8:-8, 8:-8]  # filters see the border
        np.testing.assert_array_equal(inner[8:], inner[:-8])
        np.testing.assert_array_equal(inner[:, 8:], inner[:, :-8])
        assert abs(result.mean() - level) < 12
        patterned += inner.std(axis=(0, 1)).max() > 0
    assert patterned > 4
