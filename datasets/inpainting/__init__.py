"""Inpainters behind one interface: a function from pictures and masks to completed pictures.

`INPAINTERS` maps names to such functions; a new one joins by an entry there, a network by its
preset in `weights/`, a pretrained network of a package by being installed. `FAMILIES` names groups
of them, of which each forgery draws a member. The composite (the inpainter's pixels inside the
mask, the pristine picture outside) is made by `inpaint` alone.

* `classical`, `exemplar`, `upsampling`: inpainters without a network.
* `gc`, `ca`, `ec`, `resynthesis`: networks and their trainings; `two_stage`: the generator that the
  first two share; `feature_network`: content and style losses; `layers/`: parts of these networks.
* `learned`: networks with shipped weights, as inpainters; `networks`: those of packages.
"""

from collections.abc import Callable

import numpy as np

from datasets.inpainting.classical import navier_stokes, telea
from datasets.inpainting.exemplar import patch_copy
from datasets.inpainting.learned import WEIGHTS, LearnedInpainter
from datasets.inpainting.networks import NETWORKS, NetworkResynthesizer, installed
from datasets.inpainting.upsampling import upsampling_traces

Inpainter = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Takes pictures (N, H, W, 3) uint8 and masks (N, H, W) uint8, 1 = hole; returns pictures."""


def one_by_one(fill: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Inpainter:
    """Makes an inpainter of a function of one picture (H, W, 3) and one mask (H, W)."""

    def fill_all(images, masks):
        return np.stack([fill(image, mask) for image, mask in zip(images, masks, strict=True)])

    return fill_all


INPAINTERS: dict[str, Inpainter] = {
    "telea": one_by_one(telea),
    "ns": one_by_one(navier_stokes),
    "patch": one_by_one(patch_copy),
    "upsampling": one_by_one(upsampling_traces),
    **{name: LearnedInpainter(name) for name in WEIGHTS.names()},
    **{name: NetworkResynthesizer(name) for name in installed()},
}

FAMILIES: dict[str, tuple[str, ...]] = {
    "resynth": tuple(name for name in INPAINTERS if name.startswith("resynth_")),
    "networks": tuple(name for name in INPAINTERS if name in NETWORKS),
}

UNTOUCHED = "none"
"""What stands in an inpainter's place where a picture is left as it is."""


def member(name: str, seed: int) -> str:
    """Draws one inpainter of a family; any other name stands for itself.

    Args:
        name: A key of `FAMILIES` or of `INPAINTERS`.
        seed: Non-negative integer; decides the draw.

    Returns:
        A key of `INPAINTERS`.

    Raises:
        ValueError: If the family has no member that is shipped.
    """
    if name not in FAMILIES:
        return name
    if not FAMILIES[name]:
        raise ValueError(f"No inpainter of the family {name!r} is installed")
    return FAMILIES[name][int(np.random.default_rng([seed, 2]).integers(len(FAMILIES[name])))]


def weights_sha256(name: str) -> str | None:
    """Gives the hash of a network's weights, hexadecimal; `None` for other inpainters."""
    return getattr(INPAINTERS.get(name), "sha256", None)


def inpaint(name: str, images: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Fills the holes of pictures and leaves every other pixel as it is.

    Args:
        name: A key of `INPAINTERS`.
        images: RGB pictures, uint8, shape (N, H, W, 3).
        masks: uint8, shape (N, H, W), 1 inside the hole and 0 elsewhere.

    Returns:
        The composites, a new uint8 array (N, H, W, 3).

    Raises:
        ValueError: If the name is unknown or the masks do not have the pictures' shape.
    """
    if name not in INPAINTERS and name in NETWORKS:
        raise ValueError(f"{name}: not installed; {NETWORKS[name].missing()}")
    if name not in INPAINTERS:
        raise ValueError(f"Unknown inpainter {name!r}; known are: {', '.join(INPAINTERS)}")
    if images.ndim != 4 or masks.shape != images.shape[:3]:
        raise ValueError(f"Masks {masks.shape} do not fit pictures {images.shape}")
    return np.where(masks[..., None] == 1, INPAINTERS[name](images, masks), images)
