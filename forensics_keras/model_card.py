"""Model cards: the fields that every preset fills, and their Markdown."""

from __future__ import annotations

from collections.abc import Mapping

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
