"""The form of an inpainter's configuration."""

from collections.abc import Callable
from dataclasses import dataclass, field

from datasets.inpainting.training import InpainterTraining


@dataclass(frozen=True)
class InpainterExperiment:
    """Everything that defines the training of an inpainter, but for the data folder and the seed.

    Attributes:
        architecture: Name in `datasets.inpainting.learned.WEIGHTS`, and arguments of its builder.
        training: Makes the training model of the built network.
        starts_from: Name of the experiment before, of the same config file, whose network is
            trained further; `None` for a new one. What another starts from is no preset itself.
        size: Side of the square training crops, in pixels.
        mask_size: Side at which masks are drawn, at least `size`.
        min_scale: Photographs are shrunk by a random factor from this to 1 before cropping.
        batch_size: Crops per step.
        epochs: Number of epochs.
        steps_per_epoch: Steps in an epoch.
        learning_rate: Adam's peak learning rate, with a cosine decay to a hundredth of it.
        betas: Adam's two decay rates of its moments.
        factors: Factors on the learning rate of parts (`irl_keras.optimizers.AdamByPart`).
        card: Texts for the model card.
    """

    architecture: dict
    training: Callable[..., InpainterTraining]
    starts_from: str | None = None
    size: int = 128
    mask_size: int = 256
    min_scale: float = 0.5
    batch_size: int = 8
    epochs: int = 10
    steps_per_epoch: int = 100
    learning_rate: float = 1e-4
    betas: tuple[float, float] = (0.5, 0.999)
    factors: dict[str, float] = field(default_factory=dict)
    card: dict = field(default_factory=dict)
