"""The rows of the tables about IRL-Net: which networks, trained and tested on what."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from datasets.inpainting import FAMILIES
from evaluation.tables import core
from evaluation.tables.core import Budget
from training.experiments import IRLExperiment
from training.irl import IRLRun

CLASSICAL = ("telea", "ns", "patch")
FAMILY, TRACES = "resynth", "upsampling"  # traces of networks, and of none, without content
CONFIGS = {"LDICN": "ldicn", "MVSS-Net": "mvss_net", "IRL-Net": "irl"}
"""Methods of the paper, and how the names of their trainings begin."""
ROBUSTNESS = (
    "clean",
    *(f"jpeg:{quality}" for quality in (95, 90, 85, 80, 75, 70, 60, 50)),
    *(f"webp:{quality}" for quality in (90, 80, 70)),
    *(f"blur:{sigma}" for sigma in (0.5, 1, 2)),
    *(f"noise:{sigma}" for sigma in (2, 5, 10)),
    *(f"resize:{factor}" for factor in (0.9, 0.75, 0.5)),
)
COMPRESSED = ("clean", "jpeg:90", "jpeg:75")
TABLES = core.read_tables("irl")


@dataclass(frozen=True)
class IRLRow(core.Row):
    """One network that localizes inpainting.

    Attributes:
        trained_on: Inpainters or families of its training crops; none for a shipped preset, whose
            card says it.
        tested_on: Inpainters that it is measured on.
        config: Stage in `configs/` with the network and how it learns.
        crops: Stage in `configs/` with the recipe of its training crops.
        model: Arguments of the network that differ from `config`.
        loss: Arguments of its loss that differ.
        degradations: What it is measured under.
        published: Whether it is measured on published forgeries, too.
        left_out: The inpainter that its training left out on purpose.
    """

    training_run = IRLRun

    trained_on: tuple[str, ...]
    tested_on: tuple[str, ...]
    config: str = ""
    crops: str = "irl_paper"
    model: dict = field(default_factory=dict)
    loss: dict = field(default_factory=dict)
    degradations: tuple[str, ...] = ("clean",)
    published: bool = False
    left_out: str | None = None

    def experiment(self, budget: Budget) -> IRLExperiment:
        """Makes what trains the row: its network's configuration on the crops of its table."""
        network = core.configured(self.config)
        crops = core.configured(self.crops)
        size, rate = budget.size or crops.recipe.size, budget.learning_rate
        weights = {name: crops.recipe.inpainters.get(name, 1.0) for name in self.trained_on}
        rates = {"learning_rate": rate, "final_learning_rate": rate / 100} if rate else {}
        epochs = budget.epochs or crops.epochs
        steps = budget.steps or crops.epochs * crops.steps_per_epoch
        return replace(
            network,
            # Smaller pictures are crops: scaled down, they would lose what is to be found.
            recipe=replace(
                crops.recipe,
                inpainters=weights,
                size=size,
                whole=None if budget.size else crops.recipe.whole,
            ),
            model={**network.model, **self.model, **budget.model},
            loss={**network.loss, **self.loss},
            batch_size=budget.batch_size or crops.batch_size,
            epochs=epochs,
            steps_per_epoch=max(steps // epochs, 1),
            validation_degradations=crops.validation_degradations,
            validation_size=size,
            **rates,
        )

    def describe(self, experiment: IRLExperiment, budget: Budget) -> str:
        loss = f", loss {experiment.loss}" if experiment.loss else ""
        return f"{experiment.network} {experiment.model}{loss}"

    def timed_batch(self, run: IRLRun, model) -> tuple:
        # Random pictures: forging takes its time, and pairs may not have been built yet.
        experiment, random = run.experiment, np.random.default_rng(0)
        shape = (experiment.batch_size, experiment.recipe.size, experiment.recipe.size)
        images = random.integers(0, 256, (*shape, 3), np.uint8)
        return images, random.integers(0, 2, (*shape, 1), np.uint8)

    def fields(self) -> dict[str, str]:
        """Returns what its records say of its training."""
        trained_on = " + ".join(self.trained_on) or "(shipped weights)"
        return {"training": self.training, "trained on": trained_on}


def comparison(inpainters: tuple[str, ...], suffix: str = "") -> list[IRLRow]:
    """Makes a row of each method for each inpainter, one network for each (Tables 1 and 2)."""
    configs = {**CONFIGS, "IRL-Net": "irl_paper"}
    return [
        IRLRow(method, f"{start}_{name}{suffix}", (name,), (name,), configs[method])
        for method, start in CONFIGS.items()
        for name in inpainters
    ]


def variants(inpainters: tuple[str, ...], name: str) -> list[IRLRow]:
    """Makes a row of each variant of IRL-Net that a table has, for each inpainter."""
    return [
        IRLRow(method, f"irl_{one}{end}", (one,), (one,), "irl_paper", **changes)
        for method, (end, changes) in TABLES[name].about["variants"].items()
        for one in inpainters
    ]


def generalization(inpainters: tuple[str, ...]) -> list[IRLRow]:
    """Makes each split that leaves one inpainter out, then the mixtures under degradations."""
    if len(inpainters) < 2:
        raise ValueError("--inpainters: this table leaves one out and needs at least 2")
    found = []
    for left_out in inpainters:
        others = tuple(name for name in inpainters if name != left_out)
        splits = [(method, others, "") for method in CONFIGS]
        if FAMILIES[FAMILY]:
            splits.append(("IRL-Net", (*others, FAMILY), f"_{FAMILY}"))
            splits.append(("IRL-Net", (*others, FAMILY, TRACES), f"_{FAMILY}_{TRACES}"))
        for method, trained_on, end in splits:
            row = _mixture(method, f"without_{left_out}{end}", trained_on, inpainters)
            found.append(replace(row, left_out=left_out))
    return found + mixtures(inpainters, ROBUSTNESS)


def mixtures(inpainters: tuple[str, ...], degradations=COMPRESSED) -> list[IRLRow]:
    """Makes a row of each method trained on the mixture of all inpainters."""
    families = [FAMILY] if FAMILIES[FAMILY] else []
    trained_on = tuple(dict.fromkeys([*inpainters, *CLASSICAL, *families, TRACES]))
    rows = [_mixture(method, "mixture", trained_on, inpainters) for method in CONFIGS]
    return [replace(row, degradations=degradations) for row in rows]


def _mixture(method: str, end: str, trained_on, inpainters) -> IRLRow:
    tested_on = tuple(dict.fromkeys([*inpainters, *CLASSICAL]))
    config = "irl_base" if method == "IRL-Net" else CONFIGS[method]
    name = f"{CONFIGS[method]}_{end}"
    return IRLRow(method, name, trained_on, tested_on, config, "irl_base", published=True)


ROWS: dict[str, Callable[[tuple[str, ...]], list[IRLRow]]] = {
    "1": comparison,
    "2": partial(comparison, suffix="_faces"),
    "3": partial(variants, name="3"),
    "4": partial(variants, name="4"),
    "lambda": partial(variants, name="lambda"),
    "traces": partial(variants, name="traces"),
    "5": generalization,
    "6": mixtures,
}
"""Makes the rows of a table, without shipped presets, from the inpainters that it is about."""
