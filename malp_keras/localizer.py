"""The shallow CNN: localization branch and template recovery on one trunk (section 3.2.2)."""

import keras
from keras import layers

from malp_keras.layers import Enlarge, TemplateAgreement
from malp_keras.layers.template_layer import HALF_RANGE


def malp_localizer(
    count: int = 1,
    filters: int = 64,
    stride: int = 1,
    matched: bool = False,
    name: str = "localizer",
) -> keras.Model:
    """Builds the CNN that estimates the fakeness map and recovers the template.

    Fully convolutional. With the defaults it has the 373,510 trainable parameters of the authors'
    program. The last ReLU of its two heads is left out, for a head of one channel can die: the
    map ends in a sigmoid, and the template, which may be signed, in nothing.

    Args:
        count: Integer, the number of templates in the set.
        filters: Integer, channels of all hidden layers; 64 in the paper.
        stride: Integer. The network works on a grid that is coarser by this factor, and its
            outputs are enlarged again. A template of 128 pixels on a picture of 256 has no more
            detail than a grid of stride 2 can hold, and that costs a quarter.
        matched: Whether the map also depends on `TemplateAgreement` with the known templates,
            over a wider field (dilated head). The paper's map does not.
        name: Name of the model.

    Returns:
        `keras.Model` from `{"image": (batch, height, width, 3), RGB in [0, 255], "templates":
        (batch, height, width, count)}` (height and width multiples of `stride`) to `{"map":
        (batch, height, width, 1) in [0, 1], "template": the recovered template, same shape}`.

    Example:
    ```python
    localizer = malp_keras.malp_localizer()
    ```

    Reference: MaLP, section 3.2.2 and Fig. 2.
    """
    # Inputs.
    image = layers.Input((None, None, 3), name="image")
    templates = layers.Input((None, None, count), name="templates")

    # Trunk, shared by both heads.
    x = layers.Rescaling(1 / HALF_RANGE, offset=-1.0, name="cnn_rescale")(image)
    x = layers.Conv2D(
        filters, 3 * stride, stride, padding="same", activation="relu", name="cnn_stem"
    )(x)
    for number in range(1, 5):
        x = _conv_block(x, filters, 1, f"cnn_trunk{number}")

    # Template recovery, the encoder E_E.
    recovered = x
    for number in range(1, 4):
        recovered = _conv_block(recovered, filters, 1, f"cnn_template{number}")
    recovered = layers.Conv2D(1, 3, padding="same", name="cnn_template_conv")(recovered)
    recovered = layers.BatchNormalization(momentum=0.9, name="cnn_template_norm")(recovered)

    # Fakeness map, the localization branch E_C.
    if matched:
        known = layers.AveragePooling2D(stride, name="cnn_known")(templates)
        agreement = TemplateAgreement(name="cnn_agreement")(recovered, known)
        x = layers.Concatenate(name="cnn_evidence")([x, agreement])
    for number, dilation in enumerate((1, 2, 4) if matched else (1, 1, 1), start=1):
        x = _conv_block(x, filters, dilation, f"cnn_map{number}")
    x = layers.Conv2D(1, 3, padding="same", name="cnn_map_conv")(x)
    # Most pixels are authentic: maps start low, as the shift is slow to learn it.
    x = layers.BatchNormalization(
        momentum=0.9, beta_initializer=keras.initializers.Constant(-2.0), name="cnn_map_norm"
    )(x)

    # Outputs at the size of the picture.
    if stride > 1:
        x = Enlarge(stride, name="cnn_map_enlarge")(x)
        recovered = Enlarge(stride, name="cnn_template_enlarge")(recovered)
    fakeness = layers.Activation("sigmoid", dtype="float32", name="cnn_map")(x)
    recovered = layers.Activation("linear", dtype="float32", name="cnn_template")(recovered)
    return keras.Model(
        {"image": image, "templates": templates},
        {"map": fakeness, "template": recovered},
        name=name,
    )


def _conv_block(x, filters, dilation, name):
    """Convolution, batch normalization, ReLU."""
    x = layers.Conv2D(filters, 3, padding="same", dilation_rate=dilation, name=f"{name}_conv")(x)
    # Moving statistics that follow within tens of steps: trainings here are short.
    x = layers.BatchNormalization(momentum=0.9, name=f"{name}_norm")(x)
    return layers.ReLU(name=f"{name}_relu")(x)
