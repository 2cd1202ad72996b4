"""A student whose calls and answers are noted while a check runs, to be compared with a later one.

What a check does is a function of the answers it gets, as long as it asks for nothing but answers
of functions. So the same answers to the same calls lead it to the same end.

Here: noting what is asked. Not here: what is kept of it (`failure_memory.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from grader.errors import StudentError
from grader.kernel.ahead import Outcome, RepeatedCall, Sent, Waiting
from grader.kernel.connection import encode
from grader.kernel.describe import CallText
from grader.kernel.student import Connection, Student
from grader.wire import messages

MORE_THAN_ANSWERS = frozenset(
    ("first_run", "has", "is_one_model", "models", "own_name", "remembered", "secret")
)
"""What a check may know about a notebook beside the answers of its functions."""
_MOST_CALLS = 1_000


class Notes:
    """What was asked of a student since the last beginning."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Forget what was asked before."""
        self.calls: list[RepeatedCall] = []
        self.is_whole = True
        """Whether nothing but these calls has decided what the check did."""

    def ended(self) -> Notes:
        """Return what was noted so far, apart from what follows."""
        ended = Notes()
        ended.calls, ended.is_whole = self.calls, self.is_whole
        self.begin()
        return ended


class NotedStudent(Student):
    """A student of the same notebook, with notes."""

    def __init__(self, student: Student) -> None:
        self.__dict__.update(vars(student))
        self.notes = Notes()
        numbers = {entry.number: name for name, entry in self._definitions.items()}
        if (asked := self._definitions.get(self._answer)) is not None:
            numbers[asked.number] = self._answer  # the notebook may call it by another name
        self._connection = _Noting(student._connection, self.notes, numbers)

    def held(self) -> Waiting:
        """Return what came back from the last calls made ahead."""
        return self._waiting

    def resume(self, held: Waiting) -> None:
        """Let the next check have what came back from calls made ahead before."""
        self._waiting = held

    def __getattribute__(self, name: str) -> Any:
        if name in MORE_THAN_ANSWERS:
            self.notes.is_whole = False
        return super().__getattribute__(name)


class _Noting:
    """A connection that notes what is asked through it one by one."""

    def __init__(self, inner: Connection, notes: Notes, names: Mapping[int, str]) -> None:
        self._inner = inner
        self._notes = notes
        self._names = names

    def ask(
        self, request: messages.Request, args: Sequence[object], kwargs: dict[str, object], *,
        call: str | CallText, decode: Callable[[messages.HandleNode], object],
        limit_s: float | None = None,
    ) -> messages.Answer:  # fmt: skip
        """Ask, and note the call with a digest of the answer."""
        seen = b""
        try:
            answer = self._inner.ask(
                request, args, kwargs, call=call, decode=decode, limit_s=limit_s
            )
            seen = answer.seen
        except StudentError as error:
            seen = error.seen
            raise
        finally:
            self._note(request, args, kwargs, seen)
        return answer

    def ask_all(
        self, asked: Sequence[Sent], decode: Callable[[messages.HandleNode], object]
    ) -> list[Outcome]:
        """Make calls ahead, without notes: their answers are compared as they are."""
        return self._inner.ask_all(asked, decode)

    def _note(
        self, request: messages.Request, args: Sequence[object], kwargs: dict[str, object],
        seen: bytes,
    ) -> None:  # fmt: skip
        notes, name = self._notes, self._names.get(request.definition)
        if not seen or name is None or request.op != "call" or len(notes.calls) >= _MOST_CALLS:
            notes.is_whole = False
        if not notes.is_whole:
            return
        payload = b"".join(encode(request, args, kwargs)[1:])
        if any(map(holds_object, (*request.args, *request.kwargs.values()))):
            notes.is_whole = False
            return
        notes.calls.append(
            RepeatedCall(name or "", request.args, request.kwargs, payload, seen, b"")
        )


def holds_object(node: messages.Node) -> bool:
    """Return whether a message holds anything but plain values and tensors."""
    match node:
        case messages.HandleNode() | messages.RefusalNode():
            return True
        case messages.SequenceNode(items=items) | messages.MappingNode(items=items):
            return any(map(holds_object, items))
    return False
