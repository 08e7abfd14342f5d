"""The form of an experiment's configuration."""

from dataclasses import dataclass, field

from datasets.forging import ForgingRecipe


@dataclass(frozen=True)
class IRLExperiment:
    """Everything that defines a training of IRL-Net, but for the data folder and the seed.

    Attributes:
        recipe: How training crops are forged.
        model: Arguments of `irl_keras.irl_net`.
        loss: Arguments of `irl_keras.losses.IRLLoss`.
        learning_rate: Adam's learning rate, the peak one if it decays.
        final_learning_rate: Learning rate after a cosine decay over the whole training, preceded
            by a linear warm-up over its first 2 %; `None` keeps the learning rate constant.
        clipnorm: Largest norm of the gradient of one step, or `None`.
        batch_size: Crops per step.
        epochs: Number of epochs.
        steps_per_epoch: Steps in an epoch.
        validation_degradations: Degradations of the validation forgeries, in turn.
        validation_size: Side of the validation crops, in pixels.
        card: Texts for the model card of weights that are shipped (`train.py preset`).
    """

    recipe: ForgingRecipe
    model: dict = field(default_factory=dict)
    loss: dict = field(default_factory=dict)
    learning_rate: float = 1e-4
    final_learning_rate: float | None = None
    clipnorm: float | None = None
    batch_size: int = 16
    epochs: int = 10
    steps_per_epoch: int = 1000
    validation_degradations: tuple[str, ...] = ("clean",)
    validation_size: int = 256
    card: dict = field(default_factory=dict)
