"""Logistic models on maps: what they learn, what they state, and how they travel in a card."""

import dataclasses

import numpy as np
import pytest

from irl_keras.integrity import (
    Integrity,
    Logistic,
    expected_calibration_error,
    picture_features,
    pixel_features,
)


@pytest.fixture
def separable():
    """One feature that tells by a logistic law, and one that does not."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(4000, 2)) * (1, 5) + (3, 0)
    truth = rng.random(4000) < 1 / (1 + np.exp(-1.5 * (features[:, 0] - 3)))
    return features, truth


def test_a_fitted_model_states_the_share_in_which_it_comes_true(separable):
    features, truth = separable
    model = Logistic.fit(features[:2000], truth[:2000])
    stated = model(features[2000:])
    assert expected_calibration_error(stated, truth[2000:]) < 0.05
    assert abs(model.weights[0]) > 10 * abs(model.weights[1])
    # Surer than it is, it would be found out.
    assert expected_calibration_error(stated > 0.5, truth[2000:]) > 0.2


def test_weights_decide_what_counts(separable):
    features, truth = separable
    only = Logistic.fit(features, truth, np.where(truth, 1.0, 1e-6))
    assert only(features).min() > 0.9


def test_one_kind_of_picture_is_refused(separable):
    with pytest.raises(ValueError, match="forged and pristine"):
        Logistic.fit(separable[0], np.ones(4000, bool))


def test_calibration_error_is_the_distance_of_the_stated_from_the_true():
    assert expected_calibration_error([0.8] * 10, [1] * 8 + [0] * 2) == pytest.approx(0)
    assert expected_calibration_error([0.8] * 10, [1] * 5 + [0] * 5) == pytest.approx(0.3)
    mixed = [0.95] * 10 + [0.05] * 10, [0] * 10 + [0] * 10
    assert expected_calibration_error(*mixed) == pytest.approx((0.95 + 0.05) / 2)


def test_a_map_that_stands_out_somewhere_has_larger_features():
    quiet = np.full((64, 80), 0.1, np.float32)
    loud = quiet.copy()
    loud[10:40, 20:50] = 0.9
    difference = picture_features(loud) - picture_features(quiet)
    assert (difference[1:] > 0).all() and difference[0] == pytest.approx(0)


def test_a_pixel_far_from_the_threshold_in_agreement_differs_from_a_lone_one(photograph):
    image = photograph[:64, :80]
    probability = np.full((64, 80), 0.1, np.float32)
    probability[5, 5] = 0.9
    features = pixel_features(image, probability, threshold=0.5)
    assert features.shape == (64, 80, 5) and np.isfinite(features).all()
    lone, other = features[5, 5], features[50, 60]
    assert lone[0] > 2 and lone[1] == 0 and other[1] > 2 and other[0] == 0
    assert lone[2] < 0.1 and other[2] == 1


def test_it_travels_in_a_card_and_damage_is_refused():
    pixel, picture = (
        Logistic((1.0,) * (count + 1), (0.0,) * count, (1.0,) * count) for count in (5, 6)
    )
    integrity = Integrity(picture, pixel)
    card = dataclasses.asdict(integrity)
    assert Integrity.from_card({"integrity": card}) == integrity
    assert Integrity.from_card({"threshold": 0.5}) is None
    for damage in ({**card, "picture": card["pixel"]},):
        with pytest.raises(ValueError, match="6 features"):
            Integrity.from_card({"integrity": damage})
    card["pixel"]["means"] = [float("nan")] * 5
    with pytest.raises(ValueError, match="5 features"):
        Integrity.from_card({"integrity": card})
