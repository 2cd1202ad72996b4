"""Names a mistake: which known wrong implementation a student's function agrees with.

A mistake of the bank is named only if the same checks did not pass and every answer to everything
the checks ask is the same. So a name is never a guess.

Here: transcripts and their comparison. Not here: the bank (`bank.py`), the checks' verdicts.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from grader.checks.bank import Entry, load_bank
from grader.checks.in_process import student_of
from grader.checks.session import CheckSession
from grader.errors import GraderError
from grader.kernel.student import Handle, Student
from grader.kernel.wire import Refusal
from grader.records import CheckResult, NamedMistake
from grader.settings import Exercise
from grader.verdict import Verdict

Transcript = list[tuple[str, Any]]
# what a module was made with at random differs between two right constructors, and so do the names
# of its parts
_NOT_COMPARED = (
    *("parameters", "buffers", "catalog", "select", "attribute", "mode", "load"),
    *("sizes", "layers"),
)


class Diagnosis:
    """The banks of some exercises, and what their mistakes answer.

    Raises:
        CourseError: a bank cannot be imported.
    """

    def __init__(self, session: CheckSession) -> None:
        self._session = session
        self._banks = {e.name: load_bank(e.folder / "bank.py") for e in session.exercises}
        self._known: dict[tuple[str, str], Transcript] = {}
        self._messages: dict[tuple[str, str], list[tuple[str, Verdict, str]]] = {}

    def name_mistake(
        self,
        exercise: Exercise,
        results: Sequence[CheckResult],
        student: Callable[[], Student],
    ) -> NamedMistake | None:
        """Return the mistake whose every answer is the student's; None where there is none.

        Args:
            exercise: what was asked.
            results: of the student's candidate.
            student: makes the student of that candidate anew.
        """
        caught = frozenset(r.check for r in results if r.verdict is not Verdict.PASSED)
        mistakes = self._banks[exercise.name].mistakes
        alike = [entry for entry in mistakes if caught and entry.caught_by == caught]
        if not alike:
            return None
        if exercise.kind == "values":
            said = [(r.check, r.verdict, r.message) for r in results]
            found = [e for e in alike if self._said(exercise, e) == said]
        else:
            try:
                given = self._answers(exercise, student())
            except GraderError:  # it hangs or dies: its answers are not all known
                return None
            found = [e for e in alike if same_answers(given, self._answers_of(exercise, e))]
        return NamedMistake(found[0].title, found[0].hint) if found else None

    def _answers(self, exercise: Exercise, student: Student) -> Transcript:
        transcript = student.record()
        self._session.probe(exercise, student)
        return transcript

    def _answers_of(self, exercise: Exercise, entry: Entry) -> Transcript:
        key = (exercise.name, entry.name)
        if key not in self._known:
            with _silence():
                self._known[key] = self._answers(exercise, student_of(exercise, entry.answer))
        return self._known[key]

    def _said(self, exercise: Exercise, entry: Entry) -> list[tuple[str, Verdict, str]]:
        key = (exercise.name, entry.name)
        if key not in self._messages:
            with _silence():
                results = self._session.run(exercise, student_of(exercise, entry.answer))
            self._messages[key] = [(r.check, r.verdict, r.message) for r in results]
        return self._messages[key]


@contextmanager
def _silence() -> Iterator[None]:
    """Let a known mistake warn nobody: what it does wrong is wanted."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def same_answers(one: Transcript, other: Transcript) -> bool:
    """Say whether two transcripts hold the same operations with the same answers."""
    return len(one) == len(other) and all(
        a == b and (a in _NOT_COMPARED or _same(x, y))
        for (a, x), (b, y) in zip(one, other, strict=True)
    )


def _same(one: Any, other: Any) -> bool:
    match one, other:
        case Tensor(), Tensor():
            return one.shape == other.shape and torch.allclose(
                one.double(), other.double(), rtol=1e-4, atol=1e-4, equal_nan=True
            )
        case (Handle(), Handle()):
            return one.is_module == other.is_module
        case (Refusal(), Refusal()):
            return one.what == other.what
        case (list() | tuple(), list() | tuple()):
            return len(one) == len(other) and all(map(_same, one, other))
        case (dict(), dict()):
            return len(one) == len(other) and all(map(_same, one.values(), other.values()))
        case (float() | int(), float() | int()):
            return abs(one - other) <= 1e-4 * (1 + abs(one)) or one == other
    return type(one) is type(other) and bool(one == other)
