"""The code of an identity: a BCH code, decoded from real numbers."""

import numpy as np
import pytest

from malp_keras import payload
from tests.helpers.keyed_pictures import IDENTITY


def noisy(code, deviation, seed):
    return code + np.random.default_rng(seed).normal(0, deviation, payload.LENGTH)


def test_the_generator_divides_and_words_are_far_apart():
    rest = (1 << payload.LENGTH) | 1
    while rest.bit_length() >= payload._GENERATOR.bit_length():
        rest ^= payload._GENERATOR << (rest.bit_length() - payload._GENERATOR.bit_length())
    assert rest == 0
    words = [payload.encode(np.random.default_rng(n).bytes(6)) for n in range(60)]
    distances = [(a != b).sum() for i, a in enumerate(words) for b in words[:i]]
    assert min(distances) >= 27


@pytest.mark.parametrize("identity", [bytes(6), b"\xff" * 6, IDENTITY])
def test_identities_come_back_from_noisy_answers(identity):
    code = payload.encode(identity)
    assert set(np.unique(code)) <= {-1, 1} and code.shape == (127,)
    for seed in range(5):
        found = payload.decode(noisy(code, 0.7, seed))  # about eight of 127 signs are wrong
        assert found.identity == identity and found.agreement > 0.7
        np.testing.assert_array_equal(found.code, code)


def test_thirteen_wrong_signs_are_corrected_and_noise_does_not_agree():
    code = payload.encode(IDENTITY)
    answers = code.copy()
    answers[np.random.default_rng(0).permutation(127)[:13]] *= -0.5
    assert payload.decode(answers).identity == IDENTITY
    noise = [payload.decode(noisy(0 * code, 1.0, seed)).agreement for seed in range(20)]
    assert max(noise) < 0.68
    assert payload.decode(0 * code).agreement == 0
