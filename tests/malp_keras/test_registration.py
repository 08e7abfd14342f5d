"""Finding a template: where it lies, and that it is not found where there is none."""

import cv2
import numpy as np
import pytest

from malp_keras import registration, visibility
from malp_keras.keyed_template import PITCH
from malp_keras.registration import register
from tests.helpers.keyed_pictures import copy, jpeg, photograph, protector, scaled


def place_of(picture):
    return register(protector().template, visibility.luma(np.ascontiguousarray(picture)))


def corner(place):
    return place.to_plane[:, 2] % PITCH


def test_an_untouched_copy_lies_at_the_origin():
    place = place_of(copy())
    assert place.z > 15
    np.testing.assert_array_equal(place.to_plane, np.eye(2, 3))
    assert (place.scale, place.mirrored, place.turned) == (1, False, 0)


@pytest.mark.parametrize("left, top", [(37, 61), (128, 5), (140, 130)])
def test_crops_are_placed_to_the_pixel(left, top):
    place = place_of(copy()[top : top + 200, left : left + 230])
    np.testing.assert_array_equal(corner(place), (left % PITCH, top % PITCH))


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("mirrored", [False, True])
def test_turns_and_mirrors_are_told(turns, mirrored):
    picture = copy()[:300, :260]
    picture = np.rot90(picture[:, ::-1] if mirrored else picture, turns)
    place = place_of(jpeg(picture, 80))
    assert place.z > registration._SURE
    assert (place.turned, place.mirrored) == (90 * turns, mirrored)
    assert place.scale == 1


@pytest.mark.parametrize("factor, quality", [(0.5, 90), (0.71, 75), (1.37, 75), (2.6, 80)])
def test_scales_are_found_to_a_pixel(factor, quality):
    picture = jpeg(scaled(copy(), factor), quality)
    place = place_of(picture)
    assert place.z > 7.5
    far = place.to_plane @ [*np.array(picture.shape[1::-1]) - 0.5, 1]
    error = (far - (384 - 0.5) + PITCH / 2) % PITCH - PITCH / 2
    assert np.abs(error).max() < 1


def test_a_small_turn_is_fitted():
    matrix = cv2.getRotationMatrix2D((192, 192), 0.4, 1)
    turned = cv2.warpAffine(copy(), matrix, (384, 384), flags=cv2.INTER_CUBIC)
    found = place_of(turned[20:360, 20:360]).to_plane[:, :2]
    assert np.degrees(np.arctan2(found[1, 0], found[0, 0])) == pytest.approx(0.4, abs=0.1)


def test_photographs_and_other_keys_have_no_template():
    assert place_of(photograph()).z < 6.2
    assert place_of(copy(letter="x")).z < 6.2
    flat = np.full((200, 200, 3), 128, np.uint8)
    assert place_of(flat).z < 6.2


def test_whitened_pictures_are_like_noise():
    noise = registration.whitened(visibility.luma(photograph()))
    assert noise.std() == pytest.approx(1, abs=0.1) and abs(noise.mean()) < 0.1
    shifted = np.mean(noise[:, 1:] * noise[:, :-1])
    assert abs(shifted) < 0.3


def test_folding_keeps_the_place():
    values = np.zeros((20, 300), np.float32)
    values[3, 5] = values[3, 5 + PITCH] = 1
    folded = registration.fold(values, top=-4, left=10)
    assert folded[PITCH - 1, 15] == 2 and folded.sum() == 2
