import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datasets.inpainting import INPAINTERS
from datasets.manipulations import HARMLESS, MANIPULATIONS, Manipulated, Manipulation, harmless
from datasets.manipulations.base import PictureEdit
from datasets.manipulations.drawn import sticker, text
from datasets.manipulations.inpainted import Inpainted, hole
from datasets.manipulations.local import Splice, colour, copy_move, splice
from datasets.manipulations.regions import AREA, region

LOCAL = [name for name, edit in MANIPULATIONS.items() if edit.family == "local"]
QUICK = [*LOCAL, "telea", *HARMLESS]
REGISTERED = {**MANIPULATIONS, **HARMLESS}
SOFT = 9
"""A soft edge of 1 pixel of sigma cannot be seen in 8 bits beyond half of this."""


@pytest.fixture
def pictures(photograph) -> np.ndarray:
    return np.stack([photograph, photograph[::-1], photograph[:, ::-1]])


def _differences(result: Manipulated, image: np.ndarray) -> np.ndarray:
    return np.abs(result.image.astype(int) - image).max(axis=2)


def _differs(result: Manipulated, image: np.ndarray) -> np.ndarray:
    return _differences(result, image) > 0


def _grown(mask: np.ndarray) -> np.ndarray:
    return cv2.dilate(mask, np.ones((SOFT, SOFT), np.uint8)) == 1


# Regions


@settings(deadline=None, max_examples=60)
@given(st.integers(64, 200), st.integers(64, 200), st.integers(0, 2**32))
def test_a_region_has_the_promised_area(height, width, seed):
    mask = region(height, width, seed)
    assert mask.shape == (height, width) and mask.dtype == np.uint8
    assert set(np.unique(mask)) == {0, 1}
    assert AREA[0] <= mask.mean() <= AREA[1]


def test_a_region_can_have_a_given_area():
    areas = [region(80, 90, seed, pixels=1000).sum() for seed in range(30)]
    # More only where the last pixels are at the same distance: a row of a rectangle.
    assert min(areas) == 1000 and max(areas) < 1000 + 90


def test_regions_are_of_all_sizes():
    shares = [region(64, 64, seed).mean() for seed in range(200)]
    assert min(shares) < 0.05 and max(shares) > 0.26
    assert 0.12 < np.mean(shares) < 0.16


def test_regions_differ_in_shape():
    def fill(mask):
        # Share of the smallest upright or turned box, and number of pieces.
        points = cv2.findNonZero(mask)
        (_, (a, b), _), pieces = cv2.minAreaRect(points), cv2.connectedComponents(mask)[0] - 1
        return mask.sum() / max(a * b, 1), pieces

    fills, pieces = zip(*(fill(region(128, 128, seed)) for seed in range(80)), strict=True)
    assert min(fills) < 0.5 and max(fills) > 0.98
    assert max(pieces) > 1


# All manipulations


@pytest.mark.parametrize("name", QUICK)
@pytest.mark.parametrize("shape", [(64, 64), (65, 117)])
def test_results_are_pictures_with_masks(name, shape):
    images = np.random.default_rng(0).integers(0, 256, (2, *shape, 3), np.uint8)
    before = images.copy()
    for seeds in ([0, 1], [2, 3], [4, 5]):
        results = REGISTERED[name](images, seeds)
        assert len(results) == 2
        for result in results:
            assert result.image.shape == (*shape, 3) and result.image.dtype == np.uint8
            assert result.mask.shape == shape and result.mask.dtype == np.uint8
            assert set(np.unique(result.mask)) <= {0, 1}
            assert not np.shares_memory(result.image, images)
    np.testing.assert_array_equal(images, before)


@pytest.mark.parametrize("name", QUICK)
def test_results_follow_from_picture_and_seed(pictures, name):
    first, second, third = REGISTERED[name](pictures, [5, 6, 5])
    again = REGISTERED[name](pictures, [5, 6, 7])
    for one, other in [(first, again[0]), (second, again[1])]:
        np.testing.assert_array_equal(one.image, other.image)
        np.testing.assert_array_equal(one.mask, other.mask)
    assert (third.image != again[2].image).any()


@pytest.mark.parametrize("name", [*LOCAL, "telea"])
def test_nothing_outside_the_mask_changes_but_the_soft_edge(pictures, name):
    for seeds in np.arange(18).reshape(6, 3):
        for result, image in zip(REGISTERED[name](pictures, seeds), pictures, strict=True):
            assert not _differs(result, image)[~_grown(result.mask)].any()


@pytest.mark.parametrize("name", [*LOCAL, "telea"])
def test_the_mask_is_where_noise_was_replaced(name):
    images = np.random.default_rng(0).integers(0, 256, (2, 128, 160, 3), np.uint8)
    for seeds in np.arange(12).reshape(6, 2):
        for result, image in zip(REGISTERED[name](images, seeds), images, strict=True):
            assert 0.03 <= result.mask.mean() <= 0.32
            inside = cv2.erode(result.mask, np.ones((3, 3), np.uint8)) == 1
            assert _differs(result, image)[inside].mean() > 0.95


@pytest.mark.parametrize("name", ["splice", "blur_region", "pixelate", "colour", "erase"])
def test_edits_share_the_region_of_a_seed(pictures, name):
    for seed in range(6):
        result = REGISTERED[name](pictures, [seed, 0, 0])[0]
        expected = region(*pictures.shape[1:3], seed)
        # A soft edge rounds corners off.
        assert (result.mask != expected).mean() < 0.005


@pytest.mark.parametrize(
    ("images", "seeds", "message"),
    [
        (np.zeros((1, 64, 64, 3), np.float32), [0], "uint8 pictures of shape"),
        (np.zeros((64, 64, 3), np.uint8), [0], "uint8 pictures of shape"),
        (np.zeros((1, 63, 64, 3), np.uint8), [0], "at least 64x64 pixels, got 64x63"),
        (np.zeros((2, 64, 64, 3), np.uint8), [0], "a seed for each of 2 pictures"),
    ],
)
def test_bad_batches_are_refused(images, seeds, message):
    with pytest.raises(ValueError, match=message):
        MANIPULATIONS["erase"](images, seeds)


def test_names_and_families():
    for name, manipulation in REGISTERED.items():
        assert isinstance(manipulation, Manipulation) and manipulation.name == name
    assert all(edit.family == "harmless" for edit in HARMLESS.values())
    assert {name for name, m in MANIPULATIONS.items() if m.family == "inpainting"} == {*INPAINTERS}
    with pytest.raises(ValueError, match="Unknown family 'locale'"):
        PictureEdit("x", "locale", text)


# Single edits


def test_splice_takes_its_pixels_from_the_batch():
    images = np.stack([np.full((64, 64, 3), level, np.uint8) for level in (0, 100, 200)])
    levels = set()
    for seed in range(40):
        result = MANIPULATIONS["splice"](images, [seed] * 3)[0]
        levels.add(round(float(result.image[_inner(result.mask)].mean()) / 20))
    # Levels 100 and 200, or up to 80 % of the way from there to 0.
    assert min(levels) >= 1 and max(levels) in (9, 10) and len(levels) > 3


def _inner(mask: np.ndarray) -> np.ndarray:
    inner = cv2.erode(mask, np.ones((5, 5), np.uint8)) == 1
    return inner if inner.any() else mask == 1


def test_splice_of_one_picture_needs_a_donor(photograph):
    with pytest.raises(ValueError, match="second picture"):
        Splice()(photograph[None], [0])
    [result] = Splice([np.zeros((20, 300, 3), np.uint8)])(photograph[None], [0])
    assert _differs(result, photograph)[result.mask == 1].mean() > 0.9


def test_splice_pastes_texture_of_the_donor(photograph):
    donor = np.random.default_rng(0).integers(0, 256, (300, 40, 3), np.uint8)
    flat = np.full_like(photograph, 128)
    for seed in range(5):
        result = splice(flat, donor, seed)
        assert result.image[result.mask == 1].std() > 20


def test_copy_move_moves_by_at_least_16_pixels():
    # Every pixel tells its place.
    y, x = np.mgrid[:96, :140].astype(np.uint8)
    image = np.stack([y, x, np.zeros_like(x)], axis=2)
    for seed in range(40):
        result = copy_move(image, seed)
        inside = _inner(result.mask)
        moves = (image.astype(int) - result.image)[inside][:, :2]
        move = np.median(moves, axis=0)
        assert 16 <= np.hypot(*move) <= 0.35 * 96 + 2
        assert (moves == move).all(axis=1).mean() > 0.95
        assert (result.mask.mean() >= 0.03) and (result.mask.mean() <= 0.31)


def test_blur_takes_detail_away_and_pixelation_makes_squares():
    images = np.random.default_rng(0).integers(0, 256, (2, 256, 256, 3), np.uint8)
    for seeds in ([0, 1], [2, 3]):
        for name in ("blur_region", "pixelate"):
            for result in MANIPULATIONS[name](images, seeds):
                assert result.image[_inner(result.mask)].std() < 30
    inner = _inner(result.mask)
    flat = (np.diff(result.image.astype(int), axis=1) == 0).all(axis=2)
    assert flat[inner[:, 1:] & inner[:, :-1]].mean() > 0.8


def test_blur_of_a_flat_sky_still_tells_its_region():
    images = np.full((2, 64, 64, 3), 200, np.uint8)
    for result in MANIPULATIONS["blur_region"](images, [0, 1]):
        assert (result.image == 200).all() and result.mask.mean() >= 0.03


@pytest.mark.parametrize("level", [0, 3, 128, 250, 255])
def test_colour_changes_can_be_seen_even_on_grey(level):
    image = np.full((64, 64, 3), level, np.uint8)
    for seed in range(40):
        result = colour(image, seed)
        changes = np.abs(result.image.astype(int) - image).mean(axis=2)
        assert changes[_inner(result.mask)].mean() >= 8 - 0.5


def test_colour_changes_of_a_photograph_can_be_seen(photograph):
    for seed in range(40):
        result = colour(photograph, seed)
        assert np.abs(result.image.astype(int) - photograph)[_inner(result.mask)].mean() >= 7.5


@pytest.mark.parametrize("edit", [text, sticker])
@pytest.mark.parametrize("size", [(64, 64), (256, 256), (100, 300), (300, 100)])
def test_drawings_have_the_promised_area_and_can_be_seen(edit, size):
    for level in (0, 128, 255):
        image = np.full((*size, 3), level, np.uint8)
        for seed in range(15):
            result = edit(image, seed)
            assert 0.03 <= result.mask.mean() <= 0.31
            assert _differences(result, image)[result.mask == 1].max() > 25


def test_erasing_takes_the_object_away():
    image = np.full((128, 128, 3), 90, np.uint8)
    seed = next(seed for seed in range(99) if np.random.default_rng([seed, 1]).random() < 0.25)
    chosen = region(128, 128, seed) == 1
    image[chosen] = 250
    result = MANIPULATIONS["erase"](image[None], [seed])[0]
    assert abs(result.image[chosen].mean() - 90) < 3


def test_erasing_fills_smoothly_between_its_surroundings():
    ramp = np.repeat(np.linspace(0, 255, 128).astype(np.uint8)[None, :, None], 128, axis=0)
    images = np.repeat(ramp, 3, axis=2)[None]
    seeds = [s for s in range(99) if np.random.default_rng([s, 1]).random() < 0.5][:10]
    errors = []
    for seed in seeds:
        [result] = MANIPULATIONS["erase"](images, [seed])
        errors.append(np.abs(result.image.astype(int) - images[0])[result.mask == 1].mean())
    assert max(errors) < 40


# Inpainting


def test_holes_are_strokes_and_regions_in_the_promised_bounds():
    shares, regions = [], 0
    for seed in range(60):
        mask = hole(64, 96, seed)
        shares.append(mask.mean())
        regions += bool((mask == region(64, 96, seed)).all())
    assert AREA[0] <= min(shares) and max(shares) <= AREA[1]
    assert 20 < regions < 50


def test_inpainting_fills_the_hole_of_the_seed(pictures):
    results = Inpainted("ns")(pictures, [1, 2, 3])
    for result, image, seed in zip(results, pictures, [1, 2, 3], strict=True):
        np.testing.assert_array_equal(result.mask, hole(*image.shape[:2], seed))
        assert not _differs(result, image)[result.mask == 0].any()
        assert _differs(result, image)[result.mask == 1].mean() > 0.5


def test_an_unknown_inpainter_is_refused():
    with pytest.raises(ValueError, match="Unknown inpainter 'magic'; known are: telea"):
        Inpainted("magic")


# Harmless changes


@pytest.mark.parametrize("name", HARMLESS)
def test_harmless_changes_are_mild_and_differ_in_strength(photograph, name):
    images = np.repeat(photograph[None], 6, axis=0)
    results = HARMLESS[name](images, range(6))
    errors = [float(np.square(r.image - photograph.astype(float)).mean()) for r in results]
    assert not any(result.mask.any() for result in results)
    assert len(set(errors)) > 3
    assert max(errors) < 26**2  # 10 % of contrast and of brightness; the others are far below
    assert min(errors) > 0


@pytest.mark.parametrize("name", sorted(HARMLESS.keys() - {"brightness"}))
def test_harmless_changes_keep_the_detail(photograph, name):
    for seed in range(4):
        [result] = HARMLESS[name](photograph[None], [seed])
        error = np.square(result.image - photograph.astype(float)).mean()
        assert 10 * np.log10(255**2 / error) > 24


def test_brightness_stays_in_its_bounds():
    middle = np.full((200, 64, 64, 3), 128, np.uint8)
    levels = [result.image[0, 0, 0] for result in HARMLESS["brightness"](middle, range(200))]
    assert 102 <= min(levels) < 110 and 146 < max(levels) <= 154


def test_harmless_draws_every_kind_and_none(photograph):
    images = np.repeat(photograph[None, :64, :64], 60, axis=0)
    changed = harmless(images, range(60))
    assert changed.shape == images.shape and changed.dtype == np.uint8
    np.testing.assert_array_equal(changed, harmless(images, range(60)))
    made = {name: kind(images, range(60)) for name, kind in HARMLESS.items()}
    drawn = [
        next((name for name in made if np.array_equal(made[name][i].image, changed[i])), "none")
        for i in range(60)
    ]
    same = (changed == images).all(axis=(1, 2, 3))
    assert 2 <= same.sum() <= 20
    # A kind may leave a picture as it is, but what changed was changed by one of them.
    assert {name for name, unchanged in zip(drawn, same, strict=True) if not unchanged} == {
        *HARMLESS
    }
