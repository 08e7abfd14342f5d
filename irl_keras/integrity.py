"""How far a map can be trusted: a probability for the whole picture, and a reliability map.

Both are small logistic models on top of a network that is not changed, fitted on validation
pictures, so that a stated probability is the share of cases in which it comes true. The idea of an
integrity score and a reliability map beside the localization is TruFor's (Guillaro et al., 2023,
https://arxiv.org/abs/2212.10957), whose heads are networks; these are a dozen numbers in the model
card.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

PICTURE_FEATURES = 6
PIXEL_FEATURES = 5

_WINDOW = 33
"""Side of the neighbourhood of a pixel, in pixels."""
_FLOOR = 1e-3
_SHARES = (0.5, 0.1, 0.01, 0.001)
"""The map's values that these shares of a picture's pixels reach say how much stands out."""


@dataclass(frozen=True)
class Logistic:
    """A logistic model.

    Attributes:
        weights: One for each feature, then the constant.
        means: Of the features, when the model was fitted.
        deviations: Standard deviations of the features then.
    """

    weights: tuple[float, ...]
    means: tuple[float, ...]
    deviations: tuple[float, ...]

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """Gives probabilities, float64 (...), of features (..., count)."""
        scaled = (features - np.array(self.means)) / np.array(self.deviations)
        logits = scaled @ np.array(self.weights[:-1]) + self.weights[-1]
        return 1 / (1 + np.exp(-np.clip(logits, -30, 30)))

    @classmethod
    def fit(
        cls,
        features: np.ndarray,
        truth: np.ndarray,
        sample_weights: np.ndarray | None = None,
        penalty: float = 1e-2,
    ) -> Logistic:
        """Fits by Newton's method.

        Args:
            features: float array (samples, count).
            truth: bool array (samples,), with both values.
            sample_weights: float array (samples,); all the same without it.
            penalty: On the squares of the weights but the constant, beside the mean log loss.

        Raises:
            ValueError: If the truth is the same everywhere.
        """
        if truth.all() or not truth.any():
            raise ValueError("calibration needs forged and pristine pictures")
        means, deviations = features.mean(axis=0), features.std(axis=0) + 1e-9
        x = np.column_stack([(features - means) / deviations, np.ones(len(features))])
        share = np.ones(len(x)) if sample_weights is None else np.asarray(sample_weights, float)
        share = share / share.sum()
        ridge = np.diag([penalty] * features.shape[1] + [0.0])
        weights = np.zeros(x.shape[1])
        for _ in range(50):
            expected = 1 / (1 + np.exp(-np.clip(x @ weights, -30, 30)))
            slope = x.T @ (share * (expected - truth)) + ridge @ weights
            curvature = (x * (share * expected * (1 - expected))[:, None]).T @ x
            step = np.linalg.solve(curvature + ridge + 1e-9 * np.eye(len(ridge)), slope)
            weights = weights - step
            if np.abs(step).max() < 1e-8:
                break
        return cls(*(tuple(map(float, values)) for values in (weights, means, deviations)))


@dataclass(frozen=True)
class Integrity:
    """What a preset knows of its own trustworthiness.

    Attributes:
        picture: Probability that a picture was inpainted, of `picture_features`.
        pixel: Probability that a pixel is judged rightly, of `pixel_features`.
    """

    picture: Logistic
    pixel: Logistic

    @classmethod
    def from_card(cls, calibration: Mapping) -> Integrity | None:
        """Reads it from the calibration of a model card; `None` where there is none.

        Raises:
            ValueError: If the numbers are not those of these features.
        """
        if "integrity" not in calibration:
            return None
        models = []
        for name, count in (("picture", PICTURE_FEATURES), ("pixel", PIXEL_FEATURES)):
            fields = {
                key: tuple(map(float, v)) for key, v in calibration["integrity"][name].items()
            }
            model = Logistic(**fields)
            sizes = len(model.weights) - 1, len(model.means), len(model.deviations)
            if sizes != (count,) * 3 or not all(np.isfinite(v).all() for v in fields.values()):
                raise ValueError(f"the calibration's {name} model has not {count} features")
            models.append(model)
        return cls(*models)

    def score(self, probability: np.ndarray) -> float:
        """Gives the probability that a picture was inpainted, 0 to 1, from its map."""
        return float(self.picture(picture_features(probability)))

    def reliability(
        self, image: np.ndarray, probability: np.ndarray, threshold: float
    ) -> np.ndarray:
        """Gives each pixel's probability of being judged rightly, float32 (H, W), 0 to 1."""
        return self.pixel(pixel_features(image, probability, threshold)).astype(np.float32)


def picture_features(probability: np.ndarray) -> np.ndarray:
    """Describes a map by how much of it stands out.

    Args:
        probability: float array (H, W), 0 to 1.

    Returns:
        float64 array (6,): the logits that the highest 50, 10, 1 and 0.1 % of the pixels reach;
        the same 0.1 % of the map averaged over 33 pixels; the logarithm of the mean.
    """
    values = np.sort(probability, axis=None)[::-1]
    places = [min(round(share * values.size), values.size - 1) for share in _SHARES]
    coarse = cv2.blur(probability.astype(np.float32), (_WINDOW, _WINDOW))
    compact = np.quantile(coarse, 1 - _SHARES[-1])
    return np.array([*_logit(values[places]), _logit(compact), np.log(values.mean() + _FLOOR)])


def pixel_features(image: np.ndarray, probability: np.ndarray, threshold: float) -> np.ndarray:
    """Describes how far a pixel's judgement can be trusted.

    Args:
        image: uint8 array (H, W, 3), RGB.
        probability: float array (H, W), 0 to 1.
        threshold: A pixel is flagged from this probability on.

    Returns:
        float64 array (H, W, 5): the distance of the logit from the threshold's, on the side of
        flagged pixels and on the other; how much the neighbourhood of 33 pixels agrees; the
        logarithm of the luma's fine detail there; the share of black or white pixels there.
    """
    margin = _logit(probability) - _logit(np.float64(threshold))
    flagged = probability >= threshold
    around = _average(flagged.astype(np.float32))
    luma = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    detail = _average((luma - cv2.GaussianBlur(luma, (0, 0), 1)) ** 2)
    clipped = _average(((image.min(axis=-1) == 0) | (image.max(axis=-1) == 255)).astype(np.float32))
    return np.stack(
        [
            np.where(flagged, margin, 0),
            np.where(flagged, 0, -margin),
            np.where(flagged, around, 1 - around),
            np.log(np.maximum(detail, 0) + 0.01),
            clipped,
        ],
        axis=-1,
    ).astype(np.float64)


def expected_calibration_error(
    stated: Sequence[float] | np.ndarray, truth: Sequence[bool] | np.ndarray, bins: int = 10
) -> float:
    """Measures how far stated probabilities are from the shares in which they came true.

    Args:
        stated: Probabilities, 0 to 1.
        truth: Whether each came true.
        bins: Number of bins of equal width.

    Returns:
        The mean over the samples of the difference between what the sample's bin states on average
        and how often it came true, 0 to 1.
    """
    stated, truth = np.asarray(stated, float), np.asarray(truth, float)
    number = np.minimum((stated * bins).astype(int), bins - 1)
    counts = np.bincount(number, minlength=bins)
    sums = [np.bincount(number, values, minlength=bins) for values in (stated, truth)]
    return float(np.abs(sums[0] - sums[1])[counts > 0].sum() / len(stated))


def _average(values):
    return cv2.blur(values, (_WINDOW, _WINDOW), borderType=cv2.BORDER_REFLECT_101)


def _logit(values):
    values = np.clip(values, _FLOOR, 1 - _FLOOR)
    return np.log(values / (1 - values))
