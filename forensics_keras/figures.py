"""Picture grids and heat maps: how results are shown, for every method alike."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from forensics_keras import images

BACKGROUND, INK, PALE_INK = (255, 255, 255), (33, 37, 41), (108, 117, 125)


CELL = 256
"""Side of a picture in a grid, in pixels."""


def thumbnail(picture: np.ndarray, side: int = CELL) -> np.ndarray:
    """Scales a picture or a map so that its longer side has a given length.

    Args:
        picture: uint8 RGB (H, W, 3), or a map (H, W) of booleans or of floats 0 to 1, which is
            shown from black to white. Small ones are enlarged with visible pixels.
        side: Length of the longer side in pixels.

    Returns:
        uint8 RGB (H, W, 3).
    """
    if picture.dtype != np.uint8:
        picture = (np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8)
    image = Image.fromarray(picture).convert("RGB")
    scale = side / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    method = Image.Resampling.LANCZOS if scale < 1 else Image.Resampling.NEAREST
    return np.array(image if size == image.size else image.resize(size, method))


def picture_grid(
    rows: Sequence[tuple[str, Sequence[np.ndarray]]], headers: Sequence[str], cell: int = CELL
) -> np.ndarray:
    """Lays pictures out in a grid with a header above each column and a label under each row.

    Args:
        rows: (label, pictures) each; pictures as for `thumbnail`, which makes them fit their cells.
        headers: One a column.
        cell: Side of a square cell in pixels.

    Returns:
        uint8 RGB array.

    Raises:
        ValueError: If there are no rows, or a row has not one picture a header.
    """
    if not rows:
        raise ValueError("a picture grid needs at least one row")
    gap, text = max(cell // 32, 4), max(cell // 16, 11)
    header_height, row_height = text + 2 * gap, cell + text + 3 * gap
    width = len(headers) * (cell + gap) + gap
    canvas = Image.new("RGB", (width, header_height + len(rows) * row_height), BACKGROUND)
    draw = ImageDraw.Draw(canvas)
    font = ImageFont.load_default(size=text)
    for column, header in enumerate(headers):
        left = gap + column * (cell + gap)
        label = _shortened(header, font, cell)
        draw.text((left + cell / 2, header_height / 2), label, INK, font, anchor="mm")
    for index, (label, pictures) in enumerate(rows):
        if len(pictures) != len(headers):
            raise ValueError(f"{label}: {len(pictures)} pictures for {len(headers)} headers")
        top = header_height + index * row_height
        for column, picture in enumerate(pictures):
            fitted = Image.fromarray(thumbnail(picture, cell))
            left = gap + column * (cell + gap)
            corner = (left + (cell - fitted.width) // 2, top + (cell - fitted.height) // 2)
            canvas.paste(fitted, corner)
        middle = top + cell + gap + text / 2
        label = _shortened(label, font, width - 2 * gap)
        draw.text((gap, middle), label, PALE_INK, font, anchor="lm")
    return np.array(canvas)


def _shortened(label: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    if font.getlength(label) <= width:
        return label
    while label and font.getlength(label + "...") > width:
        label = label[:-1]
    return label + "..."


OVERLAY_STRENGTH = 0.7


_BAND_PIXELS = 2**20


def overlay(image: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """Paints a probability map over its picture as a heat map.

    Both the colour and the opacity follow the probability: at 0 the picture shows unchanged, at 1
    it keeps 30 %. The work is done band by band, so a 100-megapixel picture needs little more
    memory than its own copy.

    Args:
        image: uint8 RGB (H, W, 3).
        probability: float (H, W), 0 to 1.

    Returns:
        uint8 RGB (H, W, 3), a new array.

    Raises:
        ValueError: If the sizes differ.
    """
    if image.shape != (*probability.shape, 3):
        raise ValueError(f"image {image.shape} and probability {probability.shape} differ in size")
    result = np.empty_like(image)
    rows = max(1, _BAND_PIXELS // max(1, image.shape[1]))
    for top in range(0, image.shape[0], rows):
        band = slice(top, top + rows)
        level = np.clip(probability[band], 0, 1).astype(np.float32)
        heat = cv2.applyColorMap((level * 255 + 0.5).astype(np.uint8), cv2.COLORMAP_PLASMA)[
            ..., ::-1
        ]
        opacity = OVERLAY_STRENGTH * level[..., None]
        result[band] = image[band] + opacity * (heat - image[band].astype(np.float32)) + 0.5
    return result


_JPEG_SIDE = 65_500


def encode_map(probability: np.ndarray) -> bytes:
    """Encodes a map as an 8-bit greyscale PNG file, value times 255.

    Args:
        probability: float (H, W), 0 to 1.

    Returns:
        The content of the file.
    """
    height, width = probability.shape
    levels = np.empty((height, width), np.uint8)
    rows = max(1, _BAND_PIXELS // width)
    for top in range(0, height, rows):  # bands, to keep the copies small
        levels[top : top + rows] = np.rint(probability[top : top + rows] * 255)
    return images.encode_png(levels)


def encode_overlay(image: np.ndarray, probability: np.ndarray) -> bytes:
    """Encodes an `overlay` as a JPEG file, scaled down if a side is too long for JPEG.

    Args:
        image: uint8 RGB (H, W, 3).
        probability: float (H, W), 0 to 1.

    Returns:
        The content of the file.
    """
    stride = -(-max(probability.shape) // _JPEG_SIDE)  # 1 unless a side is too long
    heat = overlay(image[::stride, ::stride], probability[::stride, ::stride])
    return images.encode_jpeg(heat, quality=95)
