import argparse

import pytest

from forensics_keras.command_line import at_least, checked_by, threshold


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (at_least(2), "2", 2),
        (at_least(1, most=100), "100", 100),
        (threshold, "1", 1.0),
        (threshold, "0.25", 0.25),
        (checked_by(int), "7", "7"),
    ],
)
def test_good_texts(kind, text, value):
    assert kind(text) == value


@pytest.mark.parametrize(
    ("kind", "text", "message"),
    [
        (at_least(2), "1", "1 is less than 2"),
        (at_least(1, most=100), "101", "101 is more than 100"),
        (threshold, "0", "0 is not above 0 and at most 1"),
        (threshold, "1.5", "1.5 is not above 0 and at most 1"),
        (threshold, "nan", "nan is not above 0 and at most 1"),
        (checked_by(int), "x", "invalid literal"),
    ],
)
def test_bad_texts(kind, text, message):
    with pytest.raises(argparse.ArgumentTypeError, match=message):
        kind(text)


def test_text_that_is_no_number_is_left_to_argparse():
    with pytest.raises(ValueError, match="x"):
        at_least(1)("x")
