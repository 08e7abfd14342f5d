"""Files that are either complete or not there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: str | os.PathLike) -> Iterator[Path]:
    """Gives a temporary name in a file's folder, and renames it when the block ends well.

    A reader, or whoever comes after a killed process, finds the old file, the new file or none,
    never a part of one. A killed process's temporary file is replaced by the next attempt.

    Args:
        path: The file that is made or replaced; missing parent folders are made.

    Yields:
        The temporary path, hidden, with the file's suffix.

    Raises:
        OSError: If the folder cannot be made or written, with the path in the message.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.partial{path.suffix}")
    try:
        yield temporary
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_atomically(path: str | os.PathLike, data: bytes, private: bool = False) -> None:
    """Writes a file's whole content under a temporary name, then renames it.

    Args:
        path: Path of the file; replaced if it exists; missing parent folders are made.
        data: The whole content.
        private: Whether only the user may read the file, at any moment.

    Raises:
        OSError: If the folder cannot be made or written, with the path in the message.
    """
    with replacing(path) as temporary:
        if private:
            temporary.unlink(missing_ok=True)  # whose permissions would stay
            temporary.touch(mode=0o600)
        temporary.write_bytes(data)
