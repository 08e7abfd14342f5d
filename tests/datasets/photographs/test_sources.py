import hashlib
import os
import re

import pytest

from datasets.photographs.sources import (
    SOURCES,
    SPLITS,
    bundled_photographs,
    find_pictures,
    list_photographs,
    photographs_of,
)
from forensics_keras.images import read_image
from tests.helpers.made_up import touch


def test_pictures_of_all_sub_folders_are_listed_in_order(tmp_path):
    touch(tmp_path, "b.jpg", "a/2.PNG", "a/1.webp", "a-b/3.tif", "a/b/c.bmp")
    found = [path.relative_to(tmp_path).as_posix() for path in list_photographs(tmp_path)]
    assert found == ["a/1.webp", "a/2.PNG", "a/b/c.bmp", "a-b/3.tif", "b.jpg"]


def test_other_and_hidden_files_are_left_out(tmp_path):
    touch(tmp_path, "notes.txt", ".a.jpg", "jpg", "b.jpg.part", "c.jpg")
    assert list_photographs(str(tmp_path)) == [tmp_path / "c.jpg"]


def test_folder_without_pictures(tmp_path):
    touch(tmp_path, "notes.txt")
    assert find_pictures(tmp_path) == []
    with pytest.raises(ValueError, match=re.escape(f"{tmp_path}: has no pictures (bmp, ")):
        list_photographs(tmp_path)


def test_missing_folder_and_file_instead_of_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere: no such folder"):
        list_photographs(tmp_path / "nowhere")
    touch(tmp_path, "a.jpg")
    with pytest.raises(NotADirectoryError, match="a.jpg: is a file"):
        list_photographs(tmp_path / "a.jpg")


def test_unreadable_sub_folder_is_named(tmp_path, monkeypatch):
    touch(tmp_path, "a.jpg", "locked/b.jpg")
    scandir = os.scandir

    def refuse(path):
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(OSError, match="locked: cannot be listed .Permission denied."):
        list_photographs(tmp_path)


def test_bundled_photographs_are_split_and_attributed():
    splits = {split: bundled_photographs(split) for split in ("train", "test")}
    assert [len(paths) for paths in splits.values()] == [6, 6]
    samples = splits["train"][0].parents[1]
    attribution = (samples / "ATTRIBUTION.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| ((?:train|test)/\S+) \| [^|]+ \| \[CC", attribution, re.MULTILINE)
    shipped = [path.relative_to(samples).as_posix() for split in splits.values() for path in split]
    assert sorted(listed) == sorted(shipped)
    contents = [path.read_bytes() for split in splits.values() for path in split]
    assert len({hashlib.sha256(content).digest() for content in contents}) == 12
    for path in splits["train"] + splits["test"]:
        assert min(read_image(path).shape[:2]) == 512


def test_unknown_split():
    with pytest.raises(ValueError, match="'train' or 'test', got 'val'"):
        bundled_photographs("val")


def test_hashed_parts_of_a_plain_folder_never_change(tmp_path):
    names = sorted(f"{folder}/{number}.jpg" for folder in "ab" for number in range(100))
    touch(tmp_path, *names, "a/notes.txt")
    parts = {split: photographs_of("folder", tmp_path, split) for split in SPLITS}
    assert all(part == sorted(part) for part in parts.values())
    assert sorted(sum(parts.values(), [])) == names
    sizes = {split: len(part) for split, part in parts.items()}
    assert sizes == {"train": 159, "val": 26, "test": 15}
    touch(tmp_path, "a/new.jpg", "train/1.jpg")
    for split, part in parts.items():
        assert set(part) <= set(photographs_of("folder", tmp_path, split))


def test_folders_named_as_the_parts_are_the_parts(tmp_path):
    touch(tmp_path, "train/b.jpg", "train/a/1.jpg", "train/a-b.jpg", "test/1.jpg", "lost.jpg")
    assert photographs_of("folder", tmp_path, "train") == [
        "train/a-b.jpg", "train/a/1.jpg", "train/b.jpg",
    ]  # fmt: skip
    assert photographs_of("folder", str(tmp_path), "test") == ["test/1.jpg"]
    with pytest.raises(ValueError, match="has no photographs of the part 'val' of .* 'folder'; "):
        photographs_of("folder", tmp_path, "val")


def test_a_part_given_alone_is_only_that_part(tmp_path):
    touch(tmp_path, "train/a.jpg", "train/b/c.jpg", "test/d.jpg")
    assert photographs_of("folder", tmp_path / "train", "train") == ["a.jpg", "b/c.jpg"]
    with pytest.raises(ValueError, match="train: has the photographs of the part 'train', but"):
        photographs_of("folder", tmp_path / "train", "test")


def test_unknown_source_or_part_and_missing_folder(tmp_path):
    with pytest.raises(ValueError, match="Unknown source 'places'; known are: folder, places2_256"):
        photographs_of("places", tmp_path, "train")
    for source in SOURCES:
        with pytest.raises(ValueError, match="Unknown split 'dev'; known are: train, val, test"):
            photographs_of(source, tmp_path, "dev")
        with pytest.raises(FileNotFoundError, match="nowhere: no such folder"):
            photographs_of(source, tmp_path / "nowhere", "train")
