"""The trusted side of a call: `Student`, which forwards public names to the notebook.

`student.corr2d(x, k)` calls the notebook's `corr2d` in the sandbox and returns what came back: a
tensor, a number, a tuple, text, None, or a `Handle` for an object that stays inside. What the
student's code does wrong arrives as a `StudentError`; checks need not catch it.

Every argument is copied by being written out as bytes, so student code cannot change our tensors.
Here: names, handles, captured values. Not here: bytes and deadlines (`connection.py`), which
definition is the one to judge (`candidates.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Protocol

import torch
from torch import Tensor

from grader.checks.compare import call_text, describe
from grader.errors import BadAnswer, NameNotDefined, StudentRaised
from grader.kernel import facts, wire
from grader.kernel.facts import Call, Captured, Layer, Outline, RehearsalFacts
from grader.plan import DEFAULT_SEED

_VALUES = ("tensor", "module", "plain")


class Connection(Protocol):
    """What carries a request to the guest and its answer back."""

    def ask(
        self,
        request: wire.Request,
        args: Sequence[object],
        kwargs: dict[str, object],
        *,
        call: str,
        decode: Callable[[wire.HandleNode], object],
        limit_s: float | None = None,
    ) -> wire.Answer:
        """Send one request and return its answer, within `limit_s` or the deadline of a call.

        Raises:
            StudentError: what the student's code did instead of answering.
            SandboxError: the fault is ours.
        """
        ...


class Student:
    """One notebook, as a check sees it.

    Public names are forwarded and nothing else: a proxy that answers to everything would also
    answer to Hypothesis's printer, and the failing example would be lost.
    """

    def __init__(
        self,
        connection: Connection,
        definitions: dict[str, Captured],
        *,
        answer: str = "",
        seed: int = DEFAULT_SEED,
        asked: Collection[str] | None = None,
    ) -> None:
        self._connection = connection
        self._definitions = definitions
        self._answer = answer
        self._asked = asked
        self._seed = seed
        self._next = 0
        self._transcript: list[tuple[str, Any]] | None = None
        self.seed = seed
        """Of the notebook's random state, and of the images it is given."""
        self.remembered: dict[str, Any] = {}
        """What the checks of one exercise work out once and use together."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if name == "answer":
            name = self._answer
        return lambda *args, **kwargs: self.call(name, *args, **kwargs).value

    def __repr__(self) -> str:
        return "student"

    def has(self, name: str) -> bool:
        """Say whether the notebook defines a name."""
        return name in self._definitions

    def charged_for(self, name: str) -> bool:
        """Say whether what is wrong with a name of the notebook is charged where it is asked for.

        With `--only ResNet` nobody asks for its blocks: then the network answers for them.
        """
        return self.has(name) and (self._asked is None or name in self._asked)

    def call(self, name: str, *args: Any, **kwargs: Any) -> Call:
        """Call a function or class of the notebook.

        Raises:
            NameNotDefined: the notebook has no such name.
            StudentError: the call raised, hung or ended the process.
        """
        found = self._definitions.get(name)
        if found is None:
            raise NameNotDefined(name)
        return self._ask("call", found.name, args, kwargs, definition=found.number)

    def build(self, layer: str, *args: Any, **kwargs: Any) -> Handle:
        """Make a layer of `torch.nn` inside, to be passed to the student's code."""
        made = self._ask("build", f"nn.{layer}", args, kwargs, method=layer).value
        if not isinstance(made, Handle):
            raise BadAnswer(f"nn.{layer}", describe(made), "a layer")
        return made

    def outline(self, name: str, shape: tuple[int, ...], *args: Any, **kwargs: Any) -> Outline:
        """Make a model inside and list its shapes for an input of `shape`, computing nothing.

        Shapes begin with a batch of 0 images, or of 1.

        Raises:
            NameNotDefined: the notebook has no such name.
            StudentError: making or running it raised, or it is no module.
        """
        found = self._definitions.get(name)
        if found is None:
            raise NameNotDefined(name)
        call = f"{call_text(name, args, kwargs)} on an input {shape}"
        number = found.number
        answer = self._ask("outline", name, (shape, *args), kwargs, definition=number, call=call)
        return facts.read_outline(call, answer.value)

    def values(self, name: str | None = None, *, kinds: Sequence[str] = _VALUES) -> list[Captured]:
        """Return the tensors, modules and plain values the cells bound, in order of time."""
        wanted = [entry for entry in self.catalog() if entry.kind in kinds]
        return self._fetch(wanted, name)

    def sources(self) -> dict[int, str]:
        """Return the Python of the cells that ran, magics translated, by number."""
        return facts.read_sources(self._ask("sources", "sources", (), {}).value)

    def curves(self) -> list[tuple[int, list[float]]]:
        """Return the losses that each cell's training went through, by cell."""
        return facts.read_curves(self._ask("curves", "curves", (), {}).value)

    def rehearse(
        self, cells: Sequence[int], patterns: Sequence[str], variables: Sequence[str], *,
        steps: int, tail: str = "logits", limit_s: float = 60.0,
    ) -> RehearsalFacts:  # fmt: skip
        """Run training cells again with a small network in the model's place.

        Args:
            cells: their numbers, in order; the last one is the one that trains.
            patterns: names of classes and factories that make the model.
            variables: names that hold it.
            steps: after so many, the data ends soon.
            tail: what the model ends with, one of `learner.TAILS`.
            limit_s: for the answer.
        """
        call = f"cell {cells[-1]}, run again"
        args = (list(cells), list(patterns), list(variables))
        answer = self._ask(
            "rehearse", call, args, {"steps": steps, "tail": tail}, call=call, limit_s=limit_s
        )
        return facts.read_rehearsal(call, answer.value)

    def rerun(self, cell: int, replaced: dict[str, Any], name: str | None = None) -> list[Captured]:
        """Run one cell again in a copy of its world, with some names replaced.

        Returns the values it bound, in order. What the first run left is not touched.
        """
        rows = self._ask("rerun", f"cell {cell}", (cell,), replaced).value
        return self._fetch(facts.read_catalog(rows), name)

    def catalog(self) -> list[Captured]:
        """Return every definition the cells made, in order of time, without values."""
        return facts.read_catalog(self._ask("catalog", "catalog", (), {}).value)

    def record(self) -> list[tuple[str, Any]]:
        """Return a list to which every operation and its answer are added from now on."""
        self._transcript = []
        return self._transcript

    @contextmanager
    def unrecorded(self) -> Iterator[None]:
        """Ask what is no part of the record: whether the student's other functions are at fault."""
        kept, self._transcript = self._transcript, None
        try:
            yield
        finally:
            self._transcript = kept

    def note(self, fact: object) -> None:
        """Add to the record what a check read out of an answer that is not its value."""
        self._note("note", fact)

    def select(self, cell: int) -> None:
        """Let functions find their helpers as these stood when `cell` had run."""
        self._ask("select", "select", (cell,), {})

    @contextmanager
    def with_parts(self, sources: dict[str, str]) -> Iterator[None]:
        """Let other definitions stand in for the notebook's own, by name and Python text."""
        try:
            self._ask("stand_in", "stand_in", (), sources)
            yield
        finally:
            self._ask("stand_in", "stand_in", (), {})

    # ---------------------------------------------------------------- below: for this module only

    def _fetch(self, catalog: list[Captured], name: str | None) -> list[Captured]:
        wanted = [
            entry for entry in catalog if entry.kind in _VALUES and name in (None, entry.name)
        ]
        return [
            replace(e, value=self._ask("value", e.name, (), {}, definition=e.number).value)
            for e in wanted
        ]

    def _ask(
        self,
        op: str,
        what: str,
        args: Sequence[Any],
        kwargs: dict[str, Any],
        *,
        definition: int = -1,
        handle: int = -1,
        method: str = "",
        call: str = "",
        limit_s: float | None = None,
    ) -> Call:
        self._next += 1
        # what stays inside is numbered from here: a number the sandbox chose would be a claim
        request = wire.Request(
            self._next,
            op,
            definition,
            handle,
            method,
            keep=self._next * 64,
            seed=self._seed,
            printed=op == "call",
            back=op == "call",
        )
        try:
            answer = self._connection.ask(
                request,
                args,
                kwargs,
                call=call or call_text(what, args, kwargs),
                decode=self._handle,
                limit_s=limit_s,
            )
        except StudentRaised as error:
            self._note(op, error.kind)
            raise
        self._note(op, answer.value)
        return Call(answer.value, tuple(answer.arguments), answer.printed)

    def _note(self, op: str, answer: Any) -> None:
        if self._transcript is not None:
            self._transcript.append((op, answer))

    def _handle(self, node: wire.HandleNode) -> Handle:
        return Handle(self, node)


class Handle:
    """An object that stays in the sandbox: a module, a class, an instance of one."""

    def __init__(self, student: Student, node: wire.HandleNode) -> None:
        self._student = student
        self._node = node

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call it: forward for a module, an instance for a class."""
        return self._ask("call", args, kwargs).value

    def __repr__(self) -> str:
        return self.description

    @property
    def type_name(self) -> str:
        """The name of its class, as the student's side says it."""
        return self._node.type_name

    @property
    def is_module(self) -> bool:
        """Whether it is an `nn.Module`."""
        return self._node.is_module

    @property
    def description(self) -> str:
        """The object in words, for a message."""
        return f"a {self.type_name} object"

    def call(self, method: str, *args: Any, **kwargs: Any) -> Call:
        """Call a method."""
        return self._ask("call", args, kwargs, method=method)

    def attribute(self, name: str) -> Any:
        """Return an attribute."""
        return self._ask("attribute", (), {}, method=name).value

    def parameters(self) -> dict[str, Tensor]:
        """Return copies of the parameters by name, in module order."""
        return facts.tensors_of(self._ask("parameters", (), {}).value)

    def buffers(self) -> dict[str, Tensor]:
        """Return copies of the buffers by name, in module order."""
        return facts.tensors_of(self._ask("buffers", (), {}).value)

    def sizes(self) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the parameters by name, in module order."""
        found = self._ask("sizes", (), {}).value
        with facts.believed(f"{self.type_name}.sizes", "shapes by name"):
            return {name: tuple(map(int, shape)) for name, shape in found.items()}

    def load(
        self,
        parameters: Sequence[Tensor] | dict[str, Tensor] | None,
        buffers: Sequence[Tensor] | dict[str, Tensor] | None = None,
    ) -> None:
        """Write values into parameters and buffers, in module order, whatever their names.

        Raises:
            StudentRaised: their number or their shapes are not those of the module.
        """
        self._ask("load", (facts.in_order(parameters), facts.in_order(buffers)), {})

    def gradients(self, *args: Any, upstream: Tensor | None = None) -> dict[str, Tensor | None]:
        """Send `upstream` (ones by default) back through the module; gradients by parameter name.

        None where no gradient reached a parameter.
        """
        found = self._ask("gradients", args, {"upstream": upstream}).value
        with facts.believed(f"{self.type_name}.gradients", "tensors by name"):
            return {name: x if isinstance(x, Tensor) else None for name, x in found.items()}

    def fit(
        self, x: Tensor, labels: Tensor, *, limit_s: float = 60.0, **options: Any
    ) -> list[float]:
        """Train a classifier inside for a short while (`short_run.fit`); return the losses."""
        answer = self._ask("fit", (x, labels), options, limit_s=limit_s).value
        return [loss for loss in answer if type(loss) is float] if type(answer) is list else []

    def tail(self, x: Tensor) -> str:
        """Say what the forward ends with: logits, softmax or log_softmax."""
        return str(self._ask("tail", (x,), {}).value)

    def reached(self, *args: Any) -> dict[str, bool]:
        """Say by parameter name whether a gradient of the result reaches it that is not 0."""
        found = self._ask("reached", args, {}).value
        with facts.believed(f"{self.type_name}.reached", "yes or no by name"):
            return {name: value is True for name, value in found.items()}

    def layers(self, *args: Any, undrawn: bool = False) -> list[Layer]:
        """Run the module and list its innermost layers in the order in which they are called.

        `undrawn` saves the drawing of lazy weights, where others are loaded next.
        """
        rows = self._ask("layers", args, {"undrawn": True} if undrawn else {}).value
        with facts.believed(f"{self.type_name}.layers", "layers"):
            return [Layer(str(path), str(kind), tuple(map(int, n))) for path, kind, n in rows]

    def train(self, mode: bool = True) -> Handle:
        """Put the module in training mode."""
        self._ask("mode", (mode,), {})
        return self

    def eval(self) -> Handle:
        """Put the module in evaluation mode."""
        return self.train(False)

    def _ask(
        self, op: str, args: Sequence[Any], kwargs: dict[str, Any], method: str = "",
        limit_s: float | None = None,
    ) -> Call:  # fmt: skip
        what = f"{self.type_name}.{method}" if method else self.type_name
        if op != "call":
            what = f"{self.type_name}.{op}"
        number = self._node.number
        return self._student._ask(
            op, what, args, kwargs, handle=number, method=method, limit_s=limit_s
        )


def handle_nodes(value: object) -> wire.HandleNode | wire.RefusalNode:
    """Say how an argument that is no plain value is sent: a handle as its number."""
    if isinstance(value, Handle):
        return value._node
    if isinstance(value, torch.nn.Module):
        raise TypeError("a module cannot be sent; make one inside with student.build(...)")
    raise TypeError(f"a {type(value).__name__} cannot be sent to the student's code")
