"""The trace branch: statistics of a picture and two convolutions, in IRL-Net or by themselves."""

import keras

from forensics_keras.layers import CropLike, DepthToSpace
from irl_keras.layers import ColourProfiles, PhaseProfiles
from irl_keras.layers.block_statistics import BLOCK

TRACES = {"phase": PhaseProfiles, "colour": ColourProfiles}
"""Statistics by name; a new one joins by an entry here."""

TRACE_FILTERS = 64
"""At an eighth of the picture's size they cost little, so that no width makes them narrower."""

TRACE_LAYERS = "trace_conv"
"""How the names of the branch's layers with weights begin."""


def trace_features(picture, traces):
    """Statistics of a picture through two convolutions.

    Args:
        picture: `keras.KerasTensor` `(batch, height, width, 3)`, RGB in 0 to 255.
        traces: Keys of `TRACES`, at least one.

    Returns:
        `keras.KerasTensor` `(batch, ceil(height / 8), ceil(width / 8), 64)`.

    Raises:
        ValueError: If one of `traces` is unknown.
    """
    if unknown := sorted(set(traces) - set(TRACES)):
        raise ValueError(f'traces must be of {tuple(TRACES)}, not "{unknown[0]}".')
    # Float32 under every dtype policy, as IRL-Net's first convolutions.
    maps = [TRACES[name](dtype="float32", name=f"{name}_profiles")(picture) for name in traces]
    x = keras.layers.Concatenate(name="traces")(maps) if len(maps) > 1 else maps[0]
    for index in (1, 2):
        x = _conv(x, f"{TRACE_LAYERS}{index}")
    return x


def trace_net(input_shape=(None, None, 3), traces=("phase", "colour"), name="trace_net"):
    """Builds a network that sees a picture's statistics alone, never its content.

    It is IRL-Net's trace branch with a small decoder of its own: a tenth of the operations of
    IRL-Net at a quarter of its width, so that the branch can be trained first (its layers have the
    same names), and so that a measurement tells what the traces are worth by themselves. Its maps
    are rough: a block of 8 pixels is the smallest thing that it sees.

    Args:
        input_shape: Shape of one picture, `(height, width, 3)`; `None` for any size.
        traces: Names of the statistics, see `irl_keras.irl_net`.
        name: Name of the model.

    Returns:
        A functional `keras.Model`: pictures `(batch, height, width, 3)`, RGB in 0 to 255 (any
        number dtype), to probability maps `(batch, height, width, 1)`, float32 in [0, 1].

    Raises:
        ValueError: If one of `traces` is unknown.

    Example:
    ```python
    model = trace_net()
    probability = model.predict(np.zeros((1, 100, 150, 3), "uint8"))  # (1, 100, 150, 1)
    ```
    """
    picture = keras.Input(input_shape, name="picture")
    x = trace_features(picture, traces)
    x = _conv(x, "context_conv1")
    x = _conv(x, "context_conv2", dilation_rate=2)
    x = keras.layers.Conv2D(BLOCK**2, 1, name="logits")(x)
    x = DepthToSpace(BLOCK, name="pixel_shuffle")(x)
    x = CropLike(name="crop")([x, picture])
    x = keras.layers.Activation("sigmoid", dtype="float32", name="probability")(x)
    return keras.Model(picture, x, name=name)


def _conv(x, name, **arguments):
    return keras.layers.Conv2D(
        TRACE_FILTERS, 3, padding="same", activation="relu", name=name, **arguments
    )(x)
