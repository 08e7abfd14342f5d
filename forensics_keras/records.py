"""Results as strict JSON, with the versions of the libraries that made them."""

from __future__ import annotations

import importlib.metadata
import json
import math
import os
import platform
from collections.abc import Mapping

import cv2
import numpy as np

from forensics_keras.files import write_atomically


def to_json(content: object, indent: int | None = None) -> str:
    """Renders content as strict JSON: NaN and infinities become null, NumPy values plain ones.

    Args:
        content: Dicts, lists, tuples, strings, numbers, None, NumPy scalars and arrays, paths.
        indent: Spaces a level; None for one line (as JSON-lines files need).

    Returns:
        The text, without a final newline.

    Raises:
        TypeError: for anything else.
    """
    return json.dumps(_plain(content), indent=indent, allow_nan=False)


def _plain(content: object) -> object:
    if isinstance(content, np.ndarray | np.generic):
        content = content.tolist()
    if isinstance(content, Mapping):
        return {str(key): _plain(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_plain(value) for value in content]
    if isinstance(content, float) and not math.isfinite(content):
        return None
    return os.fspath(content) if isinstance(content, os.PathLike) else content


def write_json(path: str | os.PathLike, content: object) -> None:
    """Writes content as indented JSON, complete or not at all.

    Args:
        path: Path of the file; missing parent folders are made.
        content: As for `to_json`.

    Raises:
        TypeError: for content that JSON cannot hold.
        OSError: If the file cannot be written.
    """
    write_atomically(path, (to_json(content, indent=2) + "\n").encode())


def library_versions() -> dict[str, str]:
    """Lists the versions of what results depend on: Python, Keras, its backend, NumPy, OpenCV."""
    import keras  # takes seconds, and JSON needs none

    backend = keras.backend.backend()
    return {
        "python": platform.python_version(),
        "keras": keras.__version__,
        backend: importlib.metadata.version(backend),
        "numpy": np.__version__,
        "opencv": cv2.__version__,
    }
