"""MaLP: what protects pictures and later finds what was changed in them (Fig. 2)."""

from typing import Any

import keras
from keras import ops

from malp_keras.baselines import passive_localizer, resnet50_map
from malp_keras.classifier import fakeness_classifier
from malp_keras.layers import TemplateLayer
from malp_keras.localizer import malp_localizer
from malp_keras.losses import cosine_similarity

_PARTS = ("template_layer", "localizer", "classifier")


@keras.saving.register_keras_serializable(package="malp_keras")
class MaLP(keras.Model):
    """The template set, the shallow CNN and the classifier: all that inference needs.

    `template_layer` protects pictures; the call inspects them. Build one with `malp`, or load one
    with `from_preset`.

    Args:
        size: Integer, side in pixels of the pictures it is trained for. Pictures are scaled to
            `size` x `size` for inspection; other sizes work as well as the template survives.
        template_layer: `TemplateLayer`.
        localizer: `keras.Model` as `malp_localizer` builds it.
        classifier: `keras.Model` as `fakeness_classifier` builds it.
        **kwargs: Arguments of `keras.Model`.

    Call arguments:
        images: RGB pictures, uint8 or float in [0, 255], shape `(batch, height, width, 3)`.

    Returns:
        Float32 tensors by name: `map`, the fakeness map, `(batch, height, width, 1)` in [0, 1];
        `template`, the recovered template, same shape; `cosines`, of the recovered template with
        each of the set, a sixteenth of each side left out, `(batch, count)`; `cosine`, the
        largest of them, `(batch,)`; `logit`, `(batch,)`, above 0 for manipulated pictures.

    Example:
    ```python
    model = malp_keras.malp()
    fakeness = model(np.zeros((1, 128, 128, 3), np.uint8))["map"]
    ```

    Reference: MaLP, section 3.2.
    """

    def __init__(
        self,
        size: int,
        template_layer: TemplateLayer,
        localizer: keras.Model,
        classifier: keras.Model,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.size = size
        self.template_layer = template_layer
        self.localizer = localizer
        self.classifier = classifier
        # As its parts are; `export` takes the shape of its pictures from here.
        self.build((None, None, None, 3))

    def build(self, input_shape):
        self.built = True

    def call(self, images, training=False):
        images = ops.cast(images, "float32")
        batch, height, width, _ = ops.shape(images)
        known = self.template_layer.at_size(height, width)
        templates = ops.broadcast_to(
            ops.transpose(known, (1, 2, 0))[None], (batch, height, width, known.shape[0])
        )
        # Templates learn through the pictures that carry them, not through the inspection.
        outputs = self.localizer(
            {"image": images, "templates": ops.stop_gradient(templates)}, training=training
        )
        recovered = _without_frame(outputs["template"])
        cosines = ops.stack(
            [
                cosine_similarity(recovered, _without_frame(template[None, :, :, None]))
                for template in ops.unstack(known, self.template_layer.count)
            ],
            axis=-1,
        )
        cosine = ops.max(cosines, axis=-1)
        authentic, manipulated = ops.unstack(
            self.classifier(outputs["map"], training=training), 2, axis=-1
        )
        # Eq. (10): the mean of the classifier's logit and the template's cosine, which speaks for
        # an authentic picture.
        logit = (manipulated - authentic - cosine) / 2
        return {**outputs, "cosines": cosines, "cosine": cosine, "logit": logit}

    def get_config(self) -> dict[str, Any]:
        parts = {key: keras.saving.serialize_keras_object(getattr(self, key)) for key in _PARTS}
        return {"size": self.size, "name": self.name, **parts}

    @classmethod
    def from_config(cls, config: dict[str, Any]):
        parts = {key: keras.saving.deserialize_keras_object(config[key]) for key in _PARTS}
        return cls(**{**config, **parts})


def _without_frame(maps):
    """Cuts a sixteenth off each side, where the padding tells a CNN its place in the picture.

    There it could emit a part of the template that no picture has to carry.
    """
    _, height, width, _ = ops.shape(maps)
    top, left = height // 16, width // 16
    return maps[:, top : height - top, left : width - left]


def malp(
    size: int = 128,
    count: int = 1,
    strength: float = 0.3,
    normalize: bool = False,
    band: tuple[float, float] | None = None,
    filters: int = 64,
    stride: int = 1,
    matched: bool = False,
    classifier_filters: int = 64,
    classifier_pool: int = 1,
    backbone: str = "cnn",
    seed: int | None = None,
) -> MaLP:
    """Builds MaLP; the defaults are the paper's.

    Args:
        size: Integer, side of the pictures in pixels.
        count: Integer, number of templates; see `TemplateLayer`.
        strength: Float, the paper's m; see `TemplateLayer`.
        normalize: See `TemplateLayer`.
        band: See `TemplateLayer`.
        filters: See `malp_localizer`.
        stride: See `malp_localizer`.
        matched: See `malp_localizer`.
        classifier_filters: See `fakeness_classifier`.
        classifier_pool: See `fakeness_classifier`.
        backbone: `"cnn"` for `malp_localizer`, or `"resnet50"` for the passive baseline in its
            place (`malp_keras.baselines`), which ignores the template; for comparisons.
        seed: Seed of the templates, or `None`.

    Returns:
        `MaLP`.

    Example:
    ```python
    model = malp_keras.malp(count=3, seed=0)
    ```
    """
    template_layer = TemplateLayer(
        count,
        strength=strength,
        normalize=normalize,
        band=band,
        seed=seed,
        name="template_layer",
    )
    if backbone == "resnet50":
        localizer = passive_localizer(resnet50_map(), count)
    else:
        localizer = malp_localizer(count, filters, stride, matched)
    classifier = fakeness_classifier(classifier_filters, classifier_pool)
    return MaLP(size, template_layer, localizer, classifier)
