"""tf.data pipelines over the training and validation sets."""

import numpy as np
import tensorflow as tf

from datasets.training_sets import TrainingSet


def training_dataset(
    training_set: TrainingSet, batch_size: int, first_sample: int = 0
) -> tf.data.Dataset:
    """Makes endless batches of a training set, forged in parallel and prefetched.

    Every sample is made from its number alone, so that a pipeline started at `first_sample`
    goes on exactly where another one stopped. Under `tf.distribute` Keras splits each batch
    among the replicas.

    Args:
        training_set: Source of the samples.
        batch_size: Pictures per batch, over all replicas together.
        first_sample: Number of the first sample.

    Returns:
        Dataset of (pictures, masks): uint8 (batch, size, size, 3) and (batch, size, size, 1).
    """
    size = training_set.size

    def load(index):
        image, mask = tf.numpy_function(
            lambda k: training_set.sample(int(k)), [index], (tf.uint8, tf.uint8)
        )
        return tf.ensure_shape(image, (size, size, 3)), tf.ensure_shape(mask, (size, size, 1))

    dataset = tf.data.Dataset.range(first_sample, np.iinfo(np.int64).max)
    dataset = dataset.map(load, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    return dataset.batch(batch_size, drop_remainder=True).prefetch(tf.data.AUTOTUNE)
