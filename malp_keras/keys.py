"""Private keys: templates that nobody else has, with a localizer that knows them.

Whoever has a preset has its templates. A key has templates of its own and the weights of a
localizer and classifier that were fine-tuned to them; `protect` and `verify` take one in place of
a preset (`--key FILE`), and `python train.py key` makes one.

A key file cannot hold code: a first line that says what it is, the SHA-256 of all that follows, a
line of JSON (the card: architecture, calibration, the preset it was made from), and the weights as
`forensics_keras.presets.encode_weights` gives them. It needs no other file, so it works as long as
its architecture is known. Keep it secret and keep a copy: pictures that it protected can be
verified with it alone.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from forensics_keras import images, model_card, presets
from forensics_keras.files import write_atomically
from forensics_keras.model_card import Architecture, Form, Name
from forensics_keras.records import to_json
from malp_keras.calibration import Calibration
from malp_keras.presets import build, check_templates, from_preset, read_card

if TYPE_CHECKING:  # what only reads a key's card needs no Keras
    from malp_keras.layers import TemplateLayer
    from malp_keras.malp import MaLP

_FIRST_LINE = b"MaLP key 1\n"


class KeyCard(Form):
    """The fields of a key's card."""

    name: Name
    preset: dict[str, Any]
    architecture: Architecture
    calibration: dict[str, Any]
    made: str
    recipe: Any


def renew_templates(layer: TemplateLayer, seed: int | None = None) -> None:
    """Replaces the templates of a layer by random ones of the same kind.

    Each new template has the spectrum of the old one, so it is as visible and as robust against
    JPEG, but its phases are random, so it is as unlike the old one as noise.

    Args:
        layer: Layer with the templates.
        seed: Seed of the phases, for tests; what the operating system has without, as a key needs.
    """
    from keras import ops

    templates = ops.convert_to_numpy(layer.templates).astype(np.float64)
    noise = np.random.default_rng(seed).standard_normal(templates.shape)
    old, phases = (np.fft.fft2(values) for values in (templates, noise))
    phases /= np.abs(phases)
    phases[:, 0, 0] = np.where(old[:, 0, 0].real < 0, -1, 1)  # the mean stays
    layer.templates.assign(np.fft.ifft2(np.abs(old) * phases).real)


def save_key(
    path: str | os.PathLike,
    model: MaLP,
    card: Mapping[str, object],
    overwrite: bool = False,
) -> None:
    """Writes a key file that only the user may read, whole or not at all.

    Args:
        path: Path of the file.
        model: Its weights, with the templates, are kept in float16.
        card: `name`; `preset`, the `name` and `sha256` of the preset it was made from;
            `architecture` and `calibration` as in a model card; `made`, when; `recipe`, how.
        overwrite: Whether an existing file may be replaced.

    Raises:
        ValueError: The file exists, the card lacks a field, or a weight is too large for float16.
        OSError: The file cannot be written.
    """
    refuse_existing(path, overwrite)
    check_templates(model, path)
    text = to_json(card).encode()
    _read_card(text, path)
    body = text + b"\n" + presets.encode_weights(model)
    first_lines = _FIRST_LINE + hashlib.sha256(body).hexdigest().encode() + b"\n"
    write_atomically(path, first_lines + body, private=True, exists_ok=overwrite)


def refuse_existing(path: str | os.PathLike, overwrite: bool) -> None:
    """Raises ValueError for a path that exists, unless it may be overwritten."""
    if not overwrite and os.path.lexists(path):
        raise ValueError(
            f"{path}: exists; without it, what it protected could no longer be verified: "
            "give another name or add --overwrite"
        )


def read_key_card(path: str | os.PathLike) -> dict:
    """Reads the card of a key file.

    Args:
        path: Path of the file.

    Returns:
        The fields given to `save_key`, and `sha256` of the key in hexadecimal.

    Raises:
        ValueError: It is no key, or damaged.
        OSError: It is missing or cannot be read.
    """
    return _read(path)[0]


def load_key(path: str | os.PathLike) -> MaLP:
    """Builds the model of a key.

    Args:
        path: Path of the file.

    Returns:
        The model, not compiled.

    Raises:
        ValueError: It is no key, or damaged, or does not fit the model that it names.
        OSError: It is missing or cannot be read.
    """
    card, weights = _read(path)
    model = build(card["architecture"], path)
    presets.assign_weights(model, weights, path)
    check_templates(model, path)
    return model


def _read(path: str | os.PathLike) -> tuple[dict, bytes]:
    data = images.read_bytes(path)
    if not data.startswith(_FIRST_LINE):
        raise ValueError(f"{path}: is not a key of this version; make one with train.py key")
    sha256, _, body = data[len(_FIRST_LINE) :].partition(b"\n")
    if hashlib.sha256(body).hexdigest().encode() != sha256:
        raise ValueError(f"{path}: is damaged (wrong SHA-256); take it from your copy of it")
    text, _, weights = body.partition(b"\n")
    return {**_read_card(text, path), "sha256": sha256.decode()}, weights


def _read_card(text: bytes, path: str | os.PathLike) -> dict:
    card = model_card.read_card(text, KeyCard, path)
    Calibration.of_card(card)
    return card


# --- what commands work with ----------------------------------------------------------------------


class Weights(NamedTuple):
    """What a command works with: a preset or a key.

    Attributes:
        card: Its card.
        load: Loads the model.
    """

    card: dict
    load: Callable[[], MaLP]

    @property
    def identity(self) -> dict[str, object]:
        """Fields of report lines."""
        return {"preset": self.card["name"], "preset_sha256": self.card["sha256"]}


def chosen_weights(preset: str | os.PathLike, key: str | os.PathLike | None = None) -> Weights:
    """Opens a key or, without one, a preset.

    Args:
        preset: Name or folder.
        key: Key file, in place of the preset.

    Raises:
        ValueError: There is no such preset, or the key is damaged.
        OSError: The key is missing or cannot be read.
    """
    if key:
        return Weights(read_key_card(key), lambda: load_key(key))
    return Weights(read_card(preset), lambda: from_preset(preset))
