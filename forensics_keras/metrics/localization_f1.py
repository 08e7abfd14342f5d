"""F1 of localization as a metric of Keras, for trainings."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="irl_keras")
class LocalizationF1(keras.metrics.Metric):
    """F1 per picture at a threshold, averaged over the pictures that have a manipulated pixel.

    The same F1 as `localization_scores`, for training logs and for choosing the best checkpoint.
    (`keras.metrics.F1Score` pools the pixels of all pictures instead.) The result is 0 before the
    first picture with a manipulated pixel.

    Args:
        threshold: A pixel is flagged from this probability on.
        name: Name of the metric in logs.
        dtype: Type of the computation.

    Call arguments:
        y_true: (N, H, W) or (N, H, W, 1), 0 and 1.
        y_pred: Probabilities, (N, H, W) or (N, H, W, C), of which the first channel counts: others
            are for the loss.
        sample_weight: Optional, shape (N,) or more axes; a picture's weight is the mean of its
            weights over the other axes.

    Example:
        >>> metric = LocalizationF1()
        >>> metric.update_state(np.ones((1, 8, 8, 1)), np.full((1, 8, 8, 1), 0.7))
        >>> float(metric.result())
        1.0
    """

    def __init__(self, threshold: float = 0.5, name: str = "f1", dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.threshold = threshold
        self.total = self.add_weight(name="total", initializer="zeros")
        self.count = self.add_weight(name="count", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Adds a batch; see the call arguments."""
        truth = self._per_picture(y_true) >= 0.5
        y_pred = y_pred[..., :1] if len(y_pred.shape) == 4 else y_pred
        flagged = self._per_picture(y_pred) >= self.threshold
        hits = ops.sum(ops.cast(ops.logical_and(truth, flagged), self.dtype), axis=1)
        manipulated = ops.sum(ops.cast(truth, self.dtype), axis=1)
        sizes = manipulated + ops.sum(ops.cast(flagged, self.dtype), axis=1)
        weight = ops.cast(manipulated > 0, self.dtype)
        if sample_weight is not None:
            weight = weight * ops.mean(self._per_picture(sample_weight), axis=1)
        f1 = 2 * hits / ops.maximum(sizes, 1)
        self.total.assign_add(ops.sum(weight * f1))
        self.count.assign_add(ops.sum(weight))

    def _per_picture(self, values):
        """One row a picture. Float32 keeps counts exact up to 16 million pixels."""
        values = ops.cast(values, self.dtype)
        return ops.reshape(values, (ops.shape(values)[0], -1))

    def result(self):
        """Returns the mean F1 so far, a scalar."""
        return ops.divide_no_nan(self.total, self.count)

    def get_config(self):
        """Returns what rebuilds the metric."""
        return {**super().get_config(), "threshold": self.threshold}
