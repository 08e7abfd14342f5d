"""Inpainters behind one interface: a function from picture and mask to a completed picture.

`INPAINTERS` maps names to such functions; a new one joins by an entry there. The composite
(the inpainter's pixels inside the mask, the untouched picture outside) is made by `inpaint` alone.
"""

from collections.abc import Callable

import numpy as np

from datasets.inpainting.classical import navier_stokes, telea
from datasets.inpainting.exemplar import patch_copy

Inpainter = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Takes a picture (H, W, 3) uint8 and a mask (H, W) uint8, 1 = hole; returns (H, W, 3) uint8."""

INPAINTERS: dict[str, Inpainter] = {"telea": telea, "ns": navier_stokes, "patch": patch_copy}


def inpaint(name: str, image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Fills the hole of a picture and leaves every other pixel as it is.

    Args:
        name: A key of `INPAINTERS`.
        image: RGB picture, uint8, shape (H, W, 3).
        mask: uint8, shape (H, W), 1 inside the hole and 0 elsewhere.

    Returns:
        The composite, a new uint8 array (H, W, 3).

    Raises:
        ValueError: If the name is unknown or the mask does not have the picture's size.
    """
    if name not in INPAINTERS:
        raise ValueError(f"Unknown inpainter {name!r}; known are: {', '.join(INPAINTERS)}")
    if mask.shape != image.shape[:2]:
        raise ValueError(f"A mask {mask.shape} does not fit a picture {image.shape[:2]}")
    return np.where(mask[..., None] == 1, INPAINTERS[name](image, mask), image)
