"""The inpainters' interface, the same for all of them."""

import numpy as np
import pytest

from datasets.forging import forge
from datasets.inpainting import FAMILIES, INPAINTERS, inpaint, member, weights_sha256
from datasets.inpainting.learned import WEIGHTS
from datasets.masks import free_form_mask

# Those that only leave traces keep what is in the hole; all others must not see it.
SEEING = (*FAMILIES["resynth"], *FAMILIES["networks"], "upsampling")
BLIND = [name for name in INPAINTERS if name not in SEEING]


FILLS = {}
"""The hole in the photograph and its fill, which several tests look at, by inpainter."""


def fill(name, image, mask):
    return inpaint(name, image[None], mask[None])[0]


def hole_and_fill(name, photograph):
    if name not in FILLS:
        mask = free_form_mask(*photograph.shape[:2], seed=1)
        FILLS[name] = mask, fill(name, photograph, mask)
    return FILLS[name]


@pytest.mark.parametrize("name", INPAINTERS)
def test_fills_the_hole_and_nothing_else(name, photograph):
    before = photograph.copy()
    mask, filled = hole_and_fill(name, photograph)
    assert filled.dtype == np.uint8 and filled.shape == photograph.shape
    np.testing.assert_array_equal(filled[mask == 0], photograph[mask == 0])
    assert (filled[mask == 1] != photograph[mask == 1]).any(axis=-1).mean() > 0.5
    np.testing.assert_array_equal(photograph, before)
    np.testing.assert_array_equal(mask, free_form_mask(*photograph.shape[:2], seed=1))


@pytest.mark.parametrize("name", BLIND)
def test_does_not_see_what_was_in_the_hole(name, photograph):
    mask, filled = hole_and_fill(name, photograph)
    # The fill depends on the surroundings, not on what was in the hole (but for a few pixels where
    # the hole meets the picture's border, which OpenCV lets through).
    blanked = np.where(mask[..., None] == 1, 255, photograph).astype(np.uint8)
    assert (fill(name, blanked, mask) != filled).mean() < 0.005


@pytest.mark.parametrize("name", ("telea", "ns", "patch"))
def test_continues_a_flat_picture(name):
    flat = np.full((64, 48, 3), (10, 100, 200), np.uint8)
    filled = fill(name, flat, free_form_mask(64, 48, seed=0))
    # Telea extrapolates along gradients and ends a few levels off.
    np.testing.assert_allclose(filled.astype(int), flat, atol=3)


def test_the_inpainters_differ(photograph):
    fills = [hole_and_fill(name, photograph)[1].tobytes() for name in INPAINTERS]
    assert len(set(fills)) == len(fills)


def test_errors_name_the_cause(photograph):
    with pytest.raises(ValueError, match="unknown-one.*telea"):
        fill("unknown-one", photograph, np.zeros(photograph.shape[:2], np.uint8))
    with pytest.raises(ValueError, match="do not fit"):
        fill("telea", photograph, np.zeros((5, 5), np.uint8))


def test_a_family_stands_for_each_of_its_members(photograph):
    members = FAMILIES["resynth"]
    assert len(members) == 12 and set(members) <= set(INPAINTERS)
    drawn = [member("resynth", seed) for seed in range(200)]
    assert set(drawn) == set(members)
    assert drawn[:20] == [member("resynth", seed) for seed in range(20)]
    assert member("telea", 0) == "telea"
    one, other = (forge(photograph, 64, 3, name) for name in ("resynth", member("resynth", 3)))
    np.testing.assert_array_equal(one.image, other.image)
    assert one.mask.any()


@pytest.mark.parametrize("name", FAMILIES["resynth"])
def test_resynthesis_keeps_the_content(name, photograph):
    mask, filled = hole_and_fill(name, photograph)
    hole = mask == 1
    levels = photograph[hole].astype(int)
    error = np.abs(filled[hole] - levels).mean()
    assert 0.5 < error < 0.7 * np.abs(levels - levels.mean(axis=0)).mean()


def test_networks_name_their_weights():
    assert weights_sha256("telea") is None
    for name in FAMILIES["resynth"]:
        assert weights_sha256(name) == WEIGHTS.card(name)["sha256"]
