"""OpenCV's two classical inpainters, which continue a hole's surroundings smoothly into it."""

import cv2
import numpy as np

_RADIUS = 3
"""Neighbourhood of a filled pixel, in pixels: the value of OpenCV's own examples."""


def telea(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Fills by fast marching (Telea, 2004); arguments as `datasets.inpainting.Inpainter`."""
    return cv2.inpaint(image, mask, _RADIUS, cv2.INPAINT_TELEA)


def navier_stokes(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Fills by the Navier-Stokes equations (Bertalmio et al., 2001); arguments as `Inpainter`."""
    return cv2.inpaint(image, mask, _RADIUS, cv2.INPAINT_NS)
