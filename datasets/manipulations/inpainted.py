"""Inpainting as a manipulation: something is removed, and the hole is filled."""

import numpy as np

from datasets.inpainting import INPAINTERS, inpaint
from datasets.manipulations.base import Manipulated, Manipulation
from datasets.manipulations.compositing import choices
from datasets.manipulations.regions import AREA, region
from datasets.masks import free_form_mask


def hole(height: int, width: int, seed: int) -> np.ndarray:
    """Draws a hole: half of them brush strokes of `free_form_mask`, half a `region`.

    Strokes that cover less or more than the bounds of `regions.AREA` are replaced by a region.

    Args:
        height: Rows, at least 64.
        width: Columns, at least 64.
        seed: Non-negative integer.

    Returns:
        uint8 (height, width), 1 inside the hole and 0 elsewhere.
    """
    if choices(seed).random() < 0.5:
        strokes = free_form_mask(height, width, seed)
        if AREA[0] <= strokes.mean() <= AREA[1]:
            return strokes
    return region(height, width, seed)


class Inpainted(Manipulation):
    """Fills the `hole` of the seed by an inpainter; other pixels stay as they are.

    Args:
        inpainter: A key of `datasets.inpainting.INPAINTERS`.

    Raises:
        ValueError: If there is no such inpainter.

    Example:
        >>> [filled] = Inpainted("telea")(pictures[:1], seeds=[7])  # doctest: +SKIP
    """

    def __init__(self, inpainter: str):
        if inpainter not in INPAINTERS:
            raise ValueError(f"Unknown inpainter {inpainter!r}; known are: {', '.join(INPAINTERS)}")
        super().__init__(inpainter, "inpainting")

    def manipulate(self, images: np.ndarray, seeds: list[int]) -> list[Manipulated]:
        masks = np.stack(
            [hole(*image.shape[:2], seed) for image, seed in zip(images, seeds, strict=True)]
        )
        filled = inpaint(self.name, images, masks)
        return [Manipulated(image, mask) for image, mask in zip(filled, masks, strict=True)]
