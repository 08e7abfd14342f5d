"""Forging: crop, mask, inpaint, composite and degrade one photograph, by a seed."""

from dataclasses import dataclass, field
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image

from datasets.degradations import degrade, random_degradation
from datasets.inpainting import inpaint, member
from datasets.masks import free_form_mask

_MAX_HOLE_SHARE = 0.6
"""Largest share of a training crop inside the hole; a fill needs surroundings to start from."""


class Forgery(NamedTuple):
    """One forged picture.

    Attributes:
        image: The forgery, degraded; uint8 (size, size, 3), RGB.
        mask: uint8 (size, size), 1 = inpainted; all 0 for a pristine picture.
        original: The pristine crop before inpainting and degradation; uint8 (size, size, 3).
    """

    image: np.ndarray
    mask: np.ndarray
    original: np.ndarray


@dataclass(frozen=True)
class ForgingRecipe:
    """How training pictures are forged on the fly.

    Attributes:
        size: Side of the square crops, in pixels.
        mask_size: Side at which masks are drawn, at least `size`; a window of the mask is used,
            so that small crops train for the strokes of larger pictures.
        inpainters: Names of inpainters or families, and their weights in the mixture.
        untouched: Share of pristine crops, 0 to 1.
        degradations: Kinds, weights and ranges for `random_degradation`.
        min_scale: Photographs are shrunk by a random factor from `min_scale` to 1 before
            cropping, so that the sharpness of pristine pixels varies.
        whole: Whether `whole_picture` takes the place of cropping, and nothing is turned or
            mirrored, as in the IRL-Net authors' program; `None`, which records of trainings
            from before have, does not.
    """

    size: int = 128
    mask_size: int = 256
    inpainters: dict[str, float] = field(default_factory=lambda: {"telea": 1.0, "ns": 1.0})
    untouched: float = 0.0
    degradations: dict[str, tuple] = field(default_factory=lambda: {"clean": (1.0,)})
    min_scale: float = 1.0
    whole: bool | None = None


@dataclass(frozen=True)
class Forging:
    """How photographs are forged for measuring.

    Attributes:
        inpainters: Names of inpainters or families; each fills the same hole of the same crop.
        size: Side of the square crops, in pixels.
        seed: Non-negative integer; what is drawn for a photograph follows from it and its name.
        whole: Whether `whole_picture` takes the place of cropping.
    """

    inpainters: tuple[str, ...]
    size: int = 256
    seed: int = 0
    whole: bool = False


def forge(
    photograph: np.ndarray,
    size: int,
    seed: int,
    inpainter: str | None,
    degradation: str = "clean",
    whole: bool = False,
) -> Forgery:
    """Forges one picture for measuring, at the photograph's own resolution unless `whole`.

    Crop and mask depend on the seed alone, so that inpainters and degradations are compared on
    the same crops and holes. A photograph smaller than the crop is continued by reflection.

    Args:
        photograph: RGB picture, uint8, shape (H, W, 3).
        size: Side of the square crop, in pixels.
        seed: Non-negative integer.
        inpainter: A key of `datasets.inpainting.INPAINTERS` or of its `FAMILIES`, or `None` for a
            pristine picture.
        degradation: Spec for `datasets.degradations.degrade`.
        whole: Whether `whole_picture` takes the place of cropping.

    Returns:
        The `Forgery`.

    Raises:
        ValueError: If the inpainter or the degradation is unknown.
    """
    if whole:
        original = whole_picture(photograph, size)
    else:
        window = random_window(photograph, size, 1.0, np.random.default_rng(seed))
        original = crop(photograph, window, size)
    mask = free_form_mask(size, size, seed)
    return _forged(original, mask, seed, inpainter, degradation)


def forge_for_training(
    photograph: np.ndarray, recipe: ForgingRecipe, rng: np.random.Generator
) -> Forgery:
    """Forges one training crop, every choice of which is drawn by the recipe.

    Args:
        photograph: RGB picture, uint8, shape (H, W, 3).
        recipe: Recipe of what is drawn.
        rng: Generator of all choices; the same state gives the same crop.

    Returns:
        The `Forgery`, flipped and turned at random unless it is of the whole photograph.
    """
    if recipe.whole:
        original = whole_picture(photograph, recipe.size)
    else:
        window = random_window(photograph, recipe.size, recipe.min_scale, rng)
        original = random_turn(crop(photograph, window, recipe.size), rng)
    names = list(recipe.inpainters)
    weights = np.array([recipe.inpainters[name] for name in names], float)
    inpainter = names[rng.choice(len(names), p=weights / weights.sum())]
    if rng.random() < recipe.untouched:
        inpainter = None
    seed = int(rng.integers(2**32))
    mask = mask_window(free_form_mask(recipe.mask_size, recipe.mask_size, seed), recipe.size, rng)
    degradation = random_degradation(rng, recipe.degradations)
    return _forged(original, mask, seed, inpainter, degradation)


def _forged(original, mask, seed, inpainter, degradation) -> Forgery:
    if inpainter is None:
        image, mask = original, np.zeros_like(mask)
    else:
        image = inpaint(member(inpainter, seed), original[None], mask[None])[0]
    return Forgery(degrade(image, degradation, seed), mask, original)


class Window(NamedTuple):
    """A square of a photograph, in pixels; it may reach beyond a photograph that is smaller."""

    top: int
    left: int
    side: int


def random_window(
    photograph: np.ndarray, size: int, min_scale: float, rng: np.random.Generator
) -> Window:
    """Draws a square to crop.

    Args:
        photograph: RGB picture, uint8, shape (H, W, 3).
        size: Side that the crop will have, in pixels.
        min_scale: The crop will be shrunk by a factor of `min_scale` to 1, as far as the
            photograph allows.
        rng: Generator of all choices.

    Returns:
        The `Window`; its side is at least `size`.
    """
    height, width = photograph.shape[:2]
    side = min(round(size / rng.uniform(min_scale, 1.0)), max(min(height, width), size))
    top, left = rng.integers(max(height - side, 0) + 1), rng.integers(max(width - side, 0) + 1)
    return Window(int(top), int(left), side)


def crop(photograph: np.ndarray, window: Window, size: int) -> np.ndarray:
    """Cuts a square out of a photograph, continued by reflection where it is smaller.

    Args:
        photograph: RGB picture, uint8, shape (H, W, 3).
        window: Square to cut, as `random_window` draws it.
        size: Side of the result, in pixels; a larger window is shrunk.

    Returns:
        A new uint8 array (size, size, 3).
    """
    top, left, side = window
    cut = photograph[top : top + side, left : left + side]
    if cut.shape[:2] != (side, side):
        missing = (0, side - cut.shape[0]), (0, side - cut.shape[1]), (0, 0)
        cut = np.pad(cut, missing, mode="symmetric")
    if side > size:
        return cv2.resize(cut, (size, size), interpolation=cv2.INTER_AREA)
    return cut.copy()


def whole_picture(photograph: np.ndarray, size: int) -> np.ndarray:
    """Scales a whole photograph to a square, whatever its sides are, by bicubic interpolation.

    Args:
        photograph: Picture, uint8, shape (H, W, 3) or (H, W).
        size: Side of the result, in pixels.

    Returns:
        uint8 (size, size, 3) or (size, size); the photograph's pixels if it has that size.

    Reference: the IRL-Net authors' program, `PIL.Image.resize` of every picture.
    """
    scaled = Image.fromarray(photograph).resize((size, size), Image.Resampling.BICUBIC)
    return np.array(scaled)


def random_turn(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Turns a picture by a multiple of 90 degrees, and mirrors it, at random."""
    image = np.rot90(image, rng.integers(4))
    return np.ascontiguousarray(image[:, ::-1] if rng.random() < 0.5 else image)


def mask_window(mask: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """Draws a window of a larger mask that holds some of the hole, and not too much of it.

    Args:
        mask: uint8 (H, W), 1 = hole.
        size: Side of the window, in pixels, at most that of the mask.
        rng: Generator of all choices.

    Returns:
        A new uint8 array (size, size).
    """
    rows, columns = np.nonzero(mask)
    last = mask.shape[0] - size
    for _ in range(10):
        pixel = rng.integers(len(rows))
        top = int(np.clip(rows[pixel] - rng.integers(size), 0, last))
        left = int(np.clip(columns[pixel] - rng.integers(size), 0, last))
        window = mask[top : top + size, left : left + size]
        if window.mean() <= _MAX_HOLE_SHARE:
            break
    return np.ascontiguousarray(window)
