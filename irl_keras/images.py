"""The reader and writer of pictures and masks; see `forensics_keras.images`."""

from forensics_keras.images import (
    decode_image,
    decode_with_metadata,
    encode_jpeg,
    encode_png,
    read_bytes,
    read_image,
    read_mask,
    write_jpeg,
    write_png,
)

__all__ = [
    "decode_image",
    "decode_with_metadata",
    "encode_jpeg",
    "encode_png",
    "read_bytes",
    "read_image",
    "read_mask",
    "write_jpeg",
    "write_png",
]
