"""Re-synthesizers: small autoencoders whose fill is their reconstruction of the pristine pixels.

Inside the mask the content stays and only the network's own traces differ: those of its
upsampling, its normalization, its stride and its loss. A family of deliberately different make
teaches a localizer traces of networks rather than the habits of one inpainter.
"""

import keras
from keras import ops

from datasets.gan.layers import SpectralConv2D
from datasets.gan.training import InpainterTraining, frozen, hinge_critic_loss
from datasets.inpainting.feature_network import content_loss, feature_network, style_loss
from datasets.inpainting.layers import BilinearDoubling
from forensics_keras.layers import CropLike, DepthToSpace, PadToMultiple

UPSAMPLINGS = ("nearest", "bilinear", "transposed", "pixel_shuffle")
NORMS = (None, "batch", "instance")
_WIDEST = 128
"""Most channels of a stage, which keeps strong downsampling affordable."""


def autoencoder(stride, upsampling, norm, activation="relu", kernel_size=3, width=24):
    """Builds one re-synthesizer.

    Args:
        stride: Stride of the latent map; 2, 4 or 8.
        upsampling: One of `UPSAMPLINGS`, used for every doubling in the decoder.
        norm: One of `NORMS`, in the residual blocks; past them a normalized network would lose
            the brightness and the contrast that it must reproduce.
        activation: Name of the activation.
        kernel_size: Side of the decoder's kernels; 2, 3 or 4.
        width: Channels at full size, doubled at every halving.

    Returns:
        `keras.Model` from `{"image": ...}`, pictures (N, H, W, 3) in [-1, 1] of any size, to
        `{"completed": ...}`, their reconstructions, not clipped.

    Raises:
        ValueError: If an argument is none of the above.
    """
    if stride not in (2, 4, 8) or upsampling not in UPSAMPLINGS or norm not in NORMS:
        raise ValueError(f"No autoencoder of {stride=}, {upsampling=}, {norm=}")
    widths = [width]
    while 2 ** (len(widths) - 1) < stride:
        widths.append(min(2 * widths[-1], _WIDEST))
    make = _Maker(upsampling, norm, activation, kernel_size)

    # Encoder: one halving a stage.
    inputs = keras.Input((None, None, 3), name="image")
    x = PadToMultiple(stride)(inputs)
    x = make.block(x, widths[0], 5, "encoder_0")
    for level, channels in enumerate(widths[1:], start=1):
        x = make.block(x, channels, 3, f"encoder_{level}", strides=2)

    # Two residual blocks on the latent map.
    for number in range(2):
        y = make.normalized(
            make.block(x, widths[-1], 3, f"residual_{number}_a"), f"norm_{number}_a"
        )
        y = make.normalized(
            make.block(y, widths[-1], 3, f"residual_{number}_b"), f"norm_{number}_b"
        )
        x = keras.layers.Add(name=f"residual_{number}")([x, y])

    # Decoder: one doubling a stage.
    for level in reversed(range(len(widths) - 1)):
        x = make.doubled(x, widths[level], f"decoder_{level}")
    outputs = keras.layers.Conv2D(3, kernel_size, padding="same", name="picture")(x)
    completed = CropLike()([outputs, inputs])
    return keras.Model({"image": inputs}, {"completed": completed}, name="autoencoder")


class _Maker:
    """Makes the blocks of one autoencoder."""

    def __init__(self, upsampling, norm, activation, kernel_size):
        self.upsampling = upsampling
        self.norm = norm
        self.activation = activation
        self.kernel_size = kernel_size

    def block(self, x, channels, kernel_size, name, strides=1):
        """Adds a convolution and its activation."""
        return keras.layers.Conv2D(
            channels, kernel_size, strides, "same", activation=self.activation, name=name
        )(x)

    def normalized(self, x, name):
        """Adds the norm."""
        if self.norm == "batch":
            # Short trainings need statistics that follow quickly.
            return keras.layers.BatchNormalization(momentum=0.9, name=name)(x)
        if self.norm == "instance":
            return keras.layers.GroupNormalization(-1, name=name)(x)
        return x

    def doubled(self, x, channels, name):
        """Doubles height and width."""
        if self.upsampling == "transposed":
            return keras.layers.Conv2DTranspose(
                channels, self.kernel_size, 2, "same", activation=self.activation, name=name
            )(x)
        if self.upsampling == "pixel_shuffle":
            x = self.block(x, 4 * channels, self.kernel_size, name)
            return DepthToSpace(2, name=f"{name}_shuffle")(x)
        if self.upsampling == "bilinear":
            up = BilinearDoubling(name=f"{name}_up")
        else:
            up = keras.layers.UpSampling2D(name=f"{name}_up")
        return self.block(up(x), channels, self.kernel_size, name)


def patch_critic(width=32):
    """Builds a small patch critic: three strided, spectrally normalized convolutions.

    Args:
        width: Channels of the first convolution, doubled in each further one.

    Returns:
        `keras.Model` from pictures (N, H, W, 3) to scores (N, ~H/8, ~W/8, 1), larger = pristine.
    """
    x = inputs = keras.Input((None, None, 3))
    for level in range(3):
        x = SpectralConv2D(width * 2**level, 4, 2, "same", name=f"critic_{level}")(x)
        x = keras.layers.LeakyReLU(0.2, name=f"critic_{level}_act")(x)
    conv = keras.layers.Conv2D(1, 3, padding="same", name="critic_score_conv")
    return keras.Model(inputs, conv(x), name="critic")


@keras.saving.register_keras_serializable(package="datasets.inpainting")
class ResynthesisTraining(InpainterTraining):
    """Trains an autoencoder to reconstruct pictures.

    Args:
        generator: Network of `autoencoder`.
        critic: Network of `patch_critic`, or `None` for training without one.
        adversarial: Weight of the generator's hinge loss; 0 without a critic.
        perceptual: Weight of the content and style terms.
        **kwargs: Arguments of `keras.Model`.

    Call arguments:
        inputs: Pictures and masks, as for `InpainterTraining`; the mask is not used.
    """

    def __init__(self, generator, critic=None, adversarial=0.0, perceptual=0.0, **kwargs):
        terms = ["L1"] + ["perceptual"] * bool(perceptual)
        terms += ["adversarial", "critic"] * (critic is not None)
        super().__init__(generator, critic, terms, **kwargs)
        self.adversarial = adversarial
        self.perceptual = perceptual
        self.features = feature_network() if perceptual else None

    def call(self, inputs, training=False):
        return self.generator({"image": inputs["image"]}, training=training)

    def loss_terms(self, inputs, outputs, training):
        image, completed = inputs["image"], outputs["completed"]
        terms = {"L1": ops.mean(ops.abs(completed - image))}
        if self.features is not None:
            found, wanted = self.features(completed), self.features(image)
            difference = content_loss(found, wanted) + style_loss(found, wanted)
            terms["perceptual"] = self.perceptual * difference
        if self.critic is not None:
            terms["adversarial"] = -self.adversarial * ops.mean(frozen(self.critic, completed))
            fake = self.critic(ops.stop_gradient(completed), training=training)
            terms["critic"] = hinge_critic_loss(self.critic(image, training=training), fake)
        return terms

    def get_config(self):
        return {
            **super().get_config(),
            "adversarial": self.adversarial,
            "perceptual": self.perceptual,
        }
