"""The learning rates of all trainings."""

import numpy as np
import pytest

from forensics_keras.schedules import by_epoch, cosine


def values(rate, steps):
    return [float(rate(step)) for step in steps]


@pytest.mark.parametrize(("warmup", "end"), [(0, 0.01), (20, 0.01), (1, 0.1)])
def test_the_rate_rises_to_its_peak_and_falls_along_half_a_cosine(warmup, end):
    rate = cosine(2e-3, 100, warmup, end)
    rise = [2e-3 * step / warmup for step in range(warmup)]
    shares = np.arange(101 - warmup) / (100 - warmup)
    fall = 2e-3 * (end + (1 - end) * (1 + np.cos(np.pi * shares)) / 2)
    np.testing.assert_allclose(values(rate, range(101)), [*rise, *fall], rtol=1e-5)
    np.testing.assert_allclose(values(rate, [101, 500]), [2e-3 * end] * 2, rtol=1e-5)


def test_a_training_of_one_step_has_a_rate():
    np.testing.assert_allclose(values(cosine(2e-3, 1, warmup=1), [0, 1]), [0, 2e-3])


def test_the_rate_is_multiplied_after_each_epoch_or_stays():
    rate = by_epoch(1e-4, steps_per_epoch=10, factor=0.5)
    np.testing.assert_allclose(values(rate, [0, 9, 10, 30]), [1e-4, 1e-4, 5e-5, 1.25e-5], rtol=1e-5)
    assert by_epoch(1e-4, 10, factor=1) == 1e-4
