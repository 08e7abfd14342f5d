"""The form of an attribute editor's configuration."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class EditorExperiment:
    """Everything that defines the training of STGAN, but for the data folder and the seed.

    Attributes:
        attributes: Names, as `datasets.labelled_faces` takes them.
        generator: Arguments of `datasets.manipulations.stgan.stgan_generator`, but for the number
            of attributes and the size.
        critic: Arguments of `stgan_critic`, but for the number of attributes and the size.
        training: Arguments of `STGANTraining`: the adversarial loss and the weights of terms.
        size: Side of the square training crops, in pixels.
        min_scale: The least share of a photograph's short side that a crop has.
        tint: Each colour channel of a crop is multiplied by a factor of 1 - tint to 1 + tint, so
            that the critic cannot tell an attribute by the tint of the whole picture.
        batch_size: Crops per step; each is reconstructed and edited.
        epochs: Number of epochs.
        steps_per_epoch: Steps in an epoch.
        learning_rate: Adam's peak learning rate, with a cosine decay to a hundredth of it.
        betas: Adam's two decay rates of its moments.
        factors: Factors on the learning rate of parts (`irl_keras.optimizers.AdamByPart`).
        card: Texts for the model card.
    """

    attributes: tuple[str, ...]
    generator: dict = field(default_factory=dict)
    critic: dict = field(default_factory=dict)
    training: dict = field(default_factory=dict)
    size: int = 128
    min_scale: float = 0.85
    tint: float = 0.0
    batch_size: int = 16
    epochs: int = 20
    steps_per_epoch: int = 100
    learning_rate: float = 2e-4
    betas: tuple[float, float] = (0.5, 0.999)
    factors: dict[str, float] = field(default_factory=dict)
    card: dict = field(default_factory=dict)
