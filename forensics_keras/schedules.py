"""The learning rate of every training of this repository."""

from __future__ import annotations

from keras.optimizers.schedules import CosineDecay, ExponentialDecay, LearningRateSchedule


def cosine(peak: float, steps: int, warmup: int = 0, end: float = 0.01) -> LearningRateSchedule:
    """Rises linearly from 0, then falls along half a cosine.

    Args:
        peak: The largest learning rate.
        steps: Steps of the whole training, the warm-up included.
        warmup: Steps of the rise; 0 begins at the peak.
        end: The last learning rate, as a share of the peak.
    """
    if not warmup:
        return CosineDecay(peak, steps, alpha=end)
    fall = max(steps - warmup, 1)  # a training of one step has no fall, but Keras wants one
    return CosineDecay(0.0, fall, end, warmup_target=peak, warmup_steps=warmup)


def by_epoch(first: float, steps_per_epoch: int, factor: float) -> float | LearningRateSchedule:
    """Is multiplied by a factor after each epoch.

    Args:
        first: The learning rate of the first epoch.
        steps_per_epoch: Steps in an epoch.
        factor: 1 for a constant learning rate.
    """
    if factor == 1:
        return first
    return ExponentialDecay(first, steps_per_epoch, factor, staircase=True)
