"""What a command makes of each picture."""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple


class Made(NamedTuple):
    """What was made of a picture.

    Attributes:
        fields: Fields of the report line, `sha256` of the picture's file at least.
        contents: Content of the file of each of the job's `outputs`.
    """

    fields: dict[str, object]
    contents: dict[str, bytes]


@dataclass(frozen=True)
class Presentation:
    """How a report for people shows the results of a job.

    Attributes:
        title: What was done.
        map: Which of the job's `outputs` is the map that is shown over the picture.
        card: Card of the preset or key.
        limits: What the results do not say, in plain sentences.
    """

    title: str
    map: str
    card: Mapping[str, Any]
    limits: Sequence[str]


class BatchJob(abc.ABC):
    """What a command makes of each picture.

    Attributes:
        outputs: By each kind of output the pattern of its path below the output folder, in which
            `{}` stands for the name, for example `{"mask": "mask/{}.png"}`.
        identity: Fields of each report line that say what made the outputs: `preset` and all on
            which the outputs depend besides the picture, which must be `preset_sha256` at least.
        fields: Names of further fields that `outcome` and `message` need.
        optional: Fields of `identity` that reports of earlier versions lack; they were None.
        remakes: Fields of `identity` for which `remake` makes outputs again from old ones.
        presentation: How a report for people shows the results; None where there is none.
        alarms: Those of `outcome` whose inputs the end of a command names, worst first.
    """

    outputs: Mapping[str, str]
    identity: Mapping[str, object]
    fields: Sequence[str] = ()
    optional: Set[str] = frozenset()
    remakes: Set[str] = frozenset()
    alarms: Set[str] = frozenset()
    presentation: Presentation | None = None

    @abc.abstractmethod
    def load(self) -> None:
        """Loads what `process` needs; called only if there is something to do.

        Raises:
            ValueError: It is damaged or does not exist.
            OSError: It cannot be read.
        """

    @abc.abstractmethod
    def process(self, path: str) -> Made:
        """Makes the outputs of a picture, but writes nothing.

        Args:
            path: The picture.

        Returns:
            The fields of its report line, and what its files hold.

        Raises:
            ValueError: The picture is bad.
            OSError: It cannot be read.
        """

    def remake(self, line: Mapping[str, Any], files: Mapping[str, Path]) -> Made:
        """Makes the outputs for other values of `remakes` from old ones, without the picture.

        It is called of jobs that name such fields, which define it; others need not.

        Args:
            line: Report line of the old outputs.
            files: Path of each of them.

        Returns:
            The fields of the report line that change, and what the files hold.

        Raises:
            ValueError: An old output is damaged.
            OSError: It cannot be read.
        """
        raise NotImplementedError

    @abc.abstractmethod
    def outcome(self, line: Mapping[str, Any]) -> str:
        """Says under what the summary counts an input, given its report line."""

    @abc.abstractmethod
    def describe(self, line: Mapping[str, Any]) -> str:
        """Says what made the outputs of a report line, from its fields of `identity`."""

    def message(self, line: Mapping[str, Any]) -> str | None:
        """Returns what stdout says of an input that is done, or None; given its report line."""
        return None

    def suspicion(self, line: Mapping[str, Any]) -> float:
        """How suspicious an input is, larger for more, given its report line."""
        return 0.0

    def finding(self, line: Mapping[str, Any]) -> str:
        """Says in a few words what was found in an input, given its report line."""
        return self.outcome(line)
