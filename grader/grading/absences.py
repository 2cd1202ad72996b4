"""Explains why a name is not there: its cell failed, or it is only imported.

Here: what the text of cells says about a name at the top level, and how those cells ended. Not
here: who pays for it (`missing_packages.py`), names that are there (`candidates.py`).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from grader.grading.candidates import parsed, read_source, sources_of
from grader.kernel.observations import Captured
from grader.reading.notebook_file import MOST_CELLS
from grader.records import Cell, CellRun
from grader.text import one_line

# in a cell that cannot be parsed, a line that begins like a definition
_LINE = re.compile(
    r"^[ \t]*(?:(?:async[ \t]+)?def|class)[ \t]+(\w+)|^[ \t]*(\w+)[ \t]*(?::[^=\n]*)?=(?!=)",
    re.MULTILINE,
)
_LACKS = re.compile(r"NameError: name '(\w+)' is not defined")
_MOST_ERROR = 300
_ENDED = {
    "timed_out": "took too long",
    "died": "ended the kernel",
    "not_run": "did not run",
}

_KINDS = {"module": "a layer or model", "tensor": "a tensor", "plain": "a plain value"}
_KINDS |= {"function": "a function", "class": "a class"}


@dataclass(frozen=True)
class Absence:
    """Why a name is not there."""

    name: str
    reason: str
    """A predicate: `is defined in cell 12, which raised NameError: ...`."""
    run: CellRun | None = None
    """The failed cell that would have defined it."""

    def __str__(self) -> str:
        return f"{self.name} {self.reason}."


def absence_of(
    fits: Callable[[str], bool],
    runs: Sequence[CellRun],
    cells: Sequence[Cell],
    captured: Sequence[Captured] = (),
) -> Absence | None:
    """Return why no definition of a name is there; None where no cell mentions one.

    A failed cell comes first, then one that ran without an answer, then an import.

    Args:
        fits: whether a name is one of those that were asked for.
        runs: how the cells ended.
        cells: the notebook.
        captured: what its names were bound to.
    """
    by_cell = {run.index: run for run in runs}
    kinds = {(entry.name, entry.cell): _KINDS.get(entry.kind, entry.kind) for entry in captured}
    without: Absence | None = None
    for cell in cells:
        run = by_cell.get(cell.index)
        if cell.kind != "code" or run is None:
            continue
        name = next(filter(fits, defined_names(cell.source)), None)
        if run.failed and name is None and (name := _import_in(fits, cell)):
            return Absence(name, f"is imported in cell {run.index}, which {_end_of(run)}", run)
        if name is None:
            continue
        if run.failed:
            return Absence(name, f"is defined in cell {run.index}, which {_end_of(run)}", run)
        kind = kinds.get((name, cell.index))
        reason = f"is defined in cell {run.index}, in a part of it that was not reached"
        if kind:
            reason = f"is {kind} in cell {run.index}, and no answer to what is asked for"
        without = without or Absence(name, reason)
    return without or _imported(fits, cells)


def missing_name(error: str) -> str:
    """Return the name that a NameError lacks; empty for another error."""
    match = _LACKS.match(error)
    return match[1] if match else ""


def with_causes(runs: Sequence[CellRun], cells: Sequence[Cell]) -> tuple[CellRun, ...]:
    """Add to failed cells the failed cell before that would have bound the name they lack."""
    sources = {cell.index: cell.source for cell in cells if cell.kind == "code"}
    first: dict[str, int] = {}  # of each name, the first failed cell that would have bound it
    found: list[CellRun] = []
    for run in runs:
        found.append(replace(run, cause=first.get(missing_name(run.error))))
        if run.failed and run.index in sources:
            source = sources[run.index]
            for name in (*defined_names(source), *read_source(source).imports):
                first.setdefault(name, run.index)
    return tuple(found)


def _import_in(fits: Callable[[str], bool], cell: Cell) -> str | None:
    return next(filter(fits, read_source(cell.source).imports), None)


def _imported(fits: Callable[[str], bool], cells: Sequence[Cell]) -> Absence | None:
    for number, source in sources_of(cells).items():
        for name, origin in source.imports.items():
            if fits(name):
                home = origin.rpartition(".")[0] or origin
                reason = (
                    f"is imported from {one_line(home, limit=80)} in cell {number}; a definition "
                    "of your own is asked for"
                )
                return Absence(name, reason)
    return None


def _end_of(run: CellRun) -> str:
    line = f" (line {run.line})" if run.line else ""
    if run.status == "raised":
        return f"raised {one_line(run.error, limit=_MOST_ERROR)}{line}"
    return _ENDED.get(run.status, run.status) + line


@lru_cache(maxsize=MOST_CELLS)
def defined_names(source: str) -> tuple[str, ...]:
    """Return the names that a cell defines or assigns at its top level, in order.

    Bodies of `if`, `for`, `while`, `with` and `try` belong to it; those of functions and classes do
    not. In a cell that cannot be parsed, lines that begin like definitions count.
    """
    tree = parsed(source)
    if tree is None:
        return tuple(first or second for first, second in _LINE.findall(source))
    return tuple(dict.fromkeys(_bound(tree.body)))


def _bound(body: Sequence[ast.stmt]) -> Iterator[str]:
    for statement in body:
        match statement:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name
            case ast.ClassDef(name=name):
                yield name
            case ast.Import() | ast.ImportFrom():
                pass
            case _:
                yield from _bound_by(statement)


def _bound_by(statement: ast.stmt) -> Iterator[str]:
    for node in ast.iter_child_nodes(statement):
        if isinstance(node, ast.stmt):
            yield from _bound([node])
        elif isinstance(node, ast.ExceptHandler | ast.match_case):
            yield from _bound(node.body)
        else:
            for part in ast.walk(node):
                if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
                    yield part.id
