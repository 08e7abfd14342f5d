"""What a picture went through before it was forged, and after.

A photograph was developed, sharpened, resampled and compressed before somebody fills a hole in it;
the fill was not, or otherwise. Crops that were shrunk before forging carry no such history, and a
network trained on them cannot learn from where a grid of compression or the noise of a camera
stops.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import cv2
import numpy as np

from datasets.degradations import degrade
from datasets.forging import Forgery, crop, random_turn, random_window
from datasets.inpainting import inpaint, member
from datasets.mask_kinds import draw_mask, random_kind

BLOCK = 8
"""Side of JPEG's blocks, in pixels."""

_ATTEMPTS = 100
_SAMPLINGS = {
    "4:2:0": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420,
    "4:4:4": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
}


class Step(NamedTuple):
    """One step of a history.

    Attributes:
        kind: A key of `STEPS`.
        arguments: Of the function there, after the picture.
    """

    kind: str
    arguments: tuple


History = tuple[Step, ...]
"""Steps in the order in which they happened; `()` is no history."""


@dataclass(frozen=True)
class HistoryRecipe:
    """How training crops with histories are forged.

    The shares of `untouched`, `history_only`, `filled`, `synthesised` and `real` crops are their
    parts of the sum; the last two need data of their own (`datasets.open`).

    Attributes:
        size: Side of the square crops, in pixels.
        inpainters: Names of inpainters or families, and their weights in the mixture.
        masks: Kinds of masks (`datasets.mask_kinds`) and their weights.
        untouched: Weight of crops with one history throughout and an empty mask.
        history_only: Weight of crops whose mask covers untouched content of another history.
        filled: Weight of crops with a hole that an inpainter filled.
        synthesised: Weight of crops with pixels of pretrained networks
            (`datasets.synthesised`).
        real: Weight of crops of fills that published tools made (`datasets.real_fills`).
        native: Share of crops at the photograph's own pixels, with the history that it has; the
            others are shrunk first, which ends it.
        min_scale: The shrunk ones are so by a factor of `min_scale` to 1.
        resampled: Share of histories with resampling.
        factors: Smallest and largest resampling factor.
        noisy: Share of histories with camera noise.
        noise: Smallest and largest deviation of the noise at mid-grey, of 255.
        sharpened: Share of histories with sharpening.
        compressed: Share of histories that end with compression.
        webp: Share of the compressions that are WebP, not JPEG.
        quality: Smallest and largest quality of the compression.
        halved_chroma: Share of the JPEG files with chroma at half the resolution.
        bare_fill: Share of the fills without any history.
        same_history: Share of the fills with the host's history; the others have their own.
        afterwards: Share of crops that pass one more history as a whole.
        soft_edge: Share of the fills that are blended in over some pixels.
    """

    size: int = 128
    inpainters: dict[str, float] = field(default_factory=lambda: {"telea": 1.0, "ns": 1.0})
    masks: dict[str, float] = field(
        default_factory=lambda: {
            "brush": 3.0,
            "boxes": 2.0,
            "discs": 1.0,
            "scratches": 1.0,
            "text": 1.0,
            "blob": 3.0,
            "border": 1.0,
            "union": 1.0,
        }
    )
    untouched: float = 0.5
    history_only: float = 0.1
    filled: float = 0.4
    synthesised: float = 0.0
    real: float = 0.0
    native: float = 0.5
    min_scale: float = 0.4
    resampled: float = 0.25
    factors: tuple[float, float] = (0.6, 1.6)
    noisy: float = 0.4
    noise: tuple[float, float] = (0.5, 5.0)
    sharpened: float = 0.3
    compressed: float = 0.8
    webp: float = 0.08
    quality: tuple[int, int] = (50, 98)
    halved_chroma: float = 0.7
    bare_fill: float = 0.6
    same_history: float = 0.15
    afterwards: float = 0.2
    soft_edge: float = 0.3


def random_history(recipe: HistoryRecipe, rng: np.random.Generator) -> History:
    """Draws a history.

    Args:
        recipe: Shares and ranges.
        rng: The source of all choices.

    Returns:
        Steps in the order of a camera and an editor; may be empty.
    """
    steps = []
    if rng.random() < recipe.noisy:
        steps.append(Step("noise", (_log_uniform(rng, *recipe.noise), int(rng.integers(2**32)))))
    if rng.random() < recipe.resampled:
        steps.append(Step("resample", (rng.uniform(*recipe.factors),)))
    if rng.random() < recipe.sharpened:
        steps.append(Step("sharpen", (rng.uniform(0.5, 1.5), rng.uniform(0.2, 1.2))))
    if rng.random() < recipe.compressed:
        quality = int(rng.integers(recipe.quality[0], recipe.quality[1] + 1))
        if rng.random() < recipe.webp:
            steps.append(Step("webp", (quality,)))
        else:
            sampling = "4:2:0" if rng.random() < recipe.halved_chroma else "4:4:4"
            # With chroma at half the resolution the grid of chroma blocks has a period of 16.
            offset = rng.integers(2 * BLOCK, size=2)
            steps.append(Step("jpeg", (quality, sampling, int(offset[0]), int(offset[1]))))
    return tuple(steps)


def apply_history(image: np.ndarray, history: History) -> np.ndarray:
    """Lets a picture go through a history.

    Args:
        image: RGB picture, uint8, shape (H, W, 3).
        history: As `random_history` draws it.

    Returns:
        A new picture of the same shape; the same for the same arguments.
    """
    image = image.copy()
    for kind, arguments in history:
        image = STEPS[kind](image, *arguments)
    return image


def forge_with_history(
    photograph: np.ndarray, recipe: HistoryRecipe, rng: np.random.Generator
) -> Forgery:
    """Forges one training crop whose host and fill went through drawn histories.

    Args:
        photograph: RGB picture, uint8, shape (H, W, 3).
        recipe: What to draw.
        rng: The source of all choices; the same state gives the same crop.

    Returns:
        The `Forgery`, flipped and turned at random; its `original` is the host before the fill.
    """
    scale = 1.0 if rng.random() < recipe.native else recipe.min_scale
    window = random_window(photograph, recipe.size, scale, rng)
    content = random_turn(crop(photograph, window, recipe.size), rng)
    history = random_history(recipe, rng)
    host = apply_history(content, history)
    weights = np.array([recipe.untouched, recipe.history_only, recipe.filled])
    kind = rng.choice(3, p=weights / weights.sum())
    mask = np.zeros(content.shape[:2], np.uint8)
    image = host
    if kind > 0:
        mask = draw_mask(random_kind(rng, recipe.masks), *mask.shape, rng)
    if kind == 1:
        fill = apply_history(content, other_history(history, recipe, rng))
        image = composite(host, fill, mask, 0)
    elif kind == 2:
        seed = int(rng.integers(2**32))
        name = member(random_kind(rng, recipe.inpainters), seed)
        fill = inpaint(name, host[None], mask[None])[0]
        image = paste_with_history(host, fill, mask, history, recipe, rng)
    return Forgery(pass_on(image, recipe, rng), mask, host)


def paste_with_history(
    host: np.ndarray,
    fill: np.ndarray,
    mask: np.ndarray,
    history: History,
    recipe: HistoryRecipe,
    rng: np.random.Generator,
) -> np.ndarray:
    """Pastes a fill that has no history, the host's or another, with a hard or soft edge.

    Args:
        host: RGB picture after its history, uint8, shape (H, W, 3).
        fill: The same shape, as an inpainter left it.
        mask: uint8, shape (H, W), 1 where the fill goes.
        history: Of the host.
        recipe: Shares of each.
        rng: The source of all choices.

    Returns:
        A new uint8 array (H, W, 3).
    """
    fill = apply_history(fill, _fill_history(history, recipe, rng))
    soft = int(rng.integers(1, 5)) if rng.random() < recipe.soft_edge else 0
    return composite(host, fill, mask, soft)


def pass_on(image: np.ndarray, recipe: HistoryRecipe, rng: np.random.Generator) -> np.ndarray:
    """Lets some pictures, `recipe.afterwards` of them, go through one more history as a whole."""
    if rng.random() < recipe.afterwards:
        return apply_history(image, random_history(recipe, rng))
    return image


def composite(host: np.ndarray, fill: np.ndarray, mask: np.ndarray, soft: int) -> np.ndarray:
    """Pastes a fill into a host; no pixel outside the mask changes.

    Args:
        host: RGB picture, uint8, shape (H, W, 3).
        fill: The same shape.
        mask: uint8, shape (H, W), 1 where the fill goes.
        soft: Pixels inside the mask over which the host fades out; 0 for a hard edge.

    Returns:
        A new uint8 array (H, W, 3).
    """
    alpha = mask.astype(np.float32)
    if soft:
        depth = cv2.distanceTransform(mask, cv2.DIST_L2, 3)
        alpha = np.minimum(depth / (soft + 1), 1.0)
    mixed = host + alpha[..., None] * (fill.astype(np.float32) - host)
    return np.rint(mixed).astype(np.uint8)


def other_history(history: History, recipe: HistoryRecipe, rng: np.random.Generator) -> History:
    """Draws a history that differs from another: a part of it, or one of its own.

    Args:
        history: The other.
        recipe: Shares and ranges.
        rng: The source of all choices.

    Raises:
        ValueError: If the recipe has histories of one kind only.
    """
    if history and rng.random() < 0.5:
        return history[: rng.integers(len(history))]
    for _ in range(_ATTEMPTS):
        other = random_history(recipe, rng)
        if other != history:
            return other
    raise ValueError("The recipe has histories of one kind only, so that none differs from another")


def _fill_history(history, recipe, rng):
    draw = rng.random()
    if draw < recipe.bare_fill:
        return ()
    if draw < recipe.bare_fill + recipe.same_history:
        return history
    return random_history(recipe, rng)


def _log_uniform(rng, low, high):
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _noise(image, deviation, seed):
    """Camera noise: strongest in the shadows, alike in neighbours, smoother in chroma.

    A sensor's noise grows with the light, but the tone curve lifts the shadows by more than that.
    Demosaicking makes the noise of neighbours alike.
    """
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal(image.shape, dtype=np.float32)
    coarse = cv2.GaussianBlur(noise, (0, 0), 0.8)
    coarse *= noise.std() / max(coarse.std(), 1e-6)
    luma = 0.5 * (noise + coarse).mean(axis=2, keepdims=True)
    noise = luma + 0.6 * (coarse - coarse.mean(axis=2, keepdims=True))
    light = image.mean(axis=2, keepdims=True, dtype=np.float32) / 255
    strength = deviation * (1.5 - light)
    return _to_bytes(image + strength * noise / noise.std())


def _resample(image, factor):
    """Resampled by a factor and back, so that the content stays in its place."""
    height, width = image.shape[:2]
    interpolation = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    scaled = cv2.resize(image, None, fx=factor, fy=factor, interpolation=interpolation)
    back = cv2.INTER_CUBIC if factor < 1 else cv2.INTER_AREA
    return cv2.resize(scaled, (width, height), interpolation=back)


def _sharpen(image, sigma, amount):
    blurred = cv2.GaussianBlur(image.astype(np.float32), (0, 0), sigma)
    return _to_bytes(image + amount * (image - blurred))


def _jpeg(image, quality, sampling, top, left):
    """JPEG as if the picture went on by `top` rows above it and `left` columns to the left."""
    padded = np.pad(image, ((top, 0), (left, 0), (0, 0)), mode="symmetric")
    options = [
        cv2.IMWRITE_JPEG_QUALITY,
        quality,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
        _SAMPLINGS[sampling],
    ]
    _, encoded = cv2.imencode(".jpg", padded[..., ::-1], options)
    return cv2.imdecode(encoded, cv2.IMREAD_COLOR)[top:, left:, ::-1].copy()


def _webp(image, quality):
    return degrade(image, f"webp:{quality}")


def _to_bytes(picture):
    return np.rint(np.clip(picture, 0, 255)).astype(np.uint8)


STEPS: dict[str, Callable[..., np.ndarray]] = {
    "noise": _noise,
    "resample": _resample,
    "sharpen": _sharpen,
    "jpeg": _jpeg,
    "webp": _webp,
}
"""What steps of a history do, by their kind; a new one joins by an entry here."""
