"""What a command makes of each picture."""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple


class Made(NamedTuple):
    """What was made of a picture.

    Attributes:
        fields: Fields of the report line, `sha256` of the picture's file at least.
        contents: Content of the file of each of the job's `outputs`.
    """

    fields: dict[str, object]
    contents: dict[str, bytes]


class BatchJob(abc.ABC):
    """What a command makes of each picture.

    Attributes:
        outputs: By each kind of output the pattern of its path below the output folder, in which
            `{}` stands for the name, for example `{"mask": "mask/{}.png"}`.
        identity: Fields of each report line that say what made the outputs: `preset` and all on
            which the outputs depend besides the picture, which must be `preset_sha256` at least.
        fields: Names of further fields that `outcome` and `message` need.
    """

    outputs: Mapping[str, str]
    identity: Mapping[str, object]
    fields: Sequence[str] = ()

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

    @abc.abstractmethod
    def outcome(self, line: Mapping[str, Any]) -> str:
        """Says under what the summary counts an input, given its report line."""

    @abc.abstractmethod
    def describe(self, line: Mapping[str, Any]) -> str:
        """Says what made the outputs of a report line, from its fields of `identity`."""

    def message(self, line: Mapping[str, Any]) -> str | None:
        """Returns what stdout says of an input that is done, or None; given its report line."""
        return None
