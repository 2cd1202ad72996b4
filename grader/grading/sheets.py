"""Sheets: the calls that a check makes of a right answer, learned once and asked of every student.

A check is a function of the answers it gets. So a student whose answers to the same calls have
exactly the bytes of the right ones passes it, and the check need not run. With any other answer the
check runs as ever, on the answers already there; it asks live what no sheet foresees.

With a cache, examples and sheets outlive the run, under a key of all that decides them: exercise,
reference, grader, libraries, seed. So the first notebook of a worker is asked ahead as well.

A check has no sheet if it asks for more than calls of the exercise's name that return plain values:
objects that stay inside, other operations, facts about the notebook. It is always asked live.

Here: learning a sheet and keeping it. Not here: asking ahead (`kernel/ahead.py`), verdicts
(`check_session.py`), files (`sheet_files.py`) and their form (`sheet_content.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from grader.checks.bank import load_bank
from grader.checks.properties import Properties, is_property
from grader.course import Exercise
from grader.errors import SandboxError
from grader.grading.check_plugin import fixtures_of
from grader.grading.failure_table import FailureTable, bytes_of, table_of
from grader.grading.in_process import student_of
from grader.grading.noted_student import MORE_THAN_ANSWERS, holds_object
from grader.grading.plan import Plan
from grader.grading.sheet_content import (
    CheckSheet,
    ExerciseSheet,
    Sheet,
    examples_of,
    packed,
    unpacked,
)
from grader.grading.sheet_files import SheetFiles
from grader.kernel.ahead import KnownCall, content_of
from grader.kernel.answers import read_answer
from grader.kernel.connection import LocalConnection, encode
from grader.kernel.describe import CallText
from grader.kernel.student import Student
from grader.wire import messages
from grader.wire.messages import WireError

RunsOn = Callable[[pytest.Function, Student], BaseException | None]
_MOST_CALLS, _MOST_BYTES = 500, 4 << 20
_FAILURES = ".failures"


@dataclass(frozen=True)
class SheetCache:
    """The sheets of an assignment that earlier runs have kept; without files, none are.

    Args:
        files: the user's files.
        assignment: the name of the assignment.
        keys: by exercise, of all that decides its sheet.
    """

    files: SheetFiles | None = None
    assignment: str = ""
    keys: Mapping[str, str] = field(default_factory=dict)

    def load(self, exercise: str) -> ExerciseSheet:
        """Return what is kept of an exercise; an empty sheet where nothing is."""
        key = self.keys.get(exercise, "")
        content = self.files.read(self.assignment, exercise, key) if self.files and key else None
        return unpacked(content, exercise, key)

    def save(self, sheet: ExerciseSheet) -> None:
        """Keep a sheet, with what another run has kept of it meanwhile."""
        if self.files is not None and sheet.key:
            whole = sheet.completed_by(self.load(sheet.exercise))
            self.files.write(self.assignment, sheet.exercise, sheet.key, packed(whole))

    def load_failures(self, exercise: str) -> FailureTable:
        """Return what is kept of the failures of an exercise; an empty table without."""
        key = self.keys.get(exercise, "")
        content = None
        if self.files is not None and key:
            content = self.files.read(self.assignment, exercise + _FAILURES, key)
        return table_of(content, exercise, key)

    def save_failures(self, table: FailureTable) -> None:
        """Keep a table of failures, with what another run has kept of them meanwhile."""
        if self.files is not None and table.key:
            whole = table.completed_by(self.load_failures(table.exercise))
            name = table.exercise + _FAILURES
            self.files.write(self.assignment, name, table.key, bytes_of(whole))


def cache_of(plan: Plan) -> SheetCache | None:
    """Return the sheets that earlier runs of a plan's exercises have kept; None without a cache."""
    if plan.cache is None:
        return None
    return SheetCache(SheetFiles(plan.cache), plan.assignment.name, plan.sheet_keys())


class Sheets:
    """The sheets of the checks of one session.

    A check is learned when it is asked a second time: one notebook alone gains nothing by it.

    Args:
        runs_on: runs a check on a student; returns how it ended.
        seed: of a student's random numbers.
        properties: draws the examples; gets those that are kept.
        cache: of earlier runs.
    """

    def __init__(
        self, runs_on: RunsOn, seed: int, properties: Properties, cache: SheetCache | None = None
    ) -> None:
        self._runs_on = runs_on
        self._seed = seed
        self._cache = cache or SheetCache()
        self._known: dict[str, ExerciseSheet] = {}
        self._changed: set[str] = set()
        self._asked: dict[str, dict[str, pytest.Function]] = {}
        """By exercise and name, the checks that were asked in this session."""
        self._of_check: dict[Callable[..., Any], CheckSheet] = {}
        self._properties = properties
        properties.stored = self._stored

    def passes(self, exercise: Exercise, item: pytest.Function, student: object) -> bool:
        """Ask a student what the check will ask; return whether every answer is the right one.

        If not, the student keeps the answers for the check.
        """
        sheet = self._of(exercise, item)
        return bool(sheet) and isinstance(student, Student) and student.ask_ahead(sheet)

    def ask(self, exercise: Exercise, item: pytest.Function, student: Student) -> int:
        """Ask a student what the check will ask; return the number of calls.

        The student keeps the answers for the check.
        """
        sheet = self._of(exercise, item)
        student.ask_ahead(sheet)
        return len(sheet)

    def save(self, exercise: Exercise) -> None:
        """Keep for later runs what was drawn and learned since the last call."""
        if exercise.name not in self._changed:
            return
        self._changed.remove(exercise.name)
        sheet = self._known[exercise.name]
        for name, item in self._asked[exercise.name].items():
            known = sheet.checks[name]
            drawn = self._properties.drawn(item.obj) if is_property(item.obj) else None
            if known.examples is None and drawn is not None:
                known.examples = examples_of(drawn)
        self._cache.save(sheet)

    def _of(self, exercise: Exercise, item: pytest.Function) -> Sheet:
        if exercise.name not in self._known:
            self._known[exercise.name] = self._cache.load(exercise.name)
        checks = self._known[exercise.name].checks
        is_first = item.name not in checks
        known = checks.setdefault(item.name, CheckSheet())
        self._asked.setdefault(exercise.name, {})[item.name] = item
        self._of_check[item.obj] = known
        if is_first:
            self._changed.add(exercise.name)
        elif known.calls is None:
            known.calls = self._learned(exercise, item)
            self._changed.add(exercise.name)
        return known.calls or ()

    def _stored(self, check: Callable[..., Any]) -> list[dict[str, Any]] | None:
        known = self._of_check.get(check)
        if known is None or known.examples is None:
            return None
        try:
            return known.examples.values()
        except WireError:  # written by a grader of another form
            known.examples = None
            return None

    def _learned(self, exercise: Exercise, item: pytest.Function) -> Sheet:
        """Return what a check asks of the first right answer; nothing where it has no sheet."""
        if exercise.kind == "values" or not _needs_only_a_student(item):
            return ()
        rewrites = load_bank(exercise.folder / "bank.py").rewrites
        if not rewrites:
            return ()
        right = student_of(exercise, rewrites[0].answer, seed=self._seed)
        learner = _Learner(right)
        student = _RightStudent(learner, right._definitions, answer=exercise.name, seed=self._seed)
        error = self._runs_on(item, student)
        return tuple(learner.calls) if error is None else ()


class _OnlyLive(SandboxError):
    """A check asks what no sheet can hold."""


class _RightStudent(Student):
    """A right answer, of which only functions can be asked."""

    def __getattribute__(self, name: str) -> Any:
        if name in MORE_THAN_ANSWERS:
            raise _OnlyLive(name)
        return super().__getattribute__(name)


class _Learner:
    """The connection to a right answer; notes calls and replies."""

    def __init__(self, right: Student) -> None:
        connection = right._connection
        assert isinstance(connection, LocalConnection)
        self._connection = connection
        self._names = {entry.number: name for name, entry in right._definitions.items()}
        self._bytes_left = _MOST_BYTES
        self.calls: list[KnownCall] = []

    def ask(
        self, request: messages.Request, args: Sequence[object], kwargs: dict[str, object], *,
        call: str | CallText, decode: Callable[[messages.HandleNode], object],
        limit_s: float | None = None,
    ) -> messages.Answer:  # fmt: skip
        """Answer a call, and note it.

        Raises:
            _OnlyLive: a sheet cannot hold it.
        """
        name = self._names.get(request.definition)
        if request.op != "call" or name is None or limit_s is not None:
            raise _OnlyLive(request.op)
        parts = encode(request, args, kwargs)
        reply, data = self._connection.exchange(bytearray(b"".join(parts)))
        payload = b"".join(parts[1:])
        right = KnownCall(
            name, request.args, request.kwargs, payload, content_of(reply), bytes(data)
        )
        self._bytes_left -= len(payload) + len(data) + len(right.right) + len(right.asked)
        if reply.failure is not None or reply.missing or holds_object(reply.value):
            raise _OnlyLive("a right answer that is no plain value")
        if self._bytes_left < 0 or len(self.calls) >= _MOST_CALLS:
            raise _OnlyLive("more than a sheet may hold")
        self.calls.append(right)
        return read_answer(reply, data, call, decode)

    def ask_all(self, *_: object) -> list[Any]:
        """Ask nothing ahead."""
        return []


def _needs_only_a_student(item: pytest.Function) -> bool:
    """Return whether no other fixture plays a part; `student` itself asks for `request`."""
    return fixtures_of(item.obj) == ["student"] and {*item.fixturenames} <= {"student", "request"}
