"""What every manipulation is: pictures and seeds in, manipulated pictures and their masks out."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

FAMILIES = ("local", "inpainting", "generative", "harmless")
"""What kinds of manipulations there are; a harmless one is no manipulation in a verdict."""

MIN_SIDE = 64
"""Smallest side of a picture that can be manipulated, in pixels."""


class Manipulated(NamedTuple):
    """One manipulated picture.

    Attributes:
        image: uint8 (H, W, 3), RGB.
        mask: uint8 (H, W), 1 where the manipulation replaced the pixel, also where the new pixel
            happens to look like the old one (a blurred sky); all 0 for a harmless change; `None`
            where it is not known, as after a generative model that draws the whole picture anew.
    """

    image: np.ndarray
    mask: np.ndarray | None


class Manipulation(ABC):
    """A way to manipulate pictures, a pure function of a batch and its seeds.

    A new kind defines `manipulate`, and is then used as a function:

        >>> [first] = manipulation(pictures[:1], seeds=[7])  # doctest: +SKIP

    Args:
        name: Short name, for tables and reports.
        family: One of `FAMILIES`.

    Attributes:
        name: Short name, as given.
        family: Family, as given.

    Raises:
        ValueError: If the family is unknown.
    """

    def __init__(self, name: str, family: str):
        if family not in FAMILIES:
            raise ValueError(f"Unknown family {family!r}; known are: {', '.join(FAMILIES)}")
        self.name = name
        self.family = family

    def __call__(self, images: np.ndarray, seeds: Sequence[int]) -> list[Manipulated]:
        """Manipulates a batch of pictures.

        Args:
            images: RGB pictures, uint8, shape (N, H, W, 3), sides of at least `MIN_SIDE` pixels.
            seeds: N non-negative integers, which decide everything that is drawn.

        Returns:
            N manipulated pictures of the same size, in new arrays.

        Raises:
            ValueError: If the pictures or the seeds are not as stated, or the manipulation
                cannot be made of them.
        """
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] != 3:
            raise ValueError(
                "Expected uint8 pictures of shape (N, H, W, 3), "
                f"got {images.dtype} of shape {images.shape}"
            )
        if min(images.shape[1:3]) < MIN_SIDE:
            raise ValueError(
                f"Expected pictures of at least {MIN_SIDE}x{MIN_SIDE} pixels, "
                f"got {images.shape[2]}x{images.shape[1]}"
            )
        if len(seeds) != len(images):
            raise ValueError(f"Expected a seed for each of {len(images)} pictures, got {seeds}")
        return self.manipulate(images, [int(seed) for seed in seeds])

    @abstractmethod
    def manipulate(self, images: np.ndarray, seeds: list[int]) -> list[Manipulated]:
        """Manipulates a batch that was checked; see `__call__`."""


class PictureEdit(Manipulation):
    """A manipulation of each picture by itself.

    Args:
        name: Short name.
        family: One of `FAMILIES`.
        edit: Function of a picture, uint8 (H, W, 3), and its seed.
    """

    def __init__(self, name: str, family: str, edit: Callable[[np.ndarray, int], Manipulated]):
        super().__init__(name, family)
        self._edit = edit

    def manipulate(self, images: np.ndarray, seeds: list[int]) -> list[Manipulated]:
        return [self._edit(image, seed) for image, seed in zip(images, seeds, strict=True)]
