"""The generator that contextual attention and gated convolution have in common: two stages."""

from collections.abc import Callable

import keras
from keras import ops

from datasets.inpainting.layers import ContextualAttention, SmoothFill
from forensics_keras.layers import CropLike, PadToMultiple

# The plan of both papers' programs. Each layer: filters in units of the width, side of the
# kernel, stride, dilation.
_DILATED = ((4, 3, 1, 2), (4, 3, 1, 4), (4, 3, 1, 8), (4, 3, 1, 16))
_TWICE = ((4, 3, 1, 1), (4, 3, 1, 1))
_COARSE = ((1, 5, 1, 1), (2, 3, 2, 1), (2, 3, 1, 1), (4, 3, 2, 1), *_TWICE, *_DILATED, *_TWICE)
_REFINED = ((1, 5, 1, 1), (1, 3, 2, 1), (2, 3, 1, 1), (2, 3, 2, 1), *_TWICE, *_DILATED)
_ATTENDING = ((1, 5, 1, 1), (1, 3, 2, 1), (2, 3, 1, 1), (4, 3, 2, 1), (4, 3, 1, 1))
_MULTIPLE = 8
"""Of height and width inside: the attention works at a quarter of them, compares at an eighth."""


def two_stage_generator(
    conv: type[keras.layers.Conv2D],
    width: int,
    end: Callable,
    fuse: bool,
    smooth_start: bool,
    name: str,
) -> keras.Model:
    """Builds the two-stage generator of DeepFill v1 (section 3.2, Fig. 2) and v2 (section 3.3).

    The coarse stage fills the hole from its dilated convolutions; the refinement stage sees the
    composite of that with the known pixels and has two branches, dilated and attending to the
    known part. The hole is blanked first, so that what is in it never matters. The picture is
    padded inside to a multiple of 8 and cropped back.

    Args:
        conv: Class of the convolutions, `keras.layers.Conv2D` or `GatedConv2D`.
        width: Positive multiple of 4, filters of the first layer; all others are multiples of it.
        end: Function that brings a stage's last convolution to [-1, 1].
        fuse: Whether scores of the attention are fused, as for `ContextualAttention`.
        smooth_start: Whether the hole starts from a smooth fill (`SmoothFill`), and each stage
            predicts its difference to the fill before it, inside the hole alone; the papers'
            networks start from a blank hole and make the whole picture.
        name: Name of the model.

    Returns:
        A functional `keras.Model` from `{"image": (batch, height, width, 3) in [-1, 1], "mask":
        (batch, height, width, 1), 1 = hole}`, sides at least 64, to `{"coarse", "completed"}`,
        float32 pictures in [-1, 1] of the same size, not composited with the known pixels.

    Raises:
        ValueError: If `width` is no positive multiple of 4.
    """
    if width < 4 or width % 4:
        raise ValueError(f"The width must be a positive multiple of 4, not {width}.")
    layers = _Layers(conv, width, smooth_start)
    image = keras.Input((None, None, 3), name="image")
    mask = keras.Input((None, None, 1), name="mask")
    start = image * (1.0 - mask)
    if smooth_start:
        start = SmoothFill(name="smooth_fill")([start, mask])
    start = keras.layers.Concatenate(name="inputs")([start, mask])
    padded = PadToMultiple(_MULTIPLE, name="padding")(start)
    picture, hole = padded[..., :3], padded[..., 3:]
    condition = [ops.ones_like(hole), hole]

    x = keras.layers.Concatenate(name="coarse_inputs")([picture, *condition])
    coarse = end(layers.decoder(layers.chain(x, _COARSE, "coarse"), "coarse"))
    if smooth_start:
        coarse = ops.clip(picture + hole * coarse, -1.0, 1.0)

    pasted = coarse * hole + picture * (1.0 - hole)
    x = keras.layers.Concatenate(name="refinement_inputs")([pasted, *condition])
    dilated = layers.chain(x, _REFINED, "dilated")
    attended = layers.chain(x, _ATTENDING, "attending")
    attended = layers.conv(attended, (4, 3, 1, 1), "attending_key", activation="relu")
    small_hole = keras.layers.MaxPooling2D(4, name="attention_mask")(hole)
    attended = ContextualAttention(fuse=fuse, name="attention")([attended, small_hole])
    attended = layers.chain(attended, _TWICE, "attended")
    x = keras.layers.Concatenate(name="branches")([dilated, attended])
    completed = end(layers.decoder(layers.chain(x, _TWICE, "merged"), "refined"))
    if smooth_start:
        completed = ops.clip(pasted + hole * completed, -1.0, 1.0)

    crop = CropLike(dtype="float32", name="crop")
    outputs = {"coarse": crop([coarse, image]), "completed": crop([completed, image])}
    return keras.Model({"image": image, "mask": mask}, outputs, name=name)


class _Layers:
    """Makes the layers of a class and a width.

    A network that predicts differences starts from none: they would be noise, and Adam long
    remembers the gradients that take it away.
    """

    def __init__(self, kind, width, smooth_start):
        self.kind, self.width = kind, width
        self.last_kernel = "zeros" if smooth_start else "glorot_uniform"

    def conv(self, x, plan, name, activation="elu"):
        filters, size, stride, dilation = plan
        return self.kind(
            int(filters * self.width),
            size,
            strides=stride,
            dilation_rate=dilation,
            padding="same",
            activation=activation,
            name=name,
        )(x)

    def chain(self, x, plans, name):
        for index, plan in enumerate(plans, start=1):
            x = self.conv(x, plan, f"{name}_{index}")
        return x

    def decoder(self, x, name):
        """Adds two upsamplings by repetition, then the picture, not yet brought to [-1, 1]."""
        for index, filters in enumerate(((2, 2), (1, 0.5)), start=1):
            x = keras.layers.UpSampling2D(name=f"{name}_up{index}")(x)
            x = self.chain(x, [(f, 3, 1, 1) for f in filters], f"{name}_up{index}")
        return keras.layers.Conv2D(
            3, 3, padding="same", kernel_initializer=self.last_kernel, name=f"{name}_picture"
        )(x)
