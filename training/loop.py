"""Models of trainings: their precision, and how those with losses of their own are compiled."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

import keras

from forensics_keras.optimizers import AdamByPart


@contextlib.contextmanager
def precision(policy: str | None) -> Iterator[None]:
    """Models that are built inside compute in a precision of Keras; `None` changes nothing."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy or before)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def compile_by_part(model: keras.Model, rate, factors: Mapping[str, float], **adam) -> None:
    """Compiles a model that has its own losses.

    Args:
        model: Training model, whose parts may learn at different rates.
        rate: Learning rate, or its schedule.
        factors: Factors on the rate of parts, see `forensics_keras.optimizers.AdamByPart`.
        **adam: Further arguments of the optimizer.
    """
    # XLA's convolutions are several times slower than oneDNN's on a CPU.
    jit_compile = keras.config.backend() == "jax"
    model.compile(AdamByPart(rate, factors, **adam), jit_compile=jit_compile)
    # TensorFlow traces a step twice if the optimizer makes its variables in it.
    model.optimizer.build(model.trainable_variables)
