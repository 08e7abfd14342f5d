"""The losses of IRL-Net (paper section III-D, eq. 7 to 9)."""

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="irl_keras")
class FusedFocalLoss(keras.losses.Loss):
    """Class-balanced focal loss, the mean over the pixels of each picture (eq. 8).

    `alpha * (1 - p)**focusing * M * -log(p) + (1 - alpha) * p**focusing * (1 - M) * -log(1 - p)`

    Args:
        alpha: Float in [0, 1], weight of the inpainted class, the rarer one.
        focusing: Float of at least 1, the paper's lambda: how strongly easy pixels are
            down-weighted.
        reduction: Reduction over the batch.
        name: Name of the loss.
        **kwargs: Further arguments of `keras.losses.Loss`.

    Call arguments:
        y_true: Masks in {0, 1}, shape `(batch, height, width, 1)`.
        y_pred: Probabilities in [0, 1] (0 and 1 included), same shape.

    Example:
    ```python
    loss = irl_keras.losses.FusedFocalLoss()(np.ones((1, 8, 8, 1)), np.full((1, 8, 8, 1), 0.5))
    ```

    Reference: IRL-Net, section III-D-1. The sum of eq. (8) is a mean in the authors' program.
    """

    def __init__(
        self,
        alpha: float = 0.75,
        focusing: float = 2.0,
        reduction: Any = "sum_over_batch_size",
        name: str = "fused_focal_loss",
        **kwargs: Any,
    ):
        super().__init__(reduction=reduction, name=name, **kwargs)
        self.alpha = alpha
        self.focusing = focusing

    def call(self, y_true, y_pred):
        truth, probability = _in_float32(y_true, y_pred)
        # Logarithms stay finite at 0 and 1; 1e-7 is the step of float32 below 1.
        p = ops.clip(probability, 1e-7, 1.0 - 1e-7)
        inpainted = self.alpha * ops.power(1.0 - p, self.focusing) * truth * ops.log(p)
        pristine = (1.0 - self.alpha) * ops.power(p, self.focusing) * (1.0 - truth) * ops.log1p(-p)
        return -ops.mean(inpainted + pristine, axis=(1, 2, 3))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "alpha": self.alpha, "focusing": self.focusing}


@keras.saving.register_keras_serializable(package="irl_keras")
class DiceLoss(keras.losses.Loss):
    """One minus the Dice overlap with squared denominators, for each picture (eq. 9).

    `1 - (2 * sum(p * M) + smooth) / (sum(p**2) + sum(M**2) + smooth)`

    Args:
        smooth: Positive float, in pixels. It makes the loss of an empty mask 0 at an empty map.
            The default leaves eq. (9) as it is otherwise; a value about 1 also gives untouched
            pictures a useful gradient.
        reduction: Reduction over the batch.
        name: Name of the loss.
        **kwargs: Further arguments of `keras.losses.Loss`.

    Call arguments:
        y_true: Masks in {0, 1}, shape `(batch, height, width, 1)`.
        y_pred: Probabilities in [0, 1], same shape.

    Example:
    ```python
    loss = irl_keras.losses.DiceLoss()(np.ones((1, 8, 8, 1)), np.ones((1, 8, 8, 1)))  # 0.0
    ```

    Reference: IRL-Net, section III-D-2.
    """

    def __init__(
        self,
        smooth: float = 1e-6,
        reduction: Any = "sum_over_batch_size",
        name: str = "dice_loss",
        **kwargs: Any,
    ):
        super().__init__(reduction=reduction, name=name, **kwargs)
        self.smooth = smooth

    def call(self, y_true, y_pred):
        truth, p = _in_float32(y_true, y_pred)
        axes = (1, 2, 3)
        overlap = 2.0 * ops.sum(p * truth, axis=axes)
        total = ops.sum(ops.square(p), axis=axes) + ops.sum(ops.square(truth), axis=axes)
        return 1.0 - (overlap + self.smooth) / (total + self.smooth)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "smooth": self.smooth}


@keras.saving.register_keras_serializable(package="irl_keras")
class IRLLoss(keras.losses.Loss):
    """The sum of `FusedFocalLoss` and `DiceLoss` (eq. 7).

    Args:
        alpha: See `FusedFocalLoss`.
        focusing: See `FusedFocalLoss`.
        smooth: See `DiceLoss`.
        reduction: Reduction over the batch.
        name: Name of the loss.
        **kwargs: Further arguments of `keras.losses.Loss`.

    Call arguments:
        y_true: Masks in {0, 1}, shape `(batch, height, width, 1)`.
        y_pred: Probabilities in [0, 1], same shape.

    Example:
    ```python
    model.compile(optimizer="adam", loss=irl_keras.losses.IRLLoss())
    ```

    Reference: IRL-Net, section III-D.
    """

    def __init__(
        self,
        alpha: float = 0.75,
        focusing: float = 2.0,
        smooth: float = 1e-6,
        reduction: Any = "sum_over_batch_size",
        name: str = "irl_loss",
        **kwargs: Any,
    ):
        super().__init__(reduction=reduction, name=name, **kwargs)
        self.alpha = alpha
        self.focusing = focusing
        self.smooth = smooth
        self.fused_focal_loss = FusedFocalLoss(alpha, focusing)
        self.dice_loss = DiceLoss(smooth)

    def call(self, y_true, y_pred):
        return self.fused_focal_loss.call(y_true, y_pred) + self.dice_loss.call(y_true, y_pred)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "alpha": self.alpha,
            "focusing": self.focusing,
            "smooth": self.smooth,
        }


def _in_float32(y_true, y_pred):
    """Sums over pictures and logarithms near 0 do not fit into half precision."""
    return ops.cast(y_true, "float32"), ops.cast(y_pred, "float32")
