"""The forms of experiments: everything that defines a training, but for the data and the seed."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar

from datasets.forging import ForgingRecipe
from datasets.gan.training import InpainterTraining
from datasets.history import HistoryRecipe
from datasets.protection_batches import ProtectionRecipe
from malp_keras.losses import LossWeights


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """What the experiments of all systems have.

    Attributes:
        starts_from: Name of the stage before, of the same config file, whose network is trained
            further; `None` for a new one. What another starts from is no preset itself.
        batch_size: Samples per step.
        epochs: Number of epochs.
        steps_per_epoch: Steps in an epoch.
    """

    command: ClassVar[str]
    """The command of `train.py` that trains it."""

    starts_from: str | None = None
    batch_size: int
    epochs: int
    steps_per_epoch: int


@dataclass(frozen=True, kw_only=True)
class AdversarialExperiment(Experiment):
    """What the trainings of a generator against a critic have.

    Attributes:
        learning_rate: Adam's peak learning rate, with a cosine decay to a hundredth of it.
        betas: Adam's two decay rates of its moments.
        factors: Factors on the learning rate of parts (`forensics_keras.optimizers.AdamByPart`).
    """

    steps_per_epoch: int = 100
    learning_rate: float
    betas: tuple[float, float] = (0.5, 0.999)
    factors: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class IRLExperiment(Experiment):
    """Everything that defines the training of a localizer, but for the data folder and the seed.

    Attributes:
        recipe: How training crops are forged; with histories, validation crops are those of
            `datasets.open.validation_crops` where `--val-data` names real fills.
        preset: Shipped preset whose network is trained further; `None` for another start.
        traces_from: Stage before, of the same config file, whose trace branch is taken over.
        network: Key of `irl_keras.networks.NETWORKS`.
        model: Arguments of the network's builder.
        narrow_init: Whether the network to fine-tune is narrowed to `model`, an IRL-Net's width,
            attention and traces (`irl_keras.pruning`).
        loss: Arguments of the network's loss.
        learning_rate: Adam's learning rate, the peak one if it decays.
        final_learning_rate: Learning rate after a cosine decay over the whole training, preceded
            by a linear warm-up over its first 2 %; `None` for no such decay.
        epoch_decay: Factor on the learning rate after each epoch, where there is no cosine decay.
        clipnorm: Largest norm of the gradient of one step, or `None`.
        validation_degradations: Degradations of the validation forgeries, in turn.
        validation_size: Side of the validation crops, in pixels.
    """

    command: ClassVar = "irl"

    recipe: ForgingRecipe | HistoryRecipe
    preset: str | None = None
    traces_from: str | None = None
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

    @property
    def architecture(self) -> dict:
        """As model cards hold it."""
        return {"name": self.network, "arguments": self.model}


@dataclass(frozen=True, kw_only=True)
class InpainterExperiment(AdversarialExperiment):
    """Everything that defines the training of an inpainter, but for the data folder and the seed.

    Attributes:
        architecture: Name in `datasets.inpainting.learned.WEIGHTS`, and arguments of its builder.
        training: Makes the training model of the built network.
        size: Side of the square training crops, in pixels.
        mask_size: Side at which masks are drawn, at least `size`.
        min_scale: Photographs are shrunk by a random factor from this to 1 before cropping.
    """

    command: ClassVar = "inpaint"

    architecture: dict
    training: Callable[..., InpainterTraining]
    size: int = 128
    mask_size: int = 256
    min_scale: float = 0.5
    batch_size: int = 8
    epochs: int = 10
    learning_rate: float = 1e-4


@dataclass(frozen=True, kw_only=True)
class MaLPExperiment(Experiment):
    """Everything that defines a training of MaLP, but for the data folder and the seed.

    Attributes:
        recipe: How training pictures are made.
        model: Arguments of `malp_keras.malp` besides the size and the number of templates, which
            are the recipe's.
        vit: Arguments of `malp_keras.baselines.second_branch` besides the size (of the transformer,
            unless they name another backbone), or `None` for no second branch.
        loss: Arguments of `LossWeights` that differ from the paper's.
        exact_mask: See `malp_keras.training.MaLPTraining`.
        learning_rate: Adam's peak learning rate, with a cosine decay to a hundredth of it.
        warmup_steps: Steps in which the learning rate rises from 0.
        factors: Factors on the learning rate of parts (`forensics_keras.optimizers.AdamByPart`).
        batch_size: Photographs per step; networks see each twice, protected and manipulated.
    """

    command: ClassVar = "malp"

    recipe: ProtectionRecipe
    model: dict = field(default_factory=dict)
    vit: dict | None = field(default_factory=dict)
    loss: LossWeights = field(default_factory=LossWeights)
    exact_mask: bool = False
    learning_rate: float = 1e-3
    warmup_steps: int = 100
    factors: dict[str, float] = field(default_factory=dict)
    batch_size: int = 4
    epochs: int = 10
    steps_per_epoch: int = 100

    @property
    def architecture(self) -> dict:
        """As model cards hold it."""
        arguments = {"size": self.recipe.size, "count": self.recipe.templates, **self.model}
        return {"name": "malp", "arguments": arguments}


@dataclass(frozen=True, kw_only=True)
class EditorExperiment(AdversarialExperiment):
    """Everything that defines the training of STGAN, but for the data folder and the seed.

    Attributes:
        attributes: Names, as `datasets.faces` takes them.
        generator: Arguments of `datasets.manipulations.stgan.stgan_generator`, but for the number
            of attributes and the size.
        critic: Arguments of `stgan_critic`, but for the number of attributes and the size.
        training: Arguments of `STGANTraining`: the adversarial loss and the weights of terms.
        size: Side of the square training crops, in pixels.
        min_scale: The least share of a photograph's short side that a crop has.
        tint: Each colour channel of a crop is multiplied by a factor of 1 - tint to 1 + tint, so
            that the critic cannot tell an attribute by the tint of the whole picture.
        batch_size: Crops per step; each is reconstructed and edited.
    """

    command: ClassVar = "stgan"

    attributes: tuple[str, ...]
    generator: dict = field(default_factory=dict)
    critic: dict = field(default_factory=dict)
    training: dict = field(default_factory=dict)
    size: int = 128
    min_scale: float = 0.85
    tint: float = 0.0
    batch_size: int = 16
    epochs: int = 20
    learning_rate: float = 2e-4

    @property
    def shape(self) -> dict:
        """Arguments that the generator and the critic share."""
        return {"attributes": len(self.attributes), "size": self.size}

    @property
    def architecture(self) -> dict:
        """As model cards hold it."""
        return {"name": "stgan_generator", "arguments": {**self.generator, **self.shape}}
