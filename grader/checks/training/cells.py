"""Finds the cells of a notebook that train a model, and what they need to run again.

Here: what the text of cells says. A cell trains where it calls `fit`, `backward` or something named
`train...`, itself or through functions of the notebook. What it needs are the cells that bind its
variables, back to the model's. Not here: running them (`Student.replay`), judging them
(`claims.py`).
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from functools import cached_property

from grader.guest.model_names import is_model_name, is_own_name
from grader.text import parse_python

_PREPARES = frozenset({"Trainer", "SGD", "Adam", "optim", "CrossEntropyLoss", "train_dataloader"})
_TRAINS = ("fit", "backward", "train_*", "train")
# the text is untrusted and no deadline interrupts this process; a homework has a tenth of both
_MOST_TRAININGS = 100
_MOST_NAMES = 3_000_000  # read again for what calls what: 2 s


@dataclass
class _Text:
    """What a cell, or the body of a function, uses and binds."""

    free: set[str] = field(default_factory=set)
    """Names that it uses and does not bind before."""
    attributes: set[str] = field(default_factory=set)
    calls: set[str] = field(default_factory=set)
    binds: set[str] = field(default_factory=set)
    declares: set[str] = field(default_factory=set)
    """Names of the notebook that its functions bind: `global model`."""

    @property
    def mentions(self) -> set[str]:
        return self.free | self.attributes

    @cached_property
    def trains(self) -> bool:
        """Whether it calls something that trains; valid once all statements are added."""
        return any(fnmatchcase(name, pattern) for name in self.calls for pattern in _TRAINS)

    def add(self, statements: Iterable[ast.stmt]) -> None:
        """Read statements in the order in which they run."""
        for statement in statements:
            match statement:
                case ast.For(target=target, iter=values, body=body, orelse=after):
                    self._use(values)
                    self._use(target)
                    self.add([*body, *after])
                case (
                    ast.While(test=test, body=body, orelse=after)
                    | ast.If(test=test, body=body, orelse=after)
                ):
                    self._use(test)
                    self.add([*body, *after])
                case ast.With(items=items, body=body):
                    for item in items:
                        self._use(item)
                    self.add(body)
                case ast.Try(body=body, handlers=handlers, orelse=after, finalbody=last):
                    self.add([*body, *after, *last])
                    for handler in handlers:
                        self.add(handler.body)
                case ast.AugAssign(target=ast.Name(id=name)):
                    self._uses_name(name)
                    self._use(statement)
                case _:
                    self._use(statement)

    def _use(self, node: ast.AST) -> None:
        bound = set()
        for part in ast.walk(node):
            match part:
                case ast.Name(id=name, ctx=ast.Load()):
                    self._uses_name(name)
                case ast.Name(id=name) | ast.arg(arg=name):
                    bound.add(name)
                case ast.Attribute(attr=name) if not name.startswith("__"):
                    self.attributes.add(name)
                case ast.Global(names=names):
                    self.declares |= set(names)
            match part:
                case ast.Call(func=ast.Name(id=name)) | ast.Call(func=ast.Attribute(attr=name)):
                    self.calls.add(name)
        self.binds |= bound

    def _uses_name(self, name: str) -> None:
        if name not in self.binds:
            self.free.add(name)

    def add_body(self, made: ast.FunctionDef | ast.ClassDef) -> None:
        """Read a function or class: the names that it takes from the notebook."""
        body = _Text()
        if isinstance(made, ast.FunctionDef):
            body.binds |= {part.arg for part in ast.walk(made.args) if isinstance(part, ast.arg)}
        for part in made.body:
            if isinstance(part, ast.FunctionDef):
                body.add_body(part)
            else:
                body.add([part])
        bases = made.bases if isinstance(made, ast.ClassDef) else []
        for base in bases:
            body._use(base)
        self.free |= body.free
        self.attributes |= body.attributes
        self.calls |= body.calls
        self.declares |= body.declares


@dataclass(frozen=True)
class TrainingCells:
    """Cells that train a model, in order; the last one holds the training."""

    cells: tuple[int, ...]
    variables: tuple[str, ...]
    """Names that hold the model."""

    @property
    def cell(self) -> int:
        """The number of the cell that trains."""
        return self.cells[-1]


class NotebookText:
    """The text of a notebook's cells, parsed.

    Args:
        sources: Python of the cells that ran, by number.
    """

    def __init__(self, sources: Mapping[int, str]) -> None:
        self._runs: dict[int, _Text] = {}
        self._statements: dict[int, list[_Text]] = {}
        self._bodies: dict[str, _Text] = {}
        self._classes: set[str] = set()
        self._reached: dict[tuple[int, bool], _Text] = {}
        self._names_left = _MOST_NAMES
        for cell, source in sorted(sources.items()):
            self._read(cell, source)

    def trainings(
        self, patterns: Sequence[str], models: Mapping[str, Sequence[int]]
    ) -> list[TrainingCells]:
        """Return the cells that train a model of a kind, in order.

        Models named exactly after the kind come first: the training of a variant, `ModernNet`,
        counts only if no cell trains a `Net`.

        Args:
            patterns: names of its classes or factories, `*Net*`; upper and lower case are alike.
            models: names that hold such a model, and the cells after which they do.
        """
        self._names_left = _MOST_NAMES
        found: list[TrainingCells] = []
        variants: list[TrainingCells] = []
        forgotten = False
        for cell, text in self._runs.items():
            reach = self._reach(text)
            if not reach.trains:
                forgotten |= bool(_PREPARES & text.mentions) and any(
                    is_own_name(name, patterns) for name in text.mentions
                )
                continue
            if len(found) + len(variants) >= _MOST_TRAININGS:
                break
            cells, names = self._needed(cell, reach)
            own = {
                name
                for name, held in models.items()
                if (name in reach.free and min(held) <= cell)
                or (name in text.binds and cell in held)  # made and trained in one cell
            }
            kinds = [name for name in names if is_model_name(name, patterns)]
            if own or kinds:
                made = {name for c in cells for name in self._model_names(c, patterns)}
                varied = kinds and not any(is_own_name(name, patterns) for name in kinds)
                group = variants if varied else found
                group.append(TrainingCells(tuple(cells), tuple(sorted(own | made))))
        # a well trained variant does not show that the model itself was trained
        return found or ([] if forgotten else variants)

    def with_all_between(self, one: TrainingCells) -> TrainingCells:
        """Return a training with every cell from its first to its last that does not train.

        A cell may change what the training uses without binding a name: `settings["lr"] = 0.1`.
        """
        between = (c for c in self._runs if one.cells[0] < c < one.cell)
        beside = {c for c in between if not self._reach(self._runs[c], classes=False).trains}
        return replace(one, cells=tuple(sorted({*one.cells, *beside})))

    def _read(self, cell: int, source: str) -> None:
        tree = parse_python(source)
        if tree is not None:
            with suppress(RecursionError):
                self._runs[cell], self._statements[cell] = self._read_statements(tree)

    def _read_statements(self, tree: ast.Module) -> tuple[_Text, list[_Text]]:
        """Return what the statements that run read and bind: all of them, and each alone."""
        runs = _Text()
        each: list[_Text] = []
        for statement in tree.body:
            match statement:
                case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                    self._bodies.setdefault(name, _Text()).add_body(statement)
                    self._classes |= {name} if isinstance(statement, ast.ClassDef) else set()
                    for part in statement.body if isinstance(statement, ast.ClassDef) else []:
                        if isinstance(part, ast.FunctionDef) and not part.name.startswith("__"):
                            self._bodies.setdefault(part.name, _Text()).add_body(part)
                case ast.Import() | ast.ImportFrom():
                    pass
                case _:
                    runs.add([statement])
                    each.append(_Text())
                    each[-1].add([statement])
        return runs, each

    def _reach(self, text: _Text, *, classes: bool = True) -> _Text:
        """Add the text of the functions, and of classes if asked for, that a cell uses."""
        key = id(text), classes
        if key not in self._reached:
            self._reached[key] = self._work_out(text, () if classes else self._classes)
        return self._reached[key]

    def _work_out(self, text: _Text, beside: Iterable[str]) -> _Text:
        found = _Text(set(text.free), set(text.attributes), set(text.calls))
        pending = text.mentions
        known = set(pending)
        pending -= set(beside)
        while pending and self._names_left > 0:
            body = self._bodies.get(pending.pop())
            self._names_left -= 1
            if body is not None:
                self._names_left -= len(body.free) + len(body.attributes) + len(body.calls)
                pending |= body.mentions - known - set(beside)
                known |= body.mentions
                found.free |= body.free
                found.attributes |= body.attributes
                found.calls |= body.calls
                found.declares |= body.declares
        return found

    def _needed(self, cell: int, reach: _Text) -> tuple[list[int], set[str]]:
        """Return the cells that bind what a cell uses, and that cell; and the names in them all."""
        cells, wanted, names = [cell], set(reach.free), reach.mentions
        for earlier in sorted((c for c in self._runs if c < cell), reverse=True):
            text = self._runs[earlier]
            reached = self._reach(text)
            # building a trainer does not train
            if (text.binds | reached.declares) & wanted and not self._reach(
                text, classes=False
            ).trains:
                cells.append(earlier)
                wanted |= reached.free
                names |= reached.mentions
        # `model.apply(init)` binds nothing but changes the model
        bound = {name for c in cells for name in self._runs[c].binds}
        first = min(cells)
        for other, text in self._runs.items():
            touches = any(name.startswith(("apply", "init")) for name in text.calls)
            if first < other < cell and touches and text.free & bound and other not in cells:
                cells.append(other)
        return sorted(cells), names

    def _model_names(self, cell: int, patterns: Sequence[str]) -> Iterable[str]:
        """Return the names that a cell binds to such a model, or to something made from one."""
        made: set[str] = set()
        for text in self._statements[cell]:
            if made & text.mentions or any(is_model_name(n, patterns) for n in text.mentions):
                made |= text.binds
        return made
