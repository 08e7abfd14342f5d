"""TFRecord files of forged pairs, as `datasets.build --format tfrecord` writes them."""

import json
import os
from collections.abc import Sequence
from pathlib import Path

import tensorflow as tf

from forensics_keras.files import replacing
from forensics_keras.images import encode_png

FEATURES = {name: tf.io.FixedLenFeature([], tf.string) for name in ("image", "mask", "record")}
"""An example has the picture and the mask (255 = inpainted) as PNG, the manifest line as JSON."""


def write_tfrecord(path: Path, pairs: Sequence) -> None:
    """Writes pairs as one file, complete or not at all.

    Args:
        path: File to write.
        pairs: Each with `image`, uint8 (H, W, 3), `mask`, uint8 (H, W) of 0 and 1, and `record`.

    Raises:
        OSError: If the file cannot be written.
    """
    try:
        with replacing(path) as temporary, tf.io.TFRecordWriter(str(temporary)) as writer:
            for pair in pairs:
                writer.write(_example(pair).SerializeToString())
            writer.flush()
    except tf.errors.OpError as error:
        raise OSError(f"{path}: cannot be written ({error.message})") from error


def _example(pair) -> tf.train.Example:
    values = {
        "image": encode_png(pair.image),
        "mask": encode_png(255 * pair.mask),
        "record": json.dumps(pair.record).encode(),
    }
    feature = {
        name: tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
        for name, value in values.items()
    }
    return tf.train.Example(features=tf.train.Features(feature=feature))


def read_tfrecords(folder: str | os.PathLike) -> tf.data.Dataset:
    """Reads a folder of files that `write_tfrecord` wrote, in order.

    Args:
        folder: Folder of the files.

    Returns:
        Dataset of (picture, mask, record): uint8 (H, W, 3), uint8 (H, W, 1) of 0 and 1, and the
        manifest line as a string.

    Raises:
        ValueError: If the folder has no such file.
    """
    files = sorted(map(str, Path(folder).glob("*.tfrecord")))
    if not files:
        raise ValueError(f"{folder}: has no .tfrecord files; build with --format tfrecord")

    def parse(example):
        values = tf.io.parse_single_example(example, FEATURES)
        mask = tf.io.decode_png(values["mask"], channels=1) // 255
        return tf.io.decode_png(values["image"], channels=3), mask, values["record"]

    return tf.data.TFRecordDataset(files).map(parse, num_parallel_calls=tf.data.AUTOTUNE)
