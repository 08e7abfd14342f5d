"""Adversarial training of inpainters with Keras' own `fit`, on every backend."""

from abc import abstractmethod

import keras
from keras import ops

_PARTS = ("generator", "critic")


class InpainterTraining(keras.Model):
    """A generator and its critic in one model, both of which an ordinary `fit` trains.

    The loss is the sum of the generator's terms and the critic's terms. Each side sees the other
    as a constant: the critic gets the completed picture without its gradient, and the generator
    gets the critic with its weights held (`frozen`). So one gradient step updates both, as two
    alternating optimizers would that start from the same point. Compile without a loss; give
    another rate to the critic with `forensics_keras.optimizers.AdamByPart`.

    A subclass defines `call` (the generator's outputs) and `loss_terms`.

    Args:
        generator: Built `keras.Model` from pictures and masks to completed pictures.
        critic: Built `keras.Model` whose layers have names that start with `critic`, or `None`.
        terms: Names of the loss terms, which become metrics.
        **kwargs: Arguments of `keras.Model`.

    Call arguments:
        inputs: `{"image": float32 (batch, height, width, 3) in [-1, 1],
            "mask": float32 (batch, height, width, 1), 1 = hole}`.
    """

    def __init__(self, generator, critic, terms, **kwargs):
        super().__init__(**kwargs)
        self.generator = generator
        self.critic = critic
        self.trackers = {name: keras.metrics.Mean(name=name) for name in terms}
        # As its parts are; a saved optimizer is loaded only into a built model.
        self.built = True

    @abstractmethod
    def loss_terms(self, inputs, outputs, training):
        """Returns the weighted loss terms, scalars by name.

        Args:
            inputs: Inputs of the call.
            outputs: Outputs of the call.
            training: Whether this is a training step.
        """

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        terms = self.loss_terms(x, y_pred, training)
        for name, value in terms.items():
            self.trackers[name].update_state(value)
        return sum(terms.values())

    def get_config(self):
        return {key: keras.saving.serialize_keras_object(getattr(self, key)) for key in _PARTS}

    @classmethod
    def from_config(cls, config):
        parts = {key: keras.saving.deserialize_keras_object(config[key]) for key in _PARTS}
        return cls(**{**config, **parts})


def frozen(model, inputs):
    """Calls a model so that gradients reach its inputs, and none of its weights.

    Args:
        model: Built `keras.Model`.
        inputs: Inputs of the model.

    Returns:
        Its outputs in inference mode.
    """
    held = [ops.stop_gradient(ops.convert_to_tensor(v)) for v in model.trainable_variables]
    rest = [ops.convert_to_tensor(v) for v in model.non_trainable_variables]
    outputs, _ = model.stateless_call(held, rest, inputs, training=False)
    return outputs


def hinge_critic_loss(real, fake):
    """Gives the hinge loss of a critic.

    Args:
        real: Scores of pristine pictures, any shape.
        fake: Scores of generated pictures, any shape.

    Returns:
        Scalar, at least 0.
    """
    return ops.mean(ops.relu(1.0 - real)) + ops.mean(ops.relu(1.0 + fake))


def composite(filled, image, mask):
    """Puts the filled pixels inside the mask (1 = hole) and the pristine picture outside."""
    return filled * mask + image * (1.0 - mask)
