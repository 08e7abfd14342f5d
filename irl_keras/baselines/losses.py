"""The loss of MVSS-Net: pixels, picture and edges."""

from typing import Any

import keras
from keras import ops

from forensics_keras.layers import PadToMultiple
from irl_keras.losses import DiceLoss

EDGE_STRIDE = 4


def edge_map(mask: Any) -> Any:
    """Returns the edges of masks at a quarter of their size.

    A pixel of the result is 1 if its 4x4 pixels of the mask, or their direct neighbours, hold
    a pixel next to one of the other class: both sides of the contour. The picture's border
    is no edge. Sizes that are no multiple of 4 are continued by reflection, as `mvss_net` does
    with pictures.

    Args:
        mask: Tensor `(batch, height, width, 1)` of values 0 and 1.

    Returns:
        Float32 tensor `(batch, ceil(height / 4), ceil(width / 4), 1)` of values 0 and 1.

    Example:
    ```python
    edges = irl_keras.baselines.edge_map(mask)
    ```

    Reference: the authors draw the contours that OpenCV finds in the mask
    ([their answer](https://github.com/dong03/MVSS-Net/issues/13)); the width is not published.
    """
    mask = PadToMultiple(EDGE_STRIDE, dtype="float32")(ops.cast(mask, "float32"))
    highest = ops.max_pool(mask, 3, strides=1, padding="same")
    lowest = -ops.max_pool(-mask, 3, strides=1, padding="same")
    return ops.max_pool(highest - lowest, EDGE_STRIDE, strides=EDGE_STRIDE)


@keras.saving.register_keras_serializable(package="irl_keras")
class MVSSLoss(keras.losses.Loss):
    """Dice of pixels and of edges, and the cross-entropy of the picture's highest probability.

    `pixel_weight * Dice(map) + image_weight * BCE(max(map)) + edge_weight * Dice(edges)` for each
    picture with an inpainted pixel; an untouched picture has the cross-entropy only. The true
    edges are `edge_map(y_true)`.

    Args:
        pixel_weight: Float, weight of the map's Dice loss.
        image_weight: Float, weight of the picture's cross-entropy.
        edge_weight: Float, weight of the edges' Dice loss.
        smooth: See `irl_keras.losses.DiceLoss`, for both Dice losses.
        reduction: Reduction over the batch.
        name: Name of the loss.
        **kwargs: Further arguments of `keras.losses.Loss`.

    Call arguments:
        y_true: Masks in {0, 1}, shape `(batch, height, width, 1)`.
        y_pred: Output of `mvss_net(training_outputs=True)`, `(batch, height, width, 2)`: the
            probability map, and the edge map with each value repeated in 4x4 pixels.

    Example:
    ```python
    model = irl_keras.baselines.mvss_net(training_outputs=True)
    model.compile("adam", irl_keras.baselines.MVSSLoss())
    ```

    Reference: MVSS-Net, section 3.3 (see `mvss_net`), where untouched pictures serve the image
    term only. Dice has squared denominators, as in IRL-Net.
    """

    def __init__(
        self,
        pixel_weight: float = 0.16,
        image_weight: float = 0.04,
        edge_weight: float = 0.80,
        smooth: float = 1.0,
        reduction: Any = "sum_over_batch_size",
        name: str = "mvss_loss",
        **kwargs: Any,
    ):
        super().__init__(reduction=reduction, name=name, **kwargs)
        self.pixel_weight = pixel_weight
        self.image_weight = image_weight
        self.edge_weight = edge_weight
        self.smooth = smooth
        self.dice_loss = DiceLoss(smooth)

    def call(self, y_true, y_pred):
        truth = ops.cast(y_true, "float32")
        probability, edges = y_pred[..., :1], y_pred[:, ::EDGE_STRIDE, ::EDGE_STRIDE, 1:]
        touched = ops.max(truth, axis=(1, 2, 3))
        score = ops.cast(ops.max(probability, axis=(1, 2, 3)), "float32")
        by_place = self.pixel_weight * self.dice_loss.call(truth, probability)
        by_place += self.edge_weight * self.dice_loss.call(edge_map(truth), edges)
        return touched * by_place + self.image_weight * ops.binary_crossentropy(touched, score)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "pixel_weight": self.pixel_weight,
            "image_weight": self.image_weight,
            "edge_weight": self.edge_weight,
            "smooth": self.smooth,
        }
