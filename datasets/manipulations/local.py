"""Local edits, as people make them without a network: functions of a picture and a seed.

`text` and `sticker` are in `datasets.manipulations.drawn`; the others:

* `splice` pastes a part of another picture, scaled by 0.7 to 1.4, half of the time mirrored, its
  mean colour moved by up to 80 % towards the picture's;
* `copy_move` pastes a part of the same picture, moved by at least 16 pixels (at any size);
* `blur_region` blurs: a Gaussian of sigma 2.5 to 8 pixels, or a box with a side of 9 to 27;
* `pixelate` replaces squares of 6 to 20 pixels a side by their mean colour;
* `colour` makes one or two of these changes: turns the hue by 30 to 330 degrees, scales the
  saturation by 0 to 0.4 or 1.8 to 3, moves the brightness by 25 to 70 levels, scales the contrast
  by 0.3 to 0.6 or 1.5 to 2.2;
* `erase` fills smoothly from the surroundings, with or without grain, or by their mean colour, or
  by one colour (a redaction).

All but `copy_move` change the `region` of the seed, so that edits are compared on the same
regions. The mask is the region whose pixels were replaced. Half of the edits have a soft edge, of
one to two pixels: there the new pixels are mixed with the old ones, and the mask is where more
than half is new. Lengths are stated for pictures whose shorter side has 256 pixels, and grow in
proportion.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from datasets.manipulations.base import Manipulated, Manipulation
from datasets.manipulations.compositing import choices, paste, scale
from datasets.manipulations.drawn import paint
from datasets.manipulations.regions import region, region_pixels

_MIN_MOVE = 16
_MIN_COLOUR_CHANGE = 8.0


def splice(image: np.ndarray, donor: np.ndarray, seed: int) -> Manipulated:
    """Pastes a part of another picture into the region of the seed.

    Args:
        image: RGB picture, uint8 (H, W, 3).
        donor: Picture that the part comes from; RGB, uint8, of any size, maybe protected itself.
        seed: Non-negative integer.

    Returns:
        The picture and the mask of the pasted part.
    """
    rng = choices(seed)
    chosen = region(*image.shape[:2], seed)
    left, top, width, height = cv2.boundingRect(chosen)
    # A donor that is too small for the part is enlarged further.
    factor = max(np.exp(rng.uniform(np.log(0.7), np.log(1.4))), height / donor.shape[0])
    factor = max(factor, width / donor.shape[1])
    rows = min(max(round(height / factor), 1), donor.shape[0])
    columns = min(max(round(width / factor), 1), donor.shape[1])
    y = rng.integers(donor.shape[0] - rows, endpoint=True)
    x = rng.integers(donor.shape[1] - columns, endpoint=True)
    method = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    part = donor[y : y + rows, x : x + columns]
    part = cv2.resize(part, (width, height), interpolation=method)
    if rng.random() < 0.5:
        part = cv2.flip(part, 1)
    window = np.s_[top : top + height, left : left + width]
    inside = chosen[window]
    shift = np.subtract(cv2.mean(image[window], inside), cv2.mean(part, inside))
    part = np.clip(part + rng.uniform(0, 0.8) * shift[:3].astype(np.float32), 0, 255)
    content = image.copy()
    content[window] = np.rint(part)
    return paste(image, content, chosen, rng)


def copy_move(image: np.ndarray, seed: int) -> Manipulated:
    """Pastes a part of a picture elsewhere in the same picture.

    The part is moved by 16 pixels to 35 % of the shorter side, in any direction.

    Args:
        image: RGB picture, uint8 (H, W, 3).
        seed: Non-negative integer.

    Returns:
        The picture and the mask of the pasted part; where the part was taken is untouched.
    """
    rng = choices(seed)
    height, width = image.shape[:2]
    length = rng.uniform(_MIN_MOVE, 0.35 * min(height, width))
    angle = rng.uniform(0, 2 * np.pi)
    move = length * np.array([np.sin(angle), np.cos(angle)])
    y, x = (int(step) for step in np.sign(move) * np.ceil(np.abs(move)))
    # The part may lie only where its source is inside the picture as well.
    window = np.s_[max(y, 0) : height + min(y, 0), max(x, 0) : width + min(x, 0)]
    rows, columns = height - abs(y), width - abs(x)
    pixels = min(region_pixels(height, width, rng), rows * columns // 2)
    chosen = np.zeros((height, width), np.uint8)
    chosen[window] = region(rows, columns, seed, pixels)
    return paste(image, np.roll(image, (y, x), (0, 1)), chosen, rng)


def blur_region(image: np.ndarray, seed: int) -> Manipulated:
    """Blurs the region of the seed; sigma 2.5 to 8 pixels, or a box of 9 to 27 pixels.

    Args:
        image: RGB picture, uint8 (H, W, 3).
        seed: Non-negative integer.

    Returns:
        The picture and the mask of the blurred region, also where there was nothing to blur.
    """
    rng = choices(seed)
    chosen = region(*image.shape[:2], seed)
    strength = rng.uniform(2.5, 8.0) * scale(image)
    left, top, width, height = cv2.boundingRect(chosen)
    margin = int(np.ceil(4 * strength))  # no blur reaches further
    rows = slice(max(top - margin, 0), top + height + margin)
    columns = slice(max(left - margin, 0), left + width + margin)
    content = image.copy()
    if rng.random() < 0.5:
        content[rows, columns] = cv2.GaussianBlur(image[rows, columns], (0, 0), strength)
    else:
        # A box of side s has the spread of a Gaussian of sigma s / sqrt(12).
        side = 2 * max(round(strength * np.sqrt(3)), 1) + 1
        content[rows, columns] = cv2.blur(image[rows, columns], (side, side))
    return paste(image, content, chosen, rng)


def pixelate(image: np.ndarray, seed: int) -> Manipulated:
    """Replaces squares of 6 to 20 pixels a side by their mean, in the region of the seed.

    Args:
        image: RGB picture, uint8 (H, W, 3).
        seed: Non-negative integer.

    Returns:
        The picture and the mask of the pixelated region.
    """
    rng = choices(seed)
    side = max(round(rng.uniform(6, 20) * scale(image)), 3)
    height, width = image.shape[:2]
    rows, columns = -(-height // side), -(-width // side)
    whole = cv2.copyMakeBorder(
        image, 0, rows * side - height, 0, columns * side - width, cv2.BORDER_REPLICATE
    )
    means = cv2.resize(whole, (columns, rows), interpolation=cv2.INTER_AREA)
    content = np.repeat(np.repeat(means, side, axis=0), side, axis=1)[:height, :width]
    return paste(image, content, region(height, width, seed), rng)


def colour(image: np.ndarray, seed: int) -> Manipulated:
    """Changes hue, saturation, brightness or contrast, or two of them, in the region of the seed.

    The bounds are in the module's docstring. Where the change is hardly seen (the hue of a grey
    wall: less than 8 levels on average over the region), the brightness is changed instead.

    Args:
        image: RGB picture, uint8 (H, W, 3).
        seed: Non-negative integer.

    Returns:
        The picture and the mask of the region.
    """
    rng = choices(seed)
    chosen = region(*image.shape[:2], seed)
    mean = np.array(cv2.mean(image, chosen)[:3], np.float32)
    content = image
    for change in rng.permutation(list(_COLOUR_CHANGES))[: rng.integers(1, 2, endpoint=True)]:
        content = _COLOUR_CHANGES[change](content, mean, rng)
    inside = chosen == 1
    if np.abs(content[inside].astype(np.float32) - image[inside]).mean() < _MIN_COLOUR_CHANGE:
        content = _brightness(image, mean, rng)
    return paste(image, content, chosen, rng)


def _hue(image: np.ndarray, mean: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV)
    turn = int(rng.integers(15, 165, endpoint=True))  # OpenCV counts in 2 degrees
    hsv[..., 0] = (hsv[..., 0].astype(np.int16) + turn) % 180
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)


def _saturation(image: np.ndarray, mean: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    factor = rng.uniform(0, 0.4) if rng.random() < 0.5 else rng.uniform(1.8, 3.0)
    grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return cv2.addWeighted(image, factor, grey, 1 - factor, 0)


def _brightness(image: np.ndarray, mean: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    # Towards the side where more levels are left, or clipping could undo the change.
    sign = 1 if mean.mean() < rng.uniform(64, 192) else -1
    return cv2.add(image, (sign * rng.uniform(25, 70),) * 4)


def _contrast(image: np.ndarray, mean: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    factor = rng.uniform(0.3, 0.6) if rng.random() < 0.5 else rng.uniform(1.5, 2.2)
    return np.rint(np.clip(mean + factor * (image - mean), 0, 255)).astype(np.uint8)


_COLOUR_CHANGES = {
    "hue": _hue,
    "saturation": _saturation,
    "brightness": _brightness,
    "contrast": _contrast,
}


def erase(image: np.ndarray, seed: int) -> Manipulated:
    """Paints over the region of the seed, mostly with the colours around it.

    Half of the fills are smooth (the surroundings spread inwards), half of these with Gaussian
    grain of sigma 1 to 6 levels; a quarter has the mean colour of the surroundings, a quarter one
    drawn colour (a redaction).

    Args:
        image: RGB picture, uint8 (H, W, 3).
        seed: Non-negative integer.

    Returns:
        The picture and the mask of the region.
    """
    rng = choices(seed)
    chosen = region(*image.shape[:2], seed)
    around = 1 - cv2.dilate(chosen, np.ones((5, 5), np.uint8))
    kind = rng.random()
    if kind < 0.5:
        content = _spread(image.astype(np.float32), around.astype(np.float32))
        if kind < 0.25:
            content += rng.uniform(1, 6) * rng.standard_normal(image.shape, np.float32)
    elif kind < 0.75:
        ring = around * cv2.dilate(chosen, np.ones((25, 25), np.uint8))
        content = np.full(image.shape, cv2.mean(image, ring if ring.any() else around)[:3])
    else:
        content = np.full(image.shape, paint(rng))
    return paste(image, np.rint(np.clip(content, 0, 255)).astype(np.uint8), chosen, rng)


def _spread(image: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Fills unknown pixels smoothly: from ever coarser averages of the known ones."""
    height, width = known.shape
    if min(height, width) < 2:
        total = max(known.sum(), 1e-6)
        return np.broadcast_to((image * known[..., None]).sum((0, 1)) / total, image.shape)
    half = ((width + 1) // 2, (height + 1) // 2)
    share = cv2.resize(known, half, interpolation=cv2.INTER_AREA)
    means = cv2.resize(image * known[..., None], half, interpolation=cv2.INTER_AREA)
    means /= np.maximum(share, 1e-6)[..., None]
    coarse = _spread(means, (share > 0).astype(np.float32))
    coarse = cv2.resize(np.ascontiguousarray(coarse), (width, height))
    return np.where(known[..., None] > 0, image, coarse)


class Splice(Manipulation):
    """`splice` with donors that it is given, or that are the other pictures of the batch.

    Args:
        donors: RGB pictures, uint8 (H, W, 3) of any sizes; by default the batch's others.
    """

    def __init__(self, donors: Sequence[np.ndarray] | None = None):
        super().__init__("splice", "local")
        self._donors = donors

    def manipulate(self, images: np.ndarray, seeds: list[int]) -> list[Manipulated]:
        if self._donors is None and len(images) < 2:
            raise ValueError("Splicing needs a second picture: give a larger batch, or donors")
        results = []
        for index, seed in enumerate(seeds):
            rng = choices(seed, stream=2)
            if self._donors is not None:
                donor = self._donors[rng.integers(len(self._donors))]
            else:
                donor = images[(index + rng.integers(1, len(images))) % len(images)]
            results.append(splice(images[index], donor, seed))
        return results
