import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datasets.photographs.selection import (
    PAPER_COUNTS,
    Selection,
    read_selection,
    select,
    write_selection,
)
from datasets.photographs.sources import photographs_of
from tests.helpers.made_up import make_celeba, touch

COUNTS = {"train": 3, "test": 2}


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    folder = tmp_path_factory.mktemp("celeba")
    make_celeba(folder, 60)
    return folder


def test_the_papers_counts():
    assert PAPER_COUNTS == {"train": 50_000, "test": 10_000}


@settings(max_examples=20, deadline=None)
@given(
    train=st.integers(1, 30), val=st.integers(1, 15), test=st.integers(1, 15),
    seed=st.integers(0, 2**40),
)  # fmt: skip
def test_selection_is_drawn_from_the_parts_without_replacement(faces, train, val, test, seed):
    counts = {"train": train, "val": val, "test": test}
    selection = select("celeba", faces, counts, seed)
    assert selection == select("celeba", faces, counts, seed)
    assert selection.parts.keys() == counts.keys()
    for split, names in selection.parts.items():
        assert len(set(names)) == len(names) == counts[split]
        assert set(names) <= set(photographs_of("celeba", faces, split))
        assert names == sorted(names)


def test_counts_do_not_change_other_parts_and_larger_ones_add(faces):
    small = select("celeba", faces, {"train": 5, "test": 5}, seed=1).parts
    large = select("celeba", faces, {"train": 9, "test": 5}, seed=1).parts
    assert large["test"] == small["test"] == select("celeba", faces, {"test": 5}, 1).parts["test"]
    assert set(small["train"]) < set(large["train"])


def test_seeds_differ_and_a_selection_never_changes(faces):
    selections = [select("celeba", faces, COUNTS, seed) for seed in (0, 1)]
    assert selections[0].parts != selections[1].parts
    numbers = {
        split: [int(name[-10:-4]) for name in names] for split, names in selections[0].parts.items()
    }
    assert numbers == {"train": [5, 22, 53], "test": [4, 60]}


def test_any_source_can_be_selected_from(tmp_path):
    touch(tmp_path, *(f"{part}/é {number}.png" for part in ("train", "test") for number in "1234"))
    selection = select("folder", tmp_path, COUNTS)
    write_selection(tmp_path / "selection.json", selection)
    assert read_selection(tmp_path / "selection.json", tmp_path) == selection


@pytest.mark.parametrize("count", [0, -1, 16])
def test_more_than_there_are_or_none(faces, count):
    with pytest.raises(ValueError) as error:
        select("celeba", faces, {"train": 3, "test": count})
    assert str(error.value) == (
        f"{faces}: {count} photographs were asked for, but the part 'test' of the source "
        "'celeba' has 15; ask for 1 to 15"
    )


def test_the_papers_counts_are_the_default(faces):
    with pytest.raises(ValueError, match="50000 photographs were asked for, but .* has 30"):
        select("celeba", faces)


def test_manifest_is_the_same_bytes_and_comes_back(faces, tmp_path):
    path = tmp_path / "deep" / "selection.json"
    selection = select("celeba", faces, COUNTS, seed=7)
    write_selection(path, selection)
    first = path.read_bytes()
    write_selection(path, select("celeba", faces, COUNTS, seed=7))
    assert path.read_bytes() == first and b"\\" not in first
    assert list(path.parent.iterdir()) == [path]
    assert read_selection(path, faces) == selection


def test_only_the_selected_photographs_have_to_be_there(faces, tmp_path):
    selection = select("celeba", faces, COUNTS)
    write_selection(tmp_path / "selection.json", selection)
    names = [name for part in selection.parts.values() for name in part]
    touch(tmp_path / "copy", *names)
    assert read_selection(tmp_path / "selection.json", tmp_path / "copy") == selection
    (tmp_path / "copy" / names[0]).unlink()
    with pytest.raises(FileNotFoundError) as error:
        read_selection(tmp_path / "selection.json", tmp_path / "copy")
    assert str(error.value).startswith(
        f"{tmp_path / 'copy'}: lacks 1 of the 5 photographs that {tmp_path / 'selection.json'} "
        f"lists, first {names[0]}"
    )


@pytest.mark.parametrize(
    ("parts", "where"),
    [
        ({"train": ["a.jpg", "b.jpg"], "test": ["b.jpg"]}, "train and test"),
        ({"train": ["b.jpg", "b.jpg"], "test": ["a.jpg"]}, "train"),
    ],
)
def test_overlapping_parts_are_refused(tmp_path, parts, where):
    touch(tmp_path, "a.jpg", "b.jpg")
    path = tmp_path / "selection.json"
    write_selection(path, Selection("folder", 0, parts))
    with pytest.raises(ValueError) as error:
        read_selection(path, tmp_path)
    assert str(error.value).startswith(f"{path}: has b.jpg 2 times, in {where}; ")


@pytest.mark.parametrize(
    "parts",
    [
        {},
        ["a.jpg"],
        {"training": ["a.jpg"]},
        {"train": "a.jpg"},
        {"train": [1]},
        {"train": ["/a.jpg"]},
        {"train": ["a.jpg"], "test": ["./a.jpg"]},
        {"train": ["b/../../a.jpg"]},
    ],
)
def test_parts_that_are_no_lists_of_paths_within_the_folder(tmp_path, parts):
    touch(tmp_path, "a.jpg")
    path = tmp_path / "selection.json"
    path.write_text(json.dumps({"source": "folder", "seed": 0, "parts": parts}))
    with pytest.raises(ValueError) as error:
        read_selection(path, tmp_path)
    assert str(error.value).startswith(f"{path}: is no manifest of a selection")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"seed": 0}', b"\xff\xfe", b'{"a": 1}'])
def test_files_that_are_no_manifest(tmp_path, content):
    path = tmp_path / "selection.json"
    path.write_bytes(content)
    with pytest.raises(ValueError) as error:
        read_selection(path, tmp_path)
    assert str(error.value).startswith(f"{path}: is no manifest of a selection")


def test_missing_manifest(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere.json"):
        read_selection(tmp_path / "nowhere.json", tmp_path)


def test_the_names_that_the_first_readme_printed_still_import():
    from datasets import selection, sources

    assert selection.select is select and selection.write_selection is write_selection
    assert sources.photographs_of is photographs_of
