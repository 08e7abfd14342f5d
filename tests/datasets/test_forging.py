"""Forging one photograph, for measuring and for training."""

import numpy as np
import pytest
from PIL import Image

from datasets.degradations import degrade
from datasets.forging import ForgingRecipe, forge, forge_for_training, whole_picture
from datasets.inpainting import INPAINTERS, inpaint


@pytest.mark.parametrize("size", [96, 224, 300])  # inside, beyond one side, beyond both
def test_a_forgery_is_the_degraded_composite(photograph, size):
    clean = forge(photograph, size, 3, "telea")
    assert clean.image.shape == clean.original.shape == (size, size, 3)
    assert clean.mask.shape == (size, size) and clean.mask.any()
    np.testing.assert_array_equal(
        clean.image, inpaint("telea", clean.original[None], clean.mask[None])[0]
    )
    after_jpeg = forge(photograph, size, 3, "telea", "jpeg:75")
    np.testing.assert_array_equal(after_jpeg.image, degrade(clean.image, "jpeg:75"))
    np.testing.assert_array_equal(after_jpeg.mask, clean.mask)


def test_crop_and_mask_depend_on_the_seed_alone(photograph):
    forgeries = [
        forge(photograph, 96, 3, inpainter, degradation)
        for inpainter in INPAINTERS
        for degradation in ("clean", "noise:3")
    ]
    for forgery in forgeries[1:]:
        np.testing.assert_array_equal(forgery.original, forgeries[0].original)
        np.testing.assert_array_equal(forgery.mask, forgeries[0].mask)
    other = forge(photograph, 96, 4, "telea")
    assert not np.array_equal(other.mask, forgeries[0].mask)
    assert not np.array_equal(other.original, forgeries[0].original)


def test_an_untouched_picture_has_an_empty_mask(photograph):
    untouched = forge(photograph, 96, 3, None)
    assert not untouched.mask.any()
    np.testing.assert_array_equal(untouched.image, untouched.original)


def test_unknown_names_are_refused(photograph):
    with pytest.raises(ValueError, match="unknown-one"):
        forge(photograph, 96, 0, "unknown-one")
    with pytest.raises(ValueError, match="jpeg:900"):
        forge(photograph, 96, 0, "telea", "jpeg:900")


def training_crops(photograph, recipe, count=60):
    return [
        forge_for_training(photograph, recipe, np.random.default_rng(seed)) for seed in range(count)
    ]


def test_training_crops_follow_the_recipe(photograph):
    recipe = ForgingRecipe(
        size=48, mask_size=96, untouched=0.3, min_scale=0.5, degradations={"jpeg": (1.0, 70, 90)}
    )
    crops = training_crops(photograph, recipe)
    assert all(crop.image.shape == (48, 48, 3) for crop in crops)
    untouched = np.mean([not crop.mask.any() for crop in crops])
    assert 0.1 < untouched < 0.5
    shares = [crop.mask.mean() for crop in crops if crop.mask.any()]
    assert max(shares) <= 0.9 and len(set(shares)) > 20
    again = training_crops(photograph, recipe)
    assert all(np.array_equal(a.image, b.image) for a, b in zip(crops, again, strict=True))


def test_training_uses_each_inpainter_by_its_weight(photograph):
    recipe = ForgingRecipe(size=64, mask_size=64, inpainters={"telea": 1.0, "ns": 0.0})
    for crop in training_crops(photograph, recipe, 10):
        expected = inpaint("telea", crop.original[None], crop.mask[None])[0]
        np.testing.assert_array_equal(crop.image, expected)


@pytest.mark.parametrize("shape", [(218, 178), (100, 300)])
def test_whole_pictures_are_scaled_as_the_authors_program_does_and_never_turned(photograph, shape):
    photograph = np.ascontiguousarray(photograph[: shape[0], : shape[1]])
    expected = np.asarray(Image.fromarray(photograph).resize((64, 64)))  # Pillow's own default
    recipe = ForgingRecipe(size=64, mask_size=64, whole=True)
    crops = training_crops(photograph, recipe, 12)
    assert len({crop.mask.tobytes() for crop in crops}) > 6
    for crop in crops:
        np.testing.assert_array_equal(crop.original, expected)
    np.testing.assert_array_equal(forge(photograph, 64, 5, "ns", whole=True).original, expected)
    same = whole_picture(expected, 64)
    np.testing.assert_array_equal(same, expected)
