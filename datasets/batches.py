"""Batches of a training set for Keras on any backend, without TensorFlow."""

from __future__ import annotations

import os
from abc import abstractmethod
from concurrent.futures import Future, ThreadPoolExecutor

import keras
import numpy as np

from datasets.training_sets import TrainingSet

AHEAD = 4
"""Batches that are made while the network trains on an earlier one."""


class EndlessBatches(keras.utils.PyDataset):
    """Endless batches for `fit` with `steps_per_epoch`, each made from its number alone.

    Batches are made ahead by threads of this class; Keras' own workers are not used, because they
    skip batches when `fit` looks at the first one to learn its shape.

    Args:
        first_batch: Number of the first batch.
        workers: Threads; by default one for each core.
    """

    def __init__(self, first_batch: int = 0, workers: int | None = None):
        super().__init__()
        self.first_batch = first_batch
        self._pool = ThreadPoolExecutor(workers or os.cpu_count())
        self._coming: dict[int, Future] = {}

    @property
    def num_batches(self) -> None:
        """Is `None`: the batches do not end."""
        return None

    def __getitem__(self, index: int) -> tuple:
        """Returns batch `first_batch + index`, and has the next ones made."""
        coming = range(index, index + 1 + AHEAD)
        self._coming = {
            k: self._coming.get(k) or self._pool.submit(self.make, self.first_batch + k)
            for k in coming
        }
        return self._coming[index].result()

    @abstractmethod
    def make(self, number: int) -> tuple:
        """Makes batch `number`; called by several threads at once."""


class SampleBatches(EndlessBatches):
    """Endless batches of a training set.

    Batch `k` follows from the training set and `k` alone, so that batches from `first_sample` go
    on exactly where another training stopped.

    Args:
        training_set: Source of the samples.
        batch_size: Samples per batch.
        first_sample: Number of the first sample, a multiple of the batch size.
        workers: Threads; by default one for each core.

    Example:
        >>> batches = SampleBatches(training_set, 16)  # doctest: +SKIP
        >>> model.fit(batches, steps_per_epoch=100, shuffle=False)  # doctest: +SKIP
    """

    def __init__(
        self,
        training_set: TrainingSet,
        batch_size: int,
        first_sample: int = 0,
        workers: int | None = None,
    ):
        super().__init__(first_sample // batch_size, workers)
        self.training_set = training_set
        self.batch_size = batch_size

    def make(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Makes batch `number`.

        Returns:
            Pictures, uint8 (batch, size, size, 3), and masks, uint8 (batch, size, size, 1).
        """
        start = number * self.batch_size
        samples = map(self.training_set.sample, range(start, start + self.batch_size))
        images, masks = zip(*samples, strict=True)
        return np.stack(images), np.stack(masks)
