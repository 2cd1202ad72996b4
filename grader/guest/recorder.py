"""Inside the sandbox: records what a notebook binds, statement by statement.

A notebook rebinds its names: `pool2d` from the function to a layer, `X` from an image to a batch.
So a definition is captured when the statement that makes it has run, and every one is kept: small
tensors and modules as copies, functions and classes as they are. Each definition knows its cell.

Also here: a cell that runs again, in a copy of the names that it found.
Not here: the names as of a cell (`history.py`), questions about a definition (`server.py`), which
of them counts (trusted side).
Not covered: student code can reach this object, and so falsify its own answers only.
"""

from __future__ import annotations

import ast
import builtins
import sys
import types
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from grader.guest import (
    cheap_batches,
    environment,
    import_rewriting,
    losses,
    magic_results,
    magics,
    missing_modules,
    translated_cells,
)
from grader.guest.held_numbers import multiplied, times
from grader.guest.history import History, copy_of
from grader.guest.import_rewriting import ImportRewriter
from grader.guest.kept_classes import kept
from grader.guest.missing_modules import MissingPackages
from grader.guest.own_modules import OwnModules
from grader.guest.replaced_numbers import replaced as other_numbers
from grader.guest.right_parts import RightParts
from grader.guest.slices import slice_of
from grader.text import parse_python

HOOK = "__notebook_statement_done__"
_MOST_DEFINITIONS = 3_000  # a list of all of them fits one answer
_MOST_NUMBERS = 200_000  # of a tensor or module that is copied; larger ones are kept as they are
_MOST_NUMBERS_IN_ALL = 20_000_000
_MISSING = object()
_PLAIN = (bool, int, float, str, tuple, list)
_CONSTANT = (*_PLAIN[:-1], types.ModuleType, types.FunctionType, types.BuiltinFunctionType, type)
_OURS = frozenset({"In", "Out", "exit", "quit", "get_ipython", "open"})


@dataclass(frozen=True)
class Definition:
    """One binding of a name: what it was bound to, and where."""

    number: int
    name: str
    cell: int
    kind: str
    """function, class, module, tensor or plain."""
    value: Any
    imported: bool
    """Whether the value says that it comes from a library rather than from the notebook."""
    is_copy: bool = False
    below: bool = False
    """Whether it lies in a module of the student's own, and the notebook has no such name."""


class Recorder:
    """Captures the definitions of one notebook in the order in which they are made."""

    def __init__(self, namespace: dict[str, Any]) -> None:
        self.namespace = namespace
        self.definitions: list[Definition] = []
        self.sources: dict[int, str] = {}
        self.files: dict[str, int] = {}
        """The cell of each compiled file, for places in error messages."""
        self.cell = -1
        self.history = History()
        self.packages = MissingPackages()
        self.lacking: dict[int, list[str]] = {}
        """By cell: the packages it used that are not here."""
        self.own: OwnModules | None = None
        self.again: list[Definition] = []
        """What the cell bound that ran again last."""
        self.parts = RightParts()
        self.scaled: tuple[torch.Tensor, float | torch.Tensor] | None = None
        self._seen: dict[str, Any] = {}
        self._latest: dict[str, Definition] = {}
        self._copied = 0
        self.to_python: Callable[[str], str] = str
        """Translates the magics of a cell."""

    def begin(self, cell: int, source: str) -> None:
        """Note that a cell is about to run; `source` is Python, magics already translated."""
        self.cell = self.packages.cell = cell
        self.sources[cell] = source
        missing_modules.take_notes()

    def note_unrun(self, sources: dict[int, str]) -> None:
        """Note the Python of cells that did not run; `sources` may hold magics."""
        self.sources |= {cell: self.to_python(source) for cell, source in sources.items()}
        self.sources = dict(sorted(self.sources.items()))

    def statement_done(self, names: tuple[str, ...]) -> None:
        """Capture what a statement of the running cell has just bound."""
        self.files.setdefault(sys._getframe(1).f_code.co_filename, self.cell)
        self.parts.bind(self.namespace)
        for name in names:
            if name in self.namespace:
                if self.scaled is not None and _holds(self.namespace[name], self.scaled[0]):
                    self.namespace[name] = times(self.namespace[name].detach(), self.scaled[1])
                self._look(name)
                # private ones are no answers, but functions need them; `_` is IPython's
                if name.startswith("_") and name.strip("_"):
                    self._remember(name, self.namespace[name])

    def end(self) -> None:
        """Capture other new names after a cell: bound by a call, or before an interruption."""
        self.parts.bind(self.namespace)
        for name in list(self.namespace):
            self._look(name)
        self._look_below()
        if noted := missing_modules.take_notes():
            self.lacking[self.cell] = noted

    def use_parts(self, sources: dict[str, str]) -> None:
        """Let right definitions stand in for the notebook's own from now on."""
        self.parts = RightParts(sources)
        self.parts.bind(self.namespace)

    def world_before(self, cell: int) -> dict[str, Any]:
        """Return a namespace like the one `cell` ran in: copies, so that it can run again."""
        return {**self.namespace, **self.history.at(cell - 1, fresh=True)}

    def kept_classes(self) -> AbstractContextManager[None]:
        """Return a context that restores the notebook's classes and those of the course."""
        classes = [d.value for d in self.definitions if d.kind == "class"]
        return kept([*classes, *environment.current.method_homes()])

    def rerun(
        self, cell: int, replaced: dict[str, Any], name: str = "",
        scaled: tuple[torch.Tensor, float | torch.Tensor] | None = None, first: int | None = None,
        instead: tuple[torch.Tensor, torch.Tensor] | None = None,
    ) -> list[Definition]:  # fmt: skip
        """Run a cell again in a copy of its namespace, with other values for some names.

        Args:
            cell: its number.
            replaced: values for names that it finds.
            name: one that it binds: only the statements that this depends on run. Empty for all.
            scaled: numbers and a factor: every tensor that the cell binds and that holds these
                numbers is multiplied, before the next statement; and those that objects of
                earlier cells hold.
            first: a cell before it, from which on the cells run too.
            instead: numbers, and others that take their place wherever torch is used.

        Returns:
            The definitions it made, until a cell runs again; the notebook keeps its own.
        """
        first = cell if first is None else first
        world = self.world_before(first)
        before = [parse_python(text) for c, text in self.sources.items() if first <= c < cell]
        tree = ast.parse(self.sources[cell])
        tree.body = [statement for part in (*before, tree) if part for statement in part.body]
        if name:
            tree.body = slice_of(
                tree, name.__eq__, lambda n: may_change(world.get(n)) or may_change(replaced.get(n))
            )
        world.update(replaced)
        again = Recorder(world)
        again.parts, again.scaled = self.parts, scaled
        again.begin(cell, self.sources[cell])
        StatementReporter().visit(tree)
        world[HOOK] = again.statement_done  # in place of the builtin of the first run
        names = dict(self.namespace)
        try:
            other = other_numbers(*instead) if instead else nullcontext()
            multiplied_data = _held_are_multiplied(world, scaled)
            with losses.unrecorded(), self.kept_classes(), multiplied_data, other:
                exec(compile(tree, "<cell>", "exec"), world)
                again.end()
        finally:  # a function of an earlier cell may bind a name of the notebook
            self.namespace.clear()
            self.namespace.update(names)
        self.again = again.definitions
        return self.again

    def _look(self, name: str) -> None:
        if name.startswith("_") or name in _OURS or len(self.definitions) >= _MOST_DEFINITIONS:
            return
        value = self.namespace.get(name)
        kind = kind_of(value)
        if not kind:
            self._remember(name, value)
            return
        if self._is_known(name, value, kind):
            return
        self._seen[name] = value
        stored, is_copy = value, False
        if kind in ("tensor", "module"):
            stored, is_copy = self._copy_if_small(value)
        made_by = type(value) if kind == "module" else value
        imported = kind in ("function", "class", "module") and _is_imported(made_by)
        definition = Definition(
            len(self.definitions), name, self.cell, kind, stored, imported, is_copy
        )
        self.definitions.append(definition)
        self._latest[name] = definition
        self.history.add(self.cell, name, value, stored)

    def _remember(self, name: str, value: Any) -> None:
        """Keep a binding that is no definition, of a device or of a Python module."""
        if self._seen.get(name, _MISSING) is not value:
            self._seen[name] = value
            self._latest.pop(name, None)
            self.history.add(self.cell, name, value, value)

    def _look_below(self) -> None:
        """Capture what the student's own modules define that no name of the notebook holds."""
        if self.own is None:
            return
        seen = {id(definition.value) for definition in self.definitions}
        for name, value in self.own.definitions():
            if id(value) in seen or len(self.definitions) >= _MOST_DEFINITIONS:
                continue
            kind, number = kind_of(value), len(self.definitions)
            below = Definition(number, name, self.cell, kind, value, imported=True, below=True)
            self.definitions.append(below)

    def _is_known(self, name: str, value: Any, kind: str) -> bool:
        if self._seen.get(name, self) is not value:
            return False
        last = self._latest.get(name)
        if last is None:
            return False
        # an object may have changed in place: `X[:, 2:6] = 0`, `conv2d.weight.data -= ...`
        return not last.is_copy or kind not in ("tensor", "module") or _same(last.value, value)

    def _copy_if_small(self, value: Any) -> tuple[Any, bool]:
        try:
            size = sum(tensor.numel() for tensor in _tensors(value))
        except Exception:  # a lazy parameter has no size yet, and a subclass may raise anything
            size = 0 if isinstance(value, nn.Module) else _MOST_NUMBERS + 1
        if size > _MOST_NUMBERS or self._copied + size > _MOST_NUMBERS_IN_ALL:
            return value, False
        try:
            copied = copy_of(value)
        except Exception:  # modules may hold what cannot be copied
            return value, False
        self._copied += size
        return copied, True


def _held_are_multiplied(
    world: dict[str, Any], scaled: tuple[torch.Tensor, float | torch.Tensor] | None
) -> AbstractContextManager[None]:
    if scaled is None:
        return nullcontext()
    numbers, factor = scaled
    return multiplied(list(world.values()), lambda tensor: _holds(tensor, numbers), factor)


def kind_of(value: object) -> str:
    """Return the kind of a definition's value; empty for a value that is not captured.

    By exact type: `isinstance` also asks the value, which may override the answer.
    """
    kind = type(value)
    if issubclass(kind, torch.Tensor):
        return "tensor"
    if issubclass(kind, nn.Module):
        return "module"
    if issubclass(kind, type):
        return "class"
    if issubclass(kind, types.ModuleType):
        return ""
    if callable(value):
        return "function"
    return "plain" if kind in _PLAIN else ""


def attach(shell: Any, recorder: Recorder) -> None:
    """Make an IPython shell report its cells and statements to the recorder."""

    def before(info: Any) -> None:
        magic_results.begin()
        cell = str(getattr(info, "cell_id", "") or "")
        if cell.isdigit():
            recorder.begin(int(cell), recorder.to_python(str(info.raw_cell)))
            losses.begin(int(cell))

    def after(result: Any) -> None:
        magic_results.end()
        recorder.end()
        cheap_batches.forget()

    magic_results.install()
    magics.install(shell.input_transformer_manager)
    recorder.to_python = translated_cells.install(shell)
    setattr(builtins, HOOK, recorder.statement_done)
    import_rewriting.install(recorder.packages)
    shell.ast_transformers.append(StatementReporter(recorder.namespace))
    shell.events.register("pre_run_cell", before)
    shell.events.register("post_run_cell", after)


class StatementReporter(ast.NodeTransformer):
    """Adds a report after every top-level statement that binds names; rewrites imports.

    Args:
        namespace: the names that cells find, where the code is a cell as it was handed in.
    """

    def __init__(self, namespace: dict[str, Any] | None = None) -> None:
        self._imports = ImportRewriter(namespace)

    def visit(self, node: ast.AST) -> ast.AST:
        """Rewrite a whole cell; anything else is left as it is."""
        if isinstance(node, ast.Module):
            node.body = [out for statement in node.body for out in _with_report(statement)]
            node = self._imports.visit(node)
        return node


def _with_report(statement: ast.stmt) -> Iterator[ast.stmt]:
    yield statement
    names = sorted(set(bound_names(statement)))
    if names and not isinstance(statement, ast.Expr):
        call = ast.Call(
            func=ast.Name(HOOK, ast.Load()),
            args=[ast.Tuple([ast.Constant(name) for name in names], ast.Load())],
            keywords=[],
        )
        yield ast.copy_location(ast.Expr(call), statement)


def bound_names(statement: ast.stmt) -> Iterator[str]:
    """Yield the names that a top-level statement binds or changes in place; not imports."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield statement.name
        return
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return
    for node in ast.walk(statement):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Subscript | ast.Attribute) and isinstance(node.ctx, ast.Store):
            base: ast.expr = node
            while isinstance(base, ast.Subscript | ast.Attribute):
                base = base.value
            if isinstance(base, ast.Name):
                yield base.id


def may_change(value: object) -> bool:
    """Return whether an object may change in place, as far as its type says."""
    return value is not None and not issubclass(type(value), _CONSTANT)


def _is_imported(value: object) -> bool:
    try:
        return bool(getattr(value, "__module__", "__main__") != "__main__")
    except (Exception, SystemExit):  # a class whose attributes are made by code of the notebook
        return False


def _holds(value: Any, numbers: torch.Tensor) -> bool:
    """Return whether a value is a tensor of these numbers, in any shape."""
    if not isinstance(value, torch.Tensor) or value.shape.numel() != numbers.numel():
        return False
    return torch.equal(value.detach().flatten().to(numbers.dtype), numbers.flatten())


def _tensors(value: Any) -> list[torch.Tensor]:
    if isinstance(value, nn.Module):
        return [*value.parameters(), *value.buffers()]
    return [value]


def _same(old: Any, new: Any) -> bool:
    try:
        before, after = _tensors(old), _tensors(new)
        return len(before) == len(after) and all(
            a.shape == b.shape
            and a.dtype == b.dtype
            and torch.allclose(a, b, rtol=0.0, atol=0.0, equal_nan=True)
            for a, b in zip(before, after, strict=True)
        )
    except Exception:  # a lazy parameter that has been filled since, a subclass that objects
        return False
