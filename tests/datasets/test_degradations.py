import re

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from datasets.degradations import degrade, parse, random_degradation

SPECS = ["clean", "jpeg:75", "webp:80", "blur:1.0", "noise:5", "resize:0.75"]
RANGES = {
    "clean": (0.3,),
    "jpeg": (0.3, 60, 100),
    "webp": (0.1, 60, 100),
    "blur": (0.1, 0.001, 1.5),
    "noise": (0.1, 1, 8),
    "resize": (0.1, 0.5, 0.95),
}


def _difference(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a.astype(np.float64) - b).mean())


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 9, 3), (17, 31, 3)])
def test_shape_dtype_and_input_are_kept(spec, shape):
    image = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    before = image.copy()
    degraded = degrade(image, spec)
    assert degraded.shape == shape and degraded.dtype == np.uint8
    assert not np.shares_memory(degraded, image)
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize("spec", SPECS)
def test_seed_decides_the_noise_and_nothing_else(photograph, spec):
    first = degrade(photograph, spec, seed=1)
    np.testing.assert_array_equal(first, degrade(photograph, spec, seed=1))
    assert np.array_equal(first, degrade(photograph, spec, seed=2)) == (spec != "noise:5")


@pytest.mark.parametrize(
    "specs",
    [
        ["jpeg:100", "jpeg:90", "jpeg:75", "jpeg:30"],
        ["webp:100", "webp:90", "webp:75", "webp:30"],
        ["blur:0.3", "blur:1", "blur:3"],
        ["noise:1", "noise:5", "noise:20"],
        ["resize:0.9", "resize:0.5", "resize:0.25"],
    ],
)
def test_strength_grows(photograph, specs):
    differences = [_difference(degrade(photograph, spec), photograph) for spec in ["clean", *specs]]
    assert differences[0] == 0
    assert differences == sorted(differences) and len(set(differences)) == len(differences)
    assert differences[-1] < 40  # still the same picture, its channels in the same order


def test_jpeg_has_the_tables_of_its_quality_and_halved_chroma(photograph, tmp_path):
    Image.fromarray(photograph).save(tmp_path / "a.jpg", quality=80, subsampling="4:2:0")
    other = np.asarray(Image.open(tmp_path / "a.jpg"))
    assert _difference(degrade(photograph, "jpeg:80"), other) < 1
    assert _difference(degrade(photograph, "jpeg:60"), other) > 1


def test_blur_spreads_a_point_with_its_sigma():
    image = np.zeros((41, 41, 3), np.uint8)
    image[20, 20] = 255
    image = cv2.dilate(image, np.ones((9, 9), np.uint8))
    blurred = degrade(image, "blur:2")[20, :, 0].astype(np.float64)
    offsets = np.arange(41) - 20
    variance = (blurred * offsets**2).sum() / blurred.sum()
    box = (9**2 - 1) / 12
    assert variance - box == pytest.approx(2.0**2, rel=0.05)


def test_noise_has_its_sigma_and_is_clipped():
    grey = np.full((128, 128, 3), 128, np.uint8)
    noise = degrade(grey, "noise:5", seed=3).astype(np.float64) - 128
    assert noise.std() == pytest.approx(5, rel=0.02) and abs(noise.mean()) < 0.1
    assert np.corrcoef(noise[..., 0].ravel(), noise[..., 1].ravel())[0, 1] < 0.05
    for value in (0, 255):  # no wrapping around at either end
        edge = degrade(np.full_like(grey, value), "noise:5")
        assert 1 < _difference(edge, np.full_like(grey, value)) < 3


def test_resize_removes_what_the_smaller_size_cannot_hold():
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    assert degrade(stripes, "resize:0.5")[8:-8, 8:-8].std() < 5
    flat = np.full((64, 64, 3), 90, np.uint8)
    np.testing.assert_array_equal(degrade(flat, "resize:0.5"), flat)


def test_parse():
    assert parse("clean") == ("clean", None)
    assert parse("jpeg:90") == ("jpeg", 90)
    assert parse("resize:0.75") == ("resize", 0.75)


@pytest.mark.parametrize(
    "spec",
    ["", "jpeg", "jpeg:", "jpeg:0", "jpeg:101", "jpeg:90.5", "jpeg:x", "jpeg:nan", "clean:1"]
    + ["jpeg:90:2", "JPEG:90", "blur:0", "blur:inf", "blur:-1", "noise:256", "resize:1", "rot:3"],
)
def test_bad_specs_are_named_with_the_allowed_forms(spec):
    with pytest.raises(ValueError, match=re.escape(repr(spec)) + ".*clean, jpeg:Q.*resize:FACTOR"):
        parse(spec)


def test_pictures_that_cannot_be_degraded():
    with pytest.raises(ValueError, match=r"uint8 picture of shape \(H, W, 3\), got float64"):
        degrade(np.zeros((8, 8, 3)), "clean")
    with pytest.raises(ValueError, match=r"got uint8 of shape \(8, 8\)"):
        degrade(np.zeros((8, 8), np.uint8), "jpeg:90")
    with pytest.raises(ValueError, match="20000x1 pixels does not fit into a .webp"):
        degrade(np.zeros((1, 20000, 3), np.uint8), "webp:90")


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_random_degradations_are_valid_and_within_range(seed):
    spec = random_degradation(np.random.default_rng(seed), RANGES)
    assert spec == random_degradation(np.random.default_rng(seed), RANGES)
    name, strength = parse(spec)
    if name != "clean":
        _, low, high = RANGES[name]
        assert low <= strength <= high


def test_random_degradations_follow_the_weights():
    rng = np.random.default_rng(0)
    names = [parse(random_degradation(rng, RANGES))[0] for _ in range(2000)]
    for name, (weight, *_) in RANGES.items():
        assert names.count(name) / 2000 == pytest.approx(weight, abs=0.04)
    assert random_degradation(rng, {"clean": (0,), "jpeg": (1, 90, 90)}) == "jpeg:90"


OF_CLEAN = r"Expected \(weight,\) with a weight of at least 0 for 'clean', got "
OF_JPEG = r"Expected \(weight, low, high\) with a weight of at least 0 for 'jpeg', got "


@pytest.mark.parametrize(
    ("ranges", "message"),
    [
        ({}, "Expected at least one weight above 0"),
        ({"clean": (0,)}, "Expected at least one weight above 0"),
        ({"clean": ()}, OF_CLEAN + r"\(\)"),
        ({"clean": (1, 2, 3)}, OF_CLEAN + r"\(1, 2, 3\)"),
        ({"jpeg": (1, 60)}, OF_JPEG + r"\(1, 60\)"),
        ({"jpeg": (1, 90, 60)}, OF_JPEG + r"\(1, 90, 60\)"),
        ({"jpeg": (-1, 60, 90)}, OF_JPEG + r"\(-1, 60, 90\)"),
        ({"jpeg": (1, 60, 101)}, "Unknown degradation 'jpeg:101'"),
        ({"x": (1, 2, 3)}, "Unknown degradation 'x:2'"),
    ],
)
def test_bad_ranges_are_refused_whatever_is_drawn(ranges, message):
    with pytest.raises(ValueError, match=message):
        random_degradation(np.random.default_rng(0), {**ranges, "webp": (0, 60, 90)})
