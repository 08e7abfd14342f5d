"""`python -m malp_keras protect`: photographs in, protected copies and a report out.

For each picture `a/b.jpg` of a given folder (and for each picture `b.jpg` given by itself, without
its folders) there are

* `OUT/a/b.png`, the protected copy, or with `--jpeg QUALITY` `OUT/a/b.jpg`;
* a line in `OUT/report.jsonl`.

A copy is upright 8-bit RGB of the picture's size, with its EXIF, XMP and ICC profile; what else
reading changes is told in `forensics_keras.images` and, for each picture, in the report. How
outputs are named and kept: `forensics_keras.batch`. In Python: `protect`.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from forensics_keras import batch, images, metrics
from forensics_keras.localizer import check_picture
from malp_keras import keys

if TYPE_CHECKING:  # what needs no network must not wait for Keras
    from malp_keras.layers.template_layer import TemplateLayer
    from malp_keras.malp import MaLP

JPEG_SIDE = 65_500
"""Longest side of a JPEG file, in pixels."""

_ROWS, _COLUMNS = 256, 4096
_CHUNK = 65_536


def protect(model: MaLP, image: np.ndarray, index: int | None = None) -> np.ndarray:
    """Adds a template to a photograph of any size, as the model's `TemplateLayer` does.

    The work is done in blocks, so that a 100-megapixel picture needs little more memory than its
    own copy.

    Args:
        model: Its `template_layer` protects.
        image: uint8 (H, W, 3), RGB, sides at least 16 pixels.
        index: Number of the template in the set; by default `template_index(model, image)`.

    Returns:
        The protected picture, uint8 (H, W, 3), a new array.

    Raises:
        ValueError: The picture is too small or not uint8 RGB, or there is no such template.

    Example:
        >>> model = malp_keras.from_preset("malp_local")  # doctest: +SKIP
        >>> protected = protect(model, images.read_image("holiday.jpg"))  # doctest: +SKIP

    Reference: MaLP, eq. (6).
    """
    from keras import ops

    from malp_keras.layers.template_layer import HALF_RANGE

    check_picture(image)
    layer = model.template_layer
    if index is None:
        index = template_index(model, image)
    if not 0 <= index < layer.count:
        raise ValueError(f"there is no template {index}; the set has {layer.count}")
    template = ops.convert_to_numpy(layer.templates)[index]
    height, width = image.shape[:2]
    offset, factor = _normalization(layer, template, height, width)
    amplitude = np.float32(HALF_RANGE * layer.strength * factor)
    protected = np.empty_like(image)
    for left in range(0, width, _COLUMNS):
        columns = slice(left, min(left + _COLUMNS, width))
        across = _resized(template.T, width, columns).T
        for top in range(0, height, _ROWS):
            rows = slice(top, min(top + _ROWS, height))
            added = amplitude * (_resized(across, height, rows) - offset)
            levels = image[rows, columns] + added[..., np.newaxis]
            protected[rows, columns] = np.rint(np.clip(levels, 0, 255, out=levels))
    return protected


def template_index(model: MaLP, image: np.ndarray) -> int:
    """Chooses a picture's template by its content: the same picture always gets the same one.

    Two differently protected copies of one picture would give away the difference of templates.

    Args:
        model: Model with the set of templates.
        image: uint8 (H, W, 3).

    Returns:
        Index in the set.
    """
    digest = hashlib.sha256(f"{image.shape} ".encode())
    digest.update(np.ascontiguousarray(image).data)
    return int.from_bytes(digest.digest()) % model.template_layer.count


def _taps(length: int, size: int, part: slice) -> tuple[np.ndarray, np.ndarray]:
    """How an axis of `size` values is resized to `length`: what goes into each value of a part.

    Bilinear as in `TemplateLayer.at_size`: pixel centres at halves, and where the axis shrinks,
    triangles wide enough to see every value.

    Returns:
        Indices and weights of the values, two arrays (part's length, taps).
    """
    scale = size / length
    reach = max(scale, 1)
    centres = ((np.arange(part.start, part.stop) + 0.5) * scale - 0.5)[:, np.newaxis]
    indices = np.floor(centres - reach).astype(np.int64) + 1 + np.arange(math.ceil(2 * reach))
    weights = np.maximum(0, 1 - np.abs(centres - indices) / reach)
    weights[(indices < 0) | (indices >= size)] = 0
    weights /= weights.sum(axis=1, keepdims=True)
    return np.clip(indices, 0, size - 1), weights


def _resized(values: np.ndarray, length: int, part: slice) -> np.ndarray:
    """A part of what is float32 (size, n) when it is resized to (length, n)."""
    indices, weights = _taps(length, len(values), part)
    weights = weights.astype(np.float32)
    return sum(weights[:, [tap]] * values[indices[:, tap]] for tap in range(weights.shape[1]))


def _normalization(
    layer: TemplateLayer, template: np.ndarray, height: int, width: int
) -> tuple[float, float]:
    """Mean and 1 / root mean square of a resized template, without resizing it; else 0 and 1."""
    if not layer.normalize:
        return 0.0, 1.0
    (rows, row_products), (columns, column_products) = (
        _sums(length, layer.size) for length in (height, width)
    )
    template = template.astype(np.float64)
    mean = rows @ template @ columns / (height * width)
    energy = np.sum(row_products * (template @ column_products @ template.T)) / (height * width)
    return mean, 1 / math.sqrt(max(energy - mean**2, 1e-12))


def _sums(length: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Sums over a resized axis of its weights, (size,), and of their products, (size, size)."""
    total, products = np.zeros(size), np.zeros(size * size)
    for start in range(0, length, _CHUNK):
        indices, weights = _taps(length, size, slice(start, min(start + _CHUNK, length)))
        total += np.bincount(indices.ravel(), weights.ravel(), size)
        pairs = indices[:, :, np.newaxis] * size + indices[:, np.newaxis]
        shares = weights[:, :, np.newaxis] * weights[:, np.newaxis]
        products += np.bincount(pairs.ravel(), shares.ravel(), size * size)
    return total, products.reshape(size, size)


# --- the command ------------------------------------------------------------------------------


class Protection(batch.BatchJob):
    """Makes protected copies.

    Args:
        weights: The preset or key.
        jpeg: Quality of JPEG copies, 1 to 100; `None` for PNG.
    """

    fields = ("psnr", "ssim")

    def __init__(self, weights: keys.Weights, jpeg: int | None = None):
        self.outputs = {"protected": "{}.png" if jpeg is None else "{}.jpg"}
        self.identity = {**weights.identity, "jpeg": jpeg}
        self.weights = weights
        self.jpeg = jpeg

    def load(self) -> None:
        self.model = self.weights.load()

    def process(self, path: str) -> batch.Made:
        data = images.read_bytes(path)
        image, metadata = images.decode_with_metadata(data, path)
        protected = protect(self.model, image)
        content = encode_copy(protected, self.jpeg, metadata)
        if self.jpeg is not None:
            protected = images.decode_image(content, "the protected copy")
        fields = {
            "width": image.shape[1],
            "height": image.shape[0],
            "sha256": hashlib.sha256(data).hexdigest(),
            "psnr": finite(metrics.picture_psnr(protected, image)),
            "ssim": metrics.picture_ssim(protected, image),
            "conversions": copy_conversions(self.jpeg, metadata),
        }
        return batch.Made(fields, {"protected": content})

    def outcome(self, line: Mapping[str, Any]) -> str:
        return "protected"

    def describe(self, line: Mapping[str, Any]) -> str:
        kind = "PNG" if line["jpeg"] is None else f"JPEG {line['jpeg']}"
        return f"{line['preset']} ({line['preset_sha256'][:12]}) as {kind}"

    def message(self, line: Mapping[str, Any]) -> str:
        psnr = "infinite" if line["psnr"] is None else f"{line['psnr']:.2f} dB"
        return f"{line['path']}: PSNR {psnr}, SSIM {line['ssim']:.4f}, {line['protected']}"


def copy_conversions(jpeg: int | None, metadata: images.Metadata) -> list[str]:
    """Says what a copy has not of its picture's file; `jpeg` as for `encode_copy`."""
    return [*metadata.conversions, *metadata.lost_in("PNG" if jpeg is None else "JPEG")]


def encode_copy(copy: np.ndarray, jpeg: int | None, metadata: images.Metadata) -> bytes:
    """Encodes a protected copy with its metadata.

    Args:
        copy: uint8 RGB (H, W, 3).
        jpeg: Quality, 1 to 100; `None` for PNG.
        metadata: Of the photograph.

    Raises:
        ValueError: A side is too long for JPEG.
    """
    if jpeg is None:
        return images.encode_png(copy, metadata)
    if max(copy.shape) > JPEG_SIDE:
        raise ValueError(f"a side has over {JPEG_SIDE:,} pixels, JPEG's limit; leave out --jpeg")
    return images.encode_jpeg(copy, jpeg, metadata)


def finite(value: float) -> float | None:
    """Returns a number, or `None` for infinity, which JSON does not have."""
    return value if math.isfinite(value) else None
