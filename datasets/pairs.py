"""Pair folders: forged pictures beside the masks of what was forged.

A pair folder has one folder of pictures and one of masks, in one of three layouts:

    image/ + mask/        inpainted/ + mask/        Tp/ + Gt/

A picture and its mask have the same path in the two, up to the ending: `image/a/7.jpg` belongs to
`mask/a/7.png`. A picture without a mask, or with an empty one, is pristine.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from datasets.photographs.sources import find_pictures, list_photographs
from forensics_keras.files import PAIR_LAYOUTS, pair_layouts
from forensics_keras.images import read_image, read_mask

_LAYOUTS_TEXT = ", ".join(f"{pictures}/ + {masks}/" for pictures, masks in PAIR_LAYOUTS)


@dataclass(frozen=True)
class Pair:
    """A picture and the mask of its forged pixels.

    Attributes:
        image: File of the picture.
        mask: File of the mask; `None` for a pristine picture.
        name: Path of the picture within its folder, with "/" and without the ending.
    """

    image: Path
    mask: Path | None
    name: str


def is_pair_folder(folder: str | os.PathLike) -> bool:
    """Tells whether a folder has the two folders of one of the `PAIR_LAYOUTS`.

    Args:
        folder: The folder.

    Returns:
        Whether `find_pairs` is the function to read it; False if it does not exist.
    """
    return bool(pair_layouts(folder))


def find_pairs(folder: str | os.PathLike) -> list[Pair]:
    """Finds the pictures of a pair folder and their masks, without reading them.

    Args:
        folder: The folder that the layout's two folders are in. These may have sub-folders.

    Returns:
        The pairs, sorted by name.

    Raises:
        OSError: If the folder is missing or a folder in it cannot be listed.
        ValueError: If the folder has none of the layouts or more than one, no pictures, two
            pictures or two masks of one name, or a mask without a picture.

    Example:
        >>> [pair.name for pair in find_pairs("forgeries")]  # doctest: +SKIP
        ['beach/1', 'beach/2', 'street']
    """
    root = Path(folder)
    if not root.exists():
        raise FileNotFoundError(f"{root}: no such folder; check the path")
    layouts = pair_layouts(root)
    if not layouts:
        raise ValueError(f"{root}: is no pair folder; it needs one of {_LAYOUTS_TEXT}")
    if len(layouts) > 1:
        both = " and ".join(f"{pictures}/ + {masks}/" for pictures, masks in layouts)
        raise ValueError(f"{root}: has {both}; move all but one folder of pictures elsewhere")
    pictures_folder, masks_folder = (root / name for name in layouts[0])
    pictures = files_by_name(pictures_folder, list_photographs(pictures_folder))
    masks = files_by_name(masks_folder, find_pictures(masks_folder))
    for name in sorted(masks.keys() - pictures.keys()):
        raise ValueError(
            f"{masks[name]}: is a mask without a picture {name}.* in {pictures_folder}; "
            "add the picture or remove the mask"
        )
    return [Pair(pictures[name], masks.get(name), name) for name in sorted(pictures)]


def files_by_name(folder: Path, files: Iterable[Path]) -> dict[str, Path]:
    """Names files by their path within a folder, with "/" and without the ending.

    Args:
        folder: The folder.
        files: Files in it or in its sub-folders.

    Returns:
        Name to file.

    Raises:
        ValueError: If two files have one name.
    """
    named: dict[str, Path] = {}
    for file in files:
        name = file.relative_to(folder).with_suffix("").as_posix()
        if name in named:
            raise ValueError(
                f"{named[name]} and {file}: have the same name up to the ending; rename one"
            )
        named[name] = file
    return named


def read_pair(pair: Pair) -> tuple[np.ndarray, np.ndarray]:
    """Reads the picture and the mask of a pair.

    Args:
        pair: The pair.

    Returns:
        The RGB picture, uint8 (H, W, 3), and the mask, uint8 (H, W), 1 where the picture was
        forged (any non-zero value of the file) and 0 elsewhere; all 0 if the pair has no mask.

    Raises:
        OSError: If a file is missing or cannot be read.
        ValueError: If a file is not a picture, or the two differ in size.
    """
    image = read_image(pair.image)
    height, width = image.shape[:2]
    if pair.mask is None:
        return image, np.zeros((height, width), np.uint8)
    mask = read_mask(pair.mask)
    if mask.shape != (height, width):
        raise ValueError(
            f"{pair.image} has {width}x{height} pixels but {pair.mask} has "
            f"{mask.shape[1]}x{mask.shape[0]}; make the mask anew at the picture's size"
        )
    return image, mask
