"""IRL-Net for Keras 3: localization of inpainted regions.

- `irl_net` builds the network, `from_preset` loads trained weights;
- `baselines` are the networks it is compared with;
- `layers`, `losses`, `metrics` and `callbacks` serve training and fine-tuning;
- `localizers` turn any picture into a probability map; `irl-keras predict` does so for files and
  folders.
"""

from typing import TYPE_CHECKING

from forensics_keras import __version__
from forensics_keras.lazy import load_unless_program, load_when_asked

if TYPE_CHECKING:
    from irl_keras import baselines, callbacks, images, layers, localizers, losses, metrics
    from irl_keras.irl_net import irl_net
    from irl_keras.localizer import Localizer
    from irl_keras.presets import from_preset, list_presets, read_card, save_preset

__all__ = [
    "Localizer",
    "__version__",
    "baselines",
    "callbacks",
    "from_preset",
    "images",
    "irl_net",
    "layers",
    "list_presets",
    "localizers",
    "losses",
    "metrics",
    "read_card",
    "save_preset",
]

load_when_asked(
    __name__,
    {
        "Localizer": "irl_keras.localizer",
        "baselines": "irl_keras.baselines",
        "callbacks": "irl_keras.callbacks",
        "from_preset": "irl_keras.presets",
        "images": "irl_keras.images",
        "irl_net": "irl_keras.irl_net",
        "layers": "irl_keras.layers",
        "list_presets": "irl_keras.presets",
        "localizers": "irl_keras.localizers",
        "losses": "irl_keras.losses",
        "metrics": "irl_keras.metrics",
        "read_card": "irl_keras.presets",
        "save_preset": "irl_keras.presets",
    },
)
load_unless_program(__name__)
