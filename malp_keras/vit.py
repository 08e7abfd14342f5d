"""The transformer branch, which only the training needs (section 3.2.2)."""

import keras
from keras import layers

from forensics_keras.layers import DepthToSpace
from malp_keras.layers import PositionEmbedding
from malp_keras.layers.template_layer import HALF_RANGE

TOKEN_SIDE = 8
"""Side of the part of the map that one token fills, with one value a pixel."""


def vit_branch(
    size: int = 128,
    depth: int = 6,
    heads: int = 4,
    mlp: int = 512,
    dropout: float = 0.1,
    name: str = "vit",
) -> keras.Model:
    """Builds the vision transformer that estimates the fakeness map from global features.

    The picture is cut into 16 x 16 patches, and each token ends as the 8 x 8 part of a
    128 x 128 map that its patch covers (in the authors' program tokens fill the map row by row,
    which scrambles it). The map is enlarged where the picture is larger than 128.

    Args:
        size: Integer, side of the square pictures, a multiple of 128.
        depth: Integer, number of transformer blocks.
        heads: Integer, attention heads.
        mlp: Integer, hidden units of each block's perceptron.
        dropout: Float, rate of the dropout.
        name: Name of the model.

    Returns:
        `keras.Model` from pictures `(batch, size, size, 3)`, RGB in [0, 255], to maps
        `(batch, size, size, 1)` in [0, 1].

    Raises:
        ValueError: If the size is no multiple of 128.

    Reference: MaLP, section 3.2.2; [Dosovitskiy et al., 2020](https://arxiv.org/abs/2010.11929).
    """
    if size % 128:
        raise ValueError(f"the transformer's picture must be a multiple of 128 pixels, not {size}")
    stride = size // 128
    dim = TOKEN_SIDE**2

    # Tokens.
    image = layers.Input((size, size, 3), name="image")
    x = layers.Rescaling(1 / HALF_RANGE, offset=-1.0, name="vit_rescale")(image)
    patch = TOKEN_SIDE * stride
    x = layers.Conv2D(dim, patch, patch, name="vit_patches")(x)
    grid = x.shape[1]
    x = layers.Reshape((grid * grid, dim), name="vit_tokens")(x)
    x = PositionEmbedding(name="vit_positions")(x)
    x = layers.Dropout(dropout, name="vit_dropout")(x)

    # Transformer blocks, normalized first.
    for number in range(1, depth + 1):
        x = _block(x, dim, heads, mlp, dropout, f"vit_block{number}")
    x = layers.LayerNormalization(name="vit_norm")(x)

    # Map.
    x = layers.Dense(dim, name="vit_head")(x)
    x = layers.Reshape((grid, grid, dim), name="vit_grid")(x)
    x = DepthToSpace(TOKEN_SIDE, name="vit_pixels")(x)
    if stride > 1:
        x = layers.UpSampling2D(stride, interpolation="bilinear", name="vit_enlarge")(x)
    fakeness = layers.Activation("sigmoid", dtype="float32", name="vit_map")(x)
    return keras.Model(image, fakeness, name=name)


def _block(x, dim, heads, mlp, dropout, name):
    y = layers.LayerNormalization(name=f"{name}_norm1")(x)
    y = layers.MultiHeadAttention(heads, dim // heads, dropout=dropout, name=f"{name}_attention")(
        y, y
    )
    x = layers.Add(name=f"{name}_add1")([x, y])
    y = layers.LayerNormalization(name=f"{name}_norm2")(x)
    y = layers.Dense(mlp, activation="gelu", name=f"{name}_hidden")(y)
    y = layers.Dropout(dropout, name=f"{name}_dropout1")(y)
    y = layers.Dense(dim, name=f"{name}_output")(y)
    y = layers.Dropout(dropout, name=f"{name}_dropout2")(y)
    return layers.Add(name=f"{name}_add2")([x, y])
