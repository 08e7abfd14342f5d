"""LDICN, also called HP-FCN: high-pass residuals into a fully convolutional network."""

import keras

from forensics_keras.layers import CropLike, PadToMultiple
from irl_keras.baselines.initializers import Bilinear, HighPass
from irl_keras.baselines.residual_stages import (
    MOMENTUM,
    norm_relu,
    preactivation_bottleneck,
    scaled,
)

# Base depth of each block; every block has two units, the second of stride 2.
BLOCKS = (32, 64, 128, 256)
UNITS = 2
TOTAL_STRIDE = 16


def ldicn(
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    width: float = 1.0,
    weight_decay: float = 1e-5,
    momentum: float = MOMENTUM,
    mean_start: bool = False,
    name: str = "ldicn",
) -> keras.Model:
    """Builds LDICN, which localizes deep inpainting from high-pass residuals.

    Three learnable high-pass kernels for each colour; four blocks of two ResNet-v2 units; two
    transposed convolutions that start as bilinear upsampling by 4; batch norm, ReLU and a 5x5
    convolution. The published two-class softmax is the sigmoid of the difference of its logits,
    and so one logit here.

    The high-pass filters run in float32 under every dtype policy, because the traces are as small
    as one grey level, and so does everything after the blocks, because the bilinear start sums
    1,024 and then 64 channels, which overflows float16. By that start (the authors' own) the 64
    channels between the transposed convolutions are, and stay, copies of each other.

    Training as published: `keras.losses.BinaryFocalCrossentropy(gamma=2.0)`, whose mean over
    pixels has no weights for the classes; Adam at 1e-4, halved after every epoch; 10 epochs,
    batches of one picture. The weight decay is part of the model.

    Args:
        input_shape: Shape of one picture, `(height, width, 3)`; `None` for any size.
        width: Positive float, multiplies the channel counts between the high-pass filters and the
            last 4 channels.
        weight_decay: Float, weight of half the squared kernels in the loss; not of the high-pass
            filters and the transposed convolutions.
        momentum: Momentum of the averages that batch norm works with after training. The
            published one needs thousands of steps: after 400, three tenths of the averages are
            still their start, and the map is that of another network.
        mean_start: Whether the transposed convolutions start with the mean of their input
            channels, and not with the published sum. Batch norm takes the difference away again;
            but an optimizer that moves every weight by its learning rate, as Adam does, changes
            kernels that are 1,024 times smaller after some steps, and the others after thousands.
        name: Name of the model.

    Returns:
        A functional `keras.Model`: pictures `(batch, height, width, 3)`, RGB in 0 to 255 (any
        number dtype), to probability maps `(batch, height, width, 1)`, float32 in [0, 1]; 1 is
        inpainted. Height and width are 16 or more. With the defaults it has 7,708,426 parameters,
        7,698,928 of them trainable.

    Example:
    ```python
    model = irl_keras.baselines.ldicn(width=0.5)
    model.compile("adam", keras.losses.BinaryFocalCrossentropy(gamma=2.0))
    probability = model.predict(np.zeros((1, 100, 150, 3), "uint8"))  # (1, 100, 150, 1)
    ```

    Reference:
        - Li and Huang, "Localization of deep inpainting using high-pass fully convolutional
          network", ICCV 2019; numbers and loss from the
          [authors' program](https://github.com/lihaod/Deep_inpainting_localization).
    """
    picture = keras.Input(input_shape, name="picture")
    x = keras.layers.Rescaling(1 / 255, dtype="float32", name="rescaling")(picture)
    x = PadToMultiple(TOTAL_STRIDE, dtype="float32", name="padding")(x)
    x = keras.layers.DepthwiseConv2D(
        3,
        padding="same",
        depth_multiplier=3,
        use_bias=False,
        depthwise_initializer=HighPass(),
        dtype="float32",
        name="high_pass",
    )(x)
    for block, filters in enumerate(BLOCKS, start=1):
        for unit in range(1, UNITS + 1):
            strides = 2 if unit == UNITS else 1
            unit_name = f"block{block}_unit{unit}"
            x = preactivation_bottleneck(
                x, scaled(filters, width), strides, weight_decay, momentum, unit_name
            )
    start = Bilinear(mean_start)
    x = _upsample(x, scaled(64, width), start, "upsample1")
    x = _upsample(x, 4, start, "upsample2")
    x = norm_relu(x, "norm", momentum, dtype="float32")
    x = keras.layers.Conv2D(
        1,
        5,
        padding="same",
        kernel_initializer="he_normal",
        kernel_regularizer=keras.regularizers.L2(weight_decay / 2),
        dtype="float32",
        name="logits",
    )(x)
    x = CropLike(dtype="float32", name="crop")([x, picture])
    x = keras.layers.Activation("sigmoid", dtype="float32", name="probability")(x)
    return keras.Model(picture, x, name=name)


def _upsample(x, filters, start, name):
    return keras.layers.Conv2DTranspose(
        filters,
        8,
        strides=4,
        padding="same",
        use_bias=False,
        kernel_initializer=start,
        dtype="float32",
        name=name,
    )(x)
