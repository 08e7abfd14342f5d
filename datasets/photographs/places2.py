"""Places2: scene photographs (Zhou et al., 2018), in the layouts its project publishes.

The tree of categories, as JPEG files of 256x256 pixels (`data_256`, `val_256`) or larger
(`data_large`, `val_large`), with the lists of the standard or the challenge edition:

    data_256/a/airfield/00000001.jpg    places365_train_standard.txt    1,803,460 lines
                                     or places365_train_challenge.txt   8,026,628 lines
    val_256/Places365_val_00000001.jpg  places365_val.txt                  36,500 lines

A line is a path below the folder of pictures and the number of its category, as in
`/a/airfield/00000001.jpg 0`. The easy tree of the standard edition has the pictures of 256x256
pixels by category, and lists without numbers:

    places365_standard/train/airfield/00000001.jpg            train.txt
    places365_standard/val/airfield/Places365_val_00000435.jpg  val.txt

Parts: train is the official training part. The official validation part is halved, by
`datasets.photographs.file_lists.hash_percent` of the file name (below 50: val, else: test), so that
every layout has the same halves; the official test part is not used. Only the part that is asked
for has to be there. A smaller data set of the same form is read as well, as long as the lists name
exactly the pictures of the folders.
"""

import posixpath
import re
from pathlib import Path

from datasets.photographs.file_lists import LineForm, check_pictures, hash_percent, read_file_list

_ORIGIN = "the Places2 project (places2.csail.mit.edu)"

_TRAINING_LISTS = ("places365_train_standard.txt", "places365_train_challenge.txt")
_OFFICIAL_LINE = LineForm(
    re.compile(r"/?([\w/-]+\.jpg) \d{1,3}", re.ASCII), "/a/airfield/00000001.jpg 0"
)
_EASY_LINE = LineForm(
    re.compile(r"(?:train|val)/([\w/-]+\.jpg)(?: \d{1,3})?", re.ASCII),
    "train/airfield/00000001.jpg",
)


def places2(folder: Path, split: str, size: str) -> list[str]:
    """Lists the photographs of a part of the official tree; see the module's description.

    Args:
        folder: Folder that has the lists and the folders of pictures.
        split: "train", "val" or "test".
        size: "256" or "large".

    Returns:
        Paths with "/" relative to `folder`, in the order of the list.

    Raises:
        OSError: If a list, a folder or a picture is missing.
        ValueError: If the list has a wrong line, or not all the pictures of the folder, or if
            not exactly one of the lists of training pictures is there.
    """
    if split == "train":
        return _listed(folder, f"data_{size}", _training_list(folder), _OFFICIAL_LINE)
    return _half(_listed(folder, f"val_{size}", "places365_val.txt", _OFFICIAL_LINE), split)


def places365_standard(folder: Path, split: str) -> list[str]:
    """Lists the photographs of a part of the easy tree; see the module's description.

    Args:
        folder: Folder that has `train/` and `train.txt`, or `val/` and `val.txt`.
        split: "train", "val" or "test".

    Returns:
        As `places2`.

    Raises:
        OSError: As `places2`.
        ValueError: As `places2`.
    """
    if split == "train":
        return _listed(folder, "train", "train.txt", _EASY_LINE)
    return _half(_listed(folder, "val", "val.txt", _EASY_LINE), split)


def _training_list(folder: Path) -> str:
    found = [name for name in _TRAINING_LISTS if (folder / name).is_file()]
    if len(found) != 1:
        raise ValueError(
            f"{folder}: has {'both' if found else 'neither'} of {' and '.join(_TRAINING_LISTS)}; "
            f"keep there the one of your training pictures alone, it comes from {_ORIGIN}"
        )
    return found[0]


def _listed(folder: Path, pictures: str, file_list: str, form: LineForm) -> list[str]:
    names = [name for (name,) in read_file_list(folder / file_list, form, _ORIGIN)]
    check_pictures(folder / pictures, names, folder / file_list, _ORIGIN)
    return [f"{pictures}/{name}" for name in names]


def _half(names: list[str], split: str) -> list[str]:
    return [
        name for name in names if (hash_percent(posixpath.basename(name)) < 50) == (split == "val")
    ]
