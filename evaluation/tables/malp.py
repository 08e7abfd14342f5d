"""The tables about MaLP: of its paper, and beyond it; some train networks, some need none."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import keras
import numpy as np

from datasets.manipulations import MANIPULATIONS
from evaluation import measure, summaries
from evaluation.calibration import DEGRADATIONS
from evaluation.measure import CLEAN, Measurements, baselines
from evaluation.methods import Loaded, Proactive
from evaluation.pictures import BUNDLED, Source, squares
from evaluation.report import Report
from evaluation.run import MaLPEvaluation
from evaluation.summaries import CLASSIFIER_TITLES, MAP_TITLES, classification_rows, quality_rows
from evaluation.tables import core, security, speed
from evaluation.tables.core import Budget
from evaluation.tables.irl import ROBUSTNESS
from evaluation.trials import Conditions, difference_scores, find_manipulation, protected_trials
from forensics_keras.localizer import Localizer
from malp_keras.calibration import MANIPULATED
from malp_keras.ground_truth import cosine
from training.experiments import MaLPExperiment
from training.malp import MaLPRun

PAPER, LOCAL = "malp_stgan_faces", "malp_local"
CORPORA = {PAPER: ("faces",), LOCAL: ("scenes", "faces")}
"""Folders of the corpora that the photographs of a configuration come from."""
MAPS = ("cosine", "ssim", "segmentation")
"""Ends of the names of the weights of eq. (8), but for the squared error."""
CONSTRAINTS = {
    "classifier": ("classifier_real", "classifier_fake"),
    "template": ("template_magnitude", "template_similarity", "template_low_frequency"),
    "recovery": ("recovery_real", "recovery_fake"),
    "localization": tuple(f"{branch}_{name}" for branch in ("cnn", "vit") for name in MAPS),
    "maps of the CNN": tuple(f"cnn_{name}" for name in (*MAPS, "squared_error")),
}
"""Names of weights of the loss, by what they constrain."""
PAPER_STRENGTH = 0.3
STEPS_PER_EPOCH = 50
"""Least number in shortened trainings; each epoch ends with a validation."""
SMALL = {"filters": 4, "classifier_filters": 4}
QUICK = Budget(steps=4, batch_size=2, size=128, model=SMALL, branch={"depth": 1, "mlp": 32})
"""Seconds a training: shows that everything works, and nothing about the methods."""
SIDES = (64, 128, 256, 512)
"""Sides of the pictures in the table of resolutions, in pixels."""
FORGED = 30
"""Photographs that are forged, at most, in the table about security."""
EXPLANATION = (
    "Means over pictures, with 95 % bootstrap intervals. `any`: the same under all degradations.",
    "Cosine, PSNR and SSIM are those of the fakeness map against the gray difference to the "
    "original (eq. 5, not stretched), beside the cosine of a constant map on the same pictures; "
    "F1, IoU and AUC against the exact mask, where there is one.",
    "Detection: manipulated pictures against protected ones that are not manipulated; accuracy is "
    "the mean over both kinds.",
)


@dataclass(frozen=True)
class MaLPRow(core.Row):
    """One training.

    Attributes:
        config: Stage in `configs/` that it starts from.
        model: Arguments of `malp_keras.malp` that differ.
        without: Keys of `CONSTRAINTS`, which have no weight.
        factors: Factors on the learning rate that differ.
        vit: Arguments of the second branch that differ; `None` for no second branch. Without any,
            the branch is the configuration's, if that has one.
        strength: Factor on the templates' strength.
        templates: Number of templates; `None` for the configuration's.
        manipulations: What it is trained on; `None` for the configuration's.
    """

    training_run = MaLPRun

    config: str
    model: Mapping[str, object] = field(default_factory=dict)
    without: Sequence[str] = ()
    factors: Mapping[str, float] = field(default_factory=dict)
    vit: Mapping[str, object] | None = field(default_factory=dict)
    strength: float = 1.0
    templates: int | None = None
    manipulations: Mapping[str, float] | None = None

    def experiment(self, budget: Budget) -> MaLPExperiment:
        """Makes what trains the row."""
        base = core.configured(self.config)
        recipe = replace(
            base.recipe,
            templates=self.templates or base.recipe.templates,
            manipulations=dict(self.manipulations or base.recipe.manipulations),
        )
        if budget.size:
            recipe = replace(recipe, size=budget.size, sides=(budget.size,))
        off = [name for constraint in self.without for name in CONSTRAINTS[constraint]]
        strength = self.strength * base.model.get("strength", PAPER_STRENGTH)
        epochs, steps_per_epoch = base.epochs, base.steps_per_epoch
        if budget.steps:
            epochs = min(epochs, max(budget.steps // STEPS_PER_EPOCH, 1))
            steps_per_epoch = budget.steps // epochs
        return replace(
            base,
            recipe=recipe,
            model={**base.model, "strength": strength, **self.model, **budget.model},
            loss=replace(base.loss, **dict.fromkeys(off, 0.0)),
            factors={**base.factors, **self.factors},
            vit=self._branch(base.vit, budget),
            batch_size=budget.batch_size or base.batch_size,
            epochs=epochs,
            steps_per_epoch=steps_per_epoch,
        )

    def _branch(self, configuration: Mapping[str, object] | None, budget: Budget) -> dict | None:
        if self.vit is None or (configuration is None and not self.vit):
            return None
        branch = {**(configuration or {}), **self.vit}
        is_transformer = branch.get("backbone", "vit") == "vit"
        return {**branch, **budget.branch} if is_transformer else branch

    def describe(self, experiment: MaLPExperiment, budget: Budget) -> str:
        changed = [f"{name} {value}" for name, value in budget.model.items()]
        return ", ".join([*experiment.recipe.manipulations, *changed])

    def timed_batch(self, run: MaLPRun, model) -> tuple:
        return next(iter(run.batches(model)))


TABLES = core.read_tables("malp")
TRAINED = [name for name, table in TABLES.items() if "rows" in table.about]
"""Tables whose networks are trained."""


def rows_of(name: str, config: str) -> list[MaLPRow]:
    """Makes the rows of a table; every table has MaLP as its configuration says."""
    rows = TABLES[name].about["rows"]
    named = [dict(row) for row in (rows[config] if isinstance(rows, dict) else rows)]
    return [MaLPRow(r.pop("method"), config + r.pop("end"), config, **r) for r in named]


def check_installed(name: str, manipulations: Sequence[str]) -> None:
    """Raises ValueError, one line that names them, if manipulations are not here."""
    missing = [one for one in manipulations if one not in MANIPULATIONS]
    if missing:
        raise ValueError(
            f"table {name} needs the manipulations {', '.join(missing)}, whose weights are not "
            f"installed: train them (python train.py stgan), or choose --config {LOCAL}"
        )


# --- tables whose networks are trained --------------------------------------------------------


def make_trained(run: MaLPEvaluation) -> int:
    """Makes a table whose networks are trained first; returns the exit code."""
    run, asked = run.limited(), run.table
    table = TABLES[asked.name]
    config = run.config or table.about["config"]
    rows = rows_of(asked.name, config)
    budget = QUICK if asked.quick else asked.budget
    corpus = "bundled" if asked.corpora is None else asked.corpora.name
    corpora = tuple(asked.corpora / name for name in CORPORA[config]) if asked.corpora else ()
    folder = asked.folder(run.out) / "training" / corpus
    trainings = core.Trainings(folder, corpora, budget, run.seed)
    trained_on = {row.method: row.experiment(budget).recipe.manipulations for row in rows}
    own = list(dict.fromkeys(name for names in trained_on.values() for name in names))
    tested_on = run.manipulations or table.about.get("tested_on", own)
    check_installed(asked.name, [*own, *(n for n in tested_on if n in MANIPULATIONS)])
    if not core.train_missing(table, rows, trainings, asked.plan):
        return 0
    loaded = [trainings.load(row) for row in rows]
    # The trivial maps are measured on the pictures of the first method: MaLP's.
    methods = sorted((one.method for one in loaded), key=lambda method: not method.protects)
    sources = held_out_photographs(run, corpora, methods[0].size)
    degradations = (run.degradations or DEGRADATIONS) if asked.name == "unseen" else [CLEAN]
    found = [
        find_manipulation(name, run.value_range, run.network_size, run.trust) for name in tested_on
    ]
    measured = measure_methods(sources, methods, Conditions(found, degradations), run.seed)
    mark_seen(measured.records, trained_on)
    weights = [one.weights for one in loaded]
    results = {
        "config": config,
        "data": {"corpus": corpus, "pictures": len(sources)},
        "weights": weights,
        "manipulations": list(tested_on),
        "seed": run.seed,
    }
    notes = [
        *EXPLANATION,
        "The trivial maps are measured on the pictures of the first network with templates. A "
        "pixel is flagged and a picture called manipulated from 0.5 on.",
        *core.weights_notes(weights),
        *([f"Paper: {table.source}"] if table.paper else []),
    ]
    sections = trained_sections(table, list(trained_on), measured, methods, run.seed)
    report = Report(f"MaLP: {table.title}", sections, notes, results)
    return core.finish("malp", run, report, sources, measured)


def measure_methods(
    sources: Sequence[Source], methods: Sequence[Localizer], conditions: Conditions, seed: int
) -> Measurements:
    """Measures methods, and the trivial baselines on the pictures of the first one."""
    trials = protected_trials(methods, conditions, seed, baselines(seed))
    return measure.measure_all(sources, trials, seed, difference_scores)


def held_out_photographs(run: MaLPEvaluation, corpora: Sequence[Path], size) -> list[Source]:
    """Lists photographs that no training saw."""
    if not corpora:
        return squares(None, size, run.limit)
    return [
        replace(source, name=f"{corpus.name}/{source.name}")
        for corpus in corpora
        for source in squares(corpus / "test", size, run.limit)
    ]


def mark_seen(records: Sequence[dict], trained_on: Mapping[str, Container[str]]) -> None:
    """Adds to each record whether the training of its method had seen its manipulation.

    Who edits both ways had each way of the same name.
    """
    for record in records:
        name, known = record["manipulation"], trained_on.get(record["method"])
        record["seen"] = "-"
        if record["truth"] == MANIPULATED and known is not None:
            record["seen"] = "yes" if {name, name.rpartition("_")[0]} & {*known} else "no"


def trained_sections(
    table: core.Table, order: Sequence[str], measured: Measurements, methods, seed: int
) -> dict[str, list[dict]]:
    """Makes the sections of a table whose networks were trained."""
    by, sections = ("method",), {}
    if "tested_on" in table.about:
        by = ("method", "seen", "degradation")
        clean = summaries.clean(measured.records)
        each = map_rows(clean, ("method", "manipulation", "seen"), seed)
        sections["Fakeness maps, each manipulation, clean"] = in_order(each, order)
    every = [*baselines(seed), *methods]
    maps = map_rows(measured.records, by, seed)
    apart = classification_rows(measured.records, by, every, seed)
    of_maps = {name: title for name, title in MAP_TITLES.items() if name != "AUC"}
    return {
        **sections,
        "Fakeness maps": with_paper(in_order(maps, order), of_maps, table.paper),
        "Manipulated or not": with_paper(in_order(apart, order), CLASSIFIER_TITLES, table.paper),
        "Protected pictures": in_order(quality_rows(measured, seed), order),
        "Templates": in_order(template_rows(methods), order),
    }


def map_rows(records: Sequence[dict], by: Sequence[str], seed: int) -> list[dict]:
    """Shows how well fakeness maps localize, a row for each group."""
    return summaries.rows(summaries.manipulated(records), by, MAP_TITLES, seed)


def in_order(found: Sequence[dict], methods: Sequence[str]) -> list[dict]:
    """Sorts rows by their method: the trivial ones first, the others as given."""
    places = {method: place for place, method in enumerate(methods, start=1)}
    return sorted(found, key=lambda row: places.get(row["method"], 0))


def with_paper(found: list[dict], titles: Mapping[str, str], paper: Mapping) -> list[dict]:
    """Adds the paper's numbers to rows, of the measures that it has."""
    known = {name for numbers in paper.values() for name in numbers}
    shown = {name: title for name, title in titles.items() if name in known}
    return summaries.beside_paper(found, shown, [paper.get(row["method"], {}) for row in found])


def template_rows(methods: Sequence[Localizer]) -> list[dict]:
    """Shows number, strength and mean mutual cosine of the templates of methods that have any."""
    found = []
    for method in (one for one in methods if one.protects):
        layer = method.model.template_layer
        templates = keras.ops.convert_to_numpy(layer.templates)
        cosines = [cosine(one, other) for one, other in itertools.combinations(templates, 2)]
        row = {
            "method": method.name,
            "templates": layer.count,
            "strength": round(layer.strength, 4),
        }
        mean = f"{np.mean(cosines):.3f}" if cosines else "-"
        found.append({**row, "mean cosine of two": mean})
    return found


# --- tables that need no training -------------------------------------------------------------


@dataclass(frozen=True)
class Made:
    """A table: rows by heading, notes, and what it was made of, if of pictures."""

    sections: dict[str, list[dict]]
    notes: Sequence[str]
    sources: Sequence[Source] = ()
    measured: Measurements = field(default_factory=Measurements)


def make_untrained(run: MaLPEvaluation, loaded: Sequence[Loaded], conditions: Conditions) -> int:
    """Makes a table that needs no training, the preset's method first; returns the exit code."""
    run, asked = run.limited(), run.table
    made = UNTRAINED[asked.name](run, [one.method for one in loaded], conditions)
    results = {
        "data": {"folder": run.data or BUNDLED},
        "weights": [one.weights for one in loaded],
        "thresholds": {one.method.name: one.method.thresholds for one in loaded},
        "manipulations": conditions.names,
        "seed": run.seed,
    }
    report = Report(f"MaLP: {TABLES[asked.name].title}", made.sections, made.notes, results)
    return core.finish("malp", run, report, made.sources, made.measured)


def degraded(run: MaLPEvaluation, methods: Sequence[Localizer], conditions: Conditions) -> Made:
    """Makes fig. 5: fakeness maps and verdicts under degradations, over all manipulations."""
    degradations = [spec for spec in ROBUSTNESS if not spec.startswith("webp")]
    conditions, seed = replace(conditions, degradations=degradations), run.seed
    sources = squares(run.data, run.size or methods[0].size, run.limit)
    measured = measure_methods(sources, methods, conditions, seed)
    sections = sections_by(("method", "degradation"), measured, methods, seed)
    by = ("method", "truth", "degradation")
    sections["Verdicts"] = summaries.verdict_rows(measured.records, by, seed)
    return Made(sections, EXPLANATION, sources, measured)


def sections_by(by: Sequence[str], measured: Measurements, methods, seed: int) -> dict:
    """Makes the sections about maps and detection over all manipulations."""
    records, every = measured.records, [*baselines(seed), *methods]
    return {
        "Fakeness maps, all manipulations": map_rows(records, by, seed),
        "Manipulated or not, all manipulations": classification_rows(records, by, every, seed),
    }


def resolution(run: MaLPEvaluation, methods: Sequence[Proactive], conditions: Conditions) -> Made:
    """Measures pictures of other sizes than the model's, scaled for inspection (`sc.`) or not."""
    model, name, calibration = methods[0].model, methods[0].name, methods[0].calibration
    kinds = [
        Proactive(model, f"{name} (sc.)", calibration),
        Proactive(model, f"{name} (no sc.)", calibration, scaled=False),
    ]
    conditions = replace(conditions, degradations=[CLEAN], harmless=())
    every, sources, by = Measurements(), [], ("side", "method")
    for size in (*SIDES, None):
        of_size = squares(run.data, size, run.limit)
        found = measure_methods(of_size, kinds, conditions, run.seed)
        side = {"side": "own" if size is None else size}
        every.records.extend({**record, **side} for record in found.records)
        every.quality.extend({**record, **side} for record in found.quality)
        every.failed.extend(found.failed)
        every.grid.extend(found.grid[:1])
        sources += of_size
    sections = sections_by(by, every, kinds, run.seed)
    sections["Protected pictures"] = quality_rows(every, run.seed, by)
    note = (
        "Side: of the square pictures that are protected and manipulated, in pixels; own: whole "
        f"photographs, cut to multiples of 8 pixels. sc.: scaled to {model.size} pixels for "
        "inspection; no sc.: inspected as they are."
    )
    return Made(sections, [*EXPLANATION, note], sources, every)


def what_attackers_gain(
    run: MaLPEvaluation, methods: Sequence[Proactive], conditions: Conditions
) -> Made:
    """Averages protected pictures, and adds a stolen or estimated template to forgeries."""
    method, counts = methods[0], security.PICTURES[: 1 if run.table.quick else None]
    size, layer = method.size, method.model.template_layer
    whole = squares(run.data, None, run.limit)
    sources = squares(run.data, size, run.limit)[:FORGED]
    found, estimates = security.averaging_attack(layer, whole, size, counts, run.seed)
    trials = security.forgeries(method, conditions, estimates, run.seed)
    measured = measure.measure_all(sources, trials, run.seed)
    records = security.judged_with_cosine(measured.records)
    said = summaries.rows(records, ("attack", "truth"), security.TITLES, run.seed)
    return Made(
        {
            "Cosine of the attacker's estimate with the nearest template": found,
            "What verify says": said,
        },
        [
            f"The attacker has N protected pictures of {size} pixels, of "
            f"{min(len(whole), counts[-1])} different photographs; beyond these, random windows of "
            "the same. Of each the fine-grained part counts, weighted by the inverse of its local "
            "variance.",
            f"The set of the preset has {layer.count}; larger sets have further templates with "
            "the same spectrum and random phases.",
            "Stolen: the template that protected the picture, added again to the whole of it; "
            "estimate: that of N pictures and a set of one, at the template's strength. "
            "`photograph`: not protected by the owner. Means with 95 % bootstrap intervals; the "
            "truth is the verdict that would be right.",
        ],
        sources,
        replace(measured, records=records, quality=[]),
    )


def inference_speed(
    run: MaLPEvaluation, methods: Sequence[Proactive], conditions: Conditions
) -> Made:
    """Times forward passes of MaLP's CNN and of passive networks."""
    sizes, repeats = (speed.SIZES[:1], 3) if run.table.quick else (speed.SIZES, 15)
    networks = speed.networks(methods[0].model, methods[0].name)
    return Made(
        {"Forward pass of one picture": speed.rows(networks, sizes, repeats)},
        [
            f"Median of {repeats} passes of one picture of float32, after one that is not counted, "
            f"on {speed.device()}. MaLP needs its CNN only, for the map and the template; whole: "
            "with the classifier and the cosines. Weights do not matter here and are random.",
            "The paper, on an NVIDIA K80: MaLP 29.26 ms, ResNet-50 52.66 ms (1.80 times), "
            "DeepLabv3 with ResNet-101 75.61 ms (2.58 times).",
        ],
    )


UNTRAINED: dict[str, Callable[..., Made]] = {
    "fig5": degraded,
    "resolution": resolution,
    "security": what_attackers_gain,
    "speed": inference_speed,
}
"""Makes a table from what is asked for, the methods, and what happens to protected pictures."""
