"""Data of the repository: from pristine photographs to what a network is trained and measured on.

* `photographs/`: where pristine photographs come from; `samples/`: those that are bundled.
* `masks`, `degradations`, `forging`: how one photograph is forged.
* `inpainting/`, `manipulations/`: what fills holes, and what else changes pictures; `gan/`: what
  their adversarial trainings share.
* `pairs`, `packed`, `tfrecords`, `build`: forged pictures and their masks on disk.
* `training_sets`, `open`, `batches`, `tf_data`, `protection_batches`, `faces`: what feeds networks.

It stays in the repository and out of the wheel, because a top-level package of this name would
overwrite Hugging Face's `datasets`. Only `tf_data` and `tfrecords` import TensorFlow, and others
import these two only where they are asked for; `gan.input_gradient` and `manipulations.foreign`
import it within functions that nobody else needs.
"""
