"""Files that are either complete or not there."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def write_atomically(path: str | os.PathLike, data: bytes) -> None:
    """Writes a file under a temporary name in its folder, then renames it.

    A reader, or whoever comes after a killed process, finds the old file, the new file or none,
    never a part of one. Missing parent folders are made.

    Args:
        path: of the file; replaced if it exists.
        data: the whole content.

    Raises:
        OSError: when the folder cannot be made or written, with the path in the message.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.chmod(temporary, 0o644)  # mkstemp's files are the owner's only
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
