"""MVSS-Net: RGB view with edge supervision, noise view, dual attention."""

from collections.abc import Sequence

import keras
from keras import ops

from forensics_keras.layers import CropLike, PadToMultiple
from forensics_keras.layers.bilinear_upsampling import BilinearUpsampling
from irl_keras.baselines.channel_attention import ChannelAttention
from irl_keras.baselines.edge_residual_block import EdgeResidualBlock
from irl_keras.baselines.losses import EDGE_STRIDE
from irl_keras.baselines.residual_stages import bottleneck, conv_norm, padded, scaled
from irl_keras.baselines.sobel_gate import SobelGate
from irl_keras.layers import BayarConv2D, EncoderQueryAttention

# Filters of ResNet's stages, and the stride of the first unit of each. The last stage is dilated
# instead of strided (by 1, 2 and 4), so that the end is at a sixteenth of the size.
STAGES = ((64, 1), (128, 2), (256, 2), (512, 1))
RESNET50_UNITS = (3, 4, 6, 3)
TOTAL_STRIDE = 16
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_DEVIATION = (0.229, 0.224, 0.225)


def mvss_net(
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    width: float = 1.0,
    units: Sequence[int] = RESNET50_UNITS,
    training_outputs: bool = False,
    name: str = "mvss_net",
) -> keras.Model:
    """Builds MVSS-Net, which localizes manipulations from edges and noise.

    Two ResNet-50 of output stride 16: one sees the picture, and the Sobel-gated features of its
    four stages are joined, from the finest to the coarsest, into an edge map; the other sees the
    Bayar residual of the gray picture. Their last features go through position and channel
    attention, side by side, whose sum gives the map, upsampled bilinearly. Position attention is
    IRL-Net's attention with query, key and value from the same features: it takes queries in
    blocks and so never holds the matrix of all positions against all positions.

    The published training starts both ResNets from ImageNet weights; here all starts at random,
    which needs longer training. Published: Adam at 1e-4, pictures of 512x512 pixels.

    Args:
        input_shape: Shape of one picture, `(height, width, 3)`; `None` for any size.
        width: Positive float, multiplies the channel counts of ResNets and attention.
        units: Residual units in each of the four stages of both ResNets; fewer suit small
            machines.
        training_outputs: Whether the output has a second channel, the edge map, for `MVSSLoss`.
        name: Name of the model.

    Returns:
        A functional `keras.Model`: pictures `(batch, height, width, 3)`, RGB in 0 to 255 (any
        number dtype), to probability maps `(batch, height, width, 1)`, float32 in [0, 1]; 1 is
        inpainted. Height and width are 16 or more. With `training_outputs` the maps are
        `(batch, height, width, 2)`: the probability map, and the edge map of a quarter of the
        size with each value repeated in 4x4 pixels. With the defaults it has 142,823,630
        parameters, 142,709,198 of them trainable; the edge branch adds 4,050.

    Raises:
        ValueError: If `units` are not four numbers.

    Example:
    ```python
    model = irl_keras.baselines.mvss_net(width=0.25)
    probability = model.predict(np.zeros((1, 100, 150, 3), "uint8"))  # (1, 100, 150, 1)

    # Training, then the map alone, which has the variables of `mvss_net(width=0.25)`:
    trained = irl_keras.baselines.mvss_net(width=0.25, training_outputs=True)
    trained.compile("adam", irl_keras.baselines.MVSSLoss())
    model = keras.Model(trained.input, trained.get_layer("probability").output)
    ```

    Reference:
        - [Chen et al., 2021](https://arxiv.org/abs/2104.06832); numbers from the
          [authors' program](https://github.com/dong03/MVSS-Net). Its interpolation aligns
          corners and its kernels divide by their sum; here both are as elsewhere in `irl_keras`.
    """
    picture = keras.Input(input_shape, name="picture")
    x = keras.layers.Normalization(
        mean=[255 * mean for mean in IMAGENET_MEAN],
        variance=[(255 * deviation) ** 2 for deviation in IMAGENET_DEVIATION],
        dtype="float32",
        name="normalization",
    )(picture)
    x = PadToMultiple(TOTAL_STRIDE, dtype="float32", name="padding")(x)
    noise = BayarConv2D(3, 5, dtype="float32", name="bayar")(ops.image.rgb_to_grayscale(x))

    rgb_maps = _resnet(x, width, units, "rgb")
    noise_maps = _resnet(noise, width, units, "noise")
    x = keras.layers.Concatenate(name="views")([rgb_maps[-1], noise_maps[-1]])
    x = _dual_attention(x, scaled(1024, width))
    x = keras.layers.Dropout(0.1, name="dropout")(x)
    x = keras.layers.Conv2D(1, 1, dtype="float32", name="logits")(x)
    x = BilinearUpsampling(TOTAL_STRIDE, dtype="float32", name="upsample")(x)
    x = CropLike(dtype="float32", name="crop")([x, picture])
    x = keras.layers.Activation("sigmoid", dtype="float32", name="probability")(x)
    if training_outputs:
        x = keras.layers.Concatenate(dtype="float32", name="probability_and_edges")(
            [x, _edges(rgb_maps, picture)]
        )
    return keras.Model(picture, x, name=name)


def _resnet(x, width, units, view):
    """The last map of each stage, at 1/4, 1/8, 1/16 and 1/16 of the size."""
    x = conv_norm(x, scaled(64, width), 7, 2, name=f"{view}_stem")
    # Zeros change no maximum of what went through a ReLU.
    x, padding = padded(x, 3, 2, f"{view}_pool")
    x = keras.layers.MaxPooling2D(3, 2, padding=padding, name=f"{view}_pool")(x)
    maps = []
    for stage, ((filters, strides), count) in enumerate(zip(STAGES, units, strict=True), start=1):
        for unit in range(count):
            x = bottleneck(
                x,
                scaled(filters, width),
                strides=strides if unit == 0 else 1,
                dilation_rate=2**unit if stage == len(STAGES) else 1,
                name=f"{view}_stage{stage}_unit{unit + 1}",
            )
        maps.append(x)
    return maps


def _dual_attention(x, filters):
    """Position and channel attention between 3x3 convolutions, added."""
    by_position = conv_norm(x, filters, 3, name="position_conv1")
    by_position = EncoderQueryAttention(name="position_attention")([by_position, by_position])
    by_position = conv_norm(by_position, filters, 3, name="position_conv2")
    by_channel = conv_norm(x, filters, 3, name="channel_conv1")
    by_channel = ChannelAttention(name="channel_attention")(by_channel)
    by_channel = conv_norm(by_channel, filters, 3, name="channel_conv2")
    return keras.layers.Add(name="dual_attention")([by_position, by_channel])


def _edges(maps, picture):
    """The edge map: each stage's gated edges added to the finer ones, all at 1/4 of the size."""
    joined = None
    for stage, (features, scale) in enumerate(zip(maps, (1, 2, 4, 4), strict=True), start=1):
        edges = SobelGate(name=f"sobel_gate{stage}")(features)
        edges = EdgeResidualBlock(1, name=f"edge_block{stage}")(edges)
        if joined is None:
            joined = edges
            continue
        edges = BilinearUpsampling(scale, dtype="float32", name=f"edge_upsample{stage}")(edges)
        joined = keras.layers.Add(dtype="float32", name=f"edge_add{stage}")([joined, edges])
        joined = EdgeResidualBlock(
            1,
            activation=None if stage == len(maps) else "relu",
            dtype="float32",
            name=f"edge_join{stage}",
        )(joined)
    edges = keras.layers.Activation("sigmoid", dtype="float32", name="edge_probability")(joined)
    edges = keras.layers.UpSampling2D(EDGE_STRIDE, dtype="float32", name="edge_repeat")(edges)
    return CropLike(dtype="float32", name="edge_crop")([edges, picture])
