"""Inside the sandbox: the steps of compiled code, for comparing two functions.

Here: the exact form of a code, which ignores names of variables; its steps, which ignore names
that an edit replaces at once; the forms of a text. Not here: what counts as a copy
(`library_copies.py`).
"""

from __future__ import annotations

import ast
import dis
import types
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from grader.guest.import_rewriting import ImportRewriter

Form = tuple[Any, ...]
_NO_STEPS = frozenset(
    {"RESUME", "NOP", "CACHE", "PRECALL", "PUSH_NULL", "MAKE_CELL", "COPY_FREE_VARS"}
    | {"LOAD_CLOSURE", "EXTENDED_ARG"}  # in the order of the names; for large numbers
)
# `torch.zeros(...)` compiles to one or the other, by where `torch` is imported
_SAME_STEPS = {"LOAD_METHOD": "LOAD_ATTR"}
_OF_ATTRIBUTES = frozenset({"LOAD_ATTR", "LOAD_METHOD", "STORE_ATTR"})
_BY_VALUE = frozenset({"LOAD_CONST", "KW_NAMES"})
_BY_SIGN = frozenset({"BINARY_OP", "COMPARE_OP"})
_MOST_TEXTS = 512  # whose forms are kept


def form_of(code: types.CodeType) -> Form:
    """Return the steps of a code object, the same for any names of its variables and docstring."""
    order: dict[Any, int] = {}
    for name in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]:
        order.setdefault(name, len(order))
    steps: list[Any] = []
    for step in dis.get_instructions(code):
        if step.opname in _NO_STEPS:
            continue
        value: Any = step.argval
        if step.opcode in dis.hasjrel or step.opcode in dis.hasjabs:
            value = None
        elif step.opcode in dis.haslocal or step.opcode in dis.hasfree:
            value = order.setdefault(value, len(order))
        elif isinstance(value, types.CodeType):
            value = form_of(value)
        elif "<locals>" in str(value):
            value = None  # the qualified name of a function inside
        name = _SAME_STEPS.get(step.opname, step.opname)
        steps.append((name, value if isinstance(value, tuple) else repr(value)))
    return tuple(steps)


def steps_of(code: types.CodeType) -> tuple[str, ...]:
    """Return the steps of a code without the names that an edit of its text replaces at once.

    Kept are attributes other than those of the first argument, constants and operators. Functions
    inside run as codes of their own.
    """
    first = code.co_varnames[0] if code.co_argcount else ""
    steps: list[str] = []
    before: Any = None
    for step in dis.get_instructions(code):
        if step.opname in _NO_STEPS:
            continue
        detail = ""
        if isinstance(step.argval, types.CodeType):
            detail = "code"
        elif step.opname in _OF_ATTRIBUTES and before != first:
            detail = str(step.argval)
        elif step.opname in _BY_VALUE | _BY_SIGN:
            detail = step.argrepr
        steps.append(f"{_SAME_STEPS.get(step.opname, step.opname)} {detail}")
        before = step.argval if step.opcode in dis.haslocal else None
    return tuple(steps)


def names_of(code: types.CodeType) -> frozenset[str]:
    """Return the names that a code takes from outside."""
    return frozenset(code.co_names)


def in_common(some: Sequence[str], others: Sequence[str]) -> int:
    """Return the length of the longest sequence that both hold, in order and with gaps.

    One bit for each of `some`, 0 where it belongs to the sequence (Hyyro, 2004).
    """
    places: dict[str, int] = {}
    for number, step in enumerate(some):
        places[step] = places.get(step, 0) | 1 << number
    every = (1 << len(some)) - 1
    row = every
    for step in others:
        here = row & places.get(step, 0)
        row = ((row + here) | (row - here)) & every
    return len(some) - row.bit_count()


@lru_cache(maxsize=_MOST_TEXTS)
def forms_in(text: str) -> frozenset[Form]:
    """Return the forms of the functions of a text, also of texts that stand in it as strings.

    Imports inside functions are rewritten before a cell runs, so both forms count. A text that
    defines no function is not compiled: a long one would take seconds.
    """
    if "def" not in text and "lambda" not in text:
        return frozenset()
    return frozenset(_forms_in(text))


def _forms_in(text: str) -> Iterator[Form]:
    try:
        tree = ast.parse(text)
        strings = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
        todo: list[Any] = [compile(tree, "<text>", "exec", dont_inherit=True)]
        rewritten: Any = ImportRewriter().visit(tree)
        todo.append(compile(rewritten, "<text>", "exec", dont_inherit=True))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    while todo:
        code = todo.pop()
        yield form_of(code)
        todo += [part for part in code.co_consts if isinstance(part, types.CodeType)]
    for string in strings:
        if isinstance(string, str) and "def " in string:
            yield from _forms_in(string)
