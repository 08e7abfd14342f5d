"""Residual bottleneck units of ResNet (versions 1 and 2), of which both baselines are built."""

import keras

MOMENTUM = 0.997
"""Of batch norm's averages in the ResNet-v2 program of TensorFlow-Slim."""


def scaled(filters, width):
    """Returns the channel count at a width, at least 4."""
    return max(round(filters * width), 4)


def padded(x, size, strides, name):
    """Pads as the authors' frameworks do before a convolution or pooling, and says with what.

    PyTorch and TensorFlow-Slim pad by half the kernel on every side, so that a window of stride 2
    is centred on every second pixel, the one that a strided skip takes. Keras' "same" pads an even
    side by one pixel less in front, and its windows are centred on the pixels between.

    Args:
        x: Tensor `(batch, height, width, channels)`.
        size: Side of the kernel, odd.
        strides: Stride of the layer.
        name: Name of that layer.

    Returns:
        The tensor, padded where there is a stride, and the layer's own padding.
    """
    if strides == 1 or size == 1:
        return x, "same"
    return keras.layers.ZeroPadding2D(size // 2, name=f"{name}_padding")(x), "valid"


def bottleneck(x, filters, strides=1, dilation_rate=1, name="unit"):
    """ResNet unit: 1x1, 3x3 and 1x1 convolutions with batch norm, ReLU after the addition.

    The skip is a 1x1 convolution with batch norm where stride or channel count change.

    Args:
        x: Tensor `(batch, height, width, channels)`.
        filters: Channels of the first two convolutions; the unit puts out four times as many.
        strides: Stride of the 3x3 convolution.
        dilation_rate: Dilation of the 3x3 convolution.
        name: Prefix of the layers' names.

    Returns:
        Tensor `(batch, ceil(height / strides), ceil(width / strides), 4 * filters)`.

    Reference:
        - [He et al., 2016](https://arxiv.org/abs/1512.03385)
    """
    skip = x
    if strides != 1 or x.shape[-1] != 4 * filters:
        skip = conv_norm(x, 4 * filters, 1, strides, activation=None, name=f"{name}_skip")
    x = conv_norm(x, filters, 1, name=f"{name}_conv1")
    x = conv_norm(x, filters, 3, strides, dilation_rate, name=f"{name}_conv2")
    x = conv_norm(x, 4 * filters, 1, activation=None, name=f"{name}_conv3")
    x = keras.layers.Add(name=f"{name}_add")([x, skip])
    return keras.layers.Activation("relu", name=name)(x)


def conv_norm(x, filters, size, strides=1, dilation_rate=1, activation="relu", name="conv"):
    """Convolution without bias, batch norm and, if wanted, an activation."""
    x, padding = padded(x, size, strides, name)
    x = keras.layers.Conv2D(
        filters,
        size,
        strides=strides,
        padding=padding,
        dilation_rate=dilation_rate,
        use_bias=False,
        kernel_initializer=keras.initializers.VarianceScaling(2.0, "fan_out", "untruncated_normal"),
        name=name,
    )(x)
    x = keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=f"{name}_norm")(x)
    return keras.layers.Activation(activation, name=f"{name}_{activation}")(x) if activation else x


def preactivation_bottleneck(
    x, filters, strides=1, weight_decay=0.0, momentum=MOMENTUM, name="unit"
):
    """ResNet-v2 unit: batch norm and ReLU before each of 1x1, 3x3 and 1x1 convolutions.

    The skip takes every `strides`-th pixel; where the channel count changes it is a 1x1
    convolution of the activated input.

    Args:
        x: Tensor `(batch, height, width, channels)`.
        filters: Channels of the first two convolutions; the unit puts out four times as many.
        strides: Stride of the 3x3 convolution.
        weight_decay: Penalty on half the squared kernels of all convolutions.
        momentum: Of the batch norms' averages.
        name: Prefix of the layers' names.

    Returns:
        Tensor `(batch, ceil(height / strides), ceil(width / strides), 4 * filters)`.

    Reference:
        - [He et al., 2016](https://arxiv.org/abs/1603.05027)
    """

    def conv(x, filters, size, strides=1, use_bias=False, part=""):
        x, padding = padded(x, size, strides, f"{name}_{part}")
        return keras.layers.Conv2D(
            filters,
            size,
            strides=strides,
            padding=padding,
            use_bias=use_bias,
            kernel_initializer="he_normal",
            kernel_regularizer=keras.regularizers.L2(weight_decay / 2),
            name=f"{name}_{part}",
        )(x)

    activated = norm_relu(x, f"{name}_norm1", momentum)
    if x.shape[-1] != 4 * filters:
        skip = conv(activated, 4 * filters, 1, strides, use_bias=True, part="skip")
    elif strides != 1:
        skip = keras.layers.MaxPooling2D(1, strides, name=f"{name}_skip")(x)
    else:
        skip = x
    x = conv(activated, filters, 1, part="conv1")
    x = conv(norm_relu(x, f"{name}_norm2", momentum), filters, 3, strides, part="conv2")
    x = conv(norm_relu(x, f"{name}_norm3", momentum), 4 * filters, 1, use_bias=True, part="conv3")
    return keras.layers.Add(name=name)([x, skip])


def norm_relu(x, name, momentum=MOMENTUM, dtype=None):
    """Batch norm as in the ResNet-v2 program of TensorFlow-Slim, then ReLU."""
    x = keras.layers.BatchNormalization(momentum=momentum, epsilon=1e-5, dtype=dtype, name=name)(x)
    return keras.layers.Activation("relu", dtype=dtype, name=f"{name}_relu")(x)
