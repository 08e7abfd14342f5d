"""Exemplar-based inpainting: a hole filled with pixels copied from elsewhere in the picture.

The copies keep the photograph's own noise and compression traces, so that such fills look to a
detector unlike the smooth ones of diffusion and unlike those of a network.
"""

import cv2
import numpy as np

_RADIUS = 3
"""Patches of 7x7 pixels: large enough to tell textures apart, small enough to be found again."""
_ROUNDS = 4
"""Rounds of search and voting at each scale; the fields hardly change in further ones."""
_COARSEST_ROUNDS = 10
"""Rounds at the coarsest scale, which decides what the hole will show."""
_COARSEST = 24
"""The pyramid ends above this side, in pixels, where a hole is a few pixels wide."""
_FEWEST_SOURCES = 0.15
"""Share of a coarser picture that can be copied from; with less, a hole gets what is left over."""
_FADING = 1.3
"""Factor per pixel from the hole's border by which patches near it count more (Wexler et al.)."""
_STEPS = ((0, 1), (0, -1), (1, 0), (-1, 0))


def patch_copy(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Copies, for each hole pixel, the pixel whose surroundings match best.

    Coarse to fine, correspondences from hole to known pixels and the colours in the hole are found
    in turn (Wexler et al., "Space-Time Completion of Video", 2007), the correspondences by trying
    all at the coarsest scale, from which no later one departs far, and by random search and
    propagation to neighbours at the others (Barnes et al., "PatchMatch", 2009). The last step
    copies instead of averaging. The same input gives the same output.

    Args:
        image: RGB picture, uint8, shape (H, W, 3).
        mask: uint8, shape (H, W), 1 inside the hole.

    Returns:
        The completed picture, uint8 (H, W, 3). Where hardly a known patch exists, as in tiny
        pictures or under very large holes, it is OpenCV's Telea fill.
    """
    rng = np.random.default_rng(0)
    pictures, holes = _pyramid(image, mask)
    if not _sources(holes[0]).any():
        return cv2.inpaint(image, mask, _RADIUS, cv2.INPAINT_TELEA)
    field = None
    for picture, hole in zip(reversed(pictures), reversed(holes), strict=True):
        sources = _sources(hole)
        targets = np.argwhere(hole)
        if field is None:
            picture = cv2.inpaint(picture, hole, _RADIUS, cv2.INPAINT_TELEA)
            for _ in range(_COARSEST_ROUNDS):
                field = _nearest(picture, targets, sources)
                picture = _voted(picture, hole, field)
            continue
        field = _enlarged(field, hole, sources, rng)
        picture = _copied(picture, targets, field)
        for _ in range(_ROUNDS):
            _search(picture, targets, field, sources, rng)
            picture = _voted(picture, hole, field)
    return _copied(pictures[0], targets, field)


def _pyramid(image, mask) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Makes pictures and masks of halved sizes; a pixel that a hole touches belongs to the hole."""
    pictures, holes = [image], [mask]
    while min(holes[-1].shape) >= 2 * _COARSEST:
        size = holes[-1].shape[1] // 2, holes[-1].shape[0] // 2
        known = cv2.resize((1 - holes[-1]).astype(np.float32), size, interpolation=cv2.INTER_AREA)
        hole = (known < 1).astype(np.uint8)
        if _sources(hole).mean() < _FEWEST_SOURCES:
            break
        pictures.append(cv2.resize(pictures[-1], size, interpolation=cv2.INTER_AREA))
        holes.append(hole)
    return pictures, holes


def _sources(hole) -> np.ndarray:
    """Finds the pixels whose whole patch is known and inside the picture; bool (H, W)."""
    side = 2 * _RADIUS + 1
    blocked = cv2.dilate(hole, np.ones((side, side), np.uint8)).astype(bool)
    blocked[:_RADIUS] = blocked[-_RADIUS:] = True
    blocked[:, :_RADIUS] = blocked[:, -_RADIUS:] = True
    return ~blocked


def _nearest(picture, targets, sources) -> np.ndarray:
    """Finds the field of best correspondences by comparing all patches."""
    places = np.argwhere(sources)
    flat = _patches(picture).reshape(*sources.shape, -1).astype(np.float32)
    known = flat[places[:, 0], places[:, 1]]
    field = np.zeros((*sources.shape, 2), int)
    for some in np.array_split(targets, len(targets) // 1024 + 1):
        wanted = flat[some[:, 0], some[:, 1]]
        # The wanted patch's own square is the same for all and decides nothing.
        distance = np.square(known).sum(axis=1) - 2 * wanted @ known.T
        field[some[:, 0], some[:, 1]] = places[distance.argmin(axis=1)]
    return field


def _random_sources(sources, count, rng) -> np.ndarray:
    places = np.argwhere(sources)
    return places[rng.integers(len(places), size=count)]


def _enlarged(coarse, hole, sources, rng) -> np.ndarray:
    """Carries a field over to a picture of twice the size."""
    rows, columns = np.nonzero(hole)
    above = (
        np.minimum(rows // 2, coarse.shape[0] - 1),
        np.minimum(columns // 2, coarse.shape[1] - 1),
    )
    found = 2 * coarse[above] + np.stack([rows % 2, columns % 2], axis=1)
    found = np.minimum(found, np.array(hole.shape) - 1)
    bad = ~sources[found[:, 0], found[:, 1]]
    found[bad] = _random_sources(sources, bad.sum(), rng)
    field = np.zeros((*hole.shape, 2), int)
    field[rows, columns] = found
    return field


def _search(picture, targets, field, sources, rng) -> None:
    """Improves the field in place: tries neighbours' correspondences, then random ones."""
    patches = _patches(picture)
    wanted = patches[targets[:, 0], targets[:, 1]].astype(np.int32)
    rows, columns = targets.T
    best = field[rows, columns]
    cost = _distance(patches, wanted, best)
    limit = np.array(sources.shape) - 1

    def attempt(candidates):
        allowed = sources[candidates[:, 0], candidates[:, 1]]
        index = np.flatnonzero(allowed)
        new = _distance(patches, wanted[index], candidates[index])
        better = new < cost[index]
        index = index[better]
        best[index], cost[index] = candidates[index], new[better]
        field[rows, columns] = best

    known = sources | (field.any(axis=-1))
    for jump in (8, 4, 2, 1):
        for step in _STEPS:
            offset = np.array(step) * jump
            place = np.clip(targets + offset, 0, limit)
            from_hole = known[place[:, 0], place[:, 1]] & field[place[:, 0], place[:, 1]].any(
                axis=1
            )
            candidates = field[place[:, 0], place[:, 1]] - offset
            candidates = np.where(from_hole[:, None], np.clip(candidates, 0, limit), best)
            attempt(candidates)
    reach = max(sources.shape)
    while reach >= 1:
        shift = rng.integers(-reach, reach + 1, best.shape)
        attempt(np.clip(best + shift, 0, limit))
        reach //= 2


def _patches(picture) -> np.ndarray:
    """Views the patch around each pixel, continued by reflection; (H, W, side, side, 3)."""
    padded = np.pad(picture, [(_RADIUS, _RADIUS)] * 2 + [(0, 0)], mode="symmetric")
    side = 2 * _RADIUS + 1
    windows = np.lib.stride_tricks.sliding_window_view(padded, (side, side), axis=(0, 1))
    return windows.transpose(0, 1, 3, 4, 2)


def _distance(patches, wanted, places) -> np.ndarray:
    difference = patches[places[:, 0], places[:, 1]] - wanted
    return np.einsum("nijc,nijc->n", difference, difference)


def _voted(picture, hole, field) -> np.ndarray:
    """Makes each hole pixel the weighted mean of what the patches around it want there."""
    targets = np.argwhere(hole)
    depth = cv2.distanceTransform(hole, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    weights = _FADING ** -depth[hole == 1]
    total = np.zeros(picture.shape, np.float32)
    count = np.zeros((*picture.shape[:2], 1), np.float32)
    rows, columns = targets.T
    height, width = picture.shape[:2]
    for down in range(-_RADIUS, _RADIUS + 1):
        for right in range(-_RADIUS, _RADIUS + 1):
            inside = (
                (0 <= rows + down)
                & (rows + down < height)
                & (0 <= columns + right)
                & (columns + right < width)
            )
            to = rows[inside] + down, columns[inside] + right
            source = field[rows[inside], columns[inside]] + (down, right)
            total[to] += weights[inside, None] * picture[source[:, 0], source[:, 1]]
            count[to] += weights[inside, None]
    voted = picture.copy()
    voted[rows, columns] = np.rint(total[rows, columns] / count[rows, columns])
    return voted


def _copied(picture, targets, field) -> np.ndarray:
    rows, columns = targets.T
    copied = picture.copy()
    copied[rows, columns] = picture[tuple(field[rows, columns].T)]
    return copied
