"""Spatial attention of the Decoder, queried by the Encoder (paper section III-C-2, Fig. 5)."""

from typing import Any

import keras
from keras import ops

# Rows of the attention matrix held at once: a 128-pixel training crop needs one block only, and a
# 1024x1024 picture holds 1024 x 65,536 float32 values, 268 MB.
QUERY_BLOCK = 1024


@keras.saving.register_keras_serializable(package="irl_keras")
class EncoderQueryAttention(keras.layers.Layer):
    """Spatial attention with the query from the encoder, key and value from the decoder.

    Eq. (2) to (6): `Q = W_q f`, `K = W_k X`, `V = W_v X`, softmax over the key positions of each
    query, `O = gain * softmax(Q K^T) V + X`. The gain is a trainable scalar that starts at 0, so
    that the layer starts as an identity.

    The matrix of all positions against all positions is never held whole: queries are taken
    `query_block` at a time, and each block's rows are computed again for the gradient. Memory so
    grows linearly with the picture's area, time quadratically. (For a 1024x1024 picture the
    whole matrix has 65,536 x 65,536 entries, 17 GB.)

    Args:
        reduction: Positive integer; query and key have `channels // reduction` channels.
        query_block: Positive integer, the number of query positions handled at once.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name` and `dtype`.

    Call arguments:
        inputs: List `[encoder_map, decoder_map]` of equal height and width, shapes
            `(batch, height, width, encoder_channels)` and `(batch, height, width, channels)`.

    Returns:
        Tensor of the decoder map's shape.

    Raises:
        ValueError: If not given two maps of equal height and width.

    Example:
    ```python
    attention = irl_keras.layers.EncoderQueryAttention()
    output = attention([np.ones((1, 16, 16, 128)), np.ones((1, 16, 16, 128))])
    ```

    Reference: IRL-Net, section III-C-2, eq. (2) to (6). The authors' program normalises over
    both axes at once and leaves the gain untrained; this layer follows the paper.
    """

    def __init__(self, reduction: Any = 8, query_block: int = QUERY_BLOCK, **kwargs: Any):
        super().__init__(**kwargs)
        self.reduction = reduction
        self.query_block = query_block

    def _conv(self, filters, name):
        return keras.layers.Conv2D(filters, 1, dtype=self.dtype_policy, name=name)

    def build(self, input_shape):
        if len(input_shape) != 2 or tuple(input_shape[0][1:3]) != tuple(input_shape[1][1:3]):
            raise ValueError(
                "EncoderQueryAttention needs [encoder_map, decoder_map] of equal height and "
                f"width, not shapes {input_shape}."
            )
        encoder_shape, decoder_shape = input_shape
        channels = decoder_shape[-1]
        inner = max(channels // self.reduction, 1)
        self.query = self._conv(inner, "query")
        self.key = self._conv(inner, "key")
        self.value = self._conv(channels, "value")
        self.query.build(encoder_shape)
        self.key.build(decoder_shape)
        self.value.build(decoder_shape)
        self.gain = self.add_weight(name="gain", shape=(), initializer="zeros")

    def call(self, inputs):
        encoder_map, decoder_map = inputs
        query = _positions(self.query(encoder_map))
        key = _positions(self.key(decoder_map))
        value = _positions(self.value(decoder_map))
        attended = self._attend_in_blocks(query, key, value)
        attended = ops.reshape(attended, ops.shape(decoder_map))
        return ops.cast(self.gain, attended.dtype) * attended + decoder_map

    def _attend_in_blocks(self, query, key, value):
        batch, positions, channels = ops.shape(query)
        if isinstance(positions, int) and positions <= self.query_block:
            return _attend(query, key, value)
        blocks = (positions + self.query_block - 1) // self.query_block
        missing = blocks * self.query_block - positions
        query = ops.concatenate(
            [query, ops.zeros((batch, missing, channels), dtype=query.dtype)], axis=1
        )
        query = ops.reshape(query, (batch, blocks, self.query_block, channels))
        attend = keras.remat(_attend)
        attended = ops.map(
            lambda rows: attend(rows, key, value), ops.transpose(query, (1, 0, 2, 3))
        )
        attended = ops.transpose(attended, (1, 0, 2, 3))
        attended = ops.reshape(attended, (batch, blocks * self.query_block, value.shape[-1]))
        return attended[:, :positions]

    def compute_output_shape(self, input_shape):
        return input_shape[1]

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        config.update({"reduction": self.reduction, "query_block": self.query_block})
        return config


def _positions(features):
    """Joins height and width: `(batch, height * width, channels)`."""
    batch, height, width, channels = ops.shape(features)
    return ops.reshape(features, (batch, height * width, channels))


def _attend(query, key, value):
    """Eq. (4) and (5) for some rows of queries; the softmax in float32."""
    scores = ops.matmul(ops.cast(query, "float32"), ops.cast(ops.swapaxes(key, 1, 2), "float32"))
    return ops.matmul(ops.cast(ops.softmax(scores, axis=-1), value.dtype), value)
