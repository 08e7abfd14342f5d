"""MaLP for Keras 3: photographs protected by a learned template, which shows what was changed.

- `malp` builds the template set with the networks that inspection needs, `from_preset` loads
  trained ones;
- `protect` and `verify` work on pictures of any size, `malp-keras` on files;
- `KeyedProtector` protects with a key, which `make_key_file` makes at once, without a network;
- `malp_localizer`, `vit_branch` and `fakeness_classifier` are its parts as ordinary models;
- `layers`, `losses` and `training` serve training and fine-tuning.
"""

from typing import TYPE_CHECKING

from forensics_keras import __version__
from forensics_keras.lazy import load_unless_program, load_when_asked

if TYPE_CHECKING:
    from malp_keras import layers, losses, training
    from malp_keras.classifier import fakeness_classifier
    from malp_keras.key_files import make_key_file
    from malp_keras.keyed import KeyedProtector
    from malp_keras.localizer import malp_localizer
    from malp_keras.malp import MaLP, malp
    from malp_keras.presets import from_preset, list_presets, read_card, save_preset
    from malp_keras.protection import protect
    from malp_keras.protector import Protector
    from malp_keras.verification import verify
    from malp_keras.vit import vit_branch

__all__ = [
    "KeyedProtector",
    "MaLP",
    "Protector",
    "__version__",
    "fakeness_classifier",
    "from_preset",
    "layers",
    "list_presets",
    "losses",
    "make_key_file",
    "malp",
    "malp_localizer",
    "protect",
    "read_card",
    "save_preset",
    "training",
    "verify",
    "vit_branch",
]

load_when_asked(
    __name__,
    {
        "KeyedProtector": "malp_keras.keyed",
        "MaLP": "malp_keras.malp",
        "Protector": "malp_keras.protector",
        "fakeness_classifier": "malp_keras.classifier",
        "from_preset": "malp_keras.presets",
        "layers": "malp_keras.layers",
        "list_presets": "malp_keras.presets",
        "losses": "malp_keras.losses",
        "make_key_file": "malp_keras.key_files",
        "malp": "malp_keras.malp",
        "malp_localizer": "malp_keras.localizer",
        "protect": "malp_keras.protection",
        "read_card": "malp_keras.presets",
        "save_preset": "malp_keras.presets",
        "training": "malp_keras.training",
        "verify": "malp_keras.verification",
        "vit_branch": "malp_keras.vit",
    },
)
load_unless_program(__name__)
