"""What the fakeness map of a manipulated picture should be, and how near another map is to it."""

from __future__ import annotations

import cv2
import numpy as np


def difference_map(original: np.ndarray, manipulated: np.ndarray) -> np.ndarray:
    """Makes the fakeness map that is true by the paper's eq. (5): `Gray(|I - G(T(I))|) / 255`.

    Args:
        original: uint8 (H, W, 3), before protection.
        manipulated: uint8 (H, W, 3).

    Returns:
        float32 (H, W), 0 to 1. It is not stretched: a template shows in it everywhere.
    """
    difference = cv2.absdiff(original, manipulated).astype(np.float32)
    return cv2.cvtColor(difference, cv2.COLOR_RGB2GRAY) / 255


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    """Returns the cosine of the angle between two arrays, each one vector; 0 if one is zero."""
    a, b = a.astype(np.float64).ravel(), b.astype(np.float64).ravel()
    norms = np.linalg.norm(a) * np.linalg.norm(b)
    return float(a @ b / norms) if norms else 0.0
