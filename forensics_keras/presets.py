"""Trained weights with their model cards: what `from_preset` loads and `save_preset` makes.

A preset is a folder of files, none of which can hold code; it may come from a stranger:

* `card.json`, the model card: what was trained, on what, how, how well, and for what use;
* `weights.npz`, the model's weights by variable path, in float16, whose SHA-256 the card holds;
  where it would be large, its bytes in several files, `weights.npz.01` and so on.
"""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import io
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from forensics_keras.archives import check_model_file, read_arrays
from forensics_keras.files import write_atomically
from forensics_keras.images import read_bytes
from forensics_keras.model_card import CARD_FIELDS, ModelCard, read_card
from forensics_keras.records import to_json, write_json

if TYPE_CHECKING:  # reading a card must not take the seconds that importing Keras takes
    import keras

CARD_FILE, WEIGHTS_FILE = "card.json", "weights.npz"


PART_BYTES = 14 * 2**20
"""Most bytes of one file of weights: repositories and attachments refuse large files."""


class PresetStore:
    """The presets of one library, by name, and any others by folder.

    Args:
        root: Folder with one folder a preset.
        builders: Gives, by each architecture that a card may name, the function that builds it
            from the card's arguments. Called when a network is built, since importing it takes
            seconds.

    Example:
        >>> store = PresetStore("weights", lambda: {"irl_net": irl_net})  # doctest: +SKIP
        >>> model = store.load("irl_small")  # doctest: +SKIP
    """

    def __init__(
        self,
        root: str | os.PathLike,
        builders: Callable[[], Mapping[str, Callable[..., keras.Model]]],
    ):
        self.root = Path(root)
        self.builders = builders

    def names(self) -> list[str]:
        """Lists the names of the presets that the library ships, sorted."""
        return sorted(path.parent.name for path in self.root.glob(f"*/{CARD_FILE}"))

    def card(self, name_or_folder: str | os.PathLike) -> dict:
        """Reads the model card of a preset.

        Args:
            name_or_folder: One of `names()`, or else a folder that `save_preset` wrote.

        Returns:
            The fields of `CARD_FIELDS`, and `sha256` (hexadecimal) and `bytes` of the weights.

        Raises:
            ValueError: If there is no such preset, or its card is damaged.
        """
        path = self._folder(name_or_folder) / CARD_FILE
        return read_card(read_bytes(path), ModelCard, path)

    def load(
        self,
        name_or_folder: str | os.PathLike,
        load_weights: bool = True,
        dtype: str | None = None,
    ) -> keras.Model:
        """Builds the network of a preset and gives it the trained weights.

        Constrained weights, such as the kernels of `BayarConv2D`, are projected again after the
        rounding to float16, so that they satisfy their constraint exactly.

        Args:
            name_or_folder: One of `names()`, or else a folder that `save_preset` wrote.
            load_weights: False leaves the network untrained, to train it anew.
            dtype: Policy of its layers, such as `"mixed_bfloat16"`; Keras' by default.

        Returns:
            The model, not compiled.

        Raises:
            ValueError: If there is no such preset, when the weights file is not the one that
                the card describes, or when it does not fit the network.
            OSError: If the weights file is missing or cannot be read.
        """
        card = self.card(name_or_folder)
        path = self._folder(name_or_folder) / WEIGHTS_FILE
        if not load_weights:
            with _policy(dtype):
                return self.build(card["architecture"], path.with_name(CARD_FILE))
        data = b"".join(map(read_bytes, weights_files(path.parent)))
        found = hashlib.sha256(data).hexdigest()
        if found != card["sha256"]:
            raise ValueError(
                f"{path}: wrong or damaged weights: SHA-256 {found} ({len(data)} bytes), "
                f"the model card says {card['sha256']} ({card['bytes']} bytes); "
                "install the package or fetch the preset again"
            )
        with _policy(dtype):
            model = self.build(card["architecture"], path.with_name(CARD_FILE))
        assign_weights(model, data, path)
        return model

    def _folder(self, name_or_folder: str | os.PathLike) -> Path:
        names = self.names()
        folder = Path(name_or_folder)
        if str(name_or_folder) in names:
            return self.root / folder
        if (folder / CARD_FILE).is_file():
            return folder
        raise ValueError(
            f"{name_or_folder}: neither a preset ({', '.join(names) or 'none installed'}) "
            f"nor a folder with {CARD_FILE}"
        )

    def build(self, architecture: Mapping[str, Any], path: str | os.PathLike) -> keras.Model:
        """Builds a network without its weights.

        Args:
            architecture: As in a model card: `name` and `arguments`.
            path: Path of the file that names it, for error messages.

        Returns:
            The model, not compiled.

        Raises:
            ValueError: If there is no such architecture, or its arguments are wrong.
        """
        builders = self.builders()
        try:
            builder = builders[architecture["name"]]
            _check_arguments(builder, architecture["arguments"])
            return builder(**architecture["arguments"])
        except Exception as error:  # Keras and its backends raise many kinds on odd arguments
            known = ", ".join(builders)
            raise ValueError(
                f"{path}: cannot build the architecture {architecture} "
                f"(known: {known}): {type(error).__name__}: {error}"
            ) from error


_TIMES_DEFAULT = 4
_FINE_WHOLE, _FINE_FLOAT = 64, 4
_WITHOUT_SIZE = {"seed", "input_shape"}
"""Arguments that make no weights."""


def _check_arguments(builder: Callable[..., keras.Model], arguments: Mapping[str, Any]) -> None:
    """Refuses numbers that would make a network too large for any memory.

    A network may be a few times as wide as its builder's default.

    Raises:
        TypeError: If the builder has no such argument.
        ValueError: If a number is too large.
    """
    defaults = {
        name: parameter.default for name, parameter in inspect.signature(builder).parameters.items()
    }
    for name, value in arguments.items():
        if name not in defaults:
            raise TypeError(f"there is no argument {name}")
        default = defaults[name]
        fine = _FINE_FLOAT if isinstance(default, float) else _FINE_WHOLE
        limit = max(_TIMES_DEFAULT * _largest(default), fine)
        if name not in _WITHOUT_SIZE and _largest(value) > limit:
            raise ValueError(f"{name} is {value}; the most is {limit:g}")


def _largest(value: Any) -> float:
    values = value if isinstance(value, list | tuple) else [value]
    return max((abs(one) for one in values if isinstance(one, int | float)), default=0)


@contextlib.contextmanager
def _policy(dtype: str | None) -> Iterator[None]:
    """Lets layers be built with another policy than Keras' own."""
    from keras import config

    before = config.dtype_policy()
    config.set_dtype_policy(dtype or before)
    try:
        yield
    finally:
        config.set_dtype_policy(before)


def assign_weights(model: keras.Model, data: bytes, path: str | os.PathLike) -> None:
    """Gives a model the weights that `encode_weights` encoded.

    Args:
        model: Built as the encoded one was.
        data: What `encode_weights` returned.
        path: Path of the file that holds it, for error messages.

    Raises:
        ValueError: If the weights do not fit the model.
    """
    from keras import ops

    variables = _weights_by_path(model)
    shapes = {name: tuple(variable.shape) for name, variable in variables.items()}
    weights = read_arrays(data, shapes, model.name, path)
    for name, variable in variables.items():
        variable.assign(weights[name])
        if variable.constraint is not None:
            variable.assign(variable.constraint(ops.convert_to_tensor(variable)))


def _weights_by_path(model: keras.Model) -> dict[str, keras.Variable]:
    variables = {variable.path: variable for variable in model.weights}
    if len(variables) != len(model.weights):
        raise ValueError(f"{model.name}: two variables have the same path; name its layers apart")
    return variables


def save_preset(model: keras.Model, folder: str | os.PathLike, card: Mapping[str, object]) -> dict:
    """Writes a model as a preset: equal weights give equal bytes, each file whole or not at all.

    The weights are written first; whoever reads before the card follows is told of a wrong hash.

    Args:
        model: Built by the function that `card["architecture"]` names, with its arguments.
        folder: Folder to write `card.json` and the weights into; made if missing.
        card: The fields of `CARD_FIELDS`, and more if wanted; values that JSON can hold.
            `architecture` is `{"name": ..., "arguments": {...}}`.

    Returns:
        The card as written, with `sha256` and `bytes` of the weights.

    Raises:
        ValueError: If a field is missing or empty, or a weight is too large for float16.
        OSError: If a file cannot be written.

    Example:
        >>> save_preset(model, "irl_keras/weights/irl_small", card)  # doctest: +SKIP
    """
    empty = [field for field in CARD_FIELDS if card.get(field) in (None, "", [], {})]
    if empty:
        raise ValueError(f"{folder}: the model card needs {', '.join(empty)}")
    data = encode_weights(model)
    card = {**card, "sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    read_card(to_json(card).encode(), ModelCard, folder)
    _write_weights(Path(folder), data)
    write_json(Path(folder) / CARD_FILE, card)
    return card


def weights_files(folder: Path) -> list[Path]:
    """Finds the files of a preset's weights, in the order of their bytes.

    Args:
        folder: Folder of the preset.

    Returns:
        One path, which exists or not, or the paths of several parts.
    """
    return sorted(folder.glob(f"{WEIGHTS_FILE}.[0-9][0-9]")) or [folder / WEIGHTS_FILE]


def _write_weights(folder: Path, data: bytes) -> None:
    """Writes the weights in one file or in parts, and removes files of earlier weights."""
    parts = [data[start : start + PART_BYTES] for start in range(0, len(data), PART_BYTES)]
    paths = [folder / WEIGHTS_FILE]
    if len(parts) > 1:
        paths = [folder / f"{WEIGHTS_FILE}.{number:02d}" for number in range(1, len(parts) + 1)]
    for path, part in zip(paths, parts, strict=True):
        write_atomically(path, part)
    for earlier in {folder / WEIGHTS_FILE, *weights_files(folder)} - {*paths}:
        earlier.unlink(missing_ok=True)


def encode_weights(model: keras.Model) -> bytes:
    """Encodes the weights of a model by variable path, in float16; equal weights, equal bytes.

    Args:
        model: Any; its variables' paths must differ.

    Returns:
        The content of an `.npz` file.

    Raises:
        ValueError: If a weight is too large for float16, or two have the same path.
    """
    file = io.BytesIO()
    variables = sorted(_weights_by_path(model).items())
    halves: dict[str, Any] = {path: _half(path, variable) for path, variable in variables}
    np.savez(file, **halves)
    return file.getvalue()


def _half(path: str, variable: keras.Variable) -> np.ndarray:
    from keras import ops

    value = ops.convert_to_numpy(variable)
    with np.errstate(over="ignore"):
        half = value.astype(np.float16)
    if not np.isfinite(half).all():
        raise ValueError(f"{path}: has values that float16 cannot hold (not finite, or over 65504)")
    return half


def load_model_file(path: str | os.PathLike) -> keras.Model:
    """Loads a model that Keras saved, such as a checkpoint of training, for prediction.

    Args:
        path: `.keras` file. It builds whatever layers it names: load only files of people whom
            you trust.

    Returns:
        The model, not compiled.

    Raises:
        ValueError: If the file is missing, damaged, larger unpacked than it can honestly be, or
            needs code that is not loaded.
        OSError: If it is no regular file, or cannot be read.
    """
    import keras

    check_model_file(path)
    try:
        return keras.saving.load_model(path, compile=False)
    except Exception as error:  # Keras raises many kinds on damaged files
        raise ValueError(f"{path}: not a model that Keras can load: {error}") from error
