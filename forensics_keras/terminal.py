"""What commands print: printing never fails, and no text that is printed acts on the terminal."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import unicodedata
from collections.abc import Iterator
from typing import Any, TextIO

_UNPRINTABLE = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def printable(text: object) -> str:
    r"""Escapes what would act on a terminal or forge a line: `\x1b`, `\n`, `\u202e`, `\udcff`.

    Args:
        text: Name of a file, field of a card or message; anything is turned into text.

    Returns:
        One line without control and formatting characters, line breaks and lone surrogates.

    Example:
        >>> printable("a\nb")
        'a\\nb'
    """
    return "".join(
        ascii(char)[1:-1] if unicodedata.category(char) in _UNPRINTABLE else char
        for char in str(text)
    )


def counted(number: int, what: str) -> str:
    """Counts things: `"1 input"`, `"2 inputs"`."""
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


@contextlib.contextmanager
def unfailing_output() -> Iterator[None]:
    """Lets printing to stdout and stderr go on whatever becomes of them.

    A reader that has gone, a full device and an encoding without the character are no reason to
    stop: what cannot be printed is left out, or escaped.
    """
    streams = [sys.stdout, sys.stderr]
    wrapped = [None if stream is None else _Unfailing(stream) for stream in streams]
    sys.stdout, sys.stderr = wrapped  # type: ignore[assignment]
    try:
        yield
    finally:
        for stream in wrapped:
            if stream is not None:
                stream.flush()
        sys.stdout, sys.stderr = streams


_stderr_lock = threading.Lock()


@contextlib.contextmanager
def library_lines() -> Iterator[list[str]]:
    """Catches what libraries in C print to stderr by themselves, such as libtiff and OpenCV.

    It belongs to the whole process, so that one thread at a time does this.

    Yields:
        List that has the lines, printable, when the block has ended; of more than 64 kB the first.
    """
    lines: list[str] = []
    with _stderr_lock, contextlib.ExitStack() as stack:
        try:
            before = os.dup(2)
        except OSError:  # closed, so that nothing can be printed
            yield lines
            return
        stack.callback(os.close, before)
        reader, writer = os.pipe()
        stack.callback(os.close, reader)
        for end in (reader, writer):
            os.set_blocking(end, False)  # what does not fit is dropped, and nobody waits
        os.dup2(writer, 2)
        os.close(writer)
        try:
            yield lines
        finally:
            os.dup2(before, 2)
            with contextlib.suppress(BlockingIOError):
                said = os.read(reader, 2**16).decode(errors="replace")
                lines += [printable(line) for line in said.splitlines() if line.strip()]


class _Unfailing:
    """A text stream whose `write` and `flush` never raise."""

    def __init__(self, stream: TextIO):
        self._stream = stream

    def write(self, text: str) -> int:
        encoding = getattr(self._stream, "encoding", None) or "utf-8"
        encodable = text.encode(encoding, "backslashreplace").decode(encoding)
        self._try(self._stream.write, encodable)
        return len(text)

    def flush(self) -> None:
        self._try(self._stream.flush)

    def _try(self, call: Any, *arguments: str) -> None:
        try:
            call(*arguments)
        except (OSError, ValueError):
            # What is still in its buffer goes where it cannot fail when the program ends.
            with contextlib.suppress(OSError, ValueError):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, self._stream.fileno())
                os.close(nowhere)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
