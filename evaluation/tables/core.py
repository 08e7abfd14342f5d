"""What all tables share: their rows are networks, which are trained where weights are missing."""

from __future__ import annotations

import argparse
import json
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import ClassVar

import keras

from datasets.build import Build
from datasets.open import pair_folders
from evaluation.methods import Loaded, load_file
from evaluation.pictures import Source, say_failures
from evaluation.report import Report, write_table
from forensics_keras.command_line import ExitCode, at_least, nonempty_path
from forensics_keras.tables import text_table
from training import loop
from training.commands import add_precision
from training.configs import config_of_stage
from training.experiments import Experiment
from training.run import TrainingRun

TIMED_STEPS = 2
CPU_BATCH = 2
"""Pictures of a timed step without an accelerator: larger batches are hardly faster."""


@dataclass(frozen=True)
class Budget:
    """Where trainings are smaller than their configurations; `None` keeps what these say.

    Attributes:
        steps: Steps in all.
        batch_size: Pictures per step.
        epochs: Number of epochs.
        size: Side of the training pictures, in pixels.
        learning_rate: Peak of a cosine decay to a hundredth, of every network: with the rates of
            their configurations, short trainings would hardly begin.
        pairs: Pairs that are built for each inpainter, of which crops are cut: to forge every crop
            anew takes longer than to train a small network on it.
        precision: Policy of Keras, as `train.py` takes it.
        model: Arguments of every network that differ.
        branch: Arguments of a second branch that differ, if it is a transformer.
    """

    steps: int | None = None
    batch_size: int | None = None
    epochs: int | None = None
    size: int | None = None
    learning_rate: float | None = None
    pairs: int | None = None
    precision: str | None = None
    model: Mapping[str, object] = field(default_factory=dict)
    branch: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class TableRun:
    """What the command line says about a table: its name, and how much effort it may take.

    `corpora` has `scenes/` and `faces/`, each with `train/`, `val/` and `test/`; without it the
    bundled photographs serve. With a `layout`, it is the folder of that published data set, of
    which the manifest `selection` names photographs. With `plan`, trainings are only listed.
    """

    name: str
    corpora: Path | None = None
    plan: bool = False
    quick: bool = False
    budget: Budget = field(default_factory=Budget)
    layout: str | None = None
    selection: Path | None = None

    def folder(self, out: Path) -> Path:
        """Returns the folder of a table's files: quick runs are kept apart."""
        return out / "quick" if self.quick else out


@dataclass(frozen=True)
class Table:
    """What `tables.json` says about a table; `paper` has the paper's numbers by method, if any."""

    name: str
    title: str
    source: str
    paper: Mapping[str, Mapping]
    about: Mapping[str, object]


def read_tables(system: str) -> dict[str, Table]:
    """Reads the tables of a system, by name."""
    found = json.loads(Path(__file__).with_name("tables.json").read_bytes())[system]
    return {
        name: Table(name, table["title"], found["source"], table.get("paper", {}), table)
        for name, table in found["tables"].items()
    }


@dataclass(frozen=True)
class Row(ABC):
    """One network of a table; a system's rows say how it differs from its configuration.

    Attributes:
        method: What the table calls it.
        training: Name of its training, or of the shipped preset.
        second_branch: Whether the map is that of the second branch, if there is one.
    """

    training_run: ClassVar[type[TrainingRun]]

    method: str
    training: str
    second_branch: bool = field(default=False, kw_only=True)

    @abstractmethod
    def experiment(self, budget: Budget) -> Experiment:
        """Makes what trains the row."""

    @abstractmethod
    def describe(self, experiment: Experiment, budget: Budget) -> str:
        """Says in one line what the row is trained on."""

    @abstractmethod
    def timed_batch(self, run: TrainingRun, model: keras.Model) -> tuple:
        """Makes a batch to time a training step with, as `train_on_batch` takes it."""


@cache
def configured(config: str) -> Experiment:
    """Reads the stage or variant of a config file that has some name."""
    return config_of_stage(config).stage(config)


@dataclass(frozen=True)
class Trainings:
    """Where the networks of a table are trained, and with what.

    Attributes:
        folder: Folder of all trainings, one folder in it each.
        corpora: Folders with `train/` and `val/`; none for the bundled photographs.
        budget: How much smaller they are than configured.
        seed: Seed of the trainings: equal for all rows, which so see the same pictures.
        pairs: Folder of the pairs that are built; `None` where pictures are made anew.
        layout: How the folders of the corpora are organized, where it is as somebody published
            them; see `datasets.photographs.sources`.
        selection: Manifest of the photographs of such a corpus that are used.
    """

    folder: Path
    corpora: tuple[Path, ...] = ()
    budget: Budget = field(default_factory=Budget)
    seed: int = 0
    pairs: Path | None = None
    layout: str | None = None
    selection: Path | None = None

    def run(self, row: Row) -> TrainingRun:
        """Makes the training of a row."""
        photographs, val_data = self._part("train"), self._part("val")
        layout = {"layout": self.layout, "selection": self.selection} if self.layout else {}
        return row.training_run(
            **layout,
            experiment=row.experiment(self.budget),
            data=(self.pairs,) if self.pairs else photographs,
            val_data=val_data,
            out=self.folder / row.training,
            precision=self.budget.precision,
            seed=self.seed,
        )

    def _part(self, split: str) -> tuple[Path, ...]:
        """Returns the folders that a part of the photographs is read from."""
        return tuple(folder if self.layout else folder / split for folder in self.corpora)

    def is_trained(self, row: Row) -> bool:
        """Says whether a training is finished; raises ValueError for a folder of another one."""
        return self.run(row).is_finished()

    def train(self, row: Row) -> None:
        """Trains a row's network, from where an earlier run stopped."""
        run = self.run(row)
        if self.pairs:
            self.build_pairs(run.experiment.recipe)
        keras.utils.clear_session()
        run.train()

    def build_pairs(self, recipe) -> None:
        """Builds the pairs that a recipe mixes and that are not there yet."""
        for name in pair_folders(recipe):
            # Fewer of what is rare in the mixture, which may be slow.
            count = round(self.budget.pairs * min(recipe.inpainters.get(name, 1.0), 1.0))
            print(f"Pairs of {name}:", flush=True)
            Build(
                data=self.corpora[0],
                layout=self.layout or Build.layout,
                selection=self.selection,
                split="train",
                inpainters=(name,),
                count=max(count, 1),
                size=recipe.size if recipe.whole else Build.size,
                whole=bool(recipe.whole),
                seed=self.seed,
                out=self.pairs / name,
            ).run()

    def load(self, row: Row, threshold: float = 0.5) -> Loaded:
        """Loads a row's network, with the name, SHA-256 and training of its weights."""
        experiment = row.experiment(self.budget)
        count = experiment.epochs * experiment.steps_per_epoch * experiment.batch_size
        side, precision = experiment.recipe.size, self.budget.precision
        parts = [f"{count} pictures of {side}x{side} pixels", row.describe(experiment, self.budget)]
        if self.pairs:
            parts.append(f"cut from {self.budget.pairs} pairs of each inpainter")
        path = self.folder / row.training / "last.keras"
        method, weights = load_file(path, row.method, threshold, row.second_branch)
        described = ", ".join([*parts, *([precision] if precision else [])])
        return Loaded(method, {**weights, "name": row.training, "training": described})


def train_missing(
    table: Table, rows: Sequence[Row], trainings: Trainings, only_plan: bool, ready=()
) -> bool:
    """Trains the rows that have no weights yet, or with `only_plan` says how long that takes.

    Rows whose training is among `ready` need none. Returns whether all weights are there now.
    """
    unique = {row.training: row for row in rows if row.training not in ready}
    missing = [row for row in unique.values() if not trainings.is_trained(row)]
    if not only_plan:
        for number, row in enumerate(missing, start=1):
            print(f"Training {number} of {len(missing)}: {row.training}", flush=True)
            trainings.train(row)
    elif not missing:
        print(f"Table {table.name}: all weights are there.")
    else:
        planned = plan(trainings, missing)
        hours = sum(float(row["hours"]) for row in planned)
        print(f"Table {table.name} would train into {trainings.folder}:\n\n{text_table(planned)}\n")
        print(f"{hours:.3g} hours in all on this machine; making the pictures comes on top.")
    return not only_plan


def plan(trainings: Trainings, missing: Sequence[Row]) -> list[dict]:
    """Lists what would be trained, with the hours that follow from some steps on one batch."""
    timed: dict[str, tuple[float, int]] = {}
    rows = []
    for row in missing:
        experiment = row.experiment(trainings.budget)
        kind = json.dumps({**asdict(experiment), "recipe": experiment.recipe.size}, default=str)
        if kind not in timed:
            timed[kind] = seconds_per_picture(row, trainings)
        seconds, parameters = timed[kind]
        pictures = experiment.epochs * experiment.steps_per_epoch * experiment.batch_size
        rows.append(
            {
                "training": row.training,
                "method": row.method,
                "parameters": parameters,
                "pictures": pictures,
                "seconds a picture": f"{seconds:.3g}",
                "hours": f"{seconds * pictures / 3600:.3g}",
            }
        )
    return rows


def seconds_per_picture(
    row: Row, trainings: Trainings, clock: Callable[[], float] = time.perf_counter
) -> tuple[float, int]:
    """Times training steps of a row; also returns the network's number of parameters."""
    keras.utils.clear_session()
    run = trainings.run(row)
    if keras.distribution.list_devices()[0].lower().startswith("cpu"):
        run = replace(run, experiment=replace(run.experiment, batch_size=CPU_BATCH))
    with loop.precision(run.precision):
        model = run.new_model()
    batch = row.timed_batch(run, model)
    model.train_on_batch(*batch)  # builds the step
    start = clock()
    for _ in range(TIMED_STEPS):
        model.train_on_batch(*batch)
    return (clock() - start) / (TIMED_STEPS * run.experiment.batch_size), model.count_params()


def finish(system: str, run, report: Report, sources: Sequence[Source], measured) -> int:
    """Prints and writes the table that an evaluation run asks for; returns the exit code."""
    table = run.table
    code = say_failures(measured.failed, sources) if sources else ExitCode.DONE
    results = {
        "table": table.name,
        "quick": table.quick,
        **report.results,
        "pictures": measured.records,
        "quality": measured.quality,
        "failed": measured.failed,
    }
    report = replace(report, results=results, grid=measured.grid)
    name = f"{system}_table_{table.name}"
    write_table(report, table.folder(run.out), name, table.quick)
    return code


def weights_notes(weights: Sequence[Mapping[str, str]]) -> list[str]:
    """Describes weights, each once."""
    return [
        f"Weights {one['name']}: {one['training']}; SHA-256 {one['sha256']}"
        for one in {one["name"]: one for one in weights}.values()
    ]


# --- options ----------------------------------------------------------------------------------


def add_options(parser: argparse.ArgumentParser, names: Sequence[str]):
    """Adds the options that the tables of both systems have; returns their group."""
    table = parser.add_argument_group("tables")
    add, effort = table.add_argument, table.add_mutually_exclusive_group()
    add("--table", choices=names, help="Table to make; docs/evaluation.md says what is in each")
    text = "Folder with scenes/ and faces/, each with train/, val/ and test/ photographs"
    add("--corpora", type=nonempty_path, metavar="FOLDER", help=f"{text} (default: bundled ones)")
    effort.add_argument("--plan", action="store_true", help="Only say what would be trained")
    text = "Run of minutes: tiny networks, few pictures, marked numbers"
    effort.add_argument("--quick", action="store_true", help=text)
    add("--steps", type=at_least(1), help="Steps of each training, instead of its own")
    add_precision(table)
    return table


def read_table(options: argparse.Namespace, **effort) -> TableRun | None:
    """Makes what the options about tables say; `effort` is what a system's budget has besides."""
    if options.table is None:
        return None
    budget = Budget(steps=options.steps, precision=options.mixed_precision, **effort)
    return TableRun(options.table, options.corpora, options.plan, options.quick, budget)


def check_options(
    options: argparse.Namespace, trains: bool, of_effort: Sequence[str], of_tables: Sequence[str]
) -> None:
    """Raises ValueError, one line, if options about tables do not go together.

    `of_effort` make trainings smaller, `of_tables` belong to tables that train, too; `trains` says
    whether the table that is asked for does.
    """

    def option(name: str) -> str:
        return f"--{name.replace('_', '-')}"

    efforts = ("steps", "mixed_precision", *of_effort)
    given = [n for n in ("corpora", "plan", *of_tables, *efforts) if getattr(options, n)]
    if options.quick and not options.table:
        raise ValueError("--quick needs a --table")
    if given and not trains:
        raise ValueError(f"{option(given[0])} needs a --table that trains")
    for name in efforts:
        if options.quick and getattr(options, name):
            raise ValueError(f"--quick has its own effort: leave out {option(name)}")
    for name in ("data", "weights", "key", "export"):
        if trains and getattr(options, name, None):
            raise ValueError(
                f"table {options.table} trains its own networks: leave out {option(name)}"
            )
