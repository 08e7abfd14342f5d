"""Signed records: what they hold, and that nobody can change them."""

import json
import os

import numpy as np
import pytest

from malp_keras import records
from tests.helpers.keyed_pictures import IDENTITY, copy, key


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "a.json"
    path.write_bytes(records.make_record(key(), IDENTITY, copy(), "a" * 64, "b" * 64))
    return path


def test_a_record_comes_back(path):
    record = records.read_record(path, records.public_key(key()))
    assert record.fields["identity"] == IDENTITY.hex()
    assert record.fields["publisher"] == "The Daily" and record.size == copy().shape[:2]
    assert record.thumbnail.shape == (64, 64, 3) and len(path.read_bytes()) < 5000
    assert key().secret.hex() not in path.read_text()


@pytest.mark.parametrize("field", ["identity", "width", "copy_sha256", "thumbnail", "time"])
def test_changed_records_are_refused(path, field):
    fields = json.loads(path.read_text())
    value = fields[field]
    fields[field] = value + 1 if isinstance(value, int) else value[:-1] + "0"
    path.write_text(json.dumps(fields))
    with pytest.raises(ValueError, match="a.json: was changed"):
        records.read_record(path, records.public_key(key()))


def test_records_of_others_and_other_files_are_refused(path):
    with pytest.raises(ValueError, match="signed by another key"):
        records.read_record(path, records.public_key(key("x")))
    for text in (
        "{}",
        "[1]",
        "no JSON",
        "[" * 100_000,
        json.dumps({**json.loads(path.read_text()), "more": 1}),
    ):
        path.write_text(text)
        with pytest.raises(ValueError, match="a.json: is not a record"):
            records.read_record(path, records.public_key(key()))


def test_differences_show_where(path):
    record = records.read_record(path, records.public_key(key()))
    same = records.differences(record, copy(), np.eye(2, 3))
    assert same.shape == (64, 64) and same.max() < 2
    changed = copy().copy()
    changed[120:180, 180:240] = 255 - changed[120:180, 180:240]
    found = records.differences(record, changed, np.eye(2, 3))
    y, x = np.unravel_index(found.argmax(), found.shape)
    assert 19 <= y <= 31 and 29 <= x <= 41 and found.max() > 4
    crop = records.differences(record, changed[96:], np.array([[1.0, 0, 0], [0, 1, 96]]))
    assert not crop[:15].any() and crop.max() > 4


def test_pipes_are_no_records(tmp_path):
    os.mkfifo(tmp_path / "a.json")
    with pytest.raises(OSError, match="a.json: is not a regular file"):
        records.read_record(tmp_path / "a.json", records.public_key(key()))
