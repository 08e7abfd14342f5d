"""How strong a template may be at each place without being seen.

Texture hides noise, plain sky does not. So the template's root mean square follows the local
texture, and the whole is lowered until the picture keeps `PSNR`.
"""

from __future__ import annotations

import cv2
import numpy as np

PSNR = 38.3
"""What a protected picture keeps at least at a strength of 1, in dB, before it is rounded."""
_PLAIN, _PER_TEXTURE, _MOST = 1.8, 0.35, 9.0
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def luma(image: np.ndarray) -> np.ndarray:
    """The brightness of a picture as JPEG has it, float32 (H, W), 0 to 255."""
    return cv2.transform(image.astype(np.float32), _LUMA[np.newaxis])


def texture(brightness: np.ndarray) -> np.ndarray:
    """The local amount of fine detail in levels, float32 (H, W).

    The mean of square roots, squared: a single edge counts less than texture of the same power,
    since noise beside an edge can be seen.
    """
    detail = np.abs(brightness - cv2.GaussianBlur(brightness, (0, 0), 1.5))
    return cv2.GaussianBlur(np.sqrt(detail), (0, 0), 3.0) ** 2


def amplitude(brightness: np.ndarray, strength: float = 1.0) -> np.ndarray:
    """The root mean square that a template should have at each pixel.

    Args:
        brightness: float32 (H, W), 0 to 255, as `luma` gives it.
        strength: Factor of the whole; 1 keeps `PSNR`.

    Returns:
        float32 (H, W), in levels.
    """
    wanted = np.minimum(_PLAIN + _PER_TEXTURE * texture(brightness), np.float32(_MOST))
    most = 255 / 10 ** (PSNR / 20)
    factor = min(1.0, most / float(np.sqrt(np.mean(np.square(wanted)))))
    return wanted * np.float32(factor * strength)


def relative_amplitude(details: np.ndarray) -> np.ndarray:
    """The template's root mean square against the detail that hides it, up to a factor.

    Args:
        details: Root mean squares of fine detail in levels, any shape.

    Returns:
        Array of the same shape.
    """
    wanted = np.minimum(_PLAIN + _PER_TEXTURE * details, _MOST)
    return wanted / np.maximum(details, 1.0)
