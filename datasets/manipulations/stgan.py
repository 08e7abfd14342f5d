"""STGAN: attribute editing with selective transfer units, the manipulator that MaLP trains with.

Liu et al., "STGAN: A Unified Selective Transfer Network for Arbitrary Image Attribute Editing",
CVPR 2019, arXiv:1904.09709. Numbers that the paper leaves out are those of its program.
"""

import threading
from functools import partial
from pathlib import Path

import cv2
import keras
import numpy as np
from keras import ops

from datasets.gan.gradient_penalty import gradient_penalty, mixed
from datasets.gan.layers import SpectralConv2D
from datasets.gan.training import InpainterTraining, frozen, hinge_critic_loss
from datasets.manipulations.base import Manipulated, Manipulation
from datasets.manipulations.layers import ConcatenateVector, SelectiveTransferUnit
from forensics_keras.presets import PresetStore

LEVELS = 5
"""Halvings of the encoder and of the critic."""

_PENALTY_WEIGHT = 10.0

_BATCH = 8
"""Pictures that are edited at a time."""
ADVERSARIAL_LOSSES = ("wgan_gp", "hinge")


def stgan_generator(
    width: int = 64, attributes: int = 1, size: int = 128, max_filters: int = 1024
) -> keras.Model:
    """Builds the generator of STGAN (section 3, Fig. 4).

    As in the authors' program, the difference vector joins the states between the selective
    transfer units and the decoder's features at every level.

    Args:
        width: Positive integer, filters of the finest level, doubled with each coarser one; the
            paper's is 64.
        attributes: Positive integer, number of attributes.
        size: Positive multiple of 32, side of the pictures in pixels; the paper's is 128.
        max_filters: Positive integer, no level has more filters.

    Returns:
        A functional `keras.Model` from `{"image": (batch, size, size, 3) in [-1, 1],
        "attributes": (batch, attributes)}` to edited pictures like the image. The vector is what
        shall change, wanted minus present: 1 adds the attribute, -1 takes it away, 0 keeps it.

    Raises:
        ValueError: If `size` is no positive multiple of 32.

    Example:
    ```python
    faces, add = np.zeros((1, 128, 128, 3)), np.ones((1, 1))
    edited = stgan_generator(16)({"image": faces, "attributes": add})
    ```
    """
    _check_size(size)
    filters = [min(width * 2**level, max_filters) for level in range(LEVELS)]
    x = image = keras.Input((size, size, 3), name="image")
    difference = keras.Input((attributes,), name="attributes")

    def with_difference(maps, name):
        return ConcatenateVector(name=name)([maps, difference])

    features = []
    for level, count in enumerate(filters, start=1):
        x = _halving(x, keras.layers.Conv2D, count, f"encoder_{level}")
        x = keras.layers.BatchNormalization(name=f"encoder_{level}_norm")(x)
        x = keras.layers.LeakyReLU(0.2, name=f"encoder_{level}")(x)
        features.append(x)

    state, transferred = x, {}
    for level in range(LEVELS - 1, 0, -1):
        state = with_difference(state, f"transfer_{level}_inputs")
        unit = SelectiveTransferUnit(filters[level - 1], name=f"transfer_{level}")
        transferred[level], state = unit([features[level - 1], state])

    x = with_difference(x, f"decoder_{LEVELS}_inputs")
    for level in range(LEVELS, 1, -1):
        x = _halving(x, keras.layers.Conv2DTranspose, filters[level - 1], f"decoder_{level}")
        x = keras.layers.BatchNormalization(name=f"decoder_{level}_norm")(x)
        x = keras.layers.ReLU(name=f"decoder_{level}")(x)
        x = keras.layers.Concatenate(name=f"shortcut_{level - 1}")([x, transferred[level - 1]])
        x = with_difference(x, f"decoder_{level - 1}_inputs")
    edited = keras.layers.Conv2DTranspose(
        3, 4, strides=2, padding="same", activation="tanh", name="decoder_1"
    )(x)
    inputs = {"image": image, "attributes": difference}
    return keras.Model(inputs, edited, name="stgan_generator")


def _halving(x, convolution, filters, name):
    """A 4x4 convolution of stride 2 (or a doubling one); the norm after it makes a bias useless."""
    layer = convolution(filters, 4, strides=2, padding="same", use_bias=False, name=f"{name}_conv")
    return layer(x)


def _check_size(size):
    if size <= 0 or size % 2**LEVELS:
        raise ValueError(f"size must be a positive multiple of {2**LEVELS}, not {size}")


def stgan_critic(
    width: int = 64,
    attributes: int = 1,
    size: int = 128,
    head: int = 1024,
    spectral: bool = False,
) -> keras.Model:
    """Builds the critic of STGAN: five halvings, then a real/fake and an attribute head.

    Args:
        width: Positive integer, filters of the first convolution, doubled with each next one; the
            paper's is 64.
        attributes: Positive integer, number of attributes.
        size: Positive multiple of 32, side of the pictures in pixels; the paper's is 128.
        head: Positive integer, units of the dense layer in each head; the paper's is 1024.
        spectral: Whether the convolutions and dense layers are spectrally normalized, as the hinge
            loss needs it, instead of the paper's instance normalization, which is for WGAN-GP.
            The last layer of the attribute head is not normalized, so that its logits can grow.

    Returns:
        A functional `keras.Model` from pictures (batch, size, size, 3) in [-1, 1] to
        `{"score": (batch, 1), larger = pristine, "attributes": logits (batch, attributes)}`.

    Raises:
        ValueError: If `size` is no positive multiple of 32.
    """
    _check_size(size)
    convolution = SpectralConv2D if spectral else keras.layers.Conv2D
    x = image = keras.Input((size, size, 3), name="critic_image")
    for level in range(LEVELS):
        name = f"critic_{level + 1}"
        x = _halving(x, convolution, width * 2**level, name)
        if not spectral:
            x = keras.layers.GroupNormalization(-1, epsilon=1e-6, name=f"{name}_norm")(x)
        x = keras.layers.LeakyReLU(0.2, name=name)(x)
    outputs = {}
    for key, count, last in (
        ("score", 1, convolution),
        ("attributes", attributes, keras.layers.Conv2D),
    ):
        # A kernel as large as the maps makes a convolution a dense layer.
        y = convolution(head, size // 2**LEVELS, name=f"critic_{key}_dense")(x)
        y = keras.layers.LeakyReLU(0.2, name=f"critic_{key}_activation")(y)
        y = last(count, 1, name=f"critic_{key}_logits")(y)
        outputs[key] = keras.layers.Flatten(name=f"critic_{key}")(y)
    return keras.Model(image, outputs, name="critic")


@keras.saving.register_keras_serializable(package="datasets.manipulations")
class STGANTraining(InpainterTraining):
    """Trains STGAN (section 3.3, equations 9 to 14).

    Each picture is reconstructed, with a difference of zero, and edited: one of its attributes,
    drawn at random, is flipped. (The paper's targets are the labels of another picture, which for
    one attribute would leave half the pictures as they are.)

    Terms: `reconstruction` (L1, of weight 100), `attributes` (of the edited picture, of weight 10)
    and `adversarial` for the generator; `critic`, `critic_attributes` (of the pristine picture,
    of weight 1) and, for WGAN-GP, `penalty` (of weight 10) for the critic. The metric
    `edits_recognized` is the share of flips that the critic's attribute head sees as wanted.

    The term `change`, the L1 between edited and pristine picture, is not the paper's (of weight
    0): it keeps edits in few places where short training would tint the whole picture.

    The paper: Adam, rate 2e-4, betas 0.5 and 0.999, batches of 32, WGAN-GP with five critic steps
    for each of the generator. Here every step trains both, and a higher rate of the critic takes
    the place of its further steps (two time-scale update rule, Heusel et al., 2017). The hinge
    loss, with a spectrally normalized critic, needs no second derivatives.

    Args:
        generator: Network of `stgan_generator`.
        critic: Network of `stgan_critic`, spectral for the hinge loss alone.
        loss: "wgan_gp" or "hinge", the adversarial loss.
        reconstruction_weight, attributes_weight, adversarial_weight, change_weight: Weights of the
            generator's terms.
        seed: Non-negative integer, for the flips and the mixtures that the penalty is taken at.
        **kwargs: Arguments of `keras.Model`.

    Call arguments:
        inputs: `{"image": float32 (batch, size, size, 3) in [-1, 1],
            "labels": float32 (batch, attributes), 0 or 1}`.

    Returns:
        `{"reconstructed", "edited": like the image, "flipped": (batch, attributes), 1 at the
        flipped attribute and 0 elsewhere}`.

    Example:
    ```python
    training = STGANTraining(stgan_generator(16), stgan_critic(32, spectral=True), "hinge")
    training.compile(forensics_keras.optimizers.AdamByPart(2e-4, {"critic": 2.0}, beta_1=0.5))
    training.fit(pictures_and_labels)
    ```
    """

    def __init__(
        self,
        generator,
        critic,
        loss="wgan_gp",
        reconstruction_weight=100.0,
        attributes_weight=10.0,
        adversarial_weight=1.0,
        change_weight=0.0,
        seed=0,
        **kwargs,
    ):
        if loss not in ADVERSARIAL_LOSSES:
            raise ValueError(f"loss must be one of {', '.join(ADVERSARIAL_LOSSES)}, not {loss!r}")
        terms = ["reconstruction", "attributes", "adversarial", "change", "critic"]
        terms += ["critic_attributes", *(["penalty"] if loss == "wgan_gp" else [])]
        super().__init__(generator, critic, [*terms, "edits_recognized"], **kwargs)
        self.arguments = {
            "loss": loss,
            "reconstruction_weight": reconstruction_weight,
            "attributes_weight": attributes_weight,
            "adversarial_weight": adversarial_weight,
            "change_weight": change_weight,
            "seed": seed,
        }
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, inputs, training=False):
        image, labels = inputs["image"], inputs["labels"]
        count, attributes = ops.shape(labels)
        chosen = keras.random.randint((count,), 0, attributes, seed=self.seed_generator)
        flipped = ops.one_hot(chosen, attributes, dtype=labels.dtype)
        difference = flipped * (1.0 - 2.0 * labels)
        both = {
            "image": ops.concatenate([image, image]),
            "attributes": ops.concatenate([ops.zeros_like(difference), difference]),
        }
        outputs = self.generator(both, training=training)
        reconstructed, edited = ops.split(outputs, 2)
        return {"reconstructed": reconstructed, "edited": edited, "flipped": flipped}

    def loss_terms(self, inputs, outputs, training):
        image, labels, edited = inputs["image"], inputs["labels"], outputs["edited"]
        target = ops.abs(labels - outputs["flipped"])
        constant = ops.stop_gradient(edited)
        held = frozen(self.critic, edited)
        self._count_recognized(held["attributes"], target, outputs["flipped"])
        both = self.critic(ops.concatenate([image, constant]), training=training)
        real, fake = ops.split(both["score"], 2)
        known, _ = ops.split(both["attributes"], 2)
        weight = self.arguments
        terms = {
            "reconstruction": weight["reconstruction_weight"]
            * ops.mean(ops.abs(outputs["reconstructed"] - image)),
            "attributes": weight["attributes_weight"] * _cross_entropy(target, held["attributes"]),
            "adversarial": -weight["adversarial_weight"] * ops.mean(held["score"]),
            "change": weight["change_weight"] * ops.mean(ops.abs(edited - image)),
            "critic_attributes": _cross_entropy(labels, known),
        }
        if self.arguments["loss"] == "hinge":
            return {**terms, "critic": hinge_critic_loss(real, fake)}
        pictures = mixed(image, constant, self.seed_generator)
        penalty = gradient_penalty(lambda x: self.critic(x, training=True)["score"], pictures)
        return {
            **terms,
            "critic": ops.mean(fake) - ops.mean(real),
            "penalty": _PENALTY_WEIGHT * penalty,
        }

    def _count_recognized(self, logits, target, flipped):
        right = ops.cast((logits > 0) == (target > 0.5), flipped.dtype)
        self.trackers["edits_recognized"].update_state(ops.sum(right * flipped, axis=-1))

    def get_config(self):
        return {**super().get_config(), **self.arguments}


def _cross_entropy(labels, logits):
    return ops.mean(ops.softplus(logits) - labels * logits)


WEIGHTS = PresetStore(
    Path(__file__).parent / "weights", lambda: {"stgan_generator": stgan_generator}
)
"""The shipped attribute editors, by name."""


def edit(model: keras.Model, images: np.ndarray, differences: np.ndarray) -> np.ndarray:
    """Lets a generator edit pictures.

    Args:
        model: Trained network of `stgan_generator`.
        images: uint8 (N, H, W, 3), RGB; pictures of another size than the model's are resized to
            it, and the edited ones back.
        differences: float (N, attributes), what shall change, as `stgan_generator` describes it.

    Returns:
        The network's pictures, uint8 (N, H, W, 3).
    """
    size = model.input["image"].shape[1]
    small = _resized(images, size, size)
    edited = []
    for start in range(0, len(images), _BATCH):
        part = slice(start, start + _BATCH)
        inputs = {
            "image": small[part].astype("float32") / 127.5 - 1,
            "attributes": np.asarray(differences[part], "float32"),
        }
        edited.append(model.predict_on_batch(inputs))  # twice as fast as an eager call
    edited = np.clip(np.rint((np.concatenate(edited) + 1) * 127.5), 0, 255).astype(np.uint8)
    return _resized(edited, *images.shape[1:3])


def _resized(images, height, width):
    if images.shape[1:3] == (height, width):
        return images
    method = cv2.INTER_AREA if height < images.shape[1] else cv2.INTER_CUBIC
    resize = partial(cv2.resize, dsize=(width, height), interpolation=method)
    return np.stack([resize(image) for image in images])


class STGANManipulation(Manipulation):
    """Flips an attribute of faces with a trained STGAN; its weights are read at the first use.

    The whole picture goes through the network, so there is no exact mask.

    Args:
        preset: Name in `WEIGHTS`, or a preset's folder.
        attribute: Index of the attribute, in the order of the card's `attributes`.
        direction: 1 adds the attribute, -1 takes it away; `None` draws one of both by the seed.
        name: Short name; the preset's without it.

    Example:
    ```python
    edited = STGANManipulation("stgan_faces", direction=1)(faces, seeds=range(len(faces)))
    ```
    """

    def __init__(
        self,
        preset: str | Path,
        attribute: int = 0,
        direction: int | None = None,
        name: str | None = None,
    ):
        if direction not in (1, -1, None):
            raise ValueError(f"direction must be 1, -1 or None, not {direction!r}")
        super().__init__(name or Path(preset).name, "generative")
        self.preset = preset
        self.attribute = attribute
        self.direction = direction
        self._model = None
        # tf.data calls from several threads.
        self._lock = threading.Lock()

    def manipulate(self, images: np.ndarray, seeds: list[int]) -> list[Manipulated]:
        with self._lock:
            if self._model is None:
                self._model = WEIGHTS.load(self.preset)
        count = self._model.input["attributes"].shape[1]
        if not 0 <= self.attribute < count:
            raise ValueError(f"{self.preset}: has {count} attributes, not number {self.attribute}")
        differences = np.zeros((len(images), count))
        differences[:, self.attribute] = [self.direction or _drawn_sign(seed) for seed in seeds]
        return [Manipulated(image, None) for image in edit(self._model, images, differences)]

    @property
    def sha256(self) -> str:
        """Gives the hash of the weights, hexadecimal."""
        return WEIGHTS.card(self.preset)["sha256"]


def _drawn_sign(seed):
    return 1 if np.random.default_rng([seed, 3]).random() < 0.5 else -1
