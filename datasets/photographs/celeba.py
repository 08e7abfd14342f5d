"""CelebA: photographs of faces (Liu et al., 2015), in the layout of its lists.

    img_align_celeba/000001.jpg   202,599 pictures of 178x218 pixels
    list_eval_partition.txt       "000001.jpg 0": 0 train (162,770 lines), 1 validation (19,867),
                                  2 test (19,962)
    list_attr_celeba.txt          the number of pictures, the names of 40 attributes, then a line
                                  a picture: "000001.jpg -1 1 1 ...", 1 where it has the attribute

The project keeps the three in folders Img, Eval and Anno; put them side by side. A smaller data
set of the same form is read as well, as long as its lists name exactly the pictures of the folder.
"""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from datasets.photographs.file_lists import LineForm, check_pictures, read_file_list

PICTURES = "img_align_celeba"
"""Name of the folder of pictures."""

_ORIGIN = "the CelebA project (mmlab.ie.cuhk.edu.hk/projects/CelebA.html)"
_PARTS = {"train": "0", "val": "1", "test": "2"}
_ATTRIBUTE_COUNT = 40
_PART_LINE = LineForm(re.compile(r"(\d+\.jpg) +([012])", re.ASCII), "000001.jpg 0")
_ATTRIBUTE_LINE = LineForm(
    re.compile(rf"(\d+\.jpg)((?: +-?1){{{_ATTRIBUTE_COUNT}}})", re.ASCII),
    f"000001.jpg -1 1 ... ({_ATTRIBUTE_COUNT} times -1 or 1)",
)


def celeba(folder: Path, split: str) -> list[str]:
    """Lists the photographs of an official part.

    Args:
        folder: Folder that has `img_align_celeba/` and `list_eval_partition.txt`.
        split: "train", "val" or "test".

    Returns:
        Paths with "/" relative to `folder`, in the order of the list.

    Raises:
        OSError: If the list, the folder or a picture is missing.
        ValueError: If the list has a wrong line, or not all the pictures of the folder.
    """
    listed_in = folder / "list_eval_partition.txt"
    lines = list(read_file_list(listed_in, _PART_LINE, _ORIGIN))
    check_pictures(folder / PICTURES, [name for name, _ in lines], listed_in, _ORIGIN)
    return [f"{PICTURES}/{name}" for name, part in lines if part == _PARTS[split]]


@dataclass(frozen=True)
class Attributes:
    """What CelebA says about its faces.

    Attributes:
        names: Names of the 40 attributes, such as "Blond_Hair".
        rows: Row of `values` of each photograph, by its path as `celeba` gives it.
        values: int8 (photographs, 40), 1 where the face has the attribute and -1 elsewhere.
    """

    names: tuple[str, ...]
    rows: dict[str, int]
    values: np.ndarray

    def of(self, photographs: Sequence[str], names: Sequence[str]) -> np.ndarray:
        """Looks up some attributes of some photographs.

        Args:
            photographs: Paths as `celeba` gives them.
            names: Names of attributes.

        Returns:
            int8 (photographs, names), -1 or 1.

        Raises:
            ValueError: If there is no such photograph or attribute.
        """
        for photograph in photographs:
            if photograph not in self.rows:
                raise ValueError(f"CelebA's list of attributes has no picture {photograph!r}")
        for name in names:
            if name not in self.names:
                raise ValueError(f"CelebA has no attribute {name!r}, but {', '.join(self.names)}")
        rows = [self.rows[photograph] for photograph in photographs]
        return self.values[rows][:, [self.names.index(name) for name in names]]


def read_attributes(folder: str | os.PathLike) -> Attributes:
    """Reads the attributes of all photographs, of every part.

    Args:
        folder: Folder that has `list_attr_celeba.txt`.

    Returns:
        The attributes; the pictures need not be there.

    Raises:
        OSError: If the list is missing or cannot be read.
        ValueError: If it has a wrong line, not 40 names, or not as many pictures as it says.

    Example:
        >>> attributes = read_attributes("celeba")  # doctest: +SKIP
        >>> attributes.of(["img_align_celeba/000001.jpg"], ["Male", "Smiling"])  # doctest: +SKIP
        array([[-1,  1]], dtype=int8)
    """
    path = Path(folder) / "list_attr_celeba.txt"
    lines = list(read_file_list(path, _ATTRIBUTE_LINE, _ORIGIN, skip=2))
    with path.open(encoding="utf-8", errors="replace") as file:
        count, names = file.readline().strip(), tuple(file.readline().split())
    if len(set(names)) != _ATTRIBUTE_COUNT:
        raise ValueError(
            f"{path}: line 2 has {len(set(names))} names of attributes but should have "
            f"{_ATTRIBUTE_COUNT}; get the file again from {_ORIGIN}"
        )
    rows = {f"{PICTURES}/{name}": row for row, (name, _) in enumerate(lines)}
    if count != str(len(lines)) or len(rows) != len(lines):
        raise ValueError(
            f"{path}: line 1 promises {count[:80]!r} pictures but {len(lines)} lines follow, of "
            f"{len(rows)} pictures; get the file again from {_ORIGIN}"
        )
    values = np.fromstring(" ".join(values for _, values in lines), np.int8, sep=" ")
    return Attributes(names, rows, values.reshape(len(rows), _ATTRIBUTE_COUNT))
