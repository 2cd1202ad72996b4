"""Inside the sandbox: supplies placeholder models when the notebook's own cannot be built.

A training is judged with a probe in the model's place. So it can be judged even if the model's
constructor raises or the cell with its class did not run; its own exercise charges the model.

Here: what a training needs of such a model. Not here: the probe
(`model_shell.py`, `training_replay.py`).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from torch import nn

from grader.guest import environment
from grader.wire.torch_internals import is_made

_RATE = 0.1  # where none is given


def complete(module: nn.Module, options: Mapping[str, Any]) -> None:
    """Give a module whose constructor raised what a training needs of it."""
    if not is_made(module):
        nn.Module.__init__(module)
    if "lr" not in vars(module):
        vars(module)["lr"] = options.get("lr", _RATE)


def stand_ins(
    sources: Mapping[int, str],
    cells: Sequence[int],
    world: Mapping[str, Any],
    fits: Callable[[str], bool],
) -> dict[str, type]:
    """Return classes for models that cells make but no cell defines.

    Args:
        sources: the Python of a notebook's cells, right or wrong.
        cells: those that make a model.
        world: the names they find.
        fits: whether a name is that of such a model.
    """
    calls = {
        node.func.id
        for cell in cells
        for node in ast.walk(ast.parse(sources[cell]))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    missing = {name for name in calls if name not in world and fits(name)}
    return {name: _class(name) for name in missing if _is_written(name, sources.values())}


def _is_written(name: str, sources: Iterable[str]) -> bool:
    line = re.compile(rf"^\s*(?:class|def)\s+{name}\b", re.MULTILINE)
    return any(line.search(source) for source in sources)


def _class(name: str) -> type:
    base = environment.current.model_base()

    def init(self: Any, *_: Any, **options: Any) -> None:
        base.__init__(self)  # type: ignore[misc]
        complete(self, options)

    return type(name, (base,), {"__init__": init})
