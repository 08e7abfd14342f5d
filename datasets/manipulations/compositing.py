"""What local edits share: the seed's second stream, lengths in proportion, and mixing pictures."""

import cv2
import numpy as np

from datasets.manipulations.base import Manipulated

_REFERENCE_SIDE = 256


def choices(seed: int, stream: int = 1) -> np.random.Generator:
    """Gives the generator of an edit's own choices; regions are drawn from the seed itself."""
    return np.random.default_rng([seed, stream])


def scale(image: np.ndarray) -> float:
    """Gives the shorter side of a picture in units of 256 pixels, for lengths in proportion."""
    return min(image.shape[:2]) / _REFERENCE_SIDE


def paste(
    image: np.ndarray, content: np.ndarray, chosen: np.ndarray, rng: np.random.Generator
) -> Manipulated:
    """Replaces a region of a picture by that of another, half of the time with a soft edge.

    Args:
        image: RGB picture, uint8 (H, W, 3).
        content: The new pixels, of the same form.
        chosen: The region, uint8 (H, W), 1 where pixels are replaced.
        rng: Decides about the edge: hard, or a Gaussian of sigma 0.5 to 1 pixel.

    Returns:
        The picture and its mask.
    """
    if rng.random() < 0.5:
        return Manipulated(np.where(chosen[..., None] == 1, content, image), chosen)
    sigma = rng.uniform(0.5, 1.0)
    return mix(image, content, cv2.GaussianBlur(chosen.astype(np.float32), (0, 0), sigma))


def mix(image: np.ndarray, content: np.ndarray, alpha: np.ndarray) -> Manipulated:
    """Mixes two pictures.

    Args:
        image: RGB picture, uint8 (H, W, 3).
        content: The new pixels, of the same form.
        alpha: Their share, float32 (H, W), 0 to 1.

    Returns:
        The picture, and the mask: where more than half is new.
    """
    mixed = image + alpha[..., None] * (content.astype(np.float32) - image)
    return Manipulated(np.rint(mixed).astype(np.uint8), (alpha > 0.5).astype(np.uint8))
