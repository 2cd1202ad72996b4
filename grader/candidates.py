"""Which definitions of a notebook answer an exercise: found by name, the student's own.

A name counts only if the student's cells define it: a function, a class, or an assignment, not an
import. A notebook may define a name several times, the later one an experiment; every one is a
candidate, and the best one counts.

Here: what the source says and the names say. Not here: judging a candidate (`grading.py`).
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from IPython.core.inputtransformer2 import TransformerManager

from grader.kernel.student import Captured
from grader.records import Cell
from grader.settings import Exercise

MOST_CANDIDATES = 6
_PLAIN_PYTHON = TransformerManager()  # type: ignore[no-untyped-call]
_KINDS = {
    "function": ("function",),
    "class": ("class", "function"),  # a factory function is accepted where a class is asked for
    "values": ("tensor", "module", "plain"),
}


@dataclass(frozen=True)
class Source:
    """What one cell's text says about names."""

    imports: frozenset[str] = frozenset()
    binds: frozenset[str] = frozenset()
    star: bool = False
    mentions: frozenset[str] = frozenset()
    """Dotted names that are used, as they are written: `F.conv2d`."""


def read_source(source: str) -> Source:
    """Read what a cell binds; a cell that is no Python, even without its magics, binds nothing."""
    try:
        tree = ast.parse(_PLAIN_PYTHON.transform_cell(source))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return Source()
    imports: set[str] = set()
    binds: set[str] = set()
    mentions: set[str] = set()
    star = False
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                imports.update((name.asname or name.name).split(".")[0] for name in names)
                star = star or any(name.name == "*" for name in names)
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                binds.add(name)
            case ast.Name(id=name, ctx=ast.Store()):
                binds.add(name)
            case ast.Attribute():
                mentions.add(_dotted(node))
    return Source(frozenset(imports), frozenset(binds), star, frozenset(mentions))


def own_definitions(catalog: Sequence[Captured], cells: Sequence[Cell]) -> list[Captured]:
    """Leave out of a catalog what only an import bound."""
    sources = {cell.index: read_source(cell.source) for cell in cells if cell.kind == "code"}

    def is_own(entry: Captured) -> bool:
        source = sources.get(entry.cell, Source())
        if entry.name in source.binds:
            return True
        return entry.name not in source.imports and not (source.star and entry.imported)

    return [entry for entry in catalog if is_own(entry)]


def candidates_for(exercise: Exercise, own: Sequence[Captured]) -> list[Captured]:
    """Return the definitions that may answer an exercise, in order of time.

    A name spelled as in the book comes before names that only fit a pattern.
    """
    fitting = [entry for entry in own if entry.kind in _KINDS[exercise.kind]]
    exact = [entry for entry in fitting if entry.name in exercise.names]
    found = exact or [
        entry
        for entry in fitting
        if any(fnmatchcase(entry.name.lower(), pattern.lower()) for pattern in exercise.names)
    ]
    if len(found) > MOST_CANDIDATES:
        half = MOST_CANDIDATES // 2
        return [*found[:half], *found[-half:]]
    return found


def callables(own: Sequence[Captured]) -> dict[str, Captured]:
    """Return the functions and classes by name; the last definition of a name wins."""
    return {entry.name: entry for entry in own if entry.kind in ("function", "class")}


def forbidden_names(cell: Cell, forbid: Sequence[str]) -> list[str]:
    """Return those of the forbidden dotted names that a cell uses, by their last parts.

    `torch.nn.functional.conv2d` is found as `F.conv2d` too: the last two parts differ, but an
    alias of a module is an alias of its last part.
    """
    used = {name.split(".")[-1] for name in read_source(cell.source).mentions}
    return [name for name in forbid if name.split(".")[-1] in used]


def _dotted(node: ast.Attribute) -> str:
    parts = [node.attr]
    value = node.value
    while isinstance(value, ast.Attribute):
        parts.append(value.attr)
        value = value.value
    parts.append(value.id if isinstance(value, ast.Name) else "")
    return ".".join(reversed(parts))
