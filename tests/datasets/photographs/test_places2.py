import re
from pathlib import Path

import pytest

from datasets.photographs.sources import photographs_of
from tests.helpers.made_up import touch, write_lines

TRAINING = ["a/airfield/00000001.jpg", "a/airfield/00000002.jpg", "b/bar/indoor/00000001.jpg"]
VALIDATION = [f"Places365_val_{number:08d}.jpg" for number in range(1, 21)]
STANDARD, CHALLENGE = "places365_train_standard.txt", "places365_train_challenge.txt"


def make_tree(folder: Path, size: str = "256", training_list: str = STANDARD) -> Path:
    touch(folder / f"data_{size}", *TRAINING)
    touch(folder / f"val_{size}", *VALIDATION)
    write_lines(folder / training_list, (f"/{name} {label}" for label, name in enumerate(TRAINING)))
    write_lines(folder / "places365_val.txt", (f"{name} 364" for name in reversed(VALIDATION)))
    return folder


def make_easy_tree(folder: Path, label: str = "") -> Path:
    lists = {
        "train": [f"train/{name[2:].replace('r/i', 'r-i')}" for name in TRAINING],
        "val": [f"val/airfield/{name}" for name in VALIDATION],
    }
    for part, names in lists.items():
        touch(folder, *names)
        write_lines(folder / f"{part}.txt", (name + label for name in names))
    return folder


def assert_refused(folder: Path, split: str, *parts: str, source: str = "places2_256") -> None:
    with pytest.raises((OSError, ValueError)) as error:
        photographs_of(source, folder, split)
    message = str(error.value)
    assert "\n" not in message
    for part in parts:
        assert part in message, message


@pytest.mark.parametrize("size", ["256", "large"])
@pytest.mark.parametrize("training_list", [STANDARD, CHALLENGE])
def test_official_tree(tmp_path, size, training_list):
    source = f"places2_{size}"
    make_tree(tmp_path, size, training_list)
    touch(tmp_path, "test_256/Places365_test_00000001.jpg", "categories_places365.txt")
    names = photographs_of(source, tmp_path, "train")
    assert names == [f"data_{size}/{name}" for name in TRAINING]
    halves = [photographs_of(source, tmp_path, split) for split in ("val", "test")]
    assert all(half == sorted(half) for half in halves)
    assert sorted(sum(halves, [])) == [f"val_{size}/{name}" for name in VALIDATION]


@pytest.mark.parametrize("label", ["", " 0"])
def test_easy_tree(tmp_path, label):
    make_easy_tree(tmp_path, label)
    names = photographs_of("places365_standard", tmp_path, "train")
    assert names[-1] == "train/bar-indoor/00000001.jpg" and len(names) == 3
    halves = [photographs_of("places365_standard", tmp_path, split) for split in ("val", "test")]
    assert sorted(sum(halves, [])) == [f"val/airfield/{name}" for name in VALIDATION]


def test_halves_of_the_validation_part_never_change_and_are_the_same_in_every_layout(tmp_path):
    numbers = {}
    for source, make in (("places2_256", make_tree), ("places365_standard", make_easy_tree)):
        names = photographs_of(source, make(tmp_path / source), "val")
        numbers[source] = [int(re.search(r"(\d+)\.jpg", name)[1]) for name in names]
    assert numbers["places2_256"] == numbers["places365_standard"]
    assert numbers["places2_256"] == [2, 3, 4, 5, 6, 7, 9, 13, 14, 15, 16, 17, 19, 20]


def test_one_part_needs_nothing_of_another(tmp_path):
    touch(tmp_path / "val_256", *VALIDATION)
    write_lines(tmp_path / "places365_val.txt", (f"{name} 0" for name in VALIDATION))
    assert photographs_of("places2_256", tmp_path, "test")
    assert_refused(tmp_path, "train", str(tmp_path), "neither of", STANDARD, CHALLENGE, "places2.")


def test_both_training_lists(tmp_path):
    make_tree(tmp_path)
    write_lines(tmp_path / CHALLENGE, ["/a/airfield/00000001.jpg 0"])
    assert_refused(tmp_path, "train", f"{tmp_path}: has both of {STANDARD} and {CHALLENGE}")


def test_missing_validation_list(tmp_path):
    (make_tree(tmp_path) / "places365_val.txt").unlink()
    file = str(tmp_path / "places365_val.txt")
    assert_refused(tmp_path, "val", f"{file}: no such file", "places2.csail.mit.edu")


@pytest.mark.parametrize(
    "line",
    [
        "/a/airfield/00000003.jpg",
        "/a/airfield/00000003.jpg zero",
        "/a/airfield/00000003.jpg 0 1",
        "/a/../../00000003.jpg 0",
        "<!DOCTYPE html>",
        "\udcff\udcfe",
        "",
    ],
)
def test_malformed_line(tmp_path, line):
    path = make_tree(tmp_path) / STANDARD
    with path.open("ab") as file:
        file.write(f"{line}\n".encode(errors="surrogateescape"))
    assert_refused(tmp_path, "train", f"{path}: line 4 is ", "'/a/airfield/00000001.jpg 0'")


def test_empty_list(tmp_path):
    path = make_tree(tmp_path) / STANDARD
    path.write_bytes(b"")
    assert_refused(tmp_path, "train", f"{path}: lists nothing", "places2.csail.mit.edu")


def test_missing_folder_of_pictures(tmp_path):
    make_tree(tmp_path)
    assert_refused(
        tmp_path, "train", f"{tmp_path / 'data_large'}: no such folder", "3 pictures", STANDARD,
        source="places2_large",
    )  # fmt: skip


def test_missing_pictures_are_counted_and_the_first_is_named(tmp_path):
    make_tree(tmp_path)
    for name in TRAINING[1:]:
        (tmp_path / "data_256" / name).unlink()
    (tmp_path / "data_256/b/bar/indoor").rmdir()
    assert_refused(
        tmp_path, "train", f"{tmp_path / 'data_256'}: lacks 2 of the 3 pictures", STANDARD,
        "first a/airfield/00000002.jpg", "places2.csail.mit.edu",
    )  # fmt: skip


def test_folder_in_a_pictures_place(tmp_path):
    path = make_tree(tmp_path) / "data_256" / TRAINING[0]
    path.unlink()
    path.mkdir()
    assert_refused(tmp_path, "train", "lacks 1 of the 3 pictures")


def test_list_cut_short_or_with_a_line_twice(tmp_path):
    path = make_tree(tmp_path) / STANDARD
    lines = path.read_text().splitlines()
    write_lines(path, lines[:2])
    folder = tmp_path / "data_256"
    assert_refused(tmp_path, "train", f"{path}: lists 2 pictures but {folder} has 3")
    write_lines(path, [*lines, lines[0]])
    assert_refused(tmp_path, "train", f"{path}: lists 4 pictures but {folder} has 3")


def test_hidden_and_other_files_do_not_count(tmp_path):
    touch(make_tree(tmp_path) / "data_256/a", "._00000001.jpg", "notes.txt")
    assert len(photographs_of("places2_256", tmp_path, "train")) == 3


def test_linked_folders_of_pictures_are_followed(tmp_path):
    make_tree(tmp_path / "disk")
    tree = make_tree(tmp_path / "tree")
    for name in TRAINING[:2]:
        (tree / "data_256" / name).unlink()
    (tree / "data_256/a/airfield").rmdir()
    (tree / "data_256/a/airfield").symlink_to(tmp_path / "disk/data_256/a/airfield")
    assert len(photographs_of("places2_256", tree, "train")) == 3
