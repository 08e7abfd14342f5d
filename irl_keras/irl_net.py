"""IRL-Net: Enhancement, Encoder and Decoder (paper section III, Fig. 2 and 8)."""

from collections.abc import Sequence
from typing import Any

import keras

from forensics_keras.layers import CropLike, DepthToSpace, PadToMultiple
from irl_keras.layers import BayarConv2D, EncoderQueryAttention, MultiScaleConv, ResidualBlock
from irl_keras.trace_net import trace_features

FUSIONS = ("early", "middle", "late")

# Filters of each encoder stage and the blocks in it; every stage but the first starts with a
# block of stride 2.
ENCODER_STAGES = ((32, 2), (64, 5), (128, 7), (256, 7))
TOTAL_STRIDE = 8


def irl_net(
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    fusion: str = "early",
    block: str = "se",
    attention: bool = True,
    width: float = 1.0,
    traces: Sequence[str] = (),
    kernel_regularizer: Any = None,
    name: str = "irl_net",
) -> keras.Model:
    """Builds IRL-Net, which localizes inpainted regions.

    The picture is padded inside to a multiple of 8 and the map cropped back, so that any height
    and width work. The first convolutions run in float32 under every dtype policy, because
    the traces are as small as one grey level, which half precision rounds away.

    Args:
        input_shape: Shape of one picture, `(height, width, 3)`; `None` for any size.
        fusion: Where noise-based and RGB-based features are concatenated (section IV-E):
            `"early"` after the first convolutions, `"middle"` after the Enhancement module,
            `"late"` after the Encoder, where a 3x3 convolution reduces the two maps that query
            the attention to the channels of one, as in the authors' program.
        block: Residual block, `"se"`, `"plain"`, `"srresnet"` or `"bn"` (see `ResidualBlock`,
            Fig. 3).
        attention: Whether the Decoder has the attention block (section III-C-2). The authors'
            program leaves it out of middle fusion, the paper does not say so.
        width: Positive float, multiplies all channel counts but those of the first convolutions.
        traces: Names of statistics of the picture that join the Encoder's output through two
            convolutions, of `"phase"` (see `PhaseProfiles`) and `"colour"` (see
            `ColourProfiles`); none in the paper.
        kernel_regularizer: Regularizer of the Encoder's convolution kernels, or `None`.
        name: Name of the model.

    Returns:
        A functional `keras.Model`: pictures `(batch, height, width, 3)`, RGB in 0 to 255 (any
        number dtype), to probability maps `(batch, height, width, 1)`, float32 in [0, 1]; 1 is
        inpainted. With the defaults it has 13,536,599 parameters, all trainable; 25,503,511 with
        late fusion, 13,591,991 with middle fusion and 13,571,350 with that and no attention.

    Raises:
        ValueError: If `fusion`, `block` or one of `traces` is unknown.

    Example:
    ```python
    model = irl_keras.irl_net(width=0.5)
    probability = model.predict(np.zeros((1, 100, 150, 3), "uint8"))  # (1, 100, 150, 1)
    ```

    Reference: IRL-Net, section III; numbers of filters and blocks from the authors' program.
    """
    if fusion not in FUSIONS:
        raise ValueError(f'fusion must be one of {FUSIONS}, not "{fusion}".')

    def concatenate(maps, name):
        return keras.layers.Concatenate(name=name)(maps) if len(maps) > 1 else maps[0]

    picture = keras.Input(input_shape, name="picture")
    x = keras.layers.Rescaling(1 / 255, dtype="float32", name="rescaling")(picture)
    x = PadToMultiple(TOTAL_STRIDE, dtype="float32", name="padding")(x)

    # Enhancement: noise and RGB features, then several scales.
    noise = BayarConv2D(3, 5, dtype="float32", name="bayar")(x)
    rgb = keras.layers.Conv2D(3, 3, padding="same", dtype="float32", name="rgb")(x)
    branches = {"": concatenate([noise, rgb], "early_fusion")}
    if fusion != "early":
        branches = {"noise_": noise, "rgb_": rgb}
    enhanced = {
        branch: MultiScaleConv(_scaled(32, width), name=f"{branch}multi_scale")(features)
        for branch, features in branches.items()
    }
    if fusion == "middle":
        enhanced = {"": concatenate(list(enhanced.values()), "middle_fusion")}

    # Encoder: one for each branch that is not fused yet.
    encoded = [
        _encoder(features, block, width, kernel_regularizer, branch)
        for branch, features in enhanced.items()
    ]
    query = concatenate([maps[128] for maps in encoded], "late_fusion_query")
    if fusion == "late":
        query = keras.layers.Conv2D(
            _scaled(128, width), 3, padding="same", name="late_fusion_query_conv"
        )(query)
    x = concatenate([maps[256] for maps in encoded], "late_fusion")
    if traces:
        # Their size is that of the Encoder's output.
        x = concatenate([x, trace_features(picture, traces)], "trace_fusion")

    # Decoder: pixel shuffle back to full size, attention at a quarter of it.
    x = _conv(x, 256, width, "decoder_conv1")
    x = _upscale(x, 512, width, "1")
    if attention:
        x = EncoderQueryAttention(name="attention")([query, x])
    x = _conv(x, 128, width, "decoder_conv2")
    x = _upscale(x, 256, width, "2")
    x = _conv(x, 64, width, "decoder_conv3")
    x = _upscale(x, 256, width, "3")
    x = _conv(x, 32, width, "decoder_conv4")
    x = keras.layers.Conv2D(1, 7, padding="same", name="logits")(x)
    x = CropLike(name="crop")([x, picture])
    x = keras.layers.Activation("sigmoid", dtype="float32", name="probability")(x)
    return keras.Model(picture, x, name=name)


def _scaled(filters, width):
    """Channel count at a width; multiples of 4 because pixel shuffle divides them by 4."""
    return max(4 * round(filters * width / 4), 4)


def _encoder(x, block, width, kernel_regularizer, branch):
    """Residual stages; returns the last map of each by the stage's nominal filters."""
    maps = {}
    for stage, (filters, blocks) in enumerate(ENCODER_STAGES):
        for index in range(blocks):
            x = ResidualBlock(
                _scaled(filters, width),
                strides=2 if stage > 0 and index == 0 else 1,
                block=block,
                kernel_regularizer=kernel_regularizer,
                name=f"{branch}encoder{filters}_block{index + 1}",
            )(x)
        maps[filters] = x
    return maps


def _conv(x, filters, width, name):
    return keras.layers.Conv2D(
        _scaled(filters, width), 3, padding="same", activation="relu", name=name
    )(x)


def _upscale(x, filters, width, name):
    """Upscaling block (section III-C-1): convolution, then pixel shuffle."""
    x = keras.layers.Conv2D(_scaled(filters, width), 3, padding="same", name=f"upscale_conv{name}")(
        x
    )
    return DepthToSpace(2, name=f"pixel_shuffle{name}")(x)
