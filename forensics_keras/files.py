"""Files that are either complete or not there, and folders that one process at a time writes into.

A file is written under a random name in its own folder and renamed when it is complete. The
temporary file is opened exclusively, so that nothing that lies there is followed or replaced, and
it is locked until it is renamed: one that nobody has locked was left by a killed process, and the
next process that writes into the folder removes it.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

PAIR_LAYOUTS = (("image", "mask"), ("inpainted", "mask"), ("Tp", "Gt"))
"""Names of the folders of pictures and of masks that a pair folder has, see `datasets.pairs`."""

_LONGEST_SUFFIX = 16
_UNFINISHED = re.compile(r"\.unfinished-[0-9a-f]{32}(\.[^/]{1,15})?", re.DOTALL)


@contextmanager
def replacing(
    path: str | os.PathLike, private: bool = False, exists_ok: bool = True
) -> Iterator[Path]:
    """Gives a temporary name in a file's folder, and renames it when the block ends well.

    A reader, or whoever comes after a killed process or a power failure, finds the old file, the
    new file or none, never a part of one.

    Args:
        path: The file that is made or replaced; missing parent folders are made. A link is
            replaced, not followed.
        private: Whether only the user may read the file, at any moment.
        exists_ok: Whether a file of that name is replaced; otherwise it stays, and this fails.

    Yields:
        Path of an empty file, hidden, with the file's suffix if that is short.

    Raises:
        OSError: If the folder cannot be made or written, with the path in the message.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_unfinished(os.path.abspath(path.parent))
        temporary, descriptor = _create_unfinished(path, 0o600 if private else 0o666)
        try:
            yield temporary
            os.fsync(descriptor)
            _give_name(temporary, path, exists_ok)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
        finally:
            os.close(descriptor)
    except OSError as error:
        # Others' errors, of files that the block read, are theirs to explain.
        if error.errno is None or not _is_about(error.filename, path):
            raise
        raise type(error)(
            f"{path}: cannot be written ({error.strerror}); look at its folder and the disk"
        ) from error


def _is_about(filename: object, path: Path) -> bool:
    """Whether an error's file is a path, its temporary file, one of its folders, or unknown."""
    if filename is None:
        return True
    found = Path(os.fsdecode(filename))  # type: ignore[arg-type]
    return found in (path, *path.parents) or _UNFINISHED.fullmatch(found.name) is not None


def write_atomically(
    path: str | os.PathLike, data: bytes, private: bool = False, exists_ok: bool = True
) -> None:
    """Writes a file's whole content, see `replacing`.

    Args:
        path: Path of the file; missing parent folders are made.
        data: The whole content.
        private: Whether only the user may read the file, at any moment.
        exists_ok: Whether a file of that name is replaced.

    Raises:
        OSError: If the folder cannot be made or written, with the path in the message.
    """
    with replacing(path, private, exists_ok) as temporary:
        temporary.write_bytes(data)


def open_regular(path: str | os.PathLike) -> BinaryIO:
    """Opens a file for reading, but no folder, pipe or device, which could block or never end.

    Raises:
        OSError: The file is missing, something else, or not readable.
    """

    def opener(name: str, _: int) -> int:
        # Without it, the opening of a pipe waits for a writer.
        return os.open(
            name, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        )

    try:
        file = open(path, "rb", opener=opener)
    except IsADirectoryError as error:
        raise IsADirectoryError(f"{path}: is a folder; give a file") from error
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(f"{path}: is not a regular file; copy its content into one")
    return file


@contextmanager
def locked(folder: str | os.PathLike) -> Iterator[None]:
    """Lets one process at a time write into a folder.

    The folder itself is locked, so that no file stays behind: the system ends the lock with the
    process, however it dies. Where a file system knows no locks, nothing is locked.

    Args:
        folder: The folder, made if missing.

    Raises:
        OSError: If another process has locked it, or it cannot be made or opened.
    """
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY) if fcntl else None
    except OSError as error:
        raise type(error)(
            f"{folder}: cannot be the output folder ({error.strerror}); give another one"
        ) from error
    try:
        if descriptor is not None and _try_lock(descriptor) is False:
            raise BlockingIOError(
                f"{folder}: another process writes here; wait for it or give another folder"
            )
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


def pair_layouts(folder: str | os.PathLike) -> list[tuple[str, str]]:
    """Finds which of `PAIR_LAYOUTS` a folder has."""
    return [one for one in PAIR_LAYOUTS if all((Path(folder) / name).is_dir() for name in one)]


def pair_folder_of(path: str | os.PathLike) -> Path | None:
    """Finds the pair folder among whose pictures or masks a file lies, or `None`.

    Args:
        path: The file; links are resolved.
    """
    inside = Path(path).resolve()
    for folder in inside.parents:
        names = {name for layout in pair_layouts(folder) for name in layout}
        if inside.relative_to(folder).parts[0] in names:
            return folder
    return None


def _create_unfinished(path: Path, mode: int) -> tuple[Path, int]:
    """Makes and locks a file of a random name, and returns it with its open descriptor."""
    suffix = path.suffix if len(os.fsencode(path.suffix)) < _LONGEST_SUFFIX else ""
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
    while True:
        temporary = path.with_name(f".unfinished-{secrets.token_hex(16)}{suffix}")
        try:
            descriptor = os.open(temporary, flags | getattr(os, "O_BINARY", 0), mode)
        except FileExistsError:
            continue
        # Another process may have taken it for a leftover before it was locked.
        if _try_lock(descriptor) is not False and os.fstat(descriptor).st_nlink:
            return temporary, descriptor
        os.close(descriptor)


def _give_name(temporary: Path, path: Path, exists_ok: bool) -> None:
    if exists_ok:
        os.replace(temporary, path)
        return
    try:
        os.link(temporary, path)  # fails where a renaming would replace
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        if os.path.lexists(path):
            raise FileExistsError(f"{path}: exists") from None
        os.rename(temporary, path)
    else:
        temporary.unlink()


@functools.lru_cache(maxsize=1024)
def _remove_unfinished(folder: str) -> None:
    """Removes what killed processes left in a folder; once a process, for folders may be large."""
    with os.scandir(folder) as entries:
        names = [entry.path for entry in entries if _UNFINISHED.fullmatch(entry.name)]
    for name in names:
        with contextlib.suppress(OSError):
            flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
            descriptor = os.open(name, flags)
            try:
                if stat.S_ISREG(os.fstat(descriptor).st_mode) and _try_lock(descriptor):
                    os.unlink(name)
            finally:
                os.close(descriptor)


def _try_lock(descriptor: int) -> bool | None:
    """Locks an open file or folder; False if another one has, `None` where locks are unknown."""
    if fcntl is None:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True
