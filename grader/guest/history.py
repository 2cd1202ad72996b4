"""Inside the sandbox: what the names of a notebook were bound to, cell by cell.

A function looks up its helpers, its device and its constants when it is called, and later cells may
have rebound them. Here: every binding, and the names as they stood after a cell.
Not here: which bindings are candidates for an exercise (`recorder.py`).
"""

from __future__ import annotations

import builtins
import copy
from dataclasses import dataclass
from typing import Any

import torch

_MOST_BINDINGS = 10_000
_BUILTINS = {name: value for name, value in vars(builtins).items() if not name.startswith("_")}


@dataclass(frozen=True)
class _Binding:
    cell: int
    value: Any
    copied: Any
    """The value as it was then, where it may change in place; else the same object."""


class History:
    """The bindings of a notebook in the order in which they are made."""

    def __init__(self) -> None:
        self._made: dict[str, list[_Binding]] = {}
        self._count = 0

    def add(self, cell: int, name: str, value: Any, copied: Any) -> None:
        """Keep a binding, with the copy that was made of its value, if any."""
        if self._count < _MOST_BINDINGS:
            self._count += 1
            self._made.setdefault(name, []).append(_Binding(cell, value, copied))

    def at(self, cell: int, *, fresh: bool = False) -> dict[str, Any]:
        """Return the value of every name as it stood after `cell`.

        A name defined only later is given as first defined: a function may use a helper that
        follows it in the notebook. A builtin that only a later cell covers is the builtin again.

        Args:
            cell: its number.
            fresh: copy values that may change in place even where nothing changed them later.
        """
        world: dict[str, Any] = {}
        for name, made in self._made.items():
            if made[0].cell > cell and name in _BUILTINS:
                world[name] = _BUILTINS[name]
                continue
            found = made[0]
            for binding in made:
                if binding.cell <= cell:
                    found = binding
            changes = found.copied is not found.value
            if changes and (fresh or found is not made[-1]):
                world[name] = copy_of(found.copied)
            else:
                world[name] = found.value
        return world


def copy_of(value: Any) -> Any:
    """Copy a tensor or a module, with the number of each parameter and buffer."""
    if isinstance(value, torch.Tensor):
        return value.detach().clone().requires_grad_(value.requires_grad)
    return copy.deepcopy(value)
