"""Training crops of fills that published tools made.

A folder of real fills has one folder a tool, in it `image/` and `mask/` of the same file stems,
and beside it, or one level up, `manifest.csv`, which names the scene that a picture shows.
"""

import csv
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from datasets.forging import crop, random_turn, random_window
from datasets.history import HistoryRecipe, apply_history, composite, pass_on, random_history
from datasets.mask_kinds import LARGEST_SHARE, draw_mask, random_kind
from datasets.training_sets import Cache
from forensics_keras.images import read_image

LEAST_PIXELS = 24
"""Filled pixels that a crop has at least."""

_ATTEMPTS = 20
_TONE_SIGMA = 8.0
"""Of the Gaussian, in pixels, below which a transplanted fill keeps its own detail."""


def is_fill_folder(folder: Path) -> bool:
    """Tells whether a folder has folders of real fills, one a tool."""
    return any(folder.glob("*/image/*")) and any(folder.glob("*/mask/*"))


def list_fills(folder: Path) -> dict[str, list[list[Path]]]:
    """Lists the pictures of a folder of real fills.

    Args:
        folder: As the module's docstring describes it.

    Returns:
        Tool to its scenes, each a list of pictures; a picture without a scene is one by itself.

    Raises:
        ValueError: If there is no picture.
    """
    scenes = _scenes(folder)
    tools = {}
    for path in sorted(folder.glob("*/image/*")):
        tool = path.parent.parent.name
        scene = scenes.get((tool, path.name)) or path.name
        tools.setdefault(tool, {}).setdefault(scene, []).append(path)
    if not tools:
        raise ValueError(f"{folder}: has no TOOL/image/PICTURE")
    return {tool: list(pictures.values()) for tool, pictures in tools.items()}


def _scenes(folder):
    for manifest in (folder / "manifest.csv", folder.parent / "manifest.csv"):
        if manifest.is_file():
            with manifest.open(newline="", encoding="utf-8") as file:
                rows = [(Path(row["path"]), row["scene"]) for row in csv.DictReader(file)]
            return {(path.parts[-3], path.name): scene for path, scene in rows}
    return {}


def read_fill(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Reads a picture, uint8 (H, W, 3), and its mask, uint8 (H, W), 1 = filled."""
    mask = read_image(path.parent.parent / "mask" / f"{path.stem}.png")
    return read_image(path), (mask[..., 0] > 127).astype(np.uint8)


class FillCrops:
    """Crops of real fills, drawn by tool, then by scene, then by picture.

    Args:
        folder: Of real fills.
        photographs: Paths of untouched photographs, hosts of the transplanted fills.
        recipe: Histories and masks; the shares of kinds of crops do not matter here.
        seed: Non-negative integer; decides every sample.
        transplanted: Share of the crops whose fill is cut out and pasted into a photograph.
        renewed: Share of the others whose untouched part goes through one more history.
    """

    def __init__(
        self,
        folder: Path,
        photographs: Sequence[Path],
        recipe: HistoryRecipe,
        seed: int,
        transplanted: float = 0.3,
        renewed: float = 0.35,
    ):
        self.tools = list_fills(folder)
        self.photographs = list(photographs)
        self.recipe = recipe
        self.seed = seed
        self.size = recipe.size
        self.transplanted = transplanted
        self.renewed = renewed
        # A tool of a hundred pictures counts ten times one of a single picture.
        counts = [sum(map(len, scenes)) for scenes in self.tools.values()]
        self._weights = dict(zip(self.tools, np.sqrt(counts), strict=True))
        self._fills = Cache(read_fill)
        self._hosts = Cache(read_image, 2**30)

    def sample(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns sample `index`; see `datasets.training_sets.TrainingSet`."""
        rng = np.random.default_rng([self.seed, 3, index])
        scenes = self.tools[random_kind(rng, self._weights)]
        pictures = scenes[rng.integers(len(scenes))]
        image, mask = self._fills.get(pictures[rng.integers(len(pictures))])
        image, mask = self._crop(image, mask, rng)
        if rng.random() < self.transplanted:
            photograph = self._hosts.get(self.photographs[rng.integers(len(self.photographs))])
            host = crop(photograph, random_window(photograph, self.size, 1.0, rng), self.size)
            host = apply_history(host, random_history(self.recipe, rng))
            part = mask & draw_mask(random_kind(rng, self.recipe.masks), *mask.shape, rng)
            mask = part if part.sum() >= LEAST_PIXELS else mask
            # A fill of the whole crop would leave no host.
            if mask.mean() > LARGEST_SHARE:
                mask[:, self.size // 2 :] = 0
            image = composite(host, toned_like(image, host), mask, 0)
        elif rng.random() < self.renewed:
            host = apply_history(image, random_history(self.recipe, rng))
            image = composite(host, image, mask, 0)
        return pass_on(image, self.recipe, rng), mask[..., None]

    def _crop(self, image, mask, rng):
        """The same window of both, turned; with some of the fill, and not too much, if it can."""
        missing = [(0, max(self.size - side, 0)) for side in mask.shape]
        both = np.pad(np.dstack([image, mask]), [*missing, (0, 0)], mode="symmetric")
        height, width = both.shape[:2]
        for _ in range(_ATTEMPTS):
            top = rng.integers(height - self.size + 1)
            left = rng.integers(width - self.size + 1)
            window = both[top : top + self.size, left : left + self.size]
            filled = window[..., 3]
            if filled.sum() >= LEAST_PIXELS and filled.mean() <= LARGEST_SHARE:
                break
        window = random_turn(window, rng)
        return np.ascontiguousarray(window[..., :3]), np.ascontiguousarray(window[..., 3])


def toned_like(fill: np.ndarray, host: np.ndarray) -> np.ndarray:
    """Gives a fill the host's large-scale colours: its detail tells, not the change of content.

    Args:
        fill: RGB picture, uint8, shape (H, W, 3).
        host: The same shape.

    Returns:
        A new uint8 array (H, W, 3).
    """
    difference = host.astype(np.float32) - fill
    toned = fill + cv2.GaussianBlur(difference, (0, 0), _TONE_SIGMA)
    return np.rint(np.clip(toned, 0, 255)).astype(np.uint8)
