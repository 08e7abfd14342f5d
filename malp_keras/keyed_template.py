"""The template of a key: secret, of any size, with a part for each picture.

A template is white noise in which three parts are added, brought into two bands of frequencies:

* `sync`, a square of `PITCH` pixels that is repeated over the plane: by it a template is found;
* `payload`, in each square of `TILE` pixels the same `BITS` carriers, whose signs are the bits of
  the picture's code, turned over by signs that depend on the square's place: by it the identity of
  a picture is read, and the place of a part in the whole;
* `fill`, noise that depends on the identity and never repeats within `SPAN` pixels.

Sync and payload lie in the low band, which compression and shrinking keep; the fill lies in the
high band, where photographs have little detail of their own. All is drawn from the secret with
SHAKE-256. So nothing but the sync repeats between two pictures of a key, or within one.
"""

from __future__ import annotations

import functools
import hashlib

import cv2
import numpy as np

PITCH = 128
TILE = 64
SPAN = 4096
BITS = 127

SHARES = {"sync": 0.30, "payload": 0.42, "fill": 0.28}
"""Share of each part in the template's power."""

LOW, HIGH = (0.9, 2.2), (0.45, 1.0)
"""Bands: what lies between the blurs of these two sigmas, in pixels."""
_MARGIN = 12


class KeyedTemplate:
    """The template of a secret.

    Args:
        secret: 32 random bytes.

    Attributes:
        sync: float32 (PITCH, PITCH), -1 and 1.
        carriers: float32 (BITS, TILE * TILE), -1 and 1.
        turns: float32 (SPAN / TILE, SPAN / TILE, BITS), -1 and 1: the signs at each square.
    """

    def __init__(self, secret: bytes):
        self._secret = secret
        squares = SPAN // TILE
        self.sync = self._signs("sync", PITCH * PITCH).reshape(PITCH, PITCH).astype(np.float32)
        carriers = self._signs("carriers", BITS * TILE * TILE).reshape(BITS, TILE * TILE)
        self.carriers = carriers.astype(np.float32)
        turns = self._signs("turns", squares * squares * BITS).reshape(squares, squares, BITS)
        self.turns = turns.astype(np.float32)

    def low(
        self, code: np.ndarray, height: int, width: int, top: int = 0, left: int = 0
    ) -> np.ndarray:
        """Makes a part of the low band.

        Args:
            code: The picture's bits as -1 and 1, (BITS,); zeros leave the payload out.
            height: Rows of the part.
            width: Columns of the part.
            top: First row of the part on the plane; any integer, the plane repeats.
            left: First column.

        Returns:
            float32 (height, width), with the power of its shares where there is a code.
        """
        rows, columns = _indices(top, height), _indices(left, width)
        field = np.float32(np.sqrt(SHARES["sync"])) * self.sync[rows % PITCH][:, columns % PITCH]
        if code.any():
            tiles = [
                np.arange(axis[0] // TILE, axis[0] // TILE + len(axis) // TILE + 2)
                for axis in (rows, columns)
            ]
            signs = self.turns[tiles[0] % len(self.turns)][:, tiles[1] % len(self.turns)] * code
            level = np.float32(np.sqrt(SHARES["payload"] / BITS))
            payload = (signs.reshape(-1, BITS) * level) @ self.carriers
            payload = payload.reshape(len(tiles[0]), len(tiles[1]), TILE, TILE).swapaxes(1, 2)
            payload = payload.reshape(len(tiles[0]) * TILE, -1)
            start = rows[0] % TILE, columns[0] % TILE
            field += payload[start[0] : start[0] + len(rows), start[1] : start[1] + len(columns)]
        return _inner(band(field, LOW))

    def high(
        self, identity: bytes, height: int, width: int, top: int = 0, left: int = 0
    ) -> np.ndarray:
        """Makes a part of the high band; arguments as of `low`, with the identity for the code."""
        rows, columns = (_indices(*axis) % SPAN for axis in ((top, height), (left, width)))
        field = self._fill(identity)[rows][:, columns].astype(np.float32)
        return _inner(band(np.float32(np.sqrt(SHARES["fill"])) * field, HIGH))

    @functools.lru_cache(maxsize=1)  # noqa: B019, a few megabytes that verification asks for twice
    def _fill(self, identity: bytes) -> np.ndarray:
        return self._signs(f"fill {identity.hex()}", SPAN * SPAN).reshape(SPAN, SPAN)

    def _signs(self, label: str, count: int) -> np.ndarray:
        """Draws -1 and 1, int8 (count,)."""
        drawn = hashlib.shake_256(self._secret + label.encode()).digest(-(-count // 8))
        bits = np.unpackbits(np.frombuffer(drawn, np.uint8), count=count)
        return bits.astype(np.int8) * 2 - 1


def band(field: np.ndarray, sigmas: tuple[float, float]) -> np.ndarray:
    """Keeps a band of frequencies of a field; white noise keeps its power."""
    narrow, wide = (cv2.GaussianBlur(field, (0, 0), sigma) for sigma in sigmas)
    return (narrow - wide) / np.float32(_gain(sigmas))


@functools.cache
def _gain(sigmas: tuple[float, float]) -> float:
    impulse = np.zeros((65, 65), np.float32)
    impulse[32, 32] = 1
    narrow, wide = (cv2.GaussianBlur(impulse, (0, 0), sigma) for sigma in sigmas)
    return float(np.linalg.norm(narrow - wide))


def _indices(start: int, length: int) -> np.ndarray:
    """Places on the plane of an axis, with a margin on both sides for the filters."""
    return np.arange(start - _MARGIN, start + length + _MARGIN)


def _inner(field: np.ndarray) -> np.ndarray:
    return field[_MARGIN:-_MARGIN, _MARGIN:-_MARGIN]
