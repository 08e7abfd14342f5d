"""What libraries write to stderr by themselves: hidden from users unless they ask for it."""

from __future__ import annotations

import contextlib
import faulthandler
import logging
import os
import sys
import warnings
from collections.abc import Iterator

_STDERR = 2


@contextlib.contextmanager
def quiet_libraries(verbose: bool | None) -> Iterator[None]:
    """Hides what libraries log while a command runs; its own messages go to `sys.stderr` as ever.

    TensorFlow's start-up and retracing, and the C libraries that decode pictures, say a lot that
    no user can act on: libtiff alone wrote 601 lines about one file.

    Args:
        verbose: True hides nothing, False all of it, also what C libraries write to the process's
            stderr. None, for programs without this choice, hides only Pillow's warnings.
    """
    with warnings.catch_warnings(), contextlib.ExitStack() as stack:
        if not verbose:
            warnings.filterwarnings("ignore", module="PIL")  # errors say what matters
        if verbose is False:
            for name in ("tensorflow", "absl", "jax"):
                logging.getLogger(name).setLevel(logging.ERROR)
            stack.enter_context(_native_stderr_closed())
        yield


@contextlib.contextmanager
def _native_stderr_closed() -> Iterator[None]:
    """Leads file descriptor 2 to nowhere; `sys.stderr`, if it is that, to where it led before."""
    sys.stderr.flush()
    original = os.dup(_STDERR)
    before = sys.stderr
    nowhere = os.open(os.devnull, os.O_WRONLY)
    had_faulthandler = faulthandler.is_enabled()
    try:
        if _is_native(before):
            sys.stderr = os.fdopen(
                os.dup(original), "w", 1, encoding=before.encoding, errors=before.errors
            )
            faulthandler.enable(sys.stderr)  # a crash must not be silent
        os.dup2(nowhere, _STDERR)
        yield
    finally:
        os.dup2(original, _STDERR)
        if sys.stderr is not before:
            if not had_faulthandler:
                faulthandler.disable()
            sys.stderr.close()
            sys.stderr = before
        os.close(original)
        os.close(nowhere)


def _is_native(stream: object) -> bool:
    try:
        return stream.fileno() == _STDERR  # type: ignore[attr-defined]
    except (AttributeError, OSError, ValueError):
        return False
