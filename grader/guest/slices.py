"""Inside the sandbox: finds the statements of a cell that one of its names depends on.

A cell may hold several exercises, and running it again for one of them must not train the network
of another. Each statement makes an object, and may change the objects that it can reach: those of
the names that it reads, what these were made from, and what the functions that it calls read. The
slice of a name holds the statements that make or may change an object that the name depends on.

Here: what the text says. Not here: running the slice (`recorder.py`).
Not covered: a name that is bound by text, `exec("x = 1")`: such a cell is not sliced.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

_UNKNOWN = frozenset({"globals", "locals", "vars", "exec", "eval", "setattr", "run_line_magic"})
_DEFINES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)
_BRANCHES = (ast.If, ast.For, ast.While, ast.Try, ast.With)


@dataclass
class _Step:
    """One statement: the object that it makes, what it reaches, and what it may change."""

    statement: ast.stmt
    number: int
    reads: set[str]
    binds: set[str]
    reaches: set[int] = field(default_factory=set)
    changes: set[int] = field(default_factory=set)


def slice_of(
    tree: ast.Module, wanted: Callable[[str], bool], is_variable: Callable[[str], bool]
) -> list[ast.stmt]:
    """Return the statements that names depend on, and those that use one, in order.

    Statements of which the text does not say what they change, `torch.manual_seed(0)`, are among
    them; all are where the cell has no such name.

    Args:
        tree: the cell.
        wanted: whether a name is one of those.
        is_variable: whether a name of earlier cells holds an object that may change.
    """
    if any(_is_unknown(node) for node in ast.walk(tree)):
        return tree.body
    flow = _Flow(is_variable)
    for statement in tree.body:
        flow.add(statement)
    names = [name for name in flow.holds if wanted(name)]
    if not names:
        return tree.body
    needed: set[int] = set().union(*(flow.holds[name] for name in names))
    kept = []
    for step in reversed(flow.steps):
        is_used = not isinstance(step.statement, _DEFINES) and (
            not (step.reaches or step.binds) or any(map(wanted, step.reads))
        )
        if is_used or step.number in needed or step.changes & needed:
            needed |= step.reaches | {step.number}
            kept.append(step.statement)
    return kept[::-1]


def _is_unknown(node: ast.AST) -> bool:
    match node:
        case ast.Global():
            return True
        case ast.Call(func=ast.Name(id=called) | ast.Attribute(attr=called)):
            return called in _UNKNOWN
    return False


class _Flow:
    """What the names of a cell hold, statement by statement."""

    def __init__(self, is_variable: Callable[[str], bool]) -> None:
        self.steps: list[_Step] = []
        self.holds: dict[str, set[int]] = {}
        self._is_variable = is_variable
        self._fixed: set[int] = set()
        """Objects that no statement changes by reading them: numbers, functions, classes."""
        self._bodies: dict[str, set[str]] = {}
        self._outside = -1

    def add(self, statement: ast.stmt) -> None:
        """Follow one statement."""
        reading = _Reading()
        reading.statements([statement])
        step = _Step(statement, len(self.steps), reading.free, reading.bound)
        self.steps.append(step)
        for name in self._all_read(reading.free):
            step.reaches |= self._held(name)
        step.changes = step.reaches - self._fixed
        for name in _altered(statement):
            step.changes |= self._held(name)
        defines = isinstance(statement, _DEFINES)
        if defines or _is_number(statement):
            self._fixed.add(step.number)
        for name in reading.bound:
            made = {step.number} if defines else {step.number} | (step.reaches - self._fixed)
            before = self.holds.get(name, set()) if isinstance(statement, _BRANCHES) else set()
            self.holds[name] = made | before
            self._bodies.pop(name, None)
            if defines:
                self._bodies[name] = reading.inside

    def _held(self, name: str) -> set[int]:
        if name not in self.holds:
            self.holds[name] = set()
            if self._is_variable(name):
                self.holds[name] = {self._outside}
                self._outside -= 1
        return self.holds[name]

    def _all_read(self, names: Iterable[str]) -> set[str]:
        """Add to names those that the functions and classes among them read."""
        found: set[str] = set()
        pending = set(names)
        while pending:
            name = pending.pop()
            found.add(name)
            pending |= self._bodies.get(name, set()) - found
        return found


class _Reading:
    """The names that statements read before they bind them, and those that they bind."""

    def __init__(self) -> None:
        self.free: set[str] = set()
        self.bound: set[str] = set()
        self.inside: set[str] = set()
        """Names that the body of a function or class reads."""

    def statements(self, statements: Sequence[ast.stmt]) -> None:
        """Read statements in the order in which they run."""
        for statement in statements:
            match statement:
                case ast.For(target=target, iter=values, body=body, orelse=after):
                    self._parts(values, target)
                    self.statements([*body, *after])
                case (
                    ast.While(test=test, body=body, orelse=after)
                    | ast.If(test=test, body=body, orelse=after)
                ):
                    self._parts(test)
                    self.statements([*body, *after])
                case ast.With(items=items, body=body):
                    self._parts(*items)
                    self.statements(body)
                case ast.Try(body=body, handlers=handlers, orelse=after, finalbody=last):
                    self.statements([*body, *after, *last])
                    for handler in handlers:
                        self.statements(handler.body)
                case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                    self._definition(statement)
                case ast.Import(names=names) | ast.ImportFrom(names=names):
                    self.bound |= {n.asname or n.name.split(".")[0] for n in names}
                case ast.AugAssign(target=ast.Name(id=name)):
                    self.free |= {name} - self.bound
                    self._parts(statement)
                case _:
                    self._parts(statement)

    def _parts(self, *parts: ast.AST) -> None:
        for part in parts:
            nodes = [node for node in ast.walk(part) if isinstance(node, ast.Name)]
            own = {arg.arg for arg in ast.walk(part) if isinstance(arg, ast.arg)}
            for inner in ast.walk(part):
                if isinstance(inner, ast.comprehension):
                    own |= {n.id for n in ast.walk(inner.target) if isinstance(n, ast.Name)}
            read = {node.id for node in nodes if isinstance(node.ctx, ast.Load)}
            self.free |= read - own - self.bound
            self.bound |= {n.id for n in nodes if not isinstance(n.ctx, ast.Load)} - own

    def _definition(self, made: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> None:
        at_once: list[ast.AST] = [*made.decorator_list]
        if isinstance(made, ast.ClassDef):
            at_once += [*made.bases, *made.keywords]
        else:
            at_once += [*made.args.defaults, *filter(None, made.args.kw_defaults)]
        self._parts(*at_once)
        nodes = [n for part in made.body for n in ast.walk(part) if isinstance(n, ast.Name)]
        self.inside |= {node.id for node in nodes if isinstance(node.ctx, ast.Load)}
        if isinstance(made, ast.ClassDef):  # its body runs at once
            self.free |= self.inside - self.bound
        self.inside |= {n.id for p in at_once for n in ast.walk(p) if isinstance(n, ast.Name)}
        self.bound.add(made.name)


def _altered(statement: ast.stmt) -> set[str]:
    """Return the names whose objects a statement changes whatever they are, `Net.f = f`."""
    found = set()
    for node in ast.walk(statement):
        if isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Store):
            base: ast.expr = node
            while isinstance(base, ast.Attribute | ast.Subscript):
                base = base.value
            found |= {base.id} if isinstance(base, ast.Name) else set()
    for part in getattr(statement, "decorator_list", []):
        found |= {node.id for node in ast.walk(part) if isinstance(node, ast.Name)}
    return found


def _is_number(statement: ast.stmt) -> bool:
    """Return whether a statement binds names to numbers or text that stand in it."""
    if not isinstance(statement, ast.Assign | ast.AnnAssign) or statement.value is None:
        return False
    allowed = (ast.Constant, ast.Tuple, ast.UnaryOp, ast.BinOp, ast.operator, ast.unaryop)
    return all(isinstance(n, (*allowed, ast.expr_context)) for n in ast.walk(statement.value))
