"""The form of an experiment's configuration."""

from dataclasses import dataclass, field

from datasets.forging import ForgingRecipe


@dataclass(frozen=True)
class IRLExperiment:
    """Everything that defines the training of a localizer, but for the data folder and the seed.

    Attributes:
        recipe: How training crops are forged.
        network: Key of `irl_keras.networks.NETWORKS`.
        model: Arguments of the network's builder.
        narrow_init: Whether the network to fine-tune is narrowed to `model`, an IRL-Net's width
            and attention (`irl_keras.narrowing`).
        loss: Arguments of the network's loss.
        learning_rate: Adam's learning rate, the peak one if it decays.
        final_learning_rate: Learning rate after a cosine decay over the whole training, preceded
            by a linear warm-up over its first 2 %; `None` for no such decay.
        epoch_decay: Factor on the learning rate after each epoch, where there is no cosine decay.
        clipnorm: Largest norm of the gradient of one step, or `None`.
        batch_size: Crops per step.
        epochs: Number of epochs.
        steps_per_epoch: Steps in an epoch.
        validation_degradations: Degradations of the validation forgeries, in turn.
        validation_size: Side of the validation crops, in pixels.
        card: Texts for the model card of weights that are shipped (`train.py preset`).
    """

    recipe: ForgingRecipe
    network: str = "irl_net"
    model: dict = field(default_factory=dict)
    narrow_init: bool = False
    loss: dict = field(default_factory=dict)
    learning_rate: float = 1e-4
    final_learning_rate: float | None = None
    epoch_decay: float = 1.0
    clipnorm: float | None = None
    batch_size: int = 16
    epochs: int = 10
    steps_per_epoch: int = 1000
    validation_degradations: tuple[str, ...] = ("clean",)
    validation_size: int = 256
    card: dict = field(default_factory=dict)

    @property
    def architecture(self) -> dict:
        """As model cards hold it."""
        return {"name": self.network, "arguments": self.model}
