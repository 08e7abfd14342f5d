"""The losses of MaLP (paper section 3.2, eq. 7 to 11): pure functions, each a mean over the batch.

Norms are divided by the number of pixels, so that a weight means the same at every picture size.
Everything is computed in float32, whatever the precision of the networks.
"""

import dataclasses
import math
from typing import Any

import numpy as np
from keras import ops

_SMALLEST_RMS = 1e-4  # of a map in [0, 1]: one gray level on 0.065 % of the pixels


@dataclasses.dataclass(frozen=True)
class LossWeights:
    """How much each term counts in the sum of eq. (11); 0 switches a term off.

    The defaults are those of the authors' program; the segmentation terms, which need exact masks,
    go beyond the paper and are off.

    Attributes:
        template_magnitude: Weight of `template_magnitude` (lambda 1).
        template_similarity: Weight of `template_similarity` (lambda 2).
        template_low_frequency: Weight of `template_low_frequency` (lambda 3).
        recovery_real: Weight of `recovery_real` (lambda 8).
        recovery_fake: Weight of `recovery_fake` (lambda 9).
        cnn_squared_error: Weight of the CNN map's `map_energy` (lambda 4).
        cnn_cosine: Weight of the CNN map's `map_similarity` and `cosine_distance` (lambda 5, 6).
        cnn_ssim: Weight of the CNN map's `ssim_distance` (lambda 7).
        cnn_segmentation: Weight of `forensics_keras.losses.IRLLoss` of the CNN map.
        vit_squared_error: As `cnn_squared_error`, of the transformer's map.
        vit_cosine: As `cnn_cosine`, of the transformer's map.
        vit_ssim: As `cnn_ssim`, of the transformer's map.
        vit_segmentation: As `cnn_segmentation`, of the transformer's map.
        classifier_real: Weight of `classification` of protected pictures (lambda 10).
        classifier_fake: Weight of `classification` of manipulated pictures (lambda 10).

    Raises:
        ValueError: When a weight is negative or not finite.

    Example:
    ```python
    weights = malp_keras.losses.LossWeights(template_low_frequency=0)
    ```
    """

    template_magnitude: float = 100.0
    template_similarity: float = 5.0
    template_low_frequency: float = 4.0
    recovery_real: float = 15.0
    recovery_fake: float = 20.0
    cnn_squared_error: float = 60.0
    cnn_cosine: float = 25.0
    cnn_ssim: float = 50.0
    cnn_segmentation: float = 0.0
    vit_squared_error: float = 25.0
    vit_cosine: float = 150.0
    vit_ssim: float = 50.0
    vit_segmentation: float = 0.0
    classifier_real: float = 50.0
    classifier_fake: float = 50.0

    def __post_init__(self):
        """Refuses weights that no training could use."""
        for name, weight in dataclasses.asdict(self).items():
            if not (math.isfinite(weight) and weight >= 0):
                raise ValueError(f"the weight {name} must be a number of at least 0, not {weight}")

    def weighted(self, terms):
        """Computes the terms that are switched on, each times its weight.

        Args:
            terms: Mapping from names of weights to functions without arguments, each of which
                returns a scalar.

        Returns:
            Dict of weighted scalars; a term whose weight is 0 is neither computed nor in it.

        Example:
        ```python
        terms = {"template_magnitude": lambda: template_magnitude(templates)}
        loss = sum(LossWeights().weighted(terms).values())
        ```
        """
        chosen = {name: getattr(self, name) for name in terms}
        return {name: weight * terms[name]() for name, weight in chosen.items() if weight}


def cosine_similarity(a: Any, b: Any) -> Any:
    """Returns the cosine of the angle between two pictures of each pair, over all pixels.

    `sum(a * b) / (|a| * |b|)`. Nothing is subtracted first, so two constant maps are alike.

    Args:
        a: Tensor of shape `(batch, height, width, 1)`.
        b: Tensor of the same shape.

    Returns:
        Tensor of shape `(batch,)`, in [-1, 1]. It is 0 where a picture is zero, and shrinks
        towards 0, with finite gradients, where the root mean square of one is below 1e-4.
    """
    product = _unit(a) * _unit(b)
    return ops.mean(product, axis=_all_but_first(product))


def structural_similarity(
    a: Any, b: Any, max_value: float = 1.0, window: int = 11, sigma: float = 1.5
) -> Any:
    """Returns the mean structural similarity of each pair of pictures.

    The mean, over all places where the Gaussian window fits into the picture, of
    `(2 * m_a * m_b + c1) * (2 * s_ab + c2) / ((m_a**2 + m_b**2 + c1) * (s_a**2 + s_b**2 + c2))`
    with the means m, the variances s**2 and the covariance s_ab in the window,
    `c1 = (0.01 * max_value)**2` and `c2 = (0.03 * max_value)**2`.

    Args:
        a: Tensor of shape `(batch, height, width, channels)`.
        b: Tensor of the same shape.
        max_value: Positive float, the largest value that the pictures may have.
        window: Positive integer, the side of the window in pixels.
        sigma: Positive float, the standard deviation of the window in pixels.

    Returns:
        Tensor of shape `(batch,)`, at most 1.

    Raises:
        ValueError: When the pictures are smaller than the window.

    Reference:
        - [Wang et al., 2004](https://doi.org/10.1109/TIP.2003.819861).
    """
    if any(side is not None and side < window for side in a.shape[1:3]):
        raise ValueError(f"pictures must be at least {window} pixels a side, not {a.shape[1:3]}")
    a, b = (ops.moveaxis(_float32(x), -1, 1) for x in (a, b))
    offsets = np.arange(window) - (window - 1) / 2
    weights = np.exp(-(offsets**2) / (2 * sigma**2))
    weights /= weights.sum()
    moments = ops.stack([a, b, ops.square(a) + ops.square(b), a * b])
    mean_a, mean_b, squares, product = ops.unstack(_smooth(moments, weights.tolist()), num=4)
    c1, c2 = (0.01 * max_value) ** 2, (0.03 * max_value) ** 2
    covariance = product - mean_a * mean_b
    squared_means = ops.square(mean_a) + ops.square(mean_b)
    luminance = (2 * mean_a * mean_b + c1) / (squared_means + c1)
    structure = (2 * covariance + c2) / (squares - squared_means + c2)
    return ops.mean(luminance * structure, axis=(1, 2, 3))


def _smooth(images, weights):
    """Weighted means over windows, along the last two axes, where the window fits.

    Not a convolution: on accelerators these round their inputs, and variances, which are small
    differences of the results, would be lost. Left to the backends, the gradient of the many
    slices takes ten times as long as this one.
    """
    margin = len(weights) - 1

    def smooth(x):
        height, width = ops.shape(x)[-2:]
        rows = sum(w * x[..., i : height - margin + i, :] for i, w in enumerate(weights))
        return sum(w * rows[..., i : width - margin + i] for i, w in enumerate(weights))

    @ops.custom_gradient
    def differentiable(x):
        def gradient(*args, upstream=None):
            (upstream,) = args if upstream is None else (upstream,)
            margins = [(0, 0)] * (len(x.shape) - 2) + [(margin, margin)] * 2
            return smooth(ops.pad(upstream, margins))  # the window is symmetric

        return smooth(x), gradient

    return differentiable(images)


def template_magnitude(templates: Any) -> Any:
    """Keeps templates invisible: the first term of eq. (7).

    The mean over the set of `|S| / size`, which is the root mean square of a template. The paper
    sums the norms; the mean keeps the weight's meaning for every number of templates.

    Args:
        templates: Tensor of shape `(count, size, size)`.

    Returns:
        Scalar of at least 0.
    """
    templates = _float32(templates)
    return ops.mean(_root(ops.mean(ops.square(templates), axis=(1, 2))))


def template_similarity(templates: Any) -> Any:
    """Keeps templates apart: the second term of eq. (7).

    The sum of `CS(S_i, S_j)` over all ordered pairs of different templates.

    Args:
        templates: Tensor of shape `(count, size, size)`.

    Returns:
        Scalar, 0 for orthogonal templates and for one template.
    """
    units = _unit(templates)
    # All pairs, less those of each template with itself: |sum of u|**2 - sum of |u|**2.
    return ops.mean(ops.square(ops.sum(units, axis=0)) - ops.sum(ops.square(units), axis=0))


def template_low_frequency(templates: Any, half_width: int = 50) -> Any:
    """Keeps templates in the high frequencies: the third term of eq. (7).

    The mean over the set of `|L(F(S))| / size`, with the orthonormal Fourier transform F and the
    low-pass filter L that keeps the frequencies from `-half_width` to `half_width - 1` of both
    axes: the root mean square of the template's low-pass filtered part.

    Args:
        templates: Tensor of shape `(count, size, size)`.
        half_width: Integer from 1 to 64, in frequencies of a template of size 128; it grows and
            shrinks in proportion for other sizes.

    Returns:
        Scalar of at least 0 and at most `template_magnitude`.
    """
    templates = _float32(templates)
    size = templates.shape[-1]
    frequencies = np.fft.fftfreq(size, 1 / size)
    limit = min(round(half_width * size / 128), size / 2)
    kept = ((frequencies >= -limit) & (frequencies < limit)).astype("float32")
    real, imaginary = ops.fft2((templates, ops.zeros_like(templates)))
    # Parseval: the sum of squares of the unscaled transform is size**2 times the template's.
    power = (ops.square(real) + ops.square(imaginary)) * (np.outer(kept, kept) / size**2)
    return ops.mean(_root(ops.mean(power, axis=(1, 2))))


def map_energy(fakeness_map: Any) -> Any:
    """Pulls the map of protected pictures to zero: the first term of eq. (8).

    `|M|**2` divided by the number of pixels.

    Args:
        fakeness_map: Tensor of shape `(batch, height, width, 1)`, in [0, 1].

    Returns:
        Scalar of at least 0.
    """
    return ops.mean(ops.square(_float32(fakeness_map)))


def map_similarity(fakeness_map: Any, truth: Any) -> Any:
    """Keeps the map of protected pictures unlike the truth of the manipulated ones (eq. 8).

    The second term, `CS(M, truth)`.

    Args:
        fakeness_map: Tensor of shape `(batch, height, width, 1)`, maps of protected pictures.
        truth: True maps of the same pictures after the manipulation, same shape.

    Returns:
        Scalar in [-1, 1].
    """
    return ops.mean(cosine_similarity(fakeness_map, truth))


def cosine_distance(fakeness_map: Any, truth: Any) -> Any:
    """Pulls the map of manipulated pictures to the truth: the third term of eq. (8).

    `1 - CS(M, truth)`.

    Args:
        fakeness_map: Tensor of shape `(batch, height, width, 1)`, maps of manipulated pictures.
        truth: True maps, same shape (eq. 5, the absolute difference in gray).

    Returns:
        Scalar in [0, 2].
    """
    return 1.0 - map_similarity(fakeness_map, truth)


def ssim_distance(fakeness_map: Any, truth: Any) -> Any:
    """Pulls the map of manipulated pictures to the truth: the fourth term of eq. (8).

    `1 - SS(M, truth)`.

    Args:
        fakeness_map: Tensor of shape `(batch, height, width, 1)`, in [0, 1].
        truth: True maps, same shape.

    Returns:
        Scalar of at least 0.
    """
    return 1.0 - ops.mean(structural_similarity(fakeness_map, truth))


def squared_error(fakeness_map: Any, truth: Any) -> Any:
    """Returns the mean squared difference of maps: `map_energy` where the truth is not zero.

    Args:
        fakeness_map: Tensor of shape `(batch, height, width, 1)`, in [0, 1].
        truth: True maps, same shape.

    Returns:
        Scalar of at least 0.
    """
    return ops.mean(ops.square(_float32(fakeness_map) - _float32(truth)))


def recovery_real(recovered: Any, template: Any) -> Any:
    """Finds the template in protected pictures: the first case of eq. (9), `1 - CS(S, S_R)`.

    Args:
        recovered: Recovered templates, shape `(batch, height, width, 1)`.
        template: The templates that were added, same shape.

    Returns:
        Scalar in [0, 2].
    """
    return 1.0 - ops.mean(cosine_similarity(recovered, template))


def recovery_fake(recovered: Any, templates: Any) -> Any:
    """Finds no template in manipulated pictures: the second case of eq. (9).

    The sum of `CS(S_i, S_R)` over the set.

    Args:
        recovered: Recovered templates, shape `(batch, height, width, 1)`.
        templates: The whole set at the same size, shape `(count, height, width)`.

    Returns:
        Scalar from `-count` to `count`.
    """
    summed = ops.sum(_unit(templates), axis=0)
    return ops.mean(_unit(recovered)[..., 0] * summed)


def classification(logit: Any, label: Any) -> Any:
    """Returns the binary cross-entropy of the averaged logits (eq. 10).

    `-label * log(p) - (1 - label) * log(1 - p)` with `p = sigmoid(logit)`. (The paper prints a
    minus sign too many before the second term.)

    Args:
        logit: Tensor of shape `(batch,)`, the mean of the classifier's logit and the cosine of
            the recovered template; above 0 for manipulated.
        label: 1 for manipulated and 0 for protected pictures, same shape.

    Returns:
        Scalar of at least 0.
    """
    return ops.mean(ops.binary_crossentropy(_float32(label), _float32(logit), from_logits=True))


def _float32(x):
    return ops.cast(x, "float32")


def _all_but_first(x):
    return tuple(range(1, len(x.shape)))


def _root(x):
    """Square root whose gradient at 0 is 0, not infinite."""
    positive = x > 0
    return ops.where(positive, ops.sqrt(ops.where(positive, x, 1.0)), 0.0)


def _unit(x):
    """Scales each picture to a root mean square of 1; one that is nearly zero stays small."""
    x = _float32(x)
    power = ops.mean(ops.square(x), axis=_all_but_first(x), keepdims=True)
    return x / ops.sqrt(ops.maximum(power, _SMALLEST_RMS**2))
