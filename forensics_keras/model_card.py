"""Model cards: the fields that every preset fills, their one schema, and their Markdown.

A card may come from a stranger: nothing in it is executed or imported, and it is checked as a whole
before anything is built from it.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

import pydantic
import pydantic_core
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from forensics_keras.terminal import printable

MAX_CARD_BYTES = 2**22
"""Largest card that is read; those of the shipped presets have under 100 kB."""

_LARGEST_WHOLE = 2**63

CARD_FIELDS = {
    "name": "Name",
    "architecture": "Architecture",
    "training_data": "Training data",
    "recipe": "Recipe",
    "commit": "Commit",
    "seed": "Seed",
    "measured": "Measured",
    "limits": "Limits",
    "intended_use": "Intended use",
    "licence": "Licence",
}
"""Fields that whoever makes a preset must fill, with their titles in `card_markdown`."""


def _finite(value: Any) -> Any:
    """Refuses numbers that JSON has but no card means: infinite ones, and those of 400 digits."""
    for part in value.values() if isinstance(value, Mapping) else value:
        if isinstance(part, Mapping | list):
            _finite(part)
        elif isinstance(part, float) and not math.isfinite(part):
            raise ValueError("has a number that is not finite")
        elif isinstance(part, int) and abs(part) > _LARGEST_WHOLE:
            raise ValueError("has a number of more than 64 bits")
    return value


def shown(text: str) -> str:
    """Refuses a text that would act on a terminal, by a ValueError."""
    if printable(text) != text:
        raise ValueError("has control characters")
    return text


Name = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(shown)]
Argument = bool | int | float | Annotated[str, Field(max_length=64)] | None
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
"""32 bytes in hexadecimal."""


class Form(BaseModel):
    """What all forms of cards have in common: types are not converted, further fields are kept."""

    model_config = ConfigDict(strict=True, extra="allow", hide_input_in_errors=True)


class Architecture(Form):
    """A network: the name that a store of presets knows it by, and arguments of its builder.

    Arguments are numbers, short texts and lists of them, never objects that would be built.
    """

    model_config = ConfigDict(extra="forbid")

    name: Name
    arguments: dict[Name, Argument | Annotated[list[Argument], Field(max_length=64)]]


class ModelCard(Form):
    """The fields of a preset's `card.json`, with `sha256` and `bytes` of its weights."""

    name: Name
    architecture: Architecture
    training_data: Any
    recipe: str
    commit: Any
    seed: int | str
    measured: Any
    limits: Any
    intended_use: Any
    licence: Any
    sha256: Sha256
    bytes: Annotated[int, Field(ge=0, le=2**32)]
    calibration: dict[str, Any] = {}


AnyForm = TypeVar("AnyForm", bound=Form)


def read_card(data: bytes, form: type[AnyForm], path: str | os.PathLike) -> dict:
    """Reads and checks a card.

    Args:
        data: JSON.
        form: Its schema, such as `ModelCard`.
        path: Path of the file that has it, for error messages.

    Returns:
        The card as it was written.

    Raises:
        ValueError: It is too large, no JSON object, or not of the form.
    """
    if len(data) > MAX_CARD_BYTES:
        raise ValueError(f"{path}: not a model card: has {len(data):,} bytes")
    try:
        card = pydantic_core.from_json(data, allow_inf_nan=False)
    except ValueError as error:
        raise ValueError(f"{path}: not a model card: {error}") from error
    return check_card(card, form, path)


def check_card(card: object, form: type[AnyForm], path: str | os.PathLike) -> dict:
    """Checks a card; the arguments, the result and the error are those of `read_card`."""
    if not isinstance(card, dict):
        raise ValueError(f"{path}: not a model card: is no JSON object")
    try:
        form.model_validate(_finite(card))
    except pydantic.ValidationError as error:
        details = error.errors()
        missing = [".".join(map(str, one["loc"])) for one in details if one["type"] == "missing"]
        if missing:
            raise ValueError(f"{path}: the card lacks {', '.join(sorted(missing))}") from error
        where = " ".join(map(str, details[0]["loc"][:3]))
        raise ValueError(f"{path}: the card's {where}: {details[0]['msg']}") from error
    except ValueError as error:
        raise ValueError(f"{path}: the card {error}") from error
    return card


def card_markdown(card: Mapping[str, object]) -> str:
    """Renders a model card as a section of a README.

    Args:
        card: As `PresetStore.card` returns it.

    Returns:
        Markdown with a third-level heading and one list item a field, but for the measured
        numbers, which make tables of their own; nested values are indented lists. Ends with a
        newline.
    """
    lines = [f"### {card['name']}", ""]
    titles = {**CARD_FIELDS, "sha256": "SHA-256 of the weights", "bytes": "Bytes"}
    for field, title in titles.items():
        if field not in ("name", "measured"):
            lines += _markdown_item(title, card[field], "")
    return "\n".join(lines) + "\n"


def _markdown_item(title: str, value: object, indent: str) -> list[str]:
    if isinstance(value, Mapping):
        lines = [f"{indent}- **{title}**"]
        for key, nested in value.items():
            lines += _markdown_item(str(key), nested, indent + "  ")
        return lines
    if isinstance(value, list | tuple):
        texts = list(map(str, value))
        value = (" " if texts and texts[0].endswith(".") else "; ").join(texts)
    return [f"{indent}- **{title}**: {value}"]
