"""Free-form masks: the recipe, any size, and the same mask for the same seed everywhere."""

import hashlib

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from datasets.masks import free_form_mask

GOLDEN = "9d54558ad9ea0d8525af1e3a79de1f6f11af83764c9ec563fb35a028d2ad8d5a"


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 300), st.integers(1, 300), st.integers(0, 2**32 - 1))
def test_any_size_and_seed(height, width, seed):
    mask = free_form_mask(height, width, seed)
    assert mask.shape == (height, width) and mask.dtype == np.uint8
    assert mask.any() and set(np.unique(mask)) <= {0, 1}
    np.testing.assert_array_equal(mask, free_form_mask(height, width, seed))


def test_seeds_give_the_masks_they_gave_when_this_was_written():
    """Forgeries, and so measured numbers, are reproducible only while this holds."""
    masks = b"".join(free_form_mask(256, 256, seed).tobytes() for seed in range(10))
    assert hashlib.sha256(masks).hexdigest() == GOLDEN


def test_shares_and_sizes_follow_the_recipe():
    masks = np.stack([free_form_mask(256, 256, seed) for seed in range(300)])
    shares = masks.mean(axis=(1, 2))
    # One stroke of 4 segments of width 12 covers about 1 %, three of 11 of width 40 about half.
    assert 0.1 < shares.mean() < 0.3 and shares.min() > 0.002 and shares.max() < 0.8
    assert len(np.unique(shares)) > 290
    # Flips make the holes' mean position central.
    centre = np.array([np.argwhere(mask).mean(axis=0) for mask in masks]).mean(axis=0)
    np.testing.assert_allclose(centre, 127.5, atol=12)


def test_brushes_grow_with_the_picture():
    small = np.mean([free_form_mask(128, 128, seed).mean() for seed in range(100)])
    large = np.mean([free_form_mask(512, 512, seed).mean() for seed in range(100)])
    assert abs(small - large) < 0.03
