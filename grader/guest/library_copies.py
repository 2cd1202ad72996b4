"""Inside the sandbox: notices answers that run a copy of code of the course's library.

A function of the library can be copied: its code object, its source text, its module loaded a
second time, layers out of an object that its class made. A copy answers no exercise. The book's
code typed into a cell equals the library's too, and is right: so code counts as a copy only where
the text of the notebook, or of a file handed in with it, does not hold it.

Here: comparing code that runs during an answer, and marking the layers that a class of the library
registers. Not here: which functions are hidden for which exercise (`library_answers.py`).
Not covered: a copy whose steps were changed before it runs.
"""

from __future__ import annotations

import ast
import dis
import os
import sys
import threading
import types
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from torch import nn
from torch.nn.modules import module as hooks

_Form = tuple[Any, ...]
_FEWEST_STEPS = 12  # `return self.net(x)` is written alike by everyone
_NO_STEPS = frozenset(
    {"RESUME", "NOP", "CACHE", "PRECALL", "PUSH_NULL", "MAKE_CELL", "COPY_FREE_VARS"}
    | {"LOAD_CLOSURE"}  # in the order of the names
)
# `torch.zeros(...)` compiles to one or the other, by where `torch` is imported
_SAME_STEPS = {"LOAD_METHOD": "LOAD_ATTR"}
_MOST_FILES, _MOST_BYTES = 50, 1 << 20
_MARK = "_registered_by_the_library"


class CopyOfLibrary(RuntimeError):
    """An answer ran code of the course's library that the notebook's text does not hold."""


class LibraryCopies:
    """Watches answers for copies of the functions that are hidden."""

    def __init__(self, classes: Iterable[type], library: Iterable[types.CodeType]) -> None:
        found = [c for c in classes if issubclass(c, nn.Module)]
        # a base class of the library registers the layers of the notebook's own models
        last = [c for c in found if not any(o is not c and issubclass(o, c) for o in found)]
        self._classes = {place: c for c in last if (place := _place_of(c))}
        self._library = {id(code): code for code in library}
        self._allowed: set[int] = set()
        """The numbers of the library's code objects that may run."""
        self._hidden: dict[tuple[Any, ...], dict[_Form, str]] = {}
        self._names: frozenset[str] = frozenset()
        self._makers: WeakKeyDictionary[type, str] = WeakKeyDictionary()
        self._files = _texts_below(Path(os.getcwd()))
        self._known: dict[str, frozenset[_Form]] = {}
        if self._classes:
            hooks.register_module_module_registration_hook(self._mark)

    def hide(self, functions: Mapping[str, Sequence[types.CodeType]]) -> None:
        """Watch for copies of these codes, by the name of the function or class."""
        self._names = frozenset(functions)
        self._hidden = {}
        hidden = {id(code) for codes in functions.values() for code in codes}
        self._allowed = {number for number in self._library if number not in hidden}
        for name, codes in functions.items():
            for code in codes:
                form = form_of(code)
                if len(form) >= _FEWEST_STEPS:
                    self._hidden.setdefault(_outside(code), {})[form] = name

    @contextmanager
    def watched(self, texts: Mapping[int, str]) -> Iterator[None]:
        """Run an answer; refuse it where it ran a copy.

        Args:
            texts: the Python of the notebook's cells.

        Raises:
            CopyOfLibrary: a copy ran, layers of the library answered, or the answer turned the
                watch off.
        """
        if not self._names:
            yield
            return
        ran: dict[int, tuple[types.CodeType, _Form | None, str]] = {}
        layers: set[str] = set()

        def called(frame: types.FrameType, event: str, argument: object) -> None:
            code = frame.f_code
            if id(code) not in ran:
                form, name = self._copied(code)
                ran[id(code)] = code, form, name  # the code is kept, and with it its number

        def before(module: nn.Module, given: object) -> None:
            name = vars(module).get(_MARK)
            if name in self._names:
                layers.add(str(name))

        hook = hooks.register_module_forward_pre_hook(before)
        traced, threads = sys.gettrace(), threading.gettrace()
        sys.settrace(called)
        threading.settrace(called)
        try:
            yield
        finally:
            watching = sys.gettrace() is called
            sys.settrace(traced)
            threading.settrace(threads)
            hook.remove()
        names = sorted({name for _, _, name in ran.values() if name})
        if names and not {form for _, form, _ in ran.values() if form} <= self._written(texts):
            raise CopyOfLibrary(_said(names[0]))
        if layers:
            raise CopyOfLibrary(_said(min(layers)))
        if not watching:
            raise CopyOfLibrary("this answer calls sys.settrace; leave that to a debugger")

    def _copied(self, code: types.CodeType) -> tuple[_Form | None, str]:
        alike = self._hidden.get(_outside(code))
        if alike is None or id(code) in self._allowed:
            return None, ""
        form = form_of(code)
        return (form, alike[form]) if form in alike else (None, "")

    def _written(self, texts: Mapping[int, str]) -> set[_Form]:
        """Return the forms of all functions in the text of cells and of files handed in."""
        return {form for text in (*texts.values(), *self._files) for form in self._forms_of(text)}

    def _forms_of(self, text: str) -> frozenset[_Form]:
        """Return the forms of a text, which is compiled for the first question only."""
        if text not in self._known:
            self._known[text] = frozenset(_forms_in(text))
        return self._known[text]

    def _mark(self, parent: nn.Module, name: str, child: nn.Module | None) -> None:
        """Mark a layer that a class of the library registers, and the layers in it."""
        kind = type(parent)
        if kind not in self._makers:
            self._makers[kind] = self._maker(kind)
        if self._makers[kind] and isinstance(child, nn.Module):
            for layer in child.modules():
                vars(layer).setdefault(_MARK, self._makers[kind])

    def _maker(self, kind: type) -> str:
        """Return the class of the library that builds objects of this class; empty for none."""
        places = [place for base in kind.__mro__ if (place := _place_of(base))]
        return next((self._classes[p].__name__ for p in places if p in self._classes), "")


def _place_of(kind: type) -> tuple[str, int] | None:
    """Return file and line of a class's constructor: a module loaded again has the same."""
    init = vars(kind).get("__init__")
    if not isinstance(init, types.FunctionType):
        return None
    return init.__code__.co_filename, init.__code__.co_firstlineno


def form_of(code: types.CodeType) -> _Form:
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


def _outside(code: types.CodeType) -> tuple[Any, ...]:
    """Return what can be compared at once: the names that a code takes from outside."""
    return code.co_argcount, frozenset(code.co_names)


def _forms_in(text: str) -> Iterator[_Form]:
    """Yield the forms of the functions of a text, also of texts that stand in it as strings."""
    try:
        tree = ast.parse(text)
        todo: list[Any] = [compile(tree, "<text>", "exec", dont_inherit=True)]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    while todo:
        code = todo.pop()
        yield form_of(code)
        todo += [part for part in code.co_consts if isinstance(part, types.CodeType)]
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and "def " in node.value:
            yield from _forms_in(node.value)


def _texts_below(folder: Path) -> list[str]:
    """Return the Python files of a folder as they are now."""
    found = []
    for file in sorted(folder.glob("*.py"))[:_MOST_FILES]:
        if file.is_file() and file.stat().st_size <= _MOST_BYTES:
            found.append(file.read_text(encoding="utf-8", errors="replace"))
    return found


def _said(name: str) -> str:
    return (
        f"this answer runs the course library's own {name}; write yours in a cell of the notebook"
    )
