"""The encryption module: a set of learnable templates, one added to each picture (eq. 6)."""

from typing import Any

import keras
import numpy as np
from keras import ops

from malp_keras.resizing import resize_bilinear

HALF_RANGE = 127.5
"""Levels of 8 bits in one unit of the paper's picture scale, [-1, 1]."""


@keras.saving.register_keras_serializable(package="malp_keras")
class TemplateLayer(keras.layers.Layer):
    """Protects pictures: `T(I) = I + strength * S_i`, clipped and rounded to 8 bits.

    A template is resized to the picture (bilinear) and is the same on all three colour channels.
    Clipping and rounding, which a stored picture cannot avoid, pass gradients straight through,
    so that the templates learn from pictures as they will be stored.

    Args:
        count: Integer, the number n of templates.
        size: Integer, side of the square templates in pixels.
        strength: Float, the paper's m, on its picture scale [-1, 1].
        normalize: Whether a resized template is brought to zero mean and a root mean square of 1.
            Then the strength alone decides the PSNR of protected pictures, whatever their size,
            and their mean brightness stays.
        band: Least and largest spatial frequency, in cycles per template pixel, of the noise that
            templates start as; uniform noise between 0 and 1 without, as in the paper. Pictures
            have little detail near half a cycle, which a template stands out from.
        seed: Seed of the draw of templates, or `None`.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name` and `dtype`.

    Call arguments:
        images: RGB pictures, uint8 or float in [0, 255], shape `(batch, height, width, 3)`.
        index: int32 of shape `(batch,)`, the template of each picture; drawn at random without.

    Returns:
        Protected pictures, float32, whole numbers from 0 to 255, of the same shape.

    Example:
    ```python
    protected = malp_keras.layers.TemplateLayer(seed=0)(np.full((1, 64, 64, 3), 90, np.uint8))
    ```

    Reference: MaLP, section 3.2.1. Neither the paper nor its program clips or rounds.
    """

    def __init__(
        self,
        count: int = 1,
        size: int = 128,
        strength: float = 0.3,
        normalize: bool = False,
        band: tuple[float, float] | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ):
        # The sum of a picture and a weak template needs more than float16's precision.
        super().__init__(**{"dtype": "float32", "autocast": False, **kwargs})
        self.count = count
        self.size = size
        self.strength = strength
        self.normalize = normalize
        self.band = band and tuple(band)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        uniform = keras.initializers.RandomUniform(0.0, 1.0, seed=seed)
        self.templates = self.add_weight(
            shape=(count, size, size),
            initializer=self._band_noise if band else uniform,
            autocast=False,
            name="templates",
        )
        self.built = True

    def _band_noise(self, shape, dtype):
        """Noise of a mean of 0, a root mean square of 1, and no frequencies outside the band."""
        noise = np.random.default_rng(self.seed).standard_normal(shape)
        frequencies = np.fft.fftfreq(self.size)
        radius = np.hypot(frequencies[:, None], frequencies)
        inside = (radius >= self.band[0]) & (radius <= self.band[1]) & (radius > 0)
        if not inside.any():
            raise ValueError(f"templates of {self.size} pixels have no frequency in {self.band}")
        noise = np.fft.ifft2(np.fft.fft2(noise) * inside).real
        noise /= np.sqrt(np.mean(noise**2, axis=(1, 2), keepdims=True))
        return ops.convert_to_tensor(noise, dtype)

    def at_size(self, height, width):
        """Returns the templates as they are added, before the strength: (count, height, width)."""
        templates = ops.convert_to_tensor(self.templates)
        # In a graph for pictures of any size, the sides are tensors, which cannot be compared.
        known = isinstance(height, int) and isinstance(width, int)
        if not (known and height == width == self.size):
            templates = resize_bilinear(templates[..., None], height, width)[..., 0]
        if not self.normalize:
            return templates
        templates = templates - ops.mean(templates, axis=(1, 2), keepdims=True)
        energy = ops.mean(ops.square(templates), axis=(1, 2), keepdims=True)
        return templates * ops.rsqrt(ops.maximum(energy, 1e-12))

    def call(self, images, index=None):
        images = ops.cast(images, "float32")
        batch, height, width, _ = ops.shape(images)
        if index is None:
            index = keras.random.randint((batch,), 0, self.count, seed=self.seed_generator)
        template = ops.take(self.at_size(height, width), index, axis=0)[..., None]
        protected = images + HALF_RANGE * self.strength * template
        stored = ops.round(ops.clip(protected, 0.0, 255.0))
        return protected + ops.stop_gradient(stored - protected)

    def compute_output_shape(self, images_shape, index_shape=None):
        return images_shape

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        for name in ("count", "size", "strength", "normalize", "band", "seed"):
            config[name] = getattr(self, name)
        return config
