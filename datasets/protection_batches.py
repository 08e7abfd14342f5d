"""Batches for training MaLP: photographs, protected, manipulated, and harmlessly changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from datasets.batches import EndlessBatches
from datasets.forging import crop, random_turn, random_window
from datasets.manipulations import Manipulation, harmless
from datasets.training_sets import Cache, choose
from forensics_keras.images import read_image

Protect = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Pictures, uint8 (N, H, W, 3), and the number of a template for each: protected pictures."""


@dataclass(frozen=True)
class ProtectionRecipe:
    """How training pictures are made.

    Attributes:
        size: Side of the square pictures that the networks get, in pixels.
        manipulations: Name in the registry that the batches get: its share.
        sides: Sides at which pictures are protected and manipulated before they are scaled to
            `size`, one drawn for each batch: a picture is larger than what inspects it.
        min_scale: Photographs are shrunk by a random factor from this to 1 before cropping.
        harmless_share: Share of the pictures, manipulated or not, with a harmless change.
        templates: Number of templates to draw from.
    """

    size: int
    manipulations: Mapping[str, float]
    sides: tuple[int, ...]
    min_scale: float = 0.5
    harmless_share: float = 0.0
    templates: int = 1


class ProtectedBatches(EndlessBatches):
    """Endless batches for `malp_keras.training.MaLPTraining`, on any backend.

    Pictures are protected with the templates of the moment when their batch is made, a few steps
    before it is trained on.

    Args:
        photographs: Paths of pristine photographs, at least one.
        recipe: Recipe of the pictures.
        registry: Manipulations by name.
        protect: Function that protects pictures with the templates as they are.
        batch_size: Photographs per batch.
        seed: Non-negative integer; decides everything but the templates.
        first_batch: Number of the first batch.
    """

    def __init__(
        self,
        photographs: Sequence[Path],
        recipe: ProtectionRecipe,
        registry: Mapping[str, Manipulation],
        protect: Protect,
        batch_size: int,
        seed: int,
        first_batch: int = 0,
    ):
        super().__init__(first_batch)
        self.photographs = list(photographs)
        self.recipe = recipe
        self.registry = registry
        self.protect = protect
        self.batch_size = batch_size
        self.seed = seed
        self._cache = Cache(read_image)

    def make(self, number: int) -> tuple[dict[str, np.ndarray]]:
        """Returns batch `number` in the form that `MaLPTraining` takes."""
        recipe, rng = self.recipe, np.random.default_rng([self.seed, 2, number])
        side = int(rng.choice(recipe.sides))
        originals = np.stack([self._photograph(number, i, side) for i in range(self.batch_size)])
        index = rng.integers(recipe.templates, size=self.batch_size).astype("int32")
        protected = self.protect(originals, index)
        manipulated, masks = self._manipulate(protected, rng)
        batch = {
            "image": originals,
            "protected": self._change_harmlessly(protected, rng),
            "manipulated": self._change_harmlessly(manipulated, rng),
        }
        batch = {key: scale(pictures, recipe.size) for key, pictures in batch.items()}
        return ({**batch, "index": index, "mask": scale(masks * 255, recipe.size) // 128},)

    def _photograph(self, number: int, position: int, side: int) -> np.ndarray:
        sample = number * self.batch_size + position
        item, rng = choose(sample, len(self.photographs), self.seed)
        photograph = self._cache.get(self.photographs[item])
        window = random_window(photograph, side, self.recipe.min_scale, rng)
        return random_turn(crop(photograph, window, side), rng)

    def _manipulate(self, protected, rng):
        """Gives manipulated pictures and masks (0 where a manipulation does not tell them)."""
        names = list(self.recipe.manipulations)
        shares = np.array(list(self.recipe.manipulations.values()))
        drawn = rng.choice(len(names), self.batch_size, p=shares / shares.sum())
        seeds = rng.integers(2**32, size=self.batch_size)
        pictures, masks = protected.copy(), np.zeros((*protected.shape[:3], 1), np.uint8)
        for kind in np.unique(drawn):
            chosen = np.flatnonzero(drawn == kind)
            # A splice takes its donor from the batch, which must not be a single picture.
            batch = chosen if len(chosen) > 1 else np.append(chosen, chosen[0] - 1)
            results = self.registry[names[kind]](protected[batch], seeds[batch])[: len(chosen)]
            for i, result in zip(chosen, results, strict=True):
                pictures[i] = result.image
                if result.mask is not None:
                    masks[i, ..., 0] = result.mask
        return pictures, masks

    def _change_harmlessly(self, pictures, rng):
        seeds = rng.integers(2**32, size=len(pictures))
        changed = rng.random(len(pictures)) < self.recipe.harmless_share
        return np.where(changed[:, None, None, None], harmless(pictures, seeds), pictures)


def scale(pictures: np.ndarray, size: int) -> np.ndarray:
    """Scales pictures by area: uint8 (N, H, W, C) to (N, size, size, C)."""
    if pictures.shape[1:3] == (size, size):
        return pictures
    channels = pictures.shape[-1]
    scaled = [cv2.resize(p, (size, size), interpolation=cv2.INTER_AREA) for p in pictures]
    return np.stack(scaled).reshape(len(pictures), size, size, channels)
