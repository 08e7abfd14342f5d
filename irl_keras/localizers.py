"""Methods that localize manipulation in any picture; see `forensics_keras.localizer`."""

from forensics_keras.localizer import (
    AllOne,
    AllZero,
    Localizer,
    ModelLocalizer,
    Noise,
    check_picture,
)

__all__ = [
    "AllOne",
    "AllZero",
    "Localizer",
    "ModelLocalizer",
    "Noise",
    "check_picture",
]
