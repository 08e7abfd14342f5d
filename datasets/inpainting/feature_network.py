"""The feature network of perceptual losses: fixed random filters, made from a seed.

The papers take VGG-19, trained on ImageNet; no weights of it can be shipped here. Features of
random, untrained filters over several scales carry enough of a picture's texture for synthesis and
for content and style terms (Ustyuzhaninov et al., 2016, arXiv:1606.00021; He et al., 2016,
arXiv:1606.04801), cost nothing to download, and are the same for everybody.
"""

import keras
import numpy as np
from keras import ops

_WIDTHS = (32, 64, 128)
"""Filters at full, half and quarter size."""


def feature_network(seed=0):
    """Builds the feature network: at each scale a 5x5 convolution, ReLU, and 2x average pooling.

    Filters have mean 0 over positions and channels, so that flat areas give no response, and are
    orthogonal to each other, so that none repeats another.

    Args:
        seed: Non-negative integer; the same seed gives the same filters on every machine.

    Returns:
        `keras.Model`, not trainable, from pictures (N, H, W, 3) in [-1, 1], H and W at least 4, to
        a list of three feature maps, at full, half and quarter size.
    """
    rng = np.random.default_rng(seed)
    inputs = keras.Input((None, None, 3))
    x, features = inputs, []
    for level, width in enumerate(_WIDTHS):
        if level:
            x = keras.layers.AveragePooling2D(2, name=f"features_{level}_pool")(x)
        conv = keras.layers.Conv2D(
            width, 5, padding="same", use_bias=False, activation="relu", name=f"features_{level}"
        )
        fan_in = 25 * x.shape[-1]
        conv.build(x.shape)
        conv.set_weights([_orthogonal(rng, fan_in, width).reshape(5, 5, x.shape[-1], width)])
        x = conv(x)
        features.append(x)
    model = keras.Model(inputs, features, name="feature_network")
    model.trainable = False
    return model


def _orthogonal(rng, fan_in, width):
    """Columns of mean 0 and squared norm 2, as He's initialization has, orthogonal where few."""
    filters = rng.standard_normal((fan_in, width))
    filters -= filters.mean(axis=0)
    # Orthogonal as far as there are dimensions; the sign makes the factorization unique.
    orthogonal, upper = np.linalg.qr(filters)
    return (orthogonal * np.sign(np.diag(upper)) * np.sqrt(2.0)).astype("float32")


def content_loss(features, targets):
    """Gives the mean absolute difference of feature maps (EdgeConnect's perceptual term).

    Args:
        features: Feature maps of completed pictures, from `feature_network`.
        targets: Feature maps of pristine pictures.

    Returns:
        Scalar, at least 0.
    """
    return sum(ops.mean(ops.abs(f - t)) for f, t in zip(features, targets, strict=True))


def style_loss(features, targets):
    """Gives the mean absolute difference of Gram matrices (EdgeConnect's style term).

    Args:
        features: Feature maps of completed pictures, from `feature_network`.
        targets: Feature maps of pristine pictures.

    Returns:
        Scalar, at least 0.
    """
    return sum(
        ops.mean(ops.abs(_gram(f) - _gram(t))) for f, t in zip(features, targets, strict=True)
    )


def _gram(features):
    """Gives the correlations of channels, means over positions; (batch, channels, channels)."""
    batch, height, width, channels = ops.shape(features)
    flat = ops.reshape(features, (batch, height * width, channels))
    return ops.matmul(ops.transpose(flat, (0, 2, 1)), flat) / ops.cast(
        height * width, features.dtype
    )
