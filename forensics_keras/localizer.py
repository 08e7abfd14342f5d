"""Localizers: anything that turns a picture into a map of inpainting probabilities.

Evaluation and prediction know this interface only and no method by name.
"""

from __future__ import annotations

import abc
import threading
import zlib

import keras
import numpy as np

from forensics_keras import tiling

MIN_SIDE = 16
"""Least height and width, in pixels, of a picture that a network is asked about."""


class Localizer(abc.ABC):
    """A method that localizes inpainting.

    Attributes:
        name: Short name for tables and reports.
    """

    name: str

    @abc.abstractmethod
    def localize(self, image: np.ndarray) -> np.ndarray:
        """Gives each pixel its probability of having been inpainted.

        Args:
            image: uint8 array (height, width, 3), RGB.

        Returns:
            float32 array (height, width), values 0 to 1.

        Raises:
            ValueError: The picture does not suit the method.
        """


def check_picture(image: np.ndarray) -> None:
    """Raises ValueError for what is not uint8 (H, W, 3) with sides of at least 16 pixels."""
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(f"a picture must be uint8 (H, W, 3), not {image.dtype} {image.shape}")
    height, width = image.shape[:2]
    if min(height, width) < MIN_SIDE:
        raise ValueError(
            f"a picture of {width}x{height} pixels is too small; "
            f"give one of at least {MIN_SIDE}x{MIN_SIDE}"
        )


class ModelLocalizer(Localizer):
    """A Keras model as a localizer: small pictures whole, large ones in blended tiles.

    The time of the network's attention grows with the square of the area and its activations with
    the area, so beyond `whole_limit` tiles are both faster and bounded in memory.

    Args:
        model: Maps (1, H, W, 3), RGB in 0 to 255, to (1, H, W, C), whose first channel is the
            probability map.
        name: Short name for tables and reports.
        whole_limit: Largest area, in pixels, of a picture that is given to the model at once.
        tile: Greatest height and width of a tile in pixels.
        overlap: Least number of pixels that neighbouring tiles share.

    Example:
        >>> localizer = ModelLocalizer(irl_keras.from_preset("irl_small"))  # doctest: +SKIP
        >>> probability = localizer.localize(images.read_image("holiday.jpg"))  # doctest: +SKIP
    """

    def __init__(
        self,
        model: keras.Model,
        name: str = "irl",
        whole_limit: int = 768 * 768,
        tile: int = 512,
        overlap: int = 64,
    ):
        tiling.tile_starts(tile, tile, overlap)  # refuses sizes that do not go together
        self.model = model
        self.name = name
        self.whole_limit = whole_limit
        self.tile = tile
        self.overlap = overlap
        # Pictures may come from several threads, for which Keras' `predict` is not made.
        self._lock = threading.Lock()

    def localize(self, image: np.ndarray) -> np.ndarray:
        check_picture(image)
        height, width = image.shape[:2]
        if height * width <= self.whole_limit:
            return self._run(image)
        return tiling.localize_in_tiles(image, self._run, self.tile, self.overlap)

    def _run(self, image: np.ndarray) -> np.ndarray:
        with self._lock:
            output = np.asarray(self.model.predict_on_batch(image[np.newaxis]), np.float32)
        if output.ndim != 4 or output.shape[:3] != (1, *image.shape[:2]):
            raise ValueError(
                f"the model gave {output.shape} for a picture of {image.shape[:2]}; "
                "it must give a probability for each pixel"
            )
        if not np.isfinite(output[..., 0]).all():
            raise ValueError("the model gave values that are not finite; its weights are damaged")
        return output[0, ..., 0]


class AllZero(Localizer):
    """Finds nothing anywhere: the floor that every table starts with."""

    name = "all zero"

    def localize(self, image: np.ndarray) -> np.ndarray:
        return np.zeros(image.shape[:2], np.float32)


class AllOne(Localizer):
    """Calls every pixel inpainted."""

    name = "all one"

    def localize(self, image: np.ndarray) -> np.ndarray:
        return np.ones(image.shape[:2], np.float32)


class Noise(Localizer):
    """Uniform noise in 0 to 1, the same each time for the same picture.

    Args:
        seed: Another seed gives other noise.
    """

    name = "noise"

    def __init__(self, seed: int = 0):
        self.seed = seed

    def localize(self, image: np.ndarray) -> np.ndarray:
        generator = np.random.default_rng([self.seed, zlib.crc32(np.ascontiguousarray(image))])
        return generator.random(image.shape[:2], np.float32)
