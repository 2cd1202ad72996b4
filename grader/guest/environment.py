"""Inside the sandbox: the one interface between a course's environment and the grader.

A course may name a module (`course.toml`, `[environment] setup`). The module offers any of these
functions; a missing one does nothing:

    prepare()          once, in the process that kernels are forked from; no torch operation
    configure()        in each kernel, when `training_settings.settings` holds its values
    short_passes()     a context manager that holds while a training cell runs again for the grader:
                       all data is drawn data, and costs little
    method_homes()     classes of the course's library to which notebooks add methods
    model_base()       the base class of a placeholder, for a model that a notebook could not define

The course's library may import `grader.guest.training_settings` (the budget of a fit) and
`grader.guest.losses` (how long the running cell has trained).
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from types import ModuleType

from torch import nn


class Environment:
    """The functions of a course's setup module, each with a default."""

    def __init__(self, setup: ModuleType | None = None) -> None:
        self._setup = setup
        self._library: tuple[ModuleType, ...] | None = None

    def prepare(self) -> None:
        """Prepare the process that kernels are forked from."""
        if (prepare := getattr(self._setup, "prepare", None)) is not None:
            prepare()

    def configure(self) -> None:
        """Prepare one kernel, before its first cell."""
        if (configure := getattr(self._setup, "configure", None)) is not None:
            before = len(sys.modules)
            configure()
            if len(sys.modules) != before:
                self._library = None

    def short_passes(self) -> AbstractContextManager[None]:
        """Return the context that is active while a training cell runs again."""
        make = getattr(self._setup, "short_passes", None)
        found: AbstractContextManager[None] = nullcontext() if make is None else make()
        return found

    def method_homes(self) -> tuple[type, ...]:
        """Return the classes to which notebooks add methods."""
        homes = getattr(self._setup, "method_homes", None)
        found: Iterable[type] = () if homes is None else homes()
        return tuple(found)

    def library(self) -> tuple[ModuleType, ...]:
        """Return the loaded modules that lie beside the setup module: the course's library.

        They are looked for once, in the warm parent: to read a module copies its memory.
        """
        if self._library is None:
            self._library = self._find_library()
        return self._library

    def _find_library(self) -> tuple[ModuleType, ...]:
        folder = os.path.dirname(getattr(self._setup, "__file__", None) or "")
        modules = [m for m in list(sys.modules.values()) if m is not self._setup]
        files = [(m, getattr(m, "__file__", None) or "") for m in modules]
        return tuple(m for m, file in files if folder and file.startswith(f"{folder}{os.sep}"))

    def model_base(self) -> type:
        """Return the base class of placeholder models."""
        base = getattr(self._setup, "model_base", None)
        found: type = nn.Module if base is None else base()
        return found


current = Environment()
"""Of the course whose notebook runs in this process."""


def use(setup: str) -> Environment:
    """Load the setup module of this process by its name; an empty name stands for none."""
    global current  # noqa: PLW0603  (one course a kernel)
    current = Environment(importlib.import_module(setup) if setup else None)
    return current
