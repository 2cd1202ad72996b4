"""Recognises self-checks: the files of a handout beside a notebook, and cells that only self-check.

They are no part of an answer. Students may hand both in, and a notebook is graded as if neither
were there. Here: what they look like. Not here: the handout (`selfcheck/`), what imports of it give
while a notebook is graded (`guest/library/selfcheck.py`).
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence

from grader.records import Cell
from grader.text import parse_python

MODULE = "selfcheck"
DATA = "selfcheck.dat"
BEGINNING = (
    b'"""Self-check: asks your functions questions, and shows the smallest call that goes wrong.'
)
"""Of the file of a handout; a student's own file of that name begins otherwise."""


def is_handed_out(name: str, content: bytes) -> bool:
    """Return whether a file beside a notebook comes from a handout.

    Args:
        name: its path, with `/`.
        content: its bytes, or the first of them.
    """
    last = name.rpartition("/")[2]
    return last == DATA or (last.endswith(".py") and content.startswith(BEGINNING))


def self_check_names(trees: Iterable[ast.Module | None]) -> frozenset[str]:
    """Return the names under which the cells of a notebook know the self-check, and nothing else.

    A name that the cells also bind otherwise is theirs.
    """
    own: set[str] = set()
    known = list(trees)
    for tree in known:
        for node in ast.walk(tree) if tree else ():
            if isinstance(node, ast.Import | ast.ImportFrom):
                own |= set() if _imports_it(node) else {n.asname or n.name for n in node.names}
            elif isinstance(node, ast.FunctionDef | ast.ClassDef):
                own.add(node.name)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                own.add(node.id)
    return frozenset(names_imported(known) - own)


def names_imported(trees: Iterable[ast.Module | None]) -> set[str]:
    """Return the names that imports of the self-check bind; with `*`, that of its function."""
    return {
        one.asname or ("check" if one.name == "*" else one.name)
        for tree in trees
        for node in (ast.walk(tree) if tree else ())
        if isinstance(node, ast.Import | ast.ImportFrom) and _imports_it(node)
        for one in node.names
    }


def self_checking_cells(cells: Sequence[Cell]) -> frozenset[int]:
    """Return the cells that do nothing but import and call the self-check, by number."""
    code = [cell for cell in cells if cell.kind == "code"]
    if not any(MODULE in cell.source for cell in code):
        return frozenset()
    trees = {cell.index: parse_python(cell.source) for cell in code}
    names = self_check_names(trees.values())
    return frozenset(
        index
        for index, tree in trees.items()
        if tree and tree.body and all(_only_self_checks(one, names) for one in tree.body)
    )


def _only_self_checks(statement: ast.stmt, names: frozenset[str]) -> bool:
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return _imports_it(statement)
    if not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call)):
        return False
    called = statement.value.func
    owner = called.value if isinstance(called, ast.Attribute) else called
    given = [*statement.value.args, *(one.value for one in statement.value.keywords)]
    return (
        isinstance(owner, ast.Name)
        and owner.id in names
        and all(isinstance(one, ast.Name | ast.Constant) for one in given)
    )


def _imports_it(node: ast.Import | ast.ImportFrom) -> bool:
    if isinstance(node, ast.ImportFrom):
        return node.module == MODULE and not node.level
    return all(one.name == MODULE for one in node.names)
