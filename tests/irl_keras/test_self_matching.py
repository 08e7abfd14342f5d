"""Copies within a picture are found on the side that was pasted, and nowhere if there are none."""

import cv2
import keras
import numpy as np
import pytest

import irl_keras
from datasets.degradations import degrade
from irl_keras import self_matching
from irl_keras.self_matching import find_copies

SIDE = 160
PASTED = np.s_[20:60, 100:150]
SOURCE = np.s_[90:130, 20:70]


def surface(seed, side=SIDE, coarse=2.0):
    """Noise of several scales, as photographs have it; uint8 (side, side, 3)."""
    rng = np.random.default_rng(seed)
    layers = [
        cv2.GaussianBlur(rng.standard_normal((side, side, 3)), (0, 0), coarse * 2**level) * 2**level
        for level in range(4)
    ]
    fine = rng.standard_normal((side, side, 1))
    return np.rint(128 + 60 * sum(layers) + 9 * fine).clip(0, 255).astype(np.uint8)


def with_copy(seed=0):
    """A picture whose `PASTED` part was copied from its `SOURCE`."""
    image = surface(seed)
    image[PASTED] = image[SOURCE]
    return image


def shares(found):
    """Shares of flagged pixels: of the pasted part, of its source, and of the rest."""
    rest = np.ones(found.map.shape, bool)
    rest[PASTED] = rest[SOURCE] = False
    flagged = found.map >= 0.5
    return flagged[PASTED].mean(), flagged[SOURCE].mean(), flagged[rest].mean()


@pytest.mark.parametrize(("degradation", "least"), [("clean", 0.95), ("jpeg:85", 0.8)])
def test_a_pasted_part_is_found_and_its_source_is_not(degradation, least):
    found = find_copies(degrade(with_copy(), degradation))
    pasted, source, rest = shares(found)
    assert pasted > least
    assert source < 0.05
    assert rest < 0.03
    assert found.sources[SOURCE].mean() > least
    assert not found.sources[PASTED].any()
    assert found.pairs > 1000
    assert found.map.dtype == np.float32 and found.map.shape == found.sources.shape == (SIDE, SIDE)
    assert 0 <= found.map.min() and found.map.max() <= 1


def test_a_copy_of_a_copy_leaves_one_source():
    image = with_copy()
    image[100:140, 100:150] = image[SOURCE]
    found = find_copies(image)
    pasted, source, _ = shares(found)
    assert pasted > 0.95 and (found.map[100:140, 100:150] >= 0.5).mean() > 0.95
    assert source < 0.05


def stripes():
    """A slanted pattern that repeats each 11 pixels, with a little noise."""
    rows, columns = np.indices((SIDE, SIDE))
    wave = np.sin(2 * np.pi * (rows + 2 * columns) / 22) + np.sin(2 * np.pi * rows / 11)
    noise = np.random.default_rng(0).normal(0, 2, (SIDE, SIDE))
    return np.repeat(np.rint(128 + 40 * wave + noise).astype(np.uint8)[..., None], 3, 2)


def saturated():
    """Bright spots cut off at white on black."""
    return np.where(surface(2) > 150, 255, 0).astype(np.uint8)


PRISTINE = {
    "surface": lambda: surface(3),
    "noise": lambda: np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), np.uint8),
    "stripes": stripes,
    "flat": lambda: np.full((SIDE, SIDE, 3), 77, np.uint8),
    "ramp": lambda: np.repeat(np.tile(np.arange(SIDE, dtype=np.uint8), (SIDE, 1))[..., None], 3, 2),
    "saturated": saturated,
}


@pytest.mark.parametrize("kind", PRISTINE)
@pytest.mark.parametrize("degradation", ["clean", "jpeg:85"])
def test_nothing_is_found_where_nothing_was_copied(kind, degradation):
    found = find_copies(degrade(PRISTINE[kind](), degradation))
    assert not found.map.any() and not found.sources.any() and found.pairs == 0


@pytest.mark.parametrize("shape", [(1, 1), (3, 40), (16, 16), (17, 64)])
def test_tiny_pictures_give_nothing(shape):
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    assert find_copies(image).map.shape == shape
    assert not find_copies(image).map.any()


def test_the_same_picture_gives_the_same_map_and_stays_as_it_is():
    image = with_copy(5)
    before = image.copy()
    first, second = find_copies(image), find_copies(image)
    np.testing.assert_array_equal(first.map, second.map)
    np.testing.assert_array_equal(first.sources, second.sources)
    np.testing.assert_array_equal(image, before)


def test_large_pictures_are_searched_in_a_reduced_copy(monkeypatch):
    enlarged = cv2.resize(with_copy(), (2 * SIDE, 2 * SIDE), interpolation=cv2.INTER_NEAREST)
    monkeypatch.setattr(self_matching, "MOST_PIXELS", SIDE * SIDE)
    found = find_copies(enlarged)
    assert found.map.shape == found.sources.shape == (2 * SIDE, 2 * SIDE)
    assert (found.map[40:120, 200:300] >= 0.5).mean() > 0.95
    assert found.pairs == find_copies(with_copy()).pairs


@pytest.fixture
def silent():
    """A network that says 0.1 everywhere."""
    picture = keras.Input((None, None, 3))
    layer = keras.layers.Conv2D(1, 1, kernel_initializer="zeros")
    output = keras.layers.Rescaling(1.0, offset=0.1)(layer(picture))
    return keras.Model(picture, output)


def test_a_localizer_joins_the_copies_to_its_map(silent):
    image = with_copy()
    without = irl_keras.Localizer(silent).localize(image)
    found = irl_keras.Localizer(silent, copies=True).localize(image)
    assert not without.mask.any() and "copied_share" not in without.details
    expected = np.maximum(without.map, find_copies(image).map)
    np.testing.assert_array_equal(found.map, expected)
    assert found.details["copied_share"] == found.flagged_share > 0.05
    assert found.verdict == "manipulated"


def test_a_localizer_that_finds_no_copies_says_so(silent):
    found = irl_keras.Localizer(silent, copies=True).localize(surface(3))
    assert found.details["copied_share"] == 0
    assert found.verdict == "nothing found"
