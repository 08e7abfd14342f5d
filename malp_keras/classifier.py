"""The classifier of fakeness maps (sections 3.2.2 and 3.2.3)."""

import keras
from keras import layers


def fakeness_classifier(filters: int = 64, pool: int = 1, name: str = "classifier") -> keras.Model:
    """Builds the network that calls a fakeness map authentic or manipulated.

    The paper flattens a map of 128 pixels, which would make the first dense layer 33 million
    weights; here the mean and the largest value of each channel make it 65,000, and any size fits.

    Args:
        filters: Integer, channels of the first five layers; 64 in the paper.
        pool: Integer; the map is averaged over squares of this side first.
        name: Name of the model.

    Returns:
        `keras.Model` from maps `(batch, height, width, 1)` in [0, 1] to two logits `(batch, 2)`:
        authentic, manipulated.

    Reference: MaLP, section 3.2.3.
    """
    fakeness = layers.Input((None, None, 1), name="map")
    x = fakeness
    if pool > 1:
        x = layers.AveragePooling2D(pool, name="classifier_pool")(x)
    for number in range(1, 6):
        x = layers.Conv2D(
            filters, 3, padding="same", activation="relu", name=f"classifier_conv{number}"
        )(x)
    x = layers.Conv2D(1, 3, padding="same", name="classifier_conv6")(x)

    for number, channels in enumerate((32, 64), start=1):
        x = layers.Conv2D(
            channels, 5, padding="same", activation="relu", name=f"classifier_wide{number}"
        )(x)
        x = layers.MaxPooling2D(2, padding="same", name=f"classifier_pool{number}")(x)
    means = layers.GlobalAveragePooling2D(name="classifier_mean")(x)
    peaks = layers.GlobalMaxPooling2D(name="classifier_max")(x)
    x = layers.Concatenate(name="classifier_features")([means, peaks])

    for number, units in enumerate((512, 256), start=1):
        x = layers.Dense(units, activation="relu", name=f"classifier_dense{number}")(x)
    logits = layers.Dense(2, dtype="float32", name="classifier_logits")(x)
    return keras.Model(fakeness, logits, name=name)
