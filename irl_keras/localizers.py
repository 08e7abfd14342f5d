"""Methods that localize manipulation in any picture; see `forensics_keras.localizer`."""

from forensics_keras.localizer import (
    AllOnes,
    AllZeros,
    Localizer,
    ModelLocalizer,
    Noise,
    check_picture,
)

__all__ = [
    "AllOnes",
    "AllZeros",
    "Localizer",
    "ModelLocalizer",
    "Noise",
    "check_picture",
]
