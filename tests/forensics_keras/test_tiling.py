import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forensics_keras.tiling import blend_windows, fitted_tile, localize_in_tiles, tile_starts


@st.composite
def axes(draw, longest=300):
    tile = draw(st.integers(1, 70))
    return draw(st.integers(1, longest)), tile, draw(st.integers(0, tile - 1))


@settings(max_examples=200, deadline=None)
@given(axes())
def test_tiles_cover_the_axis_exactly_and_share_the_overlap(axis):
    length, tile, overlap = axis
    starts = tile_starts(length, tile, overlap)
    ends = [start + min(tile, length) for start in starts]
    assert starts[0] == 0 and ends[-1] == length
    for end, start in zip(ends, starts[1:], strict=False):
        assert end - start >= overlap
    assert starts == sorted(set(starts))
    # No tile more than needed.
    assert len(starts) == max(1, -(-(length - overlap) // (tile - overlap)))


@settings(max_examples=200, deadline=None)
@given(axes())
def test_weights_are_positive_and_sum_to_one(axis):
    length, tile, overlap = axis
    windows = blend_windows(*axis)
    total = np.zeros(length)
    for start, window in zip(tile_starts(*axis), windows, strict=True):
        total[start : start + len(window)] += window
    np.testing.assert_allclose(total, 1, atol=1e-12)
    assert (windows > 0).all()


def test_weights_have_no_steps():
    starts, windows = tile_starts(1000, 256, 64), blend_windows(1000, 256, 64)
    for start, window in zip(starts, windows, strict=True):
        whole = np.zeros(1002)
        whole[start + 1 : start + 257] = window
        inner = np.abs(np.diff(whole))[1:-1]  # the borders of the picture may be steps
        assert inner.max() < 0.05


@settings(max_examples=60, deadline=None)
@given(axes(longest=120), st.integers(1, 120), st.integers(0, 2**32 - 1))
def test_a_pointwise_method_gives_the_same_in_tiles(axis, width, seed):
    height, tile, overlap = axis
    image = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    shapes = set()

    def red(part):
        shapes.add(part.shape)
        return part[..., 0] / np.float32(255)

    result = localize_in_tiles(image, red, tile, overlap)
    assert result.dtype == np.float32 and result.min() >= 0 and result.max() <= 1
    np.testing.assert_allclose(result, image[..., 0] / 255, atol=1e-6)
    ((tile_height, tile_width, _),) = shapes  # all tiles have the same shape
    assert tile_height <= tile and tile_width <= tile


@settings(max_examples=200, deadline=None)
@given(axes())
def test_fitted_tiles_are_as_many_and_no_longer_than_needed(axis):
    length, tile, overlap = axis
    fitted = fitted_tile(length, tile, overlap)
    count = len(tile_starts(length, tile, overlap))
    assert overlap < fitted <= tile
    assert len(tile_starts(length, fitted, overlap)) <= count
    if fitted < tile:
        assert fitted % 8 == 0
        shorter = fitted - 8
        assert shorter <= overlap or len(tile_starts(length, shorter, overlap)) > count


@pytest.mark.parametrize("tile, overlap", [(64, 64), (64, -1), (0, 0)])
def test_impossible_tiles_are_refused(tile, overlap):
    with pytest.raises(ValueError, match="overlap"):
        tile_starts(100, tile, overlap)
