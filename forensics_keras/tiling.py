"""Pictures of any size through a function of small pictures: overlapping tiles, blended smoothly.

The blending weights of a picture are products of one window down the rows and one along the
columns, each normalized to sum to 1 at every position. The weighted tiles can therefore be added
straight into the result, and no other array of the picture's size is needed.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def tile_starts(length: int, tile: int, overlap: int) -> list[int]:
    """Returns the first positions of equally long tiles that cover an axis exactly.

    All tiles but the last start at multiples of `tile - overlap`; the last one ends with the axis
    and so may overlap more.

    Args:
        length: Length of the axis in pixels.
        tile: Length of a tile in pixels.
        overlap: Least number of pixels that neighbours share, less than `tile`.

    Returns:
        Increasing positions; `[0]` where one tile is enough.

    Raises:
        ValueError: Not 0 <= overlap < tile.

    Example:
        >>> tile_starts(1000, 512, 64)
        [0, 448, 488]
    """
    if not 0 <= overlap < tile:
        raise ValueError(f"the overlap must be from 0 to below the tile size {tile}, not {overlap}")
    if length <= tile:
        return [0]
    return [*range(0, length - tile, tile - overlap), length - tile]


def fitted_tile(length: int, tile: int, overlap: int) -> int:
    """Shortens tiles so that no more of them than needed overlap more than asked for.

    Args:
        length: Length of the axis in pixels.
        tile: Greatest length of a tile in pixels.
        overlap: Least number of pixels that neighbours share.

    Returns:
        The least length with which the same number of tiles covers the axis; a multiple of 8, the
        stride of the network and the side of a JPEG block, unless that is more than `tile`.

    Example:
        >>> fitted_tile(1024, 512, 64)  # 3 tiles of 384 cover as much as 3 of 512
        384
    """
    count = len(tile_starts(length, tile, overlap))
    if count == 1:
        return tile
    needed = -(-(length - overlap) // count) + overlap
    return min(tile, -(-needed // 8) * 8)


def blend_windows(length: int, tile: int, overlap: int) -> np.ndarray:
    """Returns the blending weights of the tiles of one axis.

    Each tile rises and falls over `overlap` pixels like a raised cosine; the weights are then
    normalized to sum to 1 at every position of the axis.

    Args:
        length: Length of the axis in pixels.
        tile: Length of a tile in pixels.
        overlap: Least number of pixels that neighbours share.

    Returns:
        float64 array (tiles, min(tile, length)), in (0, 1], one row for each of `tile_starts`.
    """
    starts = tile_starts(length, tile, overlap)
    tile = min(tile, length)
    distance = np.minimum(np.arange(tile), np.arange(tile)[::-1]) + 0.5
    window = np.sin(np.pi / 2 * np.minimum(distance / max(overlap, 1), 1.0)) ** 2
    total = np.zeros(length)
    for start in starts:
        total[start : start + tile] += window
    return np.stack([window / total[start : start + tile] for start in starts])


def localize_in_tiles(
    image: np.ndarray,
    localize: Callable[[np.ndarray], np.ndarray],
    tile: int,
    overlap: int,
) -> np.ndarray:
    """Localizes in overlapping tiles and blends the probabilities.

    All tiles of a picture have the same shape, so that a compiled network is compiled once.

    Args:
        image: Array (height, width, channels).
        localize: Function from a tile (h, w, channels) to probabilities (h, w) in 0 to 1.
        tile: Greatest height and width of a tile in pixels, see `fitted_tile`.
        overlap: Least number of pixels that neighbouring tiles share.

    Returns:
        float32 array (height, width), values 0 to 1.

    Raises:
        ValueError: Not 0 <= overlap < tile.
    """
    height, width = image.shape[:2]
    rows, columns = (_axis(length, tile, overlap) for length in (height, width))
    result = np.zeros((height, width), np.float32)
    for row, row_window in rows:
        for column, column_window in columns:
            inside = row, column
            weights = np.outer(row_window, column_window)
            result[inside] += (weights * localize(image[inside])).astype(np.float32)
    return np.clip(result, 0.0, 1.0, out=result)


def _axis(length: int, tile: int, overlap: int) -> list[tuple[slice, np.ndarray]]:
    """Where the tiles of an axis are and how they are weighted."""
    tile = fitted_tile(length, tile, overlap)
    starts, windows = tile_starts(length, tile, overlap), blend_windows(length, tile, overlap)
    return [
        (slice(at, at + len(window)), window) for at, window in zip(starts, windows, strict=True)
    ]
