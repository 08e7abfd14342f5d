"""Which of two equal places is the copy?

Two facts decide. Where a copy ends, the picture breaks off, while around its source it goes on as
pictures do (`seams`). And among pixels that are equal exactly one is the original, neighbours being
mostly on the same side (`copied_side`): where one source was used for several copies, its
neighbourhood cannot be the copies'.
"""

from __future__ import annotations

import cv2
import numpy as np

_DISTANCES = (2, 4, 6)
"""Pixels across the border of a copy between which values are compared; soft edges are wide."""
_STEPS = ((0, 1), (1, 0), (0, -1), (-1, 0))
_LARGEST_STEP = 40.0
"""Differences of grey levels count up to this, so that single strong edges do not decide."""
_LEAST_STEPS = 100.0
"""Sum of differences with which a border begins to say something."""
_NEAR = 14.0
"""Standard deviation, in pixels, of the neighbourhood that is likely on one side."""
_COUPLING = 3.0
_SEAM_WEIGHT = 0.15
_ITERATIONS = 12


def segments(field: np.ndarray) -> np.ndarray:
    """Numbers the connected pixels of equal offset.

    Args:
        field: int64 (H, W), for each pixel the flat index of its equal, -1 without one.

    Returns:
        int32 (H, W), from 1 on; 0 without an equal.
    """
    height, width = field.shape
    offset = np.where(field >= 0, field - np.arange(field.size).reshape(field.shape), 0)
    # Pixels stand at even places, and between two of them a bridge where their offsets are equal.
    grid = np.zeros((2 * height - 1, 2 * width - 1), np.uint8)
    grid[::2, ::2] = offset != 0
    grid[::2, 1::2] = (offset[:, 1:] == offset[:, :-1]) & (offset[:, 1:] != 0)
    grid[1::2, ::2] = (offset[1:] == offset[:-1]) & (offset[1:] != 0)
    _, labels = cv2.connectedComponents(grid, connectivity=4)
    return labels[::2, ::2]


def seams(luma: np.ndarray, field: np.ndarray, owner: np.ndarray) -> np.ndarray:
    """Measures how much more the picture breaks off around a segment than around its equal.

    Args:
        luma: float32 (H, W), 0 to 255.
        field: As for `segments`.
        owner: As `segments` returns it.

    Returns:
        float32 (H, W), positive at copies and negative at sources; about -1 to 1.
    """
    height, width = field.shape
    flat, owner = luma.ravel(), owner.ravel()
    count = int(owner.max()) + 1
    more, total = np.zeros(count), np.zeros(count)
    pixels = np.flatnonzero(field >= 0)
    targets = field.ravel()[pixels]
    places = np.stack([np.divmod(pixels, width), np.divmod(targets, width)])
    first, last = places.min(axis=0), places.max(axis=0)
    for down, right in _STEPS:
        for distance in _DISTANCES:
            inside = (first[0] + distance * down >= 0) & (last[0] + distance * down < height)
            inside &= (first[1] + distance * right >= 0) & (last[1] + distance * right < width)
            here, there = pixels[inside], targets[inside]
            step = down * width + right
            border = owner[here] != owner[here + step]
            here, there = here[border], there[border]
            at_copy, at_source = (
                np.minimum(np.abs(flat[place] - flat[place + distance * step]), _LARGEST_STEP)
                for place in (here, there)
            )
            more += np.bincount(owner[here], at_copy - at_source, count)
            total += np.bincount(owner[here], at_copy + at_source, count)
    seam = (more / (total + _LEAST_STEPS))[owner[pixels]]
    both = np.bincount(pixels, seam, field.size) - np.bincount(targets, seam, field.size)
    return both.astype(np.float32).reshape(field.shape)


def copied_side(field: np.ndarray, owner: np.ndarray, seam: np.ndarray) -> np.ndarray:
    """Decides for each pixel that has an equal whether it is a copy.

    A mean field: the probabilities of all pixels and of what they favour in their neighbourhood
    are improved in turn.

    Args:
        field: As for `segments`.
        owner: As `segments` returns it.
        seam: As `seams` returns it.

    Returns:
        float32 (H, W), from -1 for sources to 1 for copies; 0 without an equal.
    """
    members, group = _equal_pixels(field)
    side = np.zeros(field.shape, np.float32)
    known = np.zeros(field.shape, np.float32)
    known.ravel()[members] = 1
    count = cv2.GaussianBlur(known, (0, 0), _NEAR) + 1e-3
    sizes = np.bincount(owner.ravel())
    own = state = _SEAM_WEIGHT * seam.ravel()[members]
    for _ in range(_ITERATIONS):
        # Of each group one is the original, the likelier the less it looks like a copy.
        likely = np.exp(-state)
        side.ravel()[members] = 1 - 2 * likely / np.bincount(group, likely)[group]
        near = cv2.GaussianBlur(side, (0, 0), _NEAR) / count
        whole = (np.bincount(owner.ravel(), side.ravel()) / sizes)[owner]
        near = np.where(owner > 0, (near + whole) / 2, near)
        state = own + _COUPLING * near.ravel()[members]
    return side


def _equal_pixels(field) -> tuple[np.ndarray, np.ndarray]:
    """Returns the flat indices of the pixels with equals and, for each, the number of its group."""
    pixels = np.flatnonzero(field >= 0)
    targets = field.ravel()[pixels]
    label = np.arange(field.size)
    while True:
        least = np.minimum(label[pixels], label[targets])
        if (label[pixels] == least).all() and (label[targets] == least).all():
            break
        np.minimum.at(label, pixels, least)
        np.minimum.at(label, targets, least)
        label = label[label]
    members = np.union1d(pixels, targets)
    _, group = np.unique(label[members], return_inverse=True)
    return members, group
