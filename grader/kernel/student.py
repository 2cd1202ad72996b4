"""The trusted side of a call: `Student`, which forwards public names to the notebook.

`student.corr2d(x, k)` calls the notebook's `corr2d` in the sandbox and returns what came back: a
tensor, a number, a tuple, text, None, or a `Handle` for an object that stays inside. Errors of the
student's code arrive as `StudentError`; checks need not catch them.

Every argument is copied by being written out as bytes, so student code cannot change our tensors.
Here: names and captured values. Not here: what an object that stays inside can be asked
(`handle.py`), bytes and deadlines (`connection.py`), which definition is the one to judge
(`candidates.py`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import astuple, replace
from hashlib import sha256
from typing import Any, Protocol

from torch import Tensor

from grader.errors import BadAnswer, NameNotDefined, NotAttempted, StudentError, StudentRaised
from grader.guest.probe_network import ProbeShape
from grader.kernel import observations
from grader.kernel.ahead import KnownCall, Outcome, RightReply, Sent, Waiting
from grader.kernel.answers import read_answer
from grader.kernel.describe import CallText, call_text, describe
from grader.kernel.handle import Handle
from grader.kernel.observations import Call, Captured, HeldModel, Lacking, Outline, ReplayFacts
from grader.kernel.transcript import Transcript, rows_of
from grader.records import DEFAULT_SEED, CellRun
from grader.wire import messages

_LACKS = re.compile(r"name '(\w+)' is not defined")
_VALUES = ("tensor", "module", "plain")
_MOST_VALUES_BYTES = 64 << 20


class Connection(Protocol):
    """What carries a request to the guest and its answer back."""

    def ask(
        self, request: messages.Request, args: Sequence[object], kwargs: dict[str, object],
        *, call: str | CallText, decode: Callable[[messages.HandleNode], object],
        limit_s: float | None = None,
    ) -> messages.Answer:  # fmt: skip
        """Send one request and return its answer, within `limit_s` or the deadline of a call.

        Raises:
            StudentError: what the student's code did instead of answering.
            SandboxError: an internal error.
        """
        ...

    def ask_all(
        self, asked: Sequence[Sent], decode: Callable[[messages.HandleNode], object]
    ) -> list[Outcome]:
        """Make calls in order; return how the first of them ended, or none."""
        ...


class Student:
    """One notebook, as a check sees it.

    Public names are forwarded and nothing else: a proxy that answers to everything would also
    answer to Hypothesis's printer, and the failing example would be lost.
    """

    def __init__(
        self, connection: Connection, definitions: dict[str, Captured], *,
        answer: str = "", seed: int = DEFAULT_SEED, secret: int = DEFAULT_SEED,
        models: Mapping[str, tuple[str, ...]] | None = None,
        first_run: Sequence[CellRun] = (),
        explain: Callable[[str], str] = lambda name: "",
    ) -> None:  # fmt: skip
        self._connection = connection
        self._definitions = definitions
        self._answer = answer
        self.first_run = {run.index: run for run in first_run}
        """How each cell ended when the notebook ran, by number; empty where unknown."""
        self._explain = explain
        self._seed = seed
        self._next = 0
        self._waiting = Waiting()
        self._transcript: Transcript | None = None
        self.models = models or {}
        """Patterns of the names of models, by kind, as the course declares them."""
        self.seed = seed
        """Of the notebook's random state, and of the images it is given."""
        self.secret = secret
        """Seed of data that only the grader has; it never enters the sandbox."""
        self.remembered: dict[str, Any] = {}
        """What the checks of one exercise work out once and use together."""
        self.missing: set[str] = set()
        """Missing packages that answers depended on; reading it empties it.
        """

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if name == "answer":
            name = self._answer
        return lambda *args, **kwargs: self.call(name, *args, **kwargs).value

    def __repr__(self) -> str:
        return "student"

    def has(self, name: str) -> bool:
        """Return whether the notebook defines a name."""
        return name in self._definitions

    def not_attempted(self, name: str, wanted: str) -> NotAttempted:
        """Return the error for a value of an exercise that no cell makes.

        Args:
            name: the book's, of which other sections may hold other values.
            wanted: the value in words: `an image X of 6 rows and 8 columns`.
        """
        others = any(e.name == name and e.kind in _VALUES for e in self.catalog())
        return NotAttempted(name, wanted, "" if others else self._explain(name))

    def call(self, name: str, *args: Any, **kwargs: Any) -> Call:
        """Call a function or class of the notebook.

        Raises:
            NameNotDefined: the notebook has no such name.
            StudentError: the call raised, hung or ended the process.
        """
        found = self._found(name)
        return self._ask("call", found.name, args, kwargs, definition=found.number)

    def make(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """Call a class or factory that makes a model; a model that a name holds is copied.

        Raises:
            NameNotDefined: the notebook has no such name.
            StudentError: the call raised, hung or ended the process; a copy takes no arguments.
        """
        found = self._found(name)
        return self._ask("make", found.name, args, kwargs, definition=found.number).value

    def is_one_model(self, name: str) -> bool:
        """Return whether a name answers with one model, rather than with a class or factory."""
        found = self._definitions.get(name)
        return found is not None and found.kind == "module"

    def own_name(self, name: str) -> str:
        """Return the name in the notebook of what answers an exercise of this name."""
        found = self._definitions.get(name)
        return name if found is None else found.name

    def models_held(self) -> list[HeldModel]:
        """Return the models with layers that the notebook's names hold, in order of time."""
        return observations.read_models(self._ask("models", "models", (), {}).value)

    def build(self, layer: str, *args: Any, **kwargs: Any) -> Handle:
        """Make a layer of `torch.nn` inside, to be passed to the student's code."""
        made = self._ask("build", f"nn.{layer}", args, kwargs, method=layer).value
        if not isinstance(made, Handle):
            raise BadAnswer(f"nn.{layer}", describe(made), "a layer")
        return made

    def reached(self, name: str, layer: Handle, *args: Any) -> dict[str, bool]:
        """Call a function of a layer; return which of its parameters a gradient then reaches.

        Raises:
            NameNotDefined: the notebook has no such name.
            StudentError: the call or the way back raised.
        """
        found = self._definitions.get(name)
        if found is None:
            raise NameNotDefined(name)
        return layer.reached_through(found.number, *args)

    def outline(self, name: str, shape: tuple[int, ...], *args: Any, **kwargs: Any) -> Outline:
        """Make a model inside and list its shapes for an input of `shape`, computing nothing.

        Shapes begin with a batch of 0 images, or of 1.

        Raises:
            NameNotDefined: the notebook has no such name.
            StudentError: making or running it raised, or it is no module.
        """
        found = self._found(name)
        call = f"{call_text(name, args, kwargs)} on an input {shape}"
        number = found.number
        answer = self._ask("outline", name, (shape, *args), kwargs, definition=number, call=call)
        return observations.read_outline(call, answer.value)

    def values(
        self, name: str | None = None, *, kinds: Sequence[str] = _VALUES,
        fits: Callable[[tuple[int, ...]], bool] = lambda shape: True,
    ) -> list[Captured]:  # fmt: skip
        """Return the tensors, modules and plain values the cells bound, in order of time.

        A tensor is fetched only if its shape fits, and tensors of 64 MiB together at most; those
        above it are left out.
        """
        wanted = [entry for entry in self.catalog() if entry.kind in kinds]
        return self._fetch(wanted, name, fits)

    def sources(self) -> dict[int, str]:
        """Return the Python of the cells that ran, magics translated, by number."""
        return observations.read_sources(self._ask("sources", "sources", (), {}).value)

    def curves(self) -> list[tuple[int, list[float]]]:
        """Return the losses that each cell's training went through, by cell."""
        return observations.read_curves(self._ask("curves", "curves", (), {}).value)

    def lacking(self) -> Lacking:
        """Return what the cells used that this machine lacks."""
        return observations.read_lacking(self._ask("lacking", "lacking", (), {}).value)

    def replay(
        self, cells: Sequence[int], patterns: Sequence[str], variables: Sequence[str], *,
        probe: ProbeShape, steps: int, tail: str = "logits", past_errors: bool = False,
        limit_s: float = 60.0,
    ) -> ReplayFacts:  # fmt: skip
        """Replay training cells with a small network in the model's place.

        Args:
            cells: their numbers, in order; the last one is the one that trains.
            patterns: names of classes and factories that make the model.
            variables: names that hold it.
            probe: the sizes of that network.
            steps: the data ends soon after so many steps.
            tail: what the model ends with, one of `probe_network.TAILS`.
            past_errors: whether to go on after a statement of a cell that raises.
            limit_s: for the answer.
        """
        call = f"cell {cells[-1]}, run again"
        args = (list(cells), list(patterns), list(variables))
        probed = {"tail": tail, "probe": astuple(probe)}
        rows = int(sha256(str(self.secret).encode()).hexdigest()[:12], 16)
        options = {"steps": steps, "past_errors": past_errors, "rows": rows, **probed}
        answer = self._ask("replay", call, args, options, call=call, limit_s=limit_s)
        return observations.read_replay(call, answer.value, probe)

    def rerun(
        self, cell: int, replaced: dict[str, Any], name: str | None = None, *,
        scaled: tuple[Tensor, float | Tensor] | None = None, first: int | None = None,
        instead: tuple[Tensor, Tensor] | None = None,
        fits: Callable[[tuple[int, ...]], bool] = lambda shape: True,
    ) -> list[Captured]:  # fmt: skip
        """Run one cell again in a copy of its namespace, with some names replaced.

        Args:
            cell: its number.
            replaced: values by name, as the cell finds them.
            name: of the values to return, for which only the statements run that they depend on;
                None for all.
            scaled: numbers and a factor: where the cell itself binds a tensor of these numbers, the
                tensor is multiplied before the next statement.
            first: a cell before it, from which on the cells run too.
            instead: numbers, and others that take their place wherever torch is used, in functions
                of the notebook too.
            fits: shapes of the tensors to return.

        Returns:
            The values it bound, in order. The results of the first run stay as they are.
        """
        kind, pair = ("instead", instead) if instead else ("scaled", scaled or ())
        given = (cell, name or "", cell if first is None else first, kind, *pair)
        rows = self._ask("rerun", f"cell {cell}", given, replaced).value
        return self._fetch(observations.read_catalog(rows), name, fits)

    def catalog(self, *, limit_s: float | None = None) -> list[Captured]:
        """Return every definition of the cells, in order of time, without values."""
        rows = self._ask("catalog", "catalog", (), {}, limit_s=limit_s).value
        return observations.read_catalog(rows)

    def ask_ahead(self, calls: Sequence[KnownCall]) -> bool:
        """Make calls that a check will make; return whether every answer is the right one.

        What came back waits for the check, which gets it as long as it makes the same calls.
        """
        sent: list[Sent] = []
        for call in calls:
            if call.name not in self._definitions:
                break  # the check says so
            found = self._definitions[call.name]
            request = self._request("call", found.number, batch=self._next + 1 - len(sent))
            request.args, request.kwargs = call.args, call.kwargs
            sent.append(Sent(call, request, found.name))
        outcomes = self._connection.ask_all(sent, self._handle) if sent else []
        self._waiting = Waiting()  # who holds the last one may resume it
        self._waiting.keep(sent, outcomes)
        right = sum(isinstance(one, RightReply) for one in outcomes)
        return right == len(calls) and self._transcript is None

    def ask_live(self) -> None:
        """Forget what came back from calls made ahead."""
        self._waiting.forget()

    def record(self) -> Transcript:
        """Return a list to which every operation and its answer are added from now on.

        Objects that stay inside are noted as what they are; the list keeps none of them alive.
        """
        self._transcript = []
        return self._transcript

    @contextmanager
    def unrecorded(self) -> Iterator[None]:
        """Leave what is asked inside out of the record."""
        kept, self._transcript = self._transcript, None
        try:
            yield
        finally:
            self._transcript = kept

    def note(self, fact: object) -> None:
        """Add to the record what a check derived from an answer."""
        self._note("note", fact)

    def select(self, cell: int, asked: Sequence[str] = ()) -> None:
        """Let functions see their helpers as defined after `cell` had run.

        The course's library does not answer to the names in `asked` until the next selection.
        """
        self._ask("select", "select", (cell, *asked), {})

    # ---------------------------------------------------------------- below: for this module only

    def _found(self, name: str) -> Captured:
        found = self._definitions.get(name)
        if found is None:
            raise NameNotDefined(name, self._explain(name))
        return found

    def _fetch(
        self, catalog: list[Captured], name: str | None, fits: Callable[[tuple[int, ...]], bool]
    ) -> list[Captured]:
        wanted = [
            entry for entry in catalog if entry.kind in _VALUES and name in (None, entry.name)
        ]
        numbers = [entry.number for entry in wanted]
        shapes = self._ask("shapes", "the shapes of values", (numbers,), {}).value
        found, left = [], _MOST_VALUES_BYTES
        for entry, shape in zip(wanted, observations.read_shapes(shapes, len(wanted)), strict=True):
            if shape is not None and (not fits(shape) or math.prod(shape) > left):
                continue
            value = self._ask("value", entry.name, (), {}, definition=entry.number).value
            if isinstance(value, Tensor):  # the shapes were only what the sandbox said
                left -= value.nbytes
                if left < 0:
                    break
            found.append(replace(entry, value=value))
        return found

    def _ask(
        self, op: str, what: str, args: Sequence[Any], kwargs: dict[str, Any], *,
        definition: int = -1, handle: int = -1, method: str = "", call: str | CallText = "",
        limit_s: float | None = None,
    ) -> Call:  # fmt: skip
        request = self._request(op, definition, handle, method)
        text = call or CallText(what, args, kwargs)

        def read(right: RightReply) -> messages.Answer:
            return read_answer(right.reply, right.payload, text, self._handle)

        try:
            answer = self._waiting.take(request, args, kwargs, read) or self._connection.ask(
                request, args, kwargs, call=text, decode=self._handle, limit_s=limit_s
            )
        except StudentError as error:
            self.missing.update(error.missing)
            if isinstance(error, StudentRaised):
                self._note(op, error.kind)
                error.message = self._explained(error.kind, error.message)
            raise
        self.missing.update(answer.missing)
        self._note(op, answer.value)
        return Call(answer.value, tuple(answer.arguments), answer.printed)

    def _request(
        self, op: str, definition: int, handle: int = -1, method: str = "", batch: int = 0
    ) -> messages.Request:
        self._next += 1
        # numbers of objects that stay inside are chosen here, never by the sandbox
        return messages.Request(
            self._next, op, definition, handle, method, keep=self._next * 64, seed=self._seed,
            printed=(called := op in ("call", "forward")), back=called, batch=batch,
        )  # fmt: skip

    def _explained(self, kind: str, message: str) -> str:
        """Add to the message of a NameError why the notebook has no such name."""
        match = _LACKS.fullmatch(message) if kind == "NameError" else None
        reason = self._explain(match[1]) if match else ""
        return f"{message}: it {reason}" if reason else message

    def _note(self, op: str, answer: Any) -> None:
        if self._transcript is not None:
            self._transcript.extend(rows_of(op, answer))

    def _handle(self, node: messages.HandleNode) -> Handle:
        return Handle(self._ask, node, self.unrecorded)
