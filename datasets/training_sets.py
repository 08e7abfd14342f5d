"""Training sets with random access: sample `k` is the same whenever and wherever it is asked for.

This makes training resumable to the sample, and readable by any framework: `datasets.tf_data`
feeds them to tf.data, and `datasets.batches` to Keras on any backend.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from datasets.degradations import degrade, random_degradation
from datasets.forging import (
    Forgery,
    ForgingRecipe,
    crop,
    forge_for_training,
    mask_window,
    random_turn,
    random_window,
    whole_picture,
)
from datasets.masks import free_form_mask
from datasets.pairs import Pair, read_pair
from forensics_keras.images import read_image

CACHE_BYTES = 4 * 2**30
"""Decoded photographs kept in memory, in bytes: all of a collection of a few thousand."""


class TrainingSet(Protocol):
    """An endless sequence of training samples."""

    size: int

    def sample(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns the picture, uint8 (size, size, 3), and the mask, uint8 (size, size, 1)."""


class Cache:
    """Reads files once, as long as they fit into `limit` bytes."""

    def __init__(self, read, limit=CACHE_BYTES):
        self._read = read
        self._limit = limit
        self._kept = {}
        self._bytes = 0

    def get(self, key):
        if key in self._kept:
            return self._kept[key]
        value = self._read(key)
        size = value.nbytes if isinstance(value, np.ndarray) else sum(v.nbytes for v in value)
        if self._bytes + size <= self._limit:
            self._kept[key] = value
            self._bytes += size
        return value


def choose(index: int, count: int, seed: int) -> tuple[int, np.random.Generator]:
    """Chooses the item of a sample: each once in every pass, in a new order.

    Args:
        index: Number of the sample.
        count: Number of items.
        seed: Non-negative integer.

    Returns:
        Number of the item, and the generator of the sample's other choices.
    """
    one_pass, position = divmod(index, count)
    order = np.random.default_rng([seed, 0, one_pass]).permutation(count)
    return int(order[position]), np.random.default_rng([seed, 1, index])


class ForgedPhotographs:
    """Photographs forged on the fly.

    Args:
        photographs: Paths of pristine photographs, at least one.
        recipe: Recipe that they are forged by.
        seed: Non-negative integer; decides every sample.
        forge: Forges a crop of a photograph by the recipe: `forge_for_training`, or
            `datasets.history.forge_with_history` with a `HistoryRecipe`.
    """

    def __init__(
        self,
        photographs: Sequence[Path],
        recipe: ForgingRecipe,
        seed: int,
        forge: Callable[..., Forgery] = forge_for_training,
    ):
        self.photographs = list(photographs)
        self.recipe = recipe
        self.seed = seed
        self.size = recipe.size
        self._forge = forge
        self._cache = Cache(read_image)

    def sample(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns sample `index`; see `TrainingSet`."""
        item, rng = choose(index, len(self.photographs), self.seed)
        photograph = self._cache.get(self.photographs[item])
        forgery = self._forge(photograph, self.recipe, rng)
        return forgery.image, forgery.mask[..., None]


class CropsWithHoles:
    """Pristine crops and the holes that an inpainter shall learn to fill.

    Args:
        photographs: Paths of pristine photographs, at least one.
        size: Side of the square crops, in pixels.
        mask_size: Side at which masks are drawn, at least `size`; a window of them is used.
        min_scale: Smallest random factor of shrinking, as in `ForgingRecipe`.
        seed: Non-negative integer; decides every sample.
    """

    def __init__(
        self,
        photographs: Sequence[Path],
        size: int,
        mask_size: int,
        min_scale: float,
        seed: int,
    ):
        self.photographs = list(photographs)
        self.size = size
        self.mask_size = mask_size
        self.min_scale = min_scale
        self.seed = seed
        self._cache = Cache(read_image)

    def sample(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns sample `index`; see `TrainingSet`."""
        item, rng = choose(index, len(self.photographs), self.seed)
        photograph = self._cache.get(self.photographs[item])
        window = random_window(photograph, self.size, self.min_scale, rng)
        image = random_turn(crop(photograph, window, self.size), rng)
        mask = free_form_mask(self.mask_size, self.mask_size, int(rng.integers(2**32)))
        return image, mask_window(mask, self.size, rng)[..., None]


class CroppedPairs:
    """Pairs of a folder, cropped, flipped and degraded at random, or scaled if `recipe.whole`.

    Args:
        pairs: Pictures and their masks, at least one; pictures without a mask are pristine.
            Or numbers of pairs, if `read` takes those.
        recipe: `size`, `degradations` and `whole` are used.
        seed: Non-negative integer; decides every sample.
        read: Reads one of `pairs` as `read_pair` does.
        cache_bytes: Most bytes of decoded pairs that are kept in memory.
    """

    def __init__(
        self,
        pairs: Sequence[Pair] | Sequence[int],
        recipe: ForgingRecipe,
        seed: int,
        read: Callable[..., tuple[np.ndarray, np.ndarray]] = read_pair,
        cache_bytes: int = CACHE_BYTES,
    ):
        self.pairs = list(pairs)
        self.recipe = recipe
        self.seed = seed
        self.size = recipe.size
        self._cache = Cache(read, cache_bytes)

    def sample(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns sample `index`; see `TrainingSet`."""
        item, rng = choose(index, len(self.pairs), self.seed)
        image, mask = self._cache.get(self.pairs[item])
        if self.recipe.whole:
            image = whole_picture(image, self.size)
            mask = (whole_picture(255 * mask, self.size) >= 128).astype(np.uint8)
        else:
            image, mask = _crop_and_flip(image, mask, self.size, rng)
        spec = random_degradation(rng, self.recipe.degradations)
        return degrade(image, spec, int(rng.integers(2**32))), mask[..., None]


class Mixture:
    """Samples of several training sets, drawn by weight.

    Args:
        parts: The sets, of one size, and their weights.
        seed: Non-negative integer; decides from which set a sample comes.
    """

    def __init__(self, parts: Sequence[tuple[TrainingSet, float]], seed: int):
        self.sets, weights = zip(*parts, strict=True)
        self.shares = np.array(weights) / sum(weights)
        self.seed = seed
        self.size = self.sets[0].size

    def sample(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns sample `index`; see `TrainingSet`."""
        rng = np.random.default_rng([self.seed, 2, index])
        return self.sets[rng.choice(len(self.sets), p=self.shares)].sample(index)


def _crop_and_flip(image, mask, size, rng) -> tuple[np.ndarray, np.ndarray]:
    """Cuts the same window out of both; small pictures are continued by reflection."""
    height, width = mask.shape
    missing = (0, max(size - height, 0)), (0, max(size - width, 0))
    image = np.pad(image, (*missing, (0, 0)), mode="symmetric")
    mask = np.pad(mask, missing, mode="symmetric")
    top = rng.integers(image.shape[0] - size + 1)
    left = rng.integers(image.shape[1] - size + 1)
    image = image[top : top + size, left : left + size]
    mask = mask[top : top + size, left : left + size]
    if rng.random() < 0.5:
        image, mask = image[:, ::-1], mask[:, ::-1]
    return np.ascontiguousarray(image), np.ascontiguousarray(mask)
