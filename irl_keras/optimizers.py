"""Adam with a rate for each part; see `forensics_keras.optimizers`."""

from forensics_keras.optimizers import (
    AdamByPart,
)

__all__ = [
    "AdamByPart",
]
