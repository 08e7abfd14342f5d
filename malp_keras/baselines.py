"""Passive networks that MaLP is compared with: they see a picture and no template.

All map pictures `(batch, height, width, 3)`, RGB in [0, 255], sides multiples of 32, to fakeness
maps `(batch, height, width, 1)` in [0, 1]. None starts from weights of ImageNet: they learn from
the same pictures as MaLP.
"""

from typing import Any

import keras
from keras import layers

from forensics_keras.layers import BilinearUpsampling
from malp_keras.layers.template_layer import HALF_RANGE
from malp_keras.vit import vit_branch


def resnet50_map(width: float = 64, name: str = "resnet50_map") -> keras.Model:
    """Builds the passive baseline of the paper's section 4.3: ResNet-50 and a decoder to a map.

    The paper says no more than that the network estimates the fakeness map. Here five steps, each
    of a bilinear enlargement and a convolution, lead back to the picture's size, with shortcuts
    from the encoder.

    Args:
        width: Integer, channels of the decoder.
        name: Name of the model.

    Returns:
        `keras.Model`, see the top of this module.

    Example:
    ```python
    fakeness = malp_keras.baselines.resnet50_map()(np.zeros((1, 128, 128, 3)))
    ```

    Reference: MaLP, section 4.3; [He et al., 2015](https://arxiv.org/abs/1512.03385).
    """
    image = layers.Input((None, None, 3), name="image")
    scaled = layers.Rescaling(1 / HALF_RANGE, offset=-1.0, name="passive_rescale")(image)
    backbone = keras.applications.ResNet50(include_top=False, weights=None, input_tensor=scaled)
    levels = ("conv4_block6_out", "conv3_block4_out", "conv2_block3_out", "conv1_relu")
    x = backbone.output
    for number, level in enumerate((*levels, None), start=1):
        x = BilinearUpsampling(2, name=f"decoder_enlarge{number}")(x)
        if level is not None:
            shortcut = layers.Conv2D(width, 1, name=f"decoder_shortcut{number}")
            x = layers.Conv2D(width, 1, name=f"decoder_narrow{number}")(x)
            x = layers.Add(name=f"decoder_add{number}")(
                [x, shortcut(backbone.get_layer(level).output)]
            )
        x = layers.Conv2D(width, 3, padding="same", use_bias=False, name=f"decoder_conv{number}")(x)
        x = layers.BatchNormalization(momentum=0.9, name=f"decoder_norm{number}")(x)
        x = layers.ReLU(name=f"decoder_relu{number}")(x)
    return keras.Model(image, _fakeness(x), name=name)


def deeplab_v3_map(width: float = 256, name: str = "deeplab_v3_map") -> keras.Model:
    """Builds a network like DeepLabv3 on ResNet-101, the architecture of FakeLocator.

    Features at a sixteenth of the picture's side; the last three blocks are dilated by 2, then
    come parallel convolutions dilated by 6, 12 and 18 with one of the whole picture.

    Args:
        width: Integer, channels of the parallel convolutions.
        name: Name of the model.

    Returns:
        `keras.Model`, see the top of this module.

    Reference: [Chen et al., 2017](https://arxiv.org/abs/1706.05587); FakeLocator is [21] of MaLP.
    """
    image = layers.Input((None, None, 3), name="image")
    scaled = layers.Rescaling(1 / HALF_RANGE, offset=-1.0, name="passive_rescale")(image)
    backbone = keras.applications.ResNet101(include_top=False, weights=None, input_tensor=scaled)
    x = backbone.get_layer("conv4_block23_out").output
    for number in range(1, 4):
        x = _dilated_block(x, f"deeplab_block{number}")

    branches = [_conv(x, width, 1, 1, "deeplab_rate1")]
    branches += [_conv(x, width, 3, rate, f"deeplab_rate{rate}") for rate in (6, 12, 18)]
    whole = layers.GlobalAveragePooling2D(keepdims=True, name="deeplab_whole")(x)
    # One value a channel for all pixels: adding is broadcast, concatenating is not.
    whole = layers.Conv2D(width, 1, name="deeplab_whole_conv")(whole)
    x = layers.Concatenate(name="deeplab_branches")(branches)
    x = layers.Add(name="deeplab_add")([_conv(x, width, 1, 1, "deeplab_project"), whole])
    x = BilinearUpsampling(16, name="deeplab_enlarge")(x)
    return keras.Model(image, _fakeness(x), name=name)


def second_branch(size: int, backbone: str = "vit", **arguments: Any) -> keras.Model:
    """Builds the branch that is trained beside the CNN, or what Table 8 puts in its place.

    Args:
        size: Integer, side of the square pictures.
        backbone: `"vit"` for `malp_keras.vit_branch`, `"resnet50"` for `resnet50_map`.
        **arguments: Of the function that builds it.

    Returns:
        `keras.Model` from pictures to maps.
    """
    return vit_branch(size, **arguments) if backbone == "vit" else resnet50_map(**arguments)


def passive_localizer(network: keras.Model, count: int = 1, name: str = "localizer") -> keras.Model:
    """Puts a passive network into the place of `malp_keras.malp_localizer`.

    With templates of strength 0 the whole is a passive `MaLP`, which is trained and measured by
    the same code as a proactive one.

    Args:
        network: `keras.Model` from pictures to maps.
        count: Integer, the number of templates, which it ignores.
        name: Name of the model.

    Returns:
        `keras.Model` with the inputs and outputs of `malp_localizer`; the recovered template is
        zero, because a passive network finds none.
    """
    image = layers.Input((None, None, 3), name="image")
    templates = layers.Input((None, None, count), name="templates")
    fakeness = network(image)
    template = layers.Rescaling(0.0, dtype="float32", name="passive_template")(templates[..., :1])
    return keras.Model(
        {"image": image, "templates": templates}, {"map": fakeness, "template": template}, name=name
    )


def _dilated_block(x, name):
    """A bottleneck block of ResNet's last stage, at the size of the one before."""
    y = _conv(x, 512, 1, 1, f"{name}_narrow")
    y = _conv(y, 512, 3, 2, f"{name}_conv")
    y = layers.Conv2D(2048, 1, use_bias=False, name=f"{name}_widen")(y)
    y = layers.BatchNormalization(momentum=0.9, name=f"{name}_widen_norm")(y)
    if x.shape[-1] != 2048:
        x = layers.Conv2D(2048, 1, name=f"{name}_shortcut")(x)
    y = layers.Add(name=f"{name}_add")([x, y])
    return layers.ReLU(name=f"{name}_relu")(y)


def _conv(x, filters, size, rate, name):
    x = layers.Conv2D(
        filters, size, padding="same", dilation_rate=rate, use_bias=False, name=f"{name}_kernel"
    )(x)
    x = layers.BatchNormalization(momentum=0.9, name=f"{name}_norm")(x)
    return layers.ReLU(name=f"{name}_relu")(x)


def _fakeness(x):
    x = layers.Conv2D(1, 3, padding="same", name="passive_map_conv")(x)
    return layers.Activation("sigmoid", dtype="float32", name="passive_map")(x)
