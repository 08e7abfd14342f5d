"""The form of a MaLP configuration."""

from dataclasses import dataclass, field

from datasets.protected import ProtectionRecipe
from malp_keras.losses import LossWeights


@dataclass(frozen=True)
class MaLPExperiment:
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
        factors: Factors on the learning rate of parts (`irl_keras.optimizers.AdamByPart`).
        batch_size: Photographs per step; networks see each twice, protected and manipulated.
        epochs: Number of epochs.
        steps_per_epoch: Steps in an epoch.
        card: Texts for the model card.
    """

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
    card: dict = field(default_factory=dict)

    @property
    def architecture(self) -> dict:
        """As model cards hold it."""
        arguments = {"size": self.recipe.size, "count": self.recipe.templates, **self.model}
        return {"name": "malp", "arguments": arguments}
