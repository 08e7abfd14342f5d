"""Histories: the same for the same seed, what each step does, and what forgeries keep."""

import dataclasses

import numpy as np
import pytest

from datasets.history import (
    STEPS,
    HistoryRecipe,
    apply_history,
    composite,
    forge_with_history,
    random_history,
)
from datasets.photographs.sources import bundled_photographs
from datasets.training_sets import ForgedPhotographs
from irl_keras.layers import PhaseProfiles

RECIPE = HistoryRecipe(size=64)
EXAMPLES = {
    "noise": (4.0, 7),
    "resample": (0.7,),
    "sharpen": (1.0, 0.8),
    "jpeg": (70, "4:2:0", 3, 5),
    "webp": (70,),
}


def forged(photograph, seed, **changes):
    rng = np.random.default_rng(seed)
    return forge_with_history(photograph, dataclasses.replace(RECIPE, **changes), rng)


@pytest.mark.parametrize("kind", STEPS)
def test_each_step_changes_pixels_but_neither_size_nor_content(kind, photograph):
    before = photograph.copy()
    after = apply_history(photograph, ((kind, EXAMPLES[kind]),))
    np.testing.assert_array_equal(photograph, before)
    assert after.shape == photograph.shape and after.dtype == np.uint8
    difference = np.abs(after.astype(float) - photograph)
    assert 0.3 < difference.mean() < 12
    again = apply_history(photograph, ((kind, EXAMPLES[kind]),))
    np.testing.assert_array_equal(after, again)


def test_no_history_leaves_a_copy(photograph):
    same = apply_history(photograph, ())
    np.testing.assert_array_equal(same, photograph)
    assert same is not photograph


def test_the_grid_begins_where_the_offset_says(photograph):
    def phase(offset):
        image = apply_history(photograph, (("jpeg", (40, "4:4:4", 0, offset)),))
        profiles = np.asarray(PhaseProfiles()(image[None]))[0, ..., :8]
        return np.median(profiles, axis=(0, 1))

    moved = [phase(offset) for offset in range(8)]
    for offset in range(1, 8):
        here, there = np.roll(moved[0], -offset), moved[offset]
        assert np.corrcoef(here, there)[0, 1] > 0.8


def test_noise_is_stronger_in_the_shadows():
    def deviation(level):
        flat = np.full((128, 128, 3), level, np.uint8)
        return apply_history(flat, (("noise", (4.0, 0)),)).std()

    assert deviation(60) > 1.3 * deviation(190) > 1.3


def test_the_same_seed_gives_the_same_bytes_and_others_differ(photograph):
    crops = [forged(photograph, seed) for seed in range(12)]
    for seed, crop in enumerate(crops):
        for one, other in zip(crop, forged(photograph, seed), strict=True):
            np.testing.assert_array_equal(one, other)
    assert len({crop.image.tobytes() for crop in crops}) == 12


def test_untouched_crops_have_no_mask(photograph):
    for seed in range(10):
        crop = forged(photograph, seed, untouched=1, history_only=0, filled=0, afterwards=0)
        assert not crop.mask.any()
        np.testing.assert_array_equal(crop.image, crop.original)


@pytest.mark.parametrize("kind", ["history_only", "filled"])
def test_nothing_outside_the_mask_differs_from_the_host(kind, photograph):
    shares = {"untouched": 0, "history_only": 0, "filled": 0, kind: 1}
    changed = []
    for seed in range(20):
        crop = forged(photograph, seed, **shares, afterwards=0)
        outside = crop.mask == 0
        np.testing.assert_array_equal(crop.image[outside], crop.original[outside])
        changed.append((crop.image != crop.original)[~outside].any(axis=-1).mean())
    assert np.median(changed) > 0.5


def test_content_of_another_history_stays_the_content(photograph):
    for seed in range(20):
        crop = forged(photograph, seed, untouched=0, history_only=1, filled=0, afterwards=0)
        assert np.abs(crop.image.astype(float) - crop.original).mean() < 12


def test_recipes_without_anyother_history_are_refused(photograph):
    none = {"compressed": 0, "noisy": 0, "sharpened": 0, "resampled": 0}
    with pytest.raises(ValueError, match="one kind"):
        forged(photograph, 0, untouched=0, history_only=1, filled=0, **none)


def test_a_history_afterwards_covers_the_whole_crop(photograph):
    outside = []
    for seed in range(20):
        crop = forged(photograph, seed, untouched=0, filled=1, history_only=0, afterwards=1)
        difference = (crop.image != crop.original).any(axis=-1)
        outside.append(difference[crop.mask == 0].mean())
    assert np.mean(np.array(outside) > 0.1) > 0.7


def test_shares_of_crops_and_steps_follow_the_recipe(photograph):
    crops = [forged(photograph, seed, untouched=0.5) for seed in range(200)]
    assert 0.4 < np.mean([not crop.mask.any() for crop in crops]) < 0.6
    rng = np.random.default_rng(0)
    kinds = [[step.kind for step in random_history(RECIPE, rng)] for _ in range(500)]
    assert abs(np.mean(["noise" in k for k in kinds]) - RECIPE.noisy) < 0.07
    ends = np.mean([k[-1:] in (["jpeg"], ["webp"]) for k in kinds])
    assert abs(ends - RECIPE.compressed) < 0.07


def test_soft_edges_stay_inside_the_mask():
    host, fill = np.zeros((32, 32, 3), np.uint8), np.full((32, 32, 3), 200, np.uint8)
    mask = np.zeros((32, 32), np.uint8)
    mask[8:24, 8:24] = 1
    hard, soft = composite(host, fill, mask, 0), composite(host, fill, mask, 3)
    assert not soft[mask == 0].any() and (hard[mask == 1] == 200).all()
    assert (soft[16, 16] == 200).all() and 0 < soft[16, 8, 0] < 100


def test_a_training_set_gives_the_same_sample_in_any_order():
    def open_set():
        return ForgedPhotographs(bundled_photographs("train")[:3], RECIPE, 4, forge_with_history)

    one, other = open_set(), open_set()
    other.sample(9)
    for index in (2, 9, 5):
        for a, b in zip(one.sample(index), other.sample(index), strict=True):
            np.testing.assert_array_equal(a, b)
    image, mask = one.sample(2)
    assert image.shape == (64, 64, 3) and mask.shape == (64, 64, 1)
