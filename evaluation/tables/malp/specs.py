"""What is in each table that needs trainings: which networks, trained and tested on what."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from datasets.manipulations import MANIPULATIONS
from training.experiments import MaLPExperiment

PAPER, LOCAL = "malp_stgan_faces", "malp_local"
CORPORA = {PAPER: ("faces",), LOCAL: ("scenes", "faces")}
"""Folders of the corpora that the photographs of a configuration come from."""

EDITS = ("splice", "blur_region", "colour", "text", "erase")
UNSEEN_EDITS = ("copy_move", "pixelate", "sticker")
INPAINTERS = ("telea", "ns")
UNSEEN_INPAINTERS = ("patch",)
ATTRIBUTES = ("stgan_faces_add", "stgan_faces_remove")

CLASSIFIER = {"classifier_real": 0.0, "classifier_fake": 0.0}
TEMPLATE = {"template_magnitude": 0.0, "template_similarity": 0.0, "template_low_frequency": 0.0}
RECOVERY = {"recovery_real": 0.0, "recovery_fake": 0.0}
VIT = {"backbone": "vit"}
PAPER_STRENGTH = 0.3
LOCALIZATION = {"cosine", "ssim", "segmentation"}
"""Ends of the names of the weights of eq. (8), but for the squared error, which remains."""


@dataclass(frozen=True)
class Row:
    """One training.

    Attributes:
        method: What the table calls it.
        training: Name of its folder.
        config: Stem of the file in `configs/` that it starts from.
        model: Arguments of `malp_keras.malp` that differ.
        loss: Weights that differ.
        factors: Factors on the learning rate that differ.
        vit: Arguments of the second branch that differ; `None` for no second branch. Without any,
            the branch is the configuration's, if that has one.
        strength: Factor on the templates' strength.
        templates: Number of templates, or the configuration's.
        manipulations: What it is trained on, or the configuration's.
        measured_branch: Whether the map is that of the second branch.
    """

    method: str
    training: str
    config: str
    model: Mapping[str, object] = field(default_factory=dict)
    loss: Mapping[str, float] = field(default_factory=dict)
    factors: Mapping[str, float] = field(default_factory=dict)
    vit: Mapping[str, object] | None = field(default_factory=dict)
    strength: float = 1.0
    templates: int | None = None
    manipulations: Mapping[str, float] | None = None
    measured_branch: bool = False

    def apply(self, experiment: MaLPExperiment) -> MaLPExperiment:
        """What trains the row."""
        recipe = replace(
            experiment.recipe,
            templates=self.templates or experiment.recipe.templates,
            manipulations=dict(self.manipulations or experiment.recipe.manipulations),
        )
        strength = self.strength * experiment.model.get("strength", PAPER_STRENGTH)
        return replace(
            experiment,
            recipe=recipe,
            model={**experiment.model, "strength": strength, **self.model},
            loss=replace(experiment.loss, **self.loss),
            factors={**experiment.factors, **self.factors},
            vit=self._second_branch(experiment.vit),
        )

    def _second_branch(self, configured: Mapping[str, object] | None) -> dict | None:
        if self.vit is None or (configured is None and not self.vit):
            return None
        return {**(configured or {}), **self.vit}


@dataclass(frozen=True)
class Table:
    """One table.

    Attributes:
        title: Heading.
        config: Of its rows, unless the user chooses another.
        rows: Makes the rows from the configuration's name.
        tested_on: Manipulations, or those of the trainings.
        paper: The paper's numbers: by method, then by measure.
    """

    title: str
    config: str
    rows: Callable[[str], list[Row]]
    tested_on: Sequence[str] | None = None
    paper: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


def ours(config: str) -> Row:
    """MaLP as its configuration says, in every table."""
    return Row("MaLP", config, config)


def passive(config: str, end: str = "", manipulations=None) -> Row:
    """ResNet-50 without templates, trained by the same trainer on the same pictures."""
    return Row(
        "ResNet-50 (passive)",
        f"{config}_resnet50{end}",
        config,
        model={"backbone": "resnet50"},
        loss={**TEMPLATE, **RECOVERY},
        vit=None,
        strength=0.0,
        manipulations=manipulations,
    )


def comparison(config: str) -> list[Row]:
    """Table 2, and MaLP's own network without a template."""
    loss = {**TEMPLATE, **RECOVERY}
    name = f"{config}_without_template"
    return [
        passive(config),
        Row("MaLP without template", name, config, loss=loss, strength=0.0),
        ours(config),
    ]


def branches(config: str) -> list[Row]:
    """Table 8."""
    off = {f"cnn_{name}": 0.0 for name in (*LOCALIZATION, "squared_error")}
    if config == PAPER:  # has both branches, the other the CNN alone
        cnn = Row("CNN only", f"{config}_cnn", config, vit=None)
        both = replace(ours(config), method="CNN + transformer")
    else:
        cnn = replace(ours(config), method="CNN only")
        both = Row("CNN + transformer", f"{config}_cnn_vit", config, vit=VIT)
    return [
        cnn,
        Row("transformer only", f"{config}_vit", config, loss=off, vit=VIT, measured_branch=True),
        Row("CNN + ResNet-50", f"{config}_cnn_resnet50", config, vit={"backbone": "resnet50"}),
        both,
    ]


def constraints(config: str) -> list[Row]:
    """Table 9: each constraint removed."""
    localization = {f"{branch}_{name}": 0.0 for branch in ("cnn", "vit") for name in LOCALIZATION}
    return [
        Row("without classifier constraint", f"{config}_no_classifier", config, loss=CLASSIFIER),
        Row("without template constraint", f"{config}_no_template_loss", config, loss=TEMPLATE),
        Row("without localization constraint", f"{config}_squared", config, loss=localization),
        Row("without recovery constraint", f"{config}_no_recovery", config, loss=RECOVERY),
        Row("fixed template", f"{config}_fixed", config, factors={"template_layer": 0.0}),
        ours(config),
    ]


def sets_and_strengths(config: str) -> list[Row]:
    """Fig. 6: number of templates, then strength."""
    sizes = [
        Row(f"{count} templates", f"{config}_set{count}", config, templates=count)
        for count in (2, 3, 5, 10)
    ]
    strengths = [
        Row(f"strength x {factor}", f"{config}_strength_{factor}", config, strength=factor)
        for factor in (0.33, 0.67, 1.33, 1.67)
    ]
    return [replace(ours(config), method="1 template"), *sizes, *strengths]


def families(config: str) -> list[Row]:
    """Trained on one family of manipulations, tested on all."""
    rows = []
    for name, end, names in (
        ("local edits", "_on_edits", EDITS),
        ("inpainters", "_on_inpainters", INPAINTERS),
    ):
        mixture = dict.fromkeys(names, 1.0)
        blind = passive(config, end, mixture)
        rows += [
            replace(blind, method=f"{blind.method}, on {name}"),
            Row(f"MaLP, on {name}", config + end, config, manipulations=mixture),
        ]
    return [*rows, replace(ours(config), method="MaLP, on both")]


def attributes(config: str) -> list[Row]:
    """Trained on one edit of an attribute, tested on the opposite one."""
    rows = []
    for name in ATTRIBUTES:
        edit = name.removeprefix("stgan_faces_")
        blind = passive(config, f"_{edit}", {name: 1.0})
        rows += [
            replace(blind, method=f"{blind.method}, on {name}"),
            Row(f"MaLP, on {name}", f"{config}_{edit}", config, manipulations={name: 1.0}),
        ]
    return [*rows, replace(ours(config), method="MaLP, on both")]


TABLES = {
    "2": Table(
        "Table 2: against passive networks of the same training data",
        PAPER,
        comparison,
        paper={
            "MaLP": {
                "cosine": 0.9394,
                "PSNR": 23.02,
                "SSIM": 0.7312,
                "accuracy": 0.9991,
                "EER": 0.0072,
                "AUC": 1.0,
            }
        },
    ),
    "8": Table(
        "Table 8: branches",
        PAPER,
        branches,
        paper={
            "CNN only": {"cosine": 0.8961, "accuracy": 0.9801},
            "transformer only": {"cosine": 0.8848, "accuracy": 0.9856},
            "CNN + ResNet-50": {"cosine": 0.8647, "accuracy": 0.9512},
            "CNN + transformer": {"cosine": 0.9394, "accuracy": 0.9981},
        },
    ),
    "9": Table(
        "Table 9: constraints removed",
        PAPER,
        constraints,
        paper={
            "without classifier constraint": {"cosine": 0.9319, "accuracy": 0.9814},
            "without template constraint": {"cosine": 0.9143, "accuracy": 0.9803},
            "without localization constraint": {"cosine": 0.8814, "accuracy": 0.9539},
            "without recovery constraint": {"cosine": 0.9206, "accuracy": 0.9780},
            "fixed template": {"cosine": 0.8887, "accuracy": 0.9514},
            "MaLP": {"cosine": 0.9394, "accuracy": 0.9991},
        },
    ),
    "fig6": Table("Fig. 6: set size and strength", PAPER, sets_and_strengths),
    "unseen": Table(
        "Unseen manipulations",
        LOCAL,
        families,
        tested_on=(*EDITS, *UNSEEN_EDITS, *INPAINTERS, *UNSEEN_INPAINTERS),
    ),
    "attributes": Table("Unseen edits of attributes", PAPER, attributes, tested_on=ATTRIBUTES),
}
"""By name; the paper's numbers are of other data, beside which ours are printed."""


def check_installed(name: str, manipulations: Sequence[str]) -> None:
    """Refuses a table that needs manipulations which are not here.

    Raises:
        ValueError: One line that names them.
    """
    missing = [one for one in manipulations if one not in MANIPULATIONS]
    if missing:
        raise ValueError(
            f"table {name} needs the manipulations {', '.join(missing)}, whose weights are not "
            f"installed: train them (python train.py stgan), or choose --config {LOCAL}"
        )
