from pathlib import Path

import numpy as np
import pytest

from datasets.photographs.celeba import read_attributes
from datasets.photographs.sources import photographs_of
from tests.helpers.made_up import make_celeba, write_lines

PROJECT = "mmlab.ie.cuhk.edu.hk"
NAMES = ["Male", "Smiling", *(f"Attribute_{number}" for number in range(38))]


def write_attributes(folder: Path, count: int = 3) -> list[str]:
    """Picture n has the first n attributes; the form is the official file's, with its spaces."""
    lines = [
        f"{number:06d}.jpg " + " ".join(" 1" if place < number else "-1" for place in range(40))
        for number in range(1, count + 1)
    ]
    lines = [str(count), " ".join(NAMES) + " ", *lines]
    write_lines(folder / "list_attr_celeba.txt", lines)
    return lines


def assert_refused(read, *parts: str) -> None:
    with pytest.raises((OSError, ValueError)) as error:
        read()
    message = str(error.value)
    assert "\n" not in message
    for part in parts:
        assert part in message, message


def test_official_parts(tmp_path):
    make_celeba(tmp_path)
    assert photographs_of("celeba", tmp_path, "train") == [
        f"img_align_celeba/{number:06d}.jpg" for number in (1, 2, 5, 6, 9, 10)
    ]
    for split, first in (("val", 3), ("test", 4)):
        names = [f"img_align_celeba/{number:06d}.jpg" for number in range(first, 13, 4)]
        assert photographs_of("celeba", tmp_path, split) == names


def test_missing_list_folder_and_pictures(tmp_path):
    path = tmp_path / "list_eval_partition.txt"

    def read():
        return photographs_of("celeba", tmp_path, "val")

    assert_refused(read, f"{path}: no such file", PROJECT)
    write_lines(path, ["000001.jpg 0", "000002.jpg 1"])
    pictures = tmp_path / "img_align_celeba"
    assert_refused(read, f"{pictures}: no such folder", "2 pictures", PROJECT)
    pictures.mkdir()
    (pictures / "000001.jpg").touch()
    assert_refused(read, f"{pictures}: lacks 1 of the 2 pictures", "first 000002.jpg", PROJECT)
    (pictures / "000002.jpg").touch()
    (pictures / "000003.jpg").touch()
    assert_refused(read, f"{path}: lists 2 pictures but {pictures} has 3", PROJECT)


@pytest.mark.parametrize("line", ["000002.jpg", "000002.jpg 3", "../000002.jpg 0", "2.png 1"])
def test_malformed_line_of_the_parts(tmp_path, line):
    make_celeba(tmp_path)
    path = tmp_path / "list_eval_partition.txt"
    write_lines(path, ["000001.jpg 0", line])
    assert_refused(
        lambda: photographs_of("celeba", tmp_path, "train"),
        f"{path}: line 2 is '{line}'", "'000001.jpg 0'", PROJECT,
    )  # fmt: skip


def test_attributes(tmp_path):
    write_attributes(tmp_path)
    attributes = read_attributes(tmp_path)
    assert attributes.names == tuple(NAMES)
    assert attributes.values.shape == (3, 40) and attributes.values.dtype == np.int8
    np.testing.assert_array_equal((attributes.values == 1).sum(axis=1), [1, 2, 3])
    assert set(np.unique(attributes.values)) == {-1, 1}
    asked = [f"img_align_celeba/{number:06d}.jpg" for number in (2, 1)]
    np.testing.assert_array_equal(
        attributes.of(asked, ["Attribute_0", "Smiling", "Male"]), [[-1, 1, 1], [-1, -1, 1]]
    )


def test_unknown_photograph_and_attribute(tmp_path):
    write_attributes(tmp_path)
    attributes = read_attributes(tmp_path)
    known = "img_align_celeba/000001.jpg"
    assert_refused(lambda: attributes.of(["9.jpg"], ["Male"]), "no picture '9.jpg'")
    assert_refused(lambda: attributes.of([known], ["Old"]), "no attribute 'Old', but Male, Smiling")


def test_missing_list_of_attributes(tmp_path):
    path = tmp_path / "list_attr_celeba.txt"
    assert_refused(lambda: read_attributes(tmp_path), f"{path}: no such file", PROJECT)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda lines: ["4", *lines[1:]], "line 1 promises '4' pictures but 3 lines follow"),
        (lambda lines: lines[:-1], "line 1 promises '3' pictures but 2 lines follow"),
        (lambda lines: lines[:-1] + lines[2:3], "but 3 lines follow, of 2 pictures"),
        (lambda lines: ["3", "Male Smiling", *lines[2:]], "line 2 has 2 names"),
        (lambda lines: ["3", "Male " * 40, *lines[2:]], "line 2 has 1 names"),
        (lambda lines: [*lines[:-1], lines[-1][:-2]], "line 5 is '000003.jpg"),
        (lambda lines: [*lines[:-1], lines[-1].replace(" 1", " 0")], "line 5 is '000003.jpg"),
        (lambda lines: lines[:2], "lists nothing"),
        (lambda lines: [], "lists nothing"),
    ],
)
def test_wrong_list_of_attributes(tmp_path, change, expected):
    write_lines(tmp_path / "list_attr_celeba.txt", change(write_attributes(tmp_path)))
    path = tmp_path / "list_attr_celeba.txt"
    assert_refused(lambda: read_attributes(tmp_path), f"{path}: ", expected, PROJECT)
