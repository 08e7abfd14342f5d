"""Data side of the repository: photographs, masks, forging, degradations and the tf.data pipeline.

Stays in the repository and out of the wheel, because a top-level package of this name would
overwrite Hugging Face's `datasets`. Only `datasets.tf_data` imports TensorFlow.
"""
