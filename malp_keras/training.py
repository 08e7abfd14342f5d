"""End-to-end training of MaLP with Keras' own `fit`, on every backend (eq. 7 to 11)."""

import dataclasses
from typing import Any

import keras
from keras import ops

from forensics_keras.losses import IRLLoss
from malp_keras import losses
from malp_keras.losses import LossWeights
from malp_keras.malp import MaLP

_GRAY = (0.299, 0.587, 0.114)


@keras.saving.register_keras_serializable(package="malp_keras")
class MaLPTraining(keras.Model):
    """MaLP with its transformer branch and losses; an ordinary `fit` trains all parts.

    A batch brings pictures that were protected with the templates as they are, and manipulated:
    so any program can stand for the manipulation, and no gradient flows through it. Gradients
    reach the templates through every picture that carries them untouched, straight through
    harmless changes, as if such a picture were a sum of the template and something constant.

    Compile without a loss, with `forensics_keras.optimizers.AdamByPart` and factors for the parts
    `template_layer`, `cnn`, `vit` and `classifier`.

    Args:
        malp: `MaLP`.
        vit: `keras.Model` as `vit_branch` builds it, or `None` to train the CNN alone.
        loss_weights: `LossWeights`; the paper's without.
        exact_mask: What is true about a manipulated picture: the exact mask of a local edit, whose
            surroundings keep the template (`True`), or the absolute difference of eq. (5) to the
            picture before, of a generative model that redraws all of it (`False`).
        **kwargs: Arguments of `keras.Model`.

    Call arguments:
        inputs: `{"image": uint8 (batch, size, size, 3), the photographs;
            "index": int32 (batch,), the template that protects each;
            "protected": uint8 as the photographs, protected and perhaps harmlessly changed;
            "manipulated": the same, manipulated in between;
            "mask": uint8 (batch, size, size, 1), 1 = manipulated, where known}`.

    Reference: MaLP, section 3.2.
    """

    def __init__(
        self,
        malp: MaLP,
        vit: keras.Model | None = None,
        loss_weights: LossWeights | None = None,
        exact_mask: bool = False,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.malp = malp
        self.vit = vit
        self.loss_weights = loss_weights or LossWeights()
        self.exact_mask = exact_mask
        weights = dataclasses.asdict(self.loss_weights)
        used = [n for n in weights if weights[n] and (vit is not None or not n.startswith("vit"))]
        self.trackers = {name: keras.metrics.Mean(name=name) for name in used}
        self.accuracy = keras.metrics.Mean(name="accuracy")
        self.recovered = keras.metrics.Mean(name="cosine")
        # As its parts are; a saved optimizer is loaded only into a built model.
        self.built = True

    def call(self, inputs, training=False):
        pictures = self._pictures(inputs)
        outputs = self.malp(pictures, training=training)
        if self.vit is not None:
            outputs["vit_map"] = self.vit(pictures, training=training)
        return outputs

    def _pictures(self, inputs):
        """Protected and manipulated pictures in one batch."""
        live = self.malp.template_layer(ops.cast(inputs["image"], "float32"), inputs["index"])
        gradient = live - ops.stop_gradient(live)
        protected = ops.cast(inputs["protected"], "float32") + gradient
        manipulated = ops.cast(inputs["manipulated"], "float32")
        if self.exact_mask:
            manipulated += gradient * (1.0 - ops.cast(inputs["mask"], "float32"))
        return ops.concatenate([protected, manipulated])

    def _truth(self, inputs):
        """What the maps of manipulated pictures should be."""
        if self.exact_mask:
            return ops.cast(inputs["mask"], "float32")
        image, manipulated = (ops.cast(inputs[key], "float32") for key in ("image", "manipulated"))
        gray = ops.reshape(ops.convert_to_tensor(_GRAY, "float32"), (1, 1, 1, 3))
        difference = ops.abs(image - manipulated) * gray
        return ops.sum(difference, axis=-1, keepdims=True) / 255.0

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        terms = self.loss_terms(x, y_pred)
        for name, value in terms.items():
            self.trackers[name].update_state(value)
        real, fake = ops.split(y_pred["logit"], 2)
        self.accuracy.update_state(ops.concatenate([real < 0, fake >= 0]))
        self.recovered.update_state(ops.split(y_pred["cosine"], 2)[0])
        return sum(terms.values())

    def loss_terms(self, inputs, outputs):
        """Returns the weighted terms of eq. (11), scalars by the names of their weights.

        Args:
            inputs: As in the call.
            outputs: What the call returned for them.
        """
        truth = self._truth(inputs)
        terms = {
            **self._template_terms(),
            **self._localization_terms("cnn", outputs["map"], truth),
            **self._recovery_terms(inputs["index"], outputs["template"], truth),
            **self._classification_terms(outputs["logit"]),
        }
        if self.vit is not None:
            terms.update(self._localization_terms("vit", outputs["vit_map"], truth))
        return self.loss_weights.weighted(terms)

    def _template_terms(self):
        """Eq. (7)."""
        templates = ops.convert_to_tensor(self.malp.template_layer.templates)
        return {
            "template_magnitude": lambda: losses.template_magnitude(templates),
            "template_similarity": lambda: losses.template_similarity(templates),
            "template_low_frequency": lambda: losses.template_low_frequency(templates),
        }

    def _localization_terms(self, branch, maps, truth):
        """Eq. (8) for one branch; segmentation goes beyond the paper."""
        real, fake = ops.split(maps, 2)

        def segmentation():
            both = ops.concatenate([ops.zeros_like(truth), truth])
            # A Dice term that is this smooth asks protected pictures for empty maps, too.
            return IRLLoss(alpha=0.5, smooth=100.0)(both, maps)

        terms = {
            "squared_error": lambda: losses.map_energy(real) + losses.squared_error(fake, truth),
            "cosine": lambda: (
                losses.map_similarity(real, truth) + losses.cosine_distance(fake, truth)
            ),
            "ssim": lambda: losses.ssim_distance(fake, truth),
            "segmentation": segmentation,
        }
        return {f"{branch}_{name}": term for name, term in terms.items()}

    def _recovery_terms(self, index, recovered, truth):
        """Eq. (9). With exact masks, only the manipulated pixels have lost the template."""
        height, width = recovered.shape[1:3]
        templates = self.malp.template_layer.at_size(height, width)
        added = ops.take(templates, index, axis=0)[..., None]
        real, fake = ops.split(recovered, 2)
        if not self.exact_mask:
            return {
                "recovery_real": lambda: losses.recovery_real(real, added),
                "recovery_fake": lambda: losses.recovery_fake(fake, templates),
            }
        kept = 1.0 - truth
        return {
            "recovery_real": lambda: (
                losses.recovery_real(real, added) + losses.recovery_real(fake * kept, added * kept)
            ),
            "recovery_fake": lambda: losses.recovery_fake(fake * truth, templates),
        }

    def _classification_terms(self, logit):
        """Eq. (10)."""
        real, fake = ops.split(logit, 2)
        return {
            "classifier_real": lambda: losses.classification(real, ops.zeros_like(real)),
            "classifier_fake": lambda: losses.classification(fake, ops.ones_like(fake)),
        }

    def get_config(self) -> dict[str, Any]:
        serialize = keras.saving.serialize_keras_object
        return {
            "malp": serialize(self.malp),
            "vit": None if self.vit is None else serialize(self.vit),
            "loss_weights": dataclasses.asdict(self.loss_weights),
            "exact_mask": self.exact_mask,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]):
        deserialize = keras.saving.deserialize_keras_object
        vit = config["vit"] and deserialize(config["vit"])
        loss_weights = LossWeights(**config["loss_weights"])
        return cls(deserialize(config["malp"]), vit, loss_weights, config["exact_mask"])
