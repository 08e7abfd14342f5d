"""The contract of all methods: a picture in, what was found in it out.

Evaluation, prediction and reports know this interface only and no method by name. Here are the
methods that need no paper: any Keras model, and the trivial baselines that every table starts with.
"""

from __future__ import annotations

import abc
import math
import os
import threading
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import cv2
import numpy as np

from forensics_keras import metrics, tiling

if TYPE_CHECKING:
    import keras

_PROBE_SIDE = 64

MIN_SIDE = 16
"""Least height and width, in pixels, of a picture that a network is asked about."""


@dataclass(frozen=True, eq=False)
class Finding:
    """What a method says about one picture. `np.asarray(finding)` is its map.

    Attributes:
        map: Each pixel's probability of having been manipulated, float32 (H, W), 0 to 1.
        score: How surely the picture as a whole is manipulated, 0 to 1.
        verdict: The method's judgement in one word or two, such as `"manipulated"`.
        threshold: A pixel is flagged from this value of the map on, 0 to 1.
        details: What else the method knows, by name: the cosine of MaLP's template, for one.
        reliability: Each pixel's probability that its judgement is right, float32 (H, W), 0 to 1;
            `None` of methods that do not know it.
    """

    map: np.ndarray
    score: float
    verdict: str
    threshold: float
    details: Mapping[str, float] = field(default_factory=dict)
    reliability: np.ndarray | None = None

    @property
    def mask(self) -> np.ndarray:
        """The flagged pixels, bool (H, W)."""
        return metrics.flagged_pixels(self.map, self.threshold)

    @property
    def flagged_share(self) -> float:
        """The share of flagged pixels, 0 to 1."""
        return float(self.mask.mean())

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        """Returns the map, for NumPy and for plotting."""
        return np.array(self.map, dtype) if copy or dtype else self.map


class Localizer(abc.ABC):
    """A method that localizes manipulation.

    Attributes:
        name: Short name for tables and reports.
        threshold: A pixel is flagged from this value of the map on, 0 to 1.
        protects: Whether `protect` changes pictures: what a proactive method needs beforehand.
        size: Side of the squares, in pixels, that pictures are scaled to for the method; `None` if
            it takes them as they are.
    """

    name: str
    threshold: float = 0.5
    protects: bool = False
    size: int | None = None

    @property
    def thresholds(self) -> dict[str, object]:
        """Where judgements change: `map_threshold`, `score_threshold`, and what else there is."""
        return {"map_threshold": self.threshold, "score_threshold": self.threshold}

    @abc.abstractmethod
    def localize(self, image: np.ndarray) -> Finding:
        """Looks for manipulated pixels in a picture.

        Args:
            image: uint8 array (height, width, 3), RGB.

        Returns:
            The `Finding`, whose map has the picture's size.

        Raises:
            ValueError: The picture does not suit the method.
        """

    def protect(self, image: np.ndarray) -> np.ndarray:
        """Prepares a picture before it is published; passive methods leave it as it is.

        Args:
            image: uint8 array (height, width, 3), RGB.

        Returns:
            uint8 array of the same shape.

        Raises:
            ValueError: The picture does not suit the method.
        """
        return image

    def _found(self, probability: np.ndarray) -> Finding:
        """Returns the finding of a method that knows nothing but its map."""
        verdict = metrics.verdict(float(metrics.flagged_pixels(probability, self.threshold).mean()))
        return Finding(probability, metrics.picture_score(probability), verdict, self.threshold)


def check_picture(image: np.ndarray) -> None:
    """Raises ValueError for what is not uint8 (H, W, 3) with sides of at least 16 pixels."""
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(
            f"a picture must be uint8 (H, W, 3), not {image.dtype} {image.shape}{_remedy(image)}"
        )
    height, width = image.shape[:2]
    if min(height, width) < MIN_SIDE:
        raise ValueError(
            f"a picture of {width}x{height} pixels is too small; "
            f"give one of at least {MIN_SIDE}x{MIN_SIDE}"
        )


def _remedy(image: np.ndarray) -> str:
    """Says what makes a usual other form of a picture the right one."""
    remedies = []
    if image.ndim == 4:
        remedies.append("give one picture of the batch at a time")
    elif image.ndim == 2:
        remedies.append("repeat grey over the channels: np.repeat(image[..., np.newaxis], 3, -1)")
    elif image.ndim == 3 and image.shape[2] == 1:
        remedies.append("repeat grey over the channels: np.repeat(image, 3, -1)")
    elif image.ndim == 3 and image.shape[2] == 4:
        remedies.append("leave out the transparency: image[..., :3]")
    elif image.ndim == 3 and image.shape[0] == 3:
        remedies.append("put the channels last: np.moveaxis(image, 0, -1)")
    if image.dtype.kind == "f" and image.size:
        scale = "image * 255" if image.max() <= 1 else "image"
        remedies.append(f"turn it into levels: np.rint({scale}).astype(np.uint8)")
    return "".join(f"; {remedy}" for remedy in remedies)


def check_model(model: keras.Model, path: str | os.PathLike) -> None:
    """Refuses a model that is none from a picture to a probability for each of its pixels.

    Args:
        model: The model, which is shown one grey picture with a white corner.
        path: Path of its file, for error messages.

    Raises:
        ValueError: It has several inputs or outputs, or gives other shapes or values.
    """
    inputs = getattr(model, "inputs", None)
    if inputs is not None and len(inputs) != 1:
        raise ValueError(f"{path}: has {len(inputs)} inputs; a localizer has one, the picture")
    side = _PROBE_SIDE
    if inputs is not None and len(inputs[0].shape) == 4:
        side = inputs[0].shape[1] or side
    picture = np.full((side, side, 3), 127, np.uint8)
    picture[: side // 2, : side // 2] = 255
    try:
        pixel_probabilities(model, picture)
    except Exception as error:  # Keras raises many kinds where shapes do not go together
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ValueError(f"{path}: is no localizer of pixels: {reason}") from error


def pixel_probabilities(model: keras.Model, image: np.ndarray) -> np.ndarray:
    """Asks a model about a picture, and checks what it gives.

    Args:
        model: As for `ModelLocalizer`.
        image: uint8 (H, W, 3).

    Returns:
        float32 (H, W), 0 to 1.

    Raises:
        ValueError: The model gives something else than a probability for each pixel.
    """
    output = model.predict_on_batch(image[np.newaxis])
    if isinstance(output, dict | list | tuple):
        raise ValueError(f"the model gave {len(output)} outputs; it must give one, the map")
    output = np.asarray(output, np.float32)
    if output.ndim != 4 or output.shape[:3] != (1, *image.shape[:2]):
        raise ValueError(
            f"the model gave {output.shape} for a picture of {image.shape[:2]}; "
            "it must give a probability for each pixel"
        )
    probability = output[0, ..., 0]
    if not np.isfinite(probability).all():
        raise ValueError("the model gave values that are not finite; its weights are damaged")
    if probability.min() < 0 or probability.max() > 1:
        raise ValueError(
            f"the model gave values from {probability.min():.3g} to {probability.max():.3g}; "
            "probabilities are 0 to 1: end it with a sigmoid"
        )
    return probability


class ModelLocalizer(Localizer):
    """A Keras model as a localizer: small pictures whole, large ones in blended tiles.

    The time of the network's attention grows with the square of the area and its activations with
    the area, so beyond `whole_limit` tiles are both faster and bounded in memory.

    Args:
        model: Maps (1, H, W, 3), RGB in 0 to 255, to (1, H, W, C), whose first channel is the
            probability map.
        name: Short name for tables and reports.
        threshold: A pixel is flagged from this probability on, 0 to 1.
        whole_limit: Largest area, in pixels, of a picture that is given to the model at once.
        tile: Greatest height and width of a tile in pixels.
        overlap: Least number of pixels that neighbouring tiles share.
        max_side: Pictures with a longer side are scaled down to it for the model, and their maps
            back; `None` for no limit. Faster, but fine traces are lost.

    Example:
        >>> localizer = ModelLocalizer(keras.models.load_model("mine.keras"))  # doctest: +SKIP
        >>> found = localizer.localize(images.read_image("holiday.jpg"))  # doctest: +SKIP
        >>> found.map, found.score, found.mask  # doctest: +SKIP
    """

    def __init__(
        self,
        model: keras.Model,
        name: str = "model",
        threshold: float = 0.5,
        whole_limit: int = 768 * 768,
        tile: int = 512,
        overlap: int = 64,
        max_side: int | None = None,
    ):
        tiling.tile_starts(tile, tile, overlap)  # refuses sizes that do not go together
        self.model = model
        self.name = name
        self.threshold = threshold
        self.whole_limit = whole_limit
        self.tile = tile
        self.overlap = overlap
        self.max_side = max_side
        # Pictures may come from several threads, for which Keras' `predict` is not made.
        self._lock = threading.Lock()

    def localize(self, image: np.ndarray) -> Finding:
        check_picture(image)
        height, width = image.shape[:2]
        scale = (self.max_side or math.inf) / max(height, width)
        if scale >= 1:
            return self._judged(image, self._map(image))
        sides = max(MIN_SIDE, round(width * scale)), max(MIN_SIDE, round(height * scale))
        scaled = self._map(cv2.resize(image, sides, interpolation=cv2.INTER_AREA))
        probability = cv2.resize(scaled, (width, height), interpolation=cv2.INTER_LINEAR)
        return self._judged(image, probability)

    def _map(self, image: np.ndarray) -> np.ndarray:
        height, width = image.shape[:2]
        if height * width <= self.whole_limit:
            return self._run(image)
        return tiling.localize_in_tiles(image, self._run, self.tile, self.overlap)

    def _judged(self, image: np.ndarray, probability: np.ndarray) -> Finding:
        """Returns what is found in a picture whose map is known."""
        return self._found(probability)

    def _run(self, image: np.ndarray) -> np.ndarray:
        with self._lock:
            return pixel_probabilities(self.model, image)


class AllZeros(Localizer):
    """Finds nothing anywhere."""

    name = "all zeros"

    def localize(self, image: np.ndarray) -> Finding:
        return self._found(np.zeros(image.shape[:2], np.float32))


class AllOnes(Localizer):
    """Calls every pixel manipulated."""

    name = "all ones"

    def localize(self, image: np.ndarray) -> Finding:
        return self._found(np.ones(image.shape[:2], np.float32))


class Noise(Localizer):
    """Uniform noise in 0 to 1, the same each time for the same picture.

    Args:
        seed: Another seed gives other noise.
    """

    name = "noise"

    def __init__(self, seed: int = 0):
        self.seed = seed

    def localize(self, image: np.ndarray) -> Finding:
        generator = np.random.default_rng([self.seed, zlib.crc32(np.ascontiguousarray(image).data)])
        return self._found(generator.random(image.shape[:2], np.float32))


def trivial_baselines(seed: int) -> list[Localizer]:
    """Returns the methods that look at nothing, with which every table starts.

    Args:
        seed: Seed of the noise.
    """
    return [AllZeros(), AllOnes(), Noise(seed)]
