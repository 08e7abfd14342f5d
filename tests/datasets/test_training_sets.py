"""Training sets and their tf.data pipeline: random access, order, resuming, pairs."""

from dataclasses import replace

import numpy as np
import pytest

from datasets.forging import ForgingRecipe, whole_picture
from datasets.pairs import find_pairs
from datasets.photographs.sources import bundled_photographs
from datasets.tf_data import training_dataset
from datasets.training_sets import CroppedPairs, ForgedPhotographs, Mixture
from forensics_keras.images import write_png

RECIPE = ForgingRecipe(size=32, mask_size=64, untouched=0.2, degradations={"noise": (1.0, 1, 5)})


@pytest.fixture(scope="module")
def forged():
    return ForgedPhotographs(bundled_photographs("train")[:3], RECIPE, seed=5)


def test_samples_depend_on_seed_and_number_alone(forged):
    again = ForgedPhotographs(forged.photographs, RECIPE, seed=5)
    for index in (7, 0, 7):
        for a, b in zip(forged.sample(index), again.sample(index), strict=True):
            np.testing.assert_array_equal(a, b)
    other = ForgedPhotographs(forged.photographs, RECIPE, seed=6)
    assert not np.array_equal(forged.sample(0)[0], other.sample(0)[0])
    assert not np.array_equal(forged.sample(0)[0], forged.sample(3)[0])


def test_every_pass_takes_each_photograph_once(forged, monkeypatch):
    taken = []
    cache = forged._cache
    monkeypatch.setattr(
        forged, "_cache", type("Spy", (), {"get": lambda _, k: taken.append(k) or cache.get(k)})()
    )
    for index in range(30):
        forged.sample(index)
    passes = [tuple(taken[i : i + 3]) for i in range(0, 30, 3)]
    assert all(sorted(one) == sorted(forged.photographs) for one in passes)
    assert len(set(passes)) > 1


def test_pipeline_batches_in_order_and_goes_on_where_it_stopped(forged):
    batches = list(training_dataset(forged, 4).take(3))
    images, masks = batches[2]
    assert images.shape == (4, 32, 32, 3) and masks.shape == (4, 32, 32, 1)
    for offset in range(4):
        np.testing.assert_array_equal(images[offset], forged.sample(8 + offset)[0])
        np.testing.assert_array_equal(masks[offset], forged.sample(8 + offset)[1])
    resumed = next(iter(training_dataset(forged, 4, first_sample=8)))
    np.testing.assert_array_equal(resumed[0], images)


def test_pairs_are_cropped_together(tmp_path):
    rng = np.random.default_rng(0)
    for name, (height, width) in {"large": (60, 80), "small": (20, 50), "plain": (40, 40)}.items():
        mask = (rng.random((height, width)) > 0.5).astype(np.uint8)
        write_png(tmp_path / "image" / f"{name}.png", np.repeat(mask[..., None] * 200, 3, axis=2))
        if name != "plain":
            write_png(tmp_path / "mask" / f"{name}.png", mask * 255)
    pairs = CroppedPairs(find_pairs(tmp_path), ForgingRecipe(size=32), seed=0)
    empty = 0
    for index in range(12):
        image, mask = pairs.sample(index)
        assert image.shape == (32, 32, 3) and mask.shape == (32, 32, 1)
        if mask.any():
            np.testing.assert_array_equal(image[..., :1], 200 * mask)
        else:
            empty += 1
    assert empty == 4


def test_a_mixture_draws_by_weight(forged):
    untouched = ForgedPhotographs(forged.photographs, replace(RECIPE, untouched=1.0), seed=5)
    telea = ForgedPhotographs(forged.photographs, replace(RECIPE, untouched=0.0), seed=5)
    mixture = Mixture([(untouched, 3), (telea, 1)], seed=1)
    drawn = [mixture.sample(index)[1].any() for index in range(200)]
    assert 0.15 < np.mean(drawn) < 0.35
    for index in (4, 0, 4):
        chosen = telea if drawn[index] else untouched
        for a, b in zip(mixture.sample(index), chosen.sample(index), strict=True):
            np.testing.assert_array_equal(a, b)


def test_whole_pairs_are_scaled_and_not_mirrored():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (40, 30, 3), np.uint8)
    mask = np.zeros((40, 30), np.uint8)
    mask[:20, :15] = 1
    recipe = ForgingRecipe(size=20, whole=True)
    pairs = CroppedPairs([0], recipe, 0, read=lambda _: (image, mask))
    for index in range(6):
        found, holes = pairs.sample(index)
        np.testing.assert_array_equal(found, whole_picture(image, 20))
        np.testing.assert_array_equal(holes[..., 0][:10, :10], 1)
        assert holes.dtype == np.uint8 and holes.sum() == 100
