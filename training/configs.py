"""Config files: where they are, and the experiments that they define."""

from __future__ import annotations

import re
import runpy
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a misspelt name must not wait for Keras
    from training.experiments import Experiment

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "configs"


@dataclass(frozen=True)
class Config:
    """What a config file defines.

    Attributes:
        path: Path of the file.
        stages: Trained in turn, by name; a stage may start from an earlier one.
        variants: Trained only when they are asked for by name.
    """

    path: Path
    stages: Mapping[str, Experiment]
    variants: Mapping[str, Experiment]

    @property
    def last(self) -> str:
        """Name of the last stage, whose weights are what the file is for."""
        return list(self.stages)[-1]

    def recipe(self, name: str) -> str:
        """Returns what model cards say of a stage: the path, and the name if it is not the last."""
        known = self.path.resolve().is_relative_to(ROOT)
        path = self.path.resolve().relative_to(ROOT) if known else self.path
        return str(path) if name == self.last else f"{path} --stage {name}"

    def stage(self, name: str | None = None) -> Experiment:
        """Finds a stage or variant.

        Args:
            name: `None` for the last stage.

        Raises:
            ValueError: If there is none of this name.
        """
        known = {**self.stages, **self.variants}
        name = name or self.last
        if name not in known:
            raise ValueError(f"{self.path}: has no stage {name}, but {', '.join(known)}")
        return known[name]


def find_config(path_or_name: str | Path) -> Path:
    """Finds a config file.

    Args:
        path_or_name: Path of the file, or its name in `configs/`, with or without `.py`.

    Raises:
        ValueError: If there is no such file. The name of a file whose experiment is a stage of
            another now is answered with the new command.
    """
    path = Path(path_or_name)
    if not path.is_file():
        path = FOLDER / f"{path.stem}.py" if path == Path(path.name) else path
    if not path.is_file():
        raise ValueError(f"{path_or_name}: {_new_command(path.stem)}")
    return path


def read_config(path_or_name: str | Path, kind: type | tuple[type, ...] | None = None) -> Config:
    """Reads a config file.

    It defines `stages`, a dictionary of experiments by name, or `experiment`, the only one, which
    is named as the file; and `variants`, if it has some.

    Args:
        path_or_name: Path of the file, or its name in `configs/`, with or without `.py`.
        kind: Class of its experiments; any by default.

    Raises:
        ValueError: As `find_config`, or the file defines something else.
    """
    from training.experiments import Experiment

    kind = kind or Experiment
    path = find_config(path_or_name)
    names = runpy.run_path(str(path))
    stages = names.get("stages") or {path.stem: names.get("experiment")}
    config = Config(path, stages, names.get("variants", {}))
    if not all(isinstance(one, kind) for one in {**config.stages, **config.variants}.values()):
        kinds = kind if isinstance(kind, tuple) else (kind,)
        wanted = " or ".join(one.__name__ for one in kinds)
        raise ValueError(f"{path}: does not define `stages` or `experiment` as {wanted}")
    return config


def read_stage(
    path_or_name: str | Path,
    stage: str | None = None,
    kind: type | tuple[type, ...] | None = None,
) -> Experiment:
    """Reads one experiment of a config file, as `read_config` and `Config.stage` find it."""
    return read_config(path_or_name, kind).stage(stage)


def read_recipe(recipe: str, kind: type) -> Experiment:
    """Reads the experiment that a model card names, also one from when stages were files.

    A card may come from a stranger and a config file is a program, so that only those in `configs/`
    are read.

    Raises:
        ValueError: If there is none.
    """
    path, _, stage = recipe.partition(" --stage ")
    name = Path(path).stem
    if path != f"configs/{name}.py":
        raise ValueError(f"{recipe}: is no experiment of configs/; name one with --config")
    if name in {file.stem for file in FOLDER.glob("*.py")}:
        return read_stage(FOLDER / f"{name}.py", stage or None, kind)
    before = config_of_stage(name)
    if before is None:
        raise ValueError(f"{recipe}: no such config file; name another with --config")
    return before.stage(name)


def config_of_stage(name: str) -> Config | None:
    """Finds the config file in `configs/` that has a stage or variant of some name."""
    paths = (path for path in sorted(FOLDER.glob("*.py")) if path.stem != "__init__")
    # Running a file imports Keras, for which a misspelt name must not wait.
    said = re.compile(rf'\b{re.escape(name)}\b|f"{re.escape(name.partition("_")[0])}_\{{')
    configs = map(read_config, (path for path in paths if said.search(path.read_text("utf-8"))))
    return next((one for one in configs if name in {**one.stages, **one.variants}), None)


def _new_command(name: str) -> str:
    config = config_of_stage(name)
    if config is None or config.path.stem == name:
        return "no such config file; see configs/"
    command = config.stage(name).command
    return f"is a stage now: python train.py {command} --config {config.path.stem} --stage {name}"
