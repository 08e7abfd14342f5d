"""EdgeConnect (EC): a generator that continues edges into the hole, and one that colours them in.

Both generators, their critic, and the two stages of training, one after the other: first the edge
generator (`ECEdgeTraining`), then the picture generator (`ECPictureTraining`).

Reference: Nazeri et al., "EdgeConnect: Generative Image Inpainting with Adversarial Edge
Learning", 2019, arXiv:1901.00212. Numbers that the paper leaves out are those of its program.
"""

import keras
from keras import ops

from datasets.gan.layers import SpectralConv2D, SpectralConv2DTranspose
from datasets.gan.training import InpainterTraining, composite, frozen
from datasets.inpainting.feature_network import content_loss, feature_network, style_loss
from datasets.inpainting.layers import (
    CannyEdges,
    ReflectionPadding2D,
    SmoothFill,
)
from forensics_keras.layers import CropLike, PadToMultiple

_STRIDE = 4
_RESIDUAL_BLOCKS = 8

_FEATURE_MATCHING = 10.0
_ADVERSARIAL = 0.1
# The paper weighs VGG-19's content term by 0.1 and its style term by 250. The terms of our feature
# network are ten times smaller and larger. On crops of photographs, 1 and 25 make the untrained
# generator's style term as large as L1, its content term a quarter and its adversarial term a tenth
# of it; for a smooth fill (Telea's), style and content are half of L1 each.
_CONTENT = 1.0


def ec_generator(width=64, smooth_start=False):
    """Builds both generators of EdgeConnect as one model.

    Args:
        width: Filters of the first convolutions; the deeper ones have twice and four times as
            many. The paper's is 64, 21.5 M parameters; 32 gives 5.4 M.
        smooth_start: Whether the hole is first filled smoothly, as for `ca_generator`.

    Returns:
        Functional `keras.Model` from `{"image": (N, H, W, 3) in [-1, 1], "mask": (N, H, W, 1),
        1 = hole}`, H and W at least 16, to `{"completed": pictures of the same form, not
        composited, "edges": (N, H, W, 1), Canny's outside the hole and the predicted ones in it,
        0 to 1}`. What is in the hole does not matter. The parts are the layers
        `ec_edge_generator` and `ec_picture_generator`.

    Example:
    ```python
    model = ec_generator(width=32)
    completed = datasets.inpainting.learned.complete(model, images, masks)
    ```
    """
    inputs = _picture_and_hole()
    edges = ec_edge_generator(width)(inputs)["edges"]
    completed = ec_picture_generator(width, smooth_start)({**inputs, "edges": edges})["completed"]
    return keras.Model(inputs, {"completed": completed, "edges": edges}, name="ec_generator")


def ec_edge_generator(width=64):
    """Builds the edge generator, with spectral normalization.

    Args:
        width: Filters of the first convolutions, as for `ec_generator`.

    Returns:
        Functional `keras.Model` from the inputs of `ec_generator` to `{"predicted": (N, H, W, 1),
        the network's edges everywhere, 0 to 1, "edges": the composite of them in the hole with
        Canny's outside it}`.
    """
    inputs = _picture_and_hole()
    mask = inputs["mask"]
    known = inputs["image"] * (1.0 - mask)
    known_edges = CannyEdges(name="edge_canny")([known, mask])
    gray = ops.image.rgb_to_grayscale(known)
    x = keras.layers.Concatenate(name="edge_inputs")([gray, known_edges, mask])
    predicted = _encode_decode(x, 1, "sigmoid", width, spectral=True, prefix="edge")
    # Canny's edges are 0 in the hole.
    outputs = {"predicted": predicted, "edges": predicted * mask + known_edges}
    return keras.Model(inputs, outputs, name="ec_edge_generator")


def ec_picture_generator(width=64, smooth_start=False):
    """Builds the picture generator.

    The paper's program tells the hole by its white pixels; here the mask is a channel, as
    photographs have white pixels of their own.

    Args:
        width: Filters of the first convolutions, as for `ec_generator`.
        smooth_start: Whether the hole is first filled smoothly, as for `ec_generator`.

    Returns:
        Functional `keras.Model` from the inputs of `ec_generator` and `"edges"`, (N, H, W, 1) in
        0 to 1, to `{"completed": pictures (N, H, W, 3) in [-1, 1]}`.
    """
    inputs = {**_picture_and_hole(), "edges": keras.Input((None, None, 1), name="edges")}
    known = inputs["image"] * (1.0 - inputs["mask"])
    if smooth_start:
        known = SmoothFill(name="smooth_fill")([known, inputs["mask"]])
    x = keras.layers.Concatenate(name="picture_inputs")([known, inputs["edges"], inputs["mask"]])
    # Differences start from none, and not from noise.
    last = "zeros" if smooth_start else "glorot_uniform"
    completed = _encode_decode(
        x, 3, "tanh", width, spectral=False, prefix="picture", last_kernel=last
    )
    if smooth_start:
        completed = ops.clip(known + inputs["mask"] * completed, -1.0, 1.0)
    return keras.Model(inputs, {"completed": completed}, name="ec_picture_generator")


def _picture_and_hole():
    return {
        "image": keras.Input((None, None, 3), name="image"),
        "mask": keras.Input((None, None, 1), name="mask"),
    }


def _encode_decode(
    inputs, channels, activation, width, spectral, prefix, last_kernel="glorot_uniform"
):
    """Adds two halvings, residual blocks of dilation 2, and two doublings; keeps the size.

    Convolutions have no bias where instance normalization would take it away again.
    """
    make = _Maker(spectral, prefix)
    x = PadToMultiple(_STRIDE, name=f"{prefix}_pad")(inputs)
    x = make.conv(x, width, 7, "in")
    x = make.resized(x, 2 * width, "down_1")
    x = make.resized(x, 4 * width, "down_2")
    for number in range(1, _RESIDUAL_BLOCKS + 1):
        y = make.conv(x, 4 * width, 3, f"block_{number}_a", dilation=2)
        y = make.conv(y, 4 * width, 3, f"block_{number}_b", activation=None)
        x = keras.layers.Add(name=f"{prefix}_block_{number}")([x, y])
    x = make.resized(x, 2 * width, "up_1", transposed=True)
    x = make.resized(x, width, "up_2", transposed=True)
    x = ReflectionPadding2D(3, name=f"{prefix}_out_pad")(x)
    x = keras.layers.Conv2D(
        channels, 7, activation=activation, kernel_initializer=last_kernel, name=f"{prefix}_out"
    )(x)
    return CropLike(name=f"{prefix}_crop")([x, inputs])


class _Maker:
    """Makes the blocks of one generator."""

    def __init__(self, spectral, prefix):
        self.layers = (
            (SpectralConv2D, SpectralConv2DTranspose)
            if spectral
            else (keras.layers.Conv2D, keras.layers.Conv2DTranspose)
        )
        self.prefix = prefix

    def conv(self, x, filters, kernel_size, name, dilation=1, activation="relu"):
        """Adds reflection, convolution and normalization."""
        name = f"{self.prefix}_{name}"
        reach = dilation * (kernel_size // 2)
        x = ReflectionPadding2D(reach, name=f"{name}_pad")(x)
        conv = self.layers[0](
            filters, kernel_size, dilation_rate=dilation, use_bias=False, name=f"{name}_conv"
        )
        return self._normalized(conv(x), name, activation)

    def resized(self, x, filters, name, transposed=False):
        """Halves or doubles height and width."""
        name = f"{self.prefix}_{name}"
        conv = self.layers[transposed](
            filters, 4, strides=2, padding="same", use_bias=False, name=f"{name}_conv"
        )
        return self._normalized(conv(x), name, "relu")

    def _normalized(self, x, name, activation):
        # Instance normalization as in PyTorch: neither scale nor offset.
        x = keras.layers.GroupNormalization(
            -1, epsilon=1e-5, center=False, scale=False, name=f"{name}_norm"
        )(x)
        return x if activation is None else keras.layers.Activation(activation, name=name)(x)


def ec_critic(channels=3, width=64):
    """Builds the critic, a PatchGAN: each score sees 70x70 pixels.

    Args:
        channels: Channels of its inputs: 3 for pictures, 2 for gray pictures with their edges.
        width: Filters of the first convolution; the next have two, four and eight times as many.

    Returns:
        Functional `keras.Model` from (N, H, W, channels) to a list of the five convolutions'
        outputs; the last are the scores (N, ~H/8, ~W/8, 1), logits, larger = pristine.
    """
    x = inputs = keras.Input((None, None, channels))
    maps = []
    for level, strides in enumerate((2, 2, 2, 1)):
        name = f"critic_{level}"
        x = SpectralConv2D(width * 2**level, 4, strides, "same", name=f"{name}_conv")(x)
        x = keras.layers.LeakyReLU(0.2, name=name)(x)
        maps.append(x)
    scores = SpectralConv2D(1, 4, padding="same", name="critic_scores")(x)
    return keras.Model(inputs, [*maps, scores], name="critic")


@keras.saving.register_keras_serializable(package="datasets.inpainting")
class ECEdgeTraining(InpainterTraining):
    """First stage: trains the edge generator, adversarially and by feature matching.

    Adam at 1e-4 with betas (0, 0.9), the critic at a tenth of the rate.

    Args:
        generator: Network of `ec_generator`; its picture generator is held.
        critic: Network of `ec_critic(channels=2)`.
        **kwargs: Arguments of `keras.Model`.

    Call arguments:
        inputs: Pictures and masks, as for `InpainterTraining`.

    Returns:
        The edge generator's outputs.
    """

    def __init__(self, generator, critic, **kwargs):
        super().__init__(generator, critic, ["adversarial", "features", "critic"], **kwargs)
        generator.get_layer("ec_edge_generator").trainable = True
        generator.get_layer("ec_picture_generator").trainable = False
        self.canny = CannyEdges()

    def call(self, inputs, training=False):
        return self.generator.get_layer("ec_edge_generator")(inputs, training=training)

    def loss_terms(self, inputs, outputs, training):
        gray = ops.image.rgb_to_grayscale(inputs["image"])
        true_edges = self.canny([inputs["image"], ops.zeros_like(inputs["mask"])])
        real = ops.concatenate([gray, true_edges], axis=-1)
        fake = ops.concatenate([gray, outputs["predicted"]], axis=-1)
        real_maps, critic_loss = _critic_maps_and_loss(self.critic, real, fake, training)
        fake_maps = frozen(self.critic, fake)
        matching = sum(
            ops.mean(ops.abs(found - ops.stop_gradient(wanted)))
            for found, wanted in zip(fake_maps, real_maps, strict=True)
        )
        return {
            "adversarial": ops.mean(ops.softplus(-fake_maps[-1])),
            "features": _FEATURE_MATCHING * matching,
            "critic": critic_loss,
        }


@keras.saving.register_keras_serializable(package="datasets.inpainting")
class ECPictureTraining(InpainterTraining):
    """Second stage: trains the picture generator, the edge generator being held.

    The paper trains on the true edges of the whole picture first, and on predicted edges in the
    hole at last. Here each picture of a training batch has either, at random, so that one run
    learns both to follow edges and to bear wrong ones. Outside of training the edges in the hole
    are the predicted ones.

    The critic, the content and the style terms see the composite, which is what becomes of the
    output, so that they punish seams and spend nothing on pixels that are replaced.

    Adam at 1e-4 with betas (0, 0.9), the critic at a tenth of the rate.

    Args:
        generator: Network of `ec_generator`, its edge generator trained by `ECEdgeTraining`.
        critic: Network of `ec_critic()`.
        predicted_share: Probability, 0 to 1, that a training picture has predicted edges.
        style_weight: Non-negative float. At 25, short trainings please the Gram matrices with a few
            coloured dots along the hole's border.
        **kwargs: Arguments of `keras.Model`.

    Call arguments:
        inputs: Pictures and masks, as for `InpainterTraining`.

    Returns:
        `{"completed", "edges"}` as `ec_generator`.
    """

    def __init__(self, generator, critic, predicted_share=0.5, style_weight=25.0, **kwargs):
        terms = ["L1", "adversarial", "content", "style", "critic"]
        super().__init__(generator, critic, terms, **kwargs)
        generator.get_layer("ec_edge_generator").trainable = False
        generator.get_layer("ec_picture_generator").trainable = True
        self.predicted_share = predicted_share
        self.style_weight = style_weight
        self.canny = CannyEdges()
        self.features = feature_network()
        self.random = keras.random.SeedGenerator(0)

    def call(self, inputs, training=False):
        edges = self.generator.get_layer("ec_edge_generator")(inputs, training=False)["edges"]
        if training:
            true_edges = self.canny([inputs["image"], ops.zeros_like(inputs["mask"])])
            draw = keras.random.uniform((ops.shape(edges)[0], 1, 1, 1), seed=self.random)
            true_in_hole = composite(true_edges, edges, inputs["mask"])
            edges = ops.where(draw < self.predicted_share, edges, true_in_hole)
        edges = ops.stop_gradient(edges)
        picture_generator = self.generator.get_layer("ec_picture_generator")
        outputs = picture_generator({**inputs, "edges": edges}, training=training)
        return {**outputs, "edges": edges}

    def loss_terms(self, inputs, outputs, training):
        image, mask = inputs["image"], inputs["mask"]
        completed = composite(outputs["completed"], image, mask)
        _, critic_loss = _critic_maps_and_loss(self.critic, image, completed, training)
        found, wanted = self.features(completed), self.features(image)
        return {
            "L1": _l1_loss(outputs["completed"], image, mask),
            "adversarial": _ADVERSARIAL
            * ops.mean(ops.softplus(-frozen(self.critic, completed)[-1])),
            "content": _CONTENT * content_loss(found, wanted),
            "style": self.style_weight * style_loss(_in_hole(found, mask), _in_hole(wanted, mask)),
            "critic": critic_loss,
        }

    def get_config(self):
        return {
            **super().get_config(),
            "predicted_share": self.predicted_share,
            "style_weight": self.style_weight,
        }


def _critic_maps_and_loss(critic, real, fake, training):
    """Gives the critic's maps of pristine inputs, and its loss (non-saturating cross-entropy)."""
    count = ops.shape(real)[0]
    maps = critic(ops.concatenate([real, ops.stop_gradient(fake)]), training=training)
    scores = maps[-1]
    loss = ops.mean(ops.softplus(-scores[:count])) + ops.mean(ops.softplus(scores[count:]))
    return [each[:count] for each in maps], loss / 2.0


def _l1_loss(completed, image, mask):
    """Gives the mean absolute error in the hole plus that outside it, of pictures 0 to 1.

    The paper's program divides the sum over the whole picture by the hole's area, which makes the
    pixels that are replaced afterwards count several times as much as the others.
    """
    error = ops.mean(ops.abs(completed - image), axis=-1, keepdims=True) / 2.0
    return sum(
        ops.sum(error * part) / ops.maximum(ops.sum(part), 1.0) for part in (mask, 1.0 - mask)
    )


def _in_hole(features, mask):
    """Gives feature maps with nothing but the hole."""
    masked = []
    for level, each in enumerate(features):
        if level:
            mask = ops.average_pool(mask, 2, strides=2)
        masked.append(each * mask)
    return masked
