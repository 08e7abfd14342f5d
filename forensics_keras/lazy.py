"""Packages whose members are imported when they are first asked for.

Importing Keras and its backend takes seconds. What needs neither, such as `--help`, must not wait
for them. In a user's own program, however, `import irl_keras` must be enough for Keras to load a
saved model: it knows the layers that are imported. So there everything is imported at once.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType


class _LazyPackage(ModuleType):
    """A package with names that are imported from its modules at their first use."""

    _members: Mapping[str, str]

    def __getattr__(self, name: str) -> object:
        if name not in self._members:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        module = importlib.import_module(self._members[name])
        is_itself = module.__name__ == f"{self.__name__}.{name}" and not hasattr(module, name)
        setattr(self, name, module if is_itself else getattr(module, name))
        return self.__dict__[name]

    def __setattr__(self, name: str, value: object) -> None:
        # Python sets a module that was imported as an attribute of its package. A function that is
        # named as its module, such as `irl_keras.irl_net`, must not be hidden by it.
        if isinstance(value, ModuleType) and name in self.__dict__.get("_members", ()):
            value = getattr(value, name, value)
        super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self._members} - {"_members"})


def load_when_asked(package: str, members: Mapping[str, str]) -> None:
    """Makes a package import its members when they are first asked for.

    For type checkers the package imports the same names below `if TYPE_CHECKING`.

    Args:
        package: Its `__name__`.
        members: By each name the module that defines it; a module by its own name.
    """
    module = sys.modules[package]
    module.__class__ = _LazyPackage
    module.__dict__["_members"] = dict(members)


def load_unless_program(package: str) -> None:
    """Imports all members of a package, unless one of this library's own programs is running.

    Args:
        package: Its `__name__`.
    """
    if not _is_program():
        module = sys.modules[package]
        for name in dir(module):
            getattr(module, name)


def _is_program() -> bool:
    """Whether this is `irl-keras` or `malp-keras`, or `python -m` with one of the packages."""
    programs = ("irl_keras", "malp_keras")
    if Path(sys.argv[0]).stem.replace("-", "_") in programs:
        return True
    given = sys.orig_argv
    return "-m" in given and given[given.index("-m") + 1 :][:1] in ([name] for name in programs)
