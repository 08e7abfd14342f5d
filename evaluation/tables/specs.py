"""What is in each table: which networks, trained on what, measured on what."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from datasets.inpainting import FAMILIES, INPAINTERS

LEARNED = ("gc", "ca", "ec")
CLASSICAL = ("telea", "ns", "patch")
FAMILY = "resynth"
TRACES = "upsampling"
"""Of networks without their content, and without networks."""
RIVALS_AND_OURS = {"LDICN": "ldicn", "MVSS-Net": "mvss_net", "IRL-Net": "irl"}
"""Methods of the paper, and how the names of their trainings begin."""

ROBUSTNESS = (
    "clean",
    *(f"jpeg:{quality}" for quality in (95, 90, 85, 80, 75, 70, 60, 50)),
    *(f"webp:{quality}" for quality in (90, 80, 70)),
    *(f"blur:{sigma}" for sigma in (0.5, 1, 2)),
    *(f"noise:{sigma}" for sigma in (2, 5, 10)),
    *(f"resize:{factor}" for factor in (0.9, 0.75, 0.5)),
)


@dataclass(frozen=True)
class Row:
    """One network of a table.

    Attributes:
        method: What the table calls it.
        training: Name of its training, or of the shipped preset.
        trained_on: Inpainters or families of its training crops; none for a shipped preset, whose
            card says it.
        tested_on: Inpainters that it is measured on.
        config: Stem of the file in `configs/` with the network and how it learns.
        crops: Stem of the file in `configs/` with the recipe of its training crops.
        model: Arguments of the network that differ from `config`.
        degradations: What it is measured under.
        published: Whether it is measured on published forgeries, too.
        left_out: The inpainter that its training left out on purpose.
    """

    method: str
    training: str
    trained_on: tuple[str, ...]
    tested_on: tuple[str, ...]
    config: str = ""
    crops: str = "irl_paper"
    model: dict = field(default_factory=dict)
    degradations: tuple[str, ...] = ("clean",)
    published: bool = False
    left_out: str | None = None

    @property
    def label(self) -> str:
        """What the column "trained on" says."""
        return " + ".join(self.trained_on) or "(shipped weights)"


@dataclass(frozen=True)
class Table:
    """One table.

    Attributes:
        title: Heading.
        photographs: Folder of the corpora, `scenes` or `faces`.
        inpainters: Learned inpainters that the table is about.
        rows: Makes the rows from the inpainters, without shipped presets.
        sections: Keys of `tables.report.SECTIONS`, in order.
        shipped: What shipped presets are measured under; `None` leaves them out.
    """

    title: str
    photographs: str
    inpainters: tuple[str, ...]
    rows: Callable[[tuple[str, ...]], list[Row]]
    sections: tuple[str, ...]
    shipped: tuple[str, ...] | None = ("clean",)

    def all_rows(self, inpainters: tuple[str, ...], presets: Sequence[str]) -> list[Row]:
        """The rows, those of the shipped presets last.

        Args:
            inpainters: Instead of the table's, or the table's.
            presets: Names of the shipped presets.
        """
        rows = self.rows(inpainters)
        tested_on = tuple(dict.fromkeys(name for row in rows for name in row.tested_on))
        published = any(row.published for row in rows)
        own = {row.training for row in rows}
        return rows + [
            Row(name, name, (), tested_on, degradations=self.shipped, published=published)
            for name in presets
            if self.shipped is not None and name not in own
        ]


def comparison(inpainters: tuple[str, ...], suffix: str = "") -> list[Row]:
    """Each method for each inpainter, one network for each (Tables 1 and 2)."""
    configs = {"ldicn": "ldicn", "mvss_net": "mvss_net", "irl": "irl_paper"}
    return [
        Row(method, f"{start}_{name}{suffix}", (name,), (name,), configs[start])
        for method, start in RIVALS_AND_OURS.items()
        for name in inpainters
    ]


def comparison_on_faces(inpainters: tuple[str, ...]) -> list[Row]:
    """`comparison`, with networks that were trained on faces."""
    return comparison(inpainters, "_faces")


def variants(named: dict[str, tuple[str, dict]]) -> Callable[[tuple[str, ...]], list[Row]]:
    """Makes rows of variants of IRL-Net: by method, the end of the training's name, arguments."""

    def rows(inpainters):
        return [
            Row(method, f"irl_{name}{end}", (name,), (name,), "irl_paper", model=model)
            for method, (end, model) in named.items()
            for name in inpainters
        ]

    return rows


def generalization(inpainters: tuple[str, ...]) -> list[Row]:
    """Each split that leaves one inpainter out, then the mixtures of all under degradations."""
    if len(inpainters) < 2:
        raise ValueError("--inpainters: this table leaves one out and needs at least 2")
    tested_on = tuple(dict.fromkeys([*inpainters, *CLASSICAL]))
    rows = []
    for left_out in inpainters:
        others = tuple(name for name in inpainters if name != left_out)
        splits = [(method, start, others, "") for method, start in RIVALS_AND_OURS.items()]
        if FAMILIES[FAMILY]:
            splits.append(("IRL-Net", "irl", (*others, FAMILY), f"_{FAMILY}"))
            splits.append(("IRL-Net", "irl", (*others, FAMILY, TRACES), f"_{FAMILY}_{TRACES}"))
        rows += [
            Row(
                method,
                f"{start}_without_{left_out}{end}",
                trained_on,
                tested_on,
                _mixture_config(start),
                crops="irl_base",
                published=True,
                left_out=left_out,
            )
            for method, start, trained_on, end in splits
        ]
    return rows + mixtures(inpainters, ROBUSTNESS)


def mixtures(
    inpainters: tuple[str, ...], degradations: tuple[str, ...] = ("clean", "jpeg:90", "jpeg:75")
) -> list[Row]:
    """Each method trained on the mixture of all inpainters."""
    tested_on = tuple(dict.fromkeys([*inpainters, *CLASSICAL]))
    families = [FAMILY] if FAMILIES[FAMILY] else []
    return [
        Row(
            method,
            f"{start}_mixture",
            (*tested_on, *families, TRACES),
            tested_on,
            _mixture_config(start),
            crops="irl_base",
            degradations=degradations,
            published=True,
        )
        for method, start in RIVALS_AND_OURS.items()
    ]


def _mixture_config(start: str) -> str:
    return "irl_base" if start == "irl" else start


TABLES = {
    1: Table(
        "Three methods on scenes, one network for each inpainter",
        "scenes",
        LEARNED,
        comparison,
        ("localization", "average", "untouched"),
    ),
    2: Table(
        "Three methods on faces, one network for each inpainter",
        "faces",
        LEARNED,
        comparison_on_faces,
        ("localization", "average", "untouched"),
    ),
    3: Table(
        "Early, middle and late fusion of noise and RGB features",
        "scenes",
        ("gc",),
        variants(
            {
                "early fusion": ("", {}),
                "middle fusion": ("_middle", {"fusion": "middle"}),
                "late fusion": ("_late", {"fusion": "late"}),
            }
        ),
        ("localization", "untouched"),
        shipped=None,
    ),
    4: Table(
        "Residual blocks and attention",
        "scenes",
        ("gc",),
        variants(
            {
                "w BN": ("_bn", {"block": "bn", "attention": False}),
                "w/o BN": ("_plain", {"block": "plain", "attention": False}),
                "w/o BN w SE": ("_se", {"attention": False}),
                "w Attention": ("", {}),
            }
        ),
        ("localization", "untouched"),
        shipped=None,
    ),
    5: Table(
        "Inpainters never seen in training, and robustness",
        "scenes",
        LEARNED,
        generalization,
        ("left_out", "generalization", "published", "robustness", "untouched"),
        shipped=ROBUSTNESS,
    ),
    6: Table(
        "Is the picture touched at all?",
        "scenes",
        LEARNED,
        mixtures,
        ("detection", "untouched"),
        shipped=("clean", "jpeg:90", "jpeg:75"),
    ),
}
"""By number: 1 to 4 as in the paper, 5 and 6 beyond it."""


def check_installed(number: int, rows: Sequence[Row]) -> None:
    """Refuses rows that need an inpainter which is not here.

    Raises:
        ValueError: One line that names all of them.
    """
    installed = {*INPAINTERS, *(family for family, members in FAMILIES.items() if members)}
    members = {name for members in FAMILIES.values() for name in members}
    needed = dict.fromkeys(name for row in rows for name in (*row.trained_on, *row.tested_on))
    missing = [name for name in needed if name not in installed]
    if missing:
        raise ValueError(
            f"table {number} needs the inpainters {', '.join(missing)}, whose weights are not "
            f"installed: train them (python train.py inpaint), or choose with --inpainters among "
            f"{', '.join(sorted({*INPAINTERS} - members))}"
        )
