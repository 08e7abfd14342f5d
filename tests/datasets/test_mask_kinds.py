"""Masks of many kinds: any size, shares, and the same mask for the same seed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datasets.mask_kinds import KINDS, LARGEST_SHARE, LEAST_SHARE, draw_mask, random_kind


def drawn(kind, size=(128, 128), count=60):
    return [draw_mask(kind, *size, np.random.default_rng(seed)) for seed in range(count)]


@settings(max_examples=80, deadline=None)
@given(
    st.sampled_from(list(KINDS)),
    st.integers(16, 200),
    st.integers(16, 200),
    st.integers(0, 2**32 - 1),
)
def test_any_kind_size_and_seed(kind, height, width, seed):
    mask = draw_mask(kind, height, width, np.random.default_rng(seed))
    assert mask.shape == (height, width) and mask.dtype == np.uint8
    assert set(np.unique(mask)) <= {0, 1}
    assert LEAST_SHARE <= mask.mean() <= LARGEST_SHARE
    again = draw_mask(kind, height, width, np.random.default_rng(seed))
    np.testing.assert_array_equal(mask, again)


@pytest.mark.parametrize("kind", KINDS)
def test_masks_of_a_kind_differ(kind):
    masks = drawn(kind)
    assert len({mask.tobytes() for mask in masks}) > 55
    shares = [mask.mean() for mask in masks]
    assert max(shares) > 2 * min(shares)


def test_scratches_are_thin():
    for mask in drawn("scratches"):
        padded = np.pad(mask, 1)
        inside = padded.copy()
        # Four times one pixel off each side: nothing is left but where lines cross or run along.
        for _ in range(5):
            around = [np.roll(inside, shift, axis) for shift in (-1, 1) for axis in (0, 1)]
            inside = np.minimum.reduce([inside, *around])
        assert inside.sum() < 0.25 * mask.sum()


def test_small_discs_are_drawn():
    assert min(mask.sum() for mask in drawn("discs", count=200)) < 60


def test_borders_touch_a_side_throughout():
    for mask in drawn("border"):
        assert max(mask[0].mean(), mask[-1].mean(), mask[:, 0].mean(), mask[:, -1].mean()) == 1


def test_unknown_kinds_are_refused():
    with pytest.raises(ValueError, match="stars.*brush"):
        draw_mask("stars", 64, 64, np.random.default_rng(0))


def test_kinds_are_drawn_by_their_weights():
    rng = np.random.default_rng(0)
    kinds = [random_kind(rng, {"boxes": 3.0, "text": 1.0, "blob": 0.0}) for _ in range(400)]
    assert kinds.count("blob") == 0
    assert 0.65 < kinds.count("boxes") / 400 < 0.85
