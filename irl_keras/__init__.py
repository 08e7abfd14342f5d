"""IRL-Net for Keras 3: localization of inpainted regions.

- `irl_net` builds the network, `from_preset` loads trained weights;
- `baselines` are the networks it is compared with;
- `layers`, `losses`, `metrics` and `callbacks` serve training and fine-tuning;
- `localizers` turn any picture into a probability map; `python -m irl_keras predict` does so for
  files and folders.
"""

from forensics_keras import __version__
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
