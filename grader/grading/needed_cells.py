"""Finds the cells of a notebook that the answers to some exercises depend on.

With `--only`, the cells that an answer needs run first: those that bind a name it may have, and, in
turn, those that bind or change a name which these use. Where every check then passes, the rest is
not run. Otherwise the whole notebook runs, and what it shows counts: so the verdicts are those of a
full run.

A cell counts as needed, too, if its text does not say what it does: magics and shell commands,
imports, statements that set something up with imported code and nothing of the notebook
(`torch.set_default_dtype(...)`), text that does not parse. Self-checks change nothing, and count as
not there.

Here: what the text says. Not here: the statements of one cell (`guest/slices.py`), running cells
(`kernel/execution.py`).
"""

from __future__ import annotations

import ast
import builtins
import re
import symtable
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from grader.course import Exercise
from grader.grading.candidates import is_named, parsed
from grader.reading.self_checks import names_imported, self_checking_cells
from grader.records import Cell

_ACTS = re.compile(r"^\s*[%!]", re.MULTILINE)  # a magic or a shell command
_DEFINES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_SCOPES = (*_DEFINES, ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_MOST_SCOPES = 2_000
_KINDS = ("function", "class")
"""Exercises of other kinds are judged by what all cells did."""
_UNKNOWN = frozenset({"exec", "eval", "globals", "locals", "vars", "setattr"})
_BUILTINS = frozenset(dir(builtins))
_NO_WORK = (
    *(ast.Constant, ast.Name, ast.Tuple, ast.List, ast.UnaryOp, ast.USub, ast.UAdd),
    *(ast.Assign, ast.AnnAssign, ast.Expr, ast.Pass, ast.expr_context),
)
"""What statements are made of that take no time: `x = 3`, `sizes = (2, 3)`, a text alone."""


@dataclass(frozen=True)
class _Flow:
    """What one cell says about names."""

    uses: frozenset[str]
    binds: frozenset[str]
    """Bound by the cell, or changed in place as far as its text says."""
    always: bool
    """Whether it is needed whatever is asked."""


def needed_cells(cells: Sequence[Cell], exercises: Sequence[Exercise]) -> frozenset[int] | None:
    """Return the code cells that answers to these exercises depend on; None for all cells.

    All are needed where an exercise is judged by more than a definition, or has none, and where a
    cell holds far more functions than a homework does.
    """
    sources = {cell.index: cell.source for cell in cells if cell.kind == "code"}
    trees = _trees_of(cells)
    if any(tree and _has_very_many_scopes(tree) for tree in trees.values()):
        return None
    flows = _flows_of(sources, trees)
    for index in self_checking_cells(cells):  # needed only by a cell that uses what it imports
        binds = frozenset(names_imported([trees[index]]))
        flows[index] = _Flow(flows[index].uses, binds, always=False)
    needed = {index for index, flow in flows.items() if flow.always}
    for exercise in exercises:
        if exercise.kind == "answers":
            continue
        answers = {
            index
            for index, flow in flows.items()
            if any(is_named(name, exercise.names) for name in flow.binds)
        }
        if exercise.kind not in _KINDS or not answers:
            return None
        needed |= answers
    todo = set(needed)
    while todo:
        used = frozenset().union(*(flows[index].uses for index in todo))
        todo = {index for index, flow in flows.items() if flow.binds & used} - needed
        needed |= todo
    return None if needed == flows.keys() else frozenset(needed)


def saves_work(cells: Sequence[Cell], needed: frozenset[int]) -> bool:
    """Return whether a first run of the needed cells alone saves work.

    It does where another cell may take time. Otherwise all cells run at once, since a second run
    costs more than cells that only define functions and bind constants.
    """
    left_alone = needed | self_checking_cells(cells)
    return any(_works(tree) for index, tree in _trees_of(cells).items() if index not in left_alone)


def _trees_of(cells: Sequence[Cell]) -> dict[int, ast.Module | None]:
    """Return the code cells as trees; None where one does not parse."""
    return {cell.index: parsed(cell.source) for cell in cells if cell.kind == "code"}


def _works(tree: ast.Module | None) -> bool:
    """Return whether a cell does more than define functions and bind constants."""
    if tree is None:
        return True
    return any(
        bool(one.decorator_list or one.args.defaults or any(one.args.kw_defaults))
        if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)
        else not all(isinstance(node, _NO_WORK) for node in ast.walk(one))
        for one in tree.body
    )


def _has_very_many_scopes(tree: ast.AST) -> bool:
    """Return whether a table of the symbols, which takes quadratic time, would take seconds."""
    return sum(isinstance(node, _SCOPES) for node in ast.walk(tree)) > _MOST_SCOPES


def _flows_of(
    sources: Mapping[int, str], trees: Mapping[int, ast.Module | None]
) -> dict[int, _Flow]:
    statements = [one for tree in trees.values() if tree for one in _at_top(tree)]
    imported = frozenset(name for one in statements for name in _imported(one))
    defined = frozenset(one.name for one in statements if isinstance(one, _DEFINES))
    flows = {}
    for index, tree in trees.items():
        if tree is None:
            flows[index] = _Flow(frozenset(), frozenset(), bool(sources[index].strip()))
            continue
        table = symtable.symtable(ast.unparse(tree), "<cell>", "exec")
        bound = {s.get_name() for s in table.get_symbols() if s.is_assigned() or s.is_imported()}
        read = frozenset(_globals_read(table))
        top = list(_at_top(tree))
        bound |= {name for one in top for name in _stored_into(one)}
        # a function or class is not changed by a call of it, nor is imported code
        bound |= {name for one in top for name in _passed_on(one)} - imported - defined
        acts = _ACTS.search(sources[index]) or any(map(_imported, top)) or read & _UNKNOWN
        flows[index] = _Flow(
            read - _BUILTINS,
            frozenset(bound),
            bool(acts) or any(_sets_up(one, imported) for one in top),
        )
    return flows


def _at_top(tree: ast.AST) -> Iterator[ast.stmt]:
    """Yield the statements that run with the cell: not those of functions and classes."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.stmt):
            yield node
        if not isinstance(node, (*_DEFINES, ast.expr)):
            yield from _at_top(node)


def _globals_read(table: symtable.SymbolTable) -> Iterator[str]:
    """Yield the names of the notebook that code reads, in functions and classes too."""
    for symbol in table.get_symbols():
        if symbol.is_referenced() and (table.get_type() == "module" or symbol.is_global()):
            yield symbol.get_name()
    for inner in table.get_children():
        yield from _globals_read(inner)


def _imported(statement: ast.stmt) -> set[str]:
    """Return the names that an import binds."""
    if not isinstance(statement, ast.Import | ast.ImportFrom):
        return set()
    return {one.asname or one.name.partition(".")[0] for one in statement.names}


def _stored_into(statement: ast.stmt) -> set[str]:
    """Return the names whose objects get a new part: `X[0] = 1`, `@add_to_class(Net)`."""
    if isinstance(statement, _DEFINES):
        return {name for part in statement.decorator_list for name in _names_in(part)}
    return {
        name
        for node in ast.walk(statement)
        if isinstance(node, ast.Attribute | ast.Subscript) and not isinstance(node.ctx, ast.Load)
        for name in _names_in(node.value)
    }


def _passed_on(statement: ast.stmt) -> set[str]:
    """Return the names whose objects a call may change: `net.append(layer)`, `init(net)`."""
    is_call = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call)
    return _names_in(statement) if is_call else set()


def _names_in(node: ast.AST) -> set[str]:
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}


def _sets_up(statement: ast.stmt, imported: frozenset[str]) -> bool:
    """Return whether a statement calls imported code with nothing of the notebook."""
    is_call = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call)
    return is_call and _names_in(statement) <= imported
