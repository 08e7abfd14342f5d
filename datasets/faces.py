"""Faces whose attributes are known, for the training of attribute editors."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from datasets.forging import Window, crop
from datasets.photographs.celeba import celeba, read_attributes
from datasets.photographs.sources import list_photographs
from datasets.training_sets import Cache, choose
from forensics_keras.images import read_image


class LabelledFaces(NamedTuple):
    """Pictures of faces with their attributes.

    Attributes:
        photographs: Paths.
        labels: float32 (photographs, attributes), 1 where the face has the attribute, else 0.
    """

    photographs: list[Path]
    labels: np.ndarray


def labelled_faces(
    folder: str | os.PathLike, attributes: Sequence[str], split: str
) -> LabelledFaces:
    """Lists the faces of a folder whose attributes are known.

    Args:
        folder: CelebA's, with `list_attr_celeba.txt`, or any folder of pictures whose names begin
            with `A_` for faces that have the attribute A, and with `noA_` for those that have not;
            other pictures are left out.
        attributes: Names of attributes; one alone if the pictures' names tell it.
        split: "train", "val" or "test", a part of CelebA; another folder is taken as a whole.

    Returns:
        The `LabelledFaces`, of both kinds for each attribute.

    Raises:
        OSError: If a file or folder is missing or cannot be read.
        ValueError: If an attribute is unknown, or all faces or none have it.

    Example:
        >>> faces = labelled_faces("faces/train", ["mask"], "train")  # doctest: +SKIP
        >>> faces.photographs[0].name, faces.labels[0]  # doctest: +SKIP
        ('mask_anna.jpg', array([1.], dtype=float32))
    """
    root = Path(folder)
    if (root / "list_attr_celeba.txt").is_file():
        names = celeba(root, split)
        values = read_attributes(root).of(names, attributes)
        faces = LabelledFaces([root / name for name in names], (values > 0).astype(np.float32))
    else:
        faces = _labelled_by_name(root, attributes)
    for name, share in zip(attributes, faces.labels.mean(axis=0), strict=True):
        if not 0 < share < 1:
            raise ValueError(
                f"{root}: {'all' if share else 'no'} faces have the attribute {name!r}; "
                "an editor learns from both kinds"
            )
    return faces


def _labelled_by_name(root, attributes):
    if len(attributes) != 1:
        raise ValueError(
            f"{root}: has no list_attr_celeba.txt, and names of pictures tell one attribute, "
            f"not {len(attributes)}"
        )
    prefixes = {f"{attributes[0]}_": 1.0, f"no{attributes[0]}_": 0.0}
    found = [
        (path, label)
        for path in list_photographs(root)
        for prefix, label in prefixes.items()
        if path.name.startswith(prefix)
    ]
    if not found:
        raise ValueError(f"{root}: no picture's name begins with {' or '.join(prefixes)}")
    photographs, labels = zip(*found, strict=True)
    return LabelledFaces(list(photographs), np.array(labels, np.float32)[:, None])


class FaceCrops:
    """Random square crops of faces with their labels: a training set with random access.

    Args:
        faces: Faces as `labelled_faces` lists them.
        size: Side of the crops, in pixels.
        min_scale: The side of a crop is this share of the photograph's short side, up to all of
            it, before it is resized.
        seed: Non-negative integer; decides every sample.
        tint: Each colour channel is multiplied by a factor of `1 - tint` to `1 + tint`.
    """

    def __init__(
        self, faces: LabelledFaces, size: int, min_scale: float, seed: int, tint: float = 0.0
    ):
        self.faces = faces
        self.size = size
        self.min_scale = min_scale
        self.seed = seed
        self.tint = tint
        self._cache = Cache(read_image)

    def sample(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns a picture, uint8 (size, size, 3), mirrored at random, and labels, float32."""
        item, rng = choose(index, len(self.faces.photographs), self.seed)
        photograph = self._cache.get(self.faces.photographs[item])
        face = face_crop(photograph, self.size, rng.uniform(self.min_scale, 1.0), rng.random(2))
        if rng.random() < 0.5:
            face = face[:, ::-1]
        factors = rng.uniform(1 - self.tint, 1 + self.tint, 3)
        face = np.clip(np.rint(face * factors), 0, 255).astype(np.uint8)
        return face, self.faces.labels[item]


def face_crop(
    photograph: np.ndarray,
    size: int,
    scale: float = 1.0,
    offsets: Sequence[float] = (0.5, 0.5),
) -> np.ndarray:
    """Cuts a square around a face that is about in the middle, in a tall picture higher.

    Args:
        photograph: RGB picture, uint8, shape (H, W, 3).
        size: Side of the result, in pixels.
        scale: Side of the square as a share of the short side, over 0, at most 1.
        offsets: Place of the square, vertically and horizontally, from 0 (upper or left) to 1.

    Returns:
        uint8 (size, size, 3).
    """
    height, width = photograph.shape[:2]
    side = max(round(scale * min(height, width)), 1)
    spare = height - side, width - side
    # Above the head is less than below the chin.
    top = round(spare[0] * (0.1 + 0.4 * offsets[0]))
    left = round(spare[1] * (0.25 + 0.5 * offsets[1]))
    face = crop(photograph, Window(top, left, side), size)
    if side < size:
        return cv2.resize(face, (size, size), interpolation=cv2.INTER_CUBIC)
    return face
