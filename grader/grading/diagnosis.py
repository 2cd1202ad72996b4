"""Names a mistake: which known wrong implementation a student's function agrees with.

A mistake of the bank is named only if the same checks did not pass and every answer to everything
the checks ask is the same; where all that did not pass was an error, its words must be the same
too. So a name is never a guess. A failing function is asked all questions even where no mistake of
the bank may be named: the digest of its answers groups students who make the same mistake.

Here: transcripts and their comparison. Not here: the bank (`bank.py`), the checks' verdicts, what
of an answer is in the digest (`behaviour.py`).
"""

from __future__ import annotations

import hashlib
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from grader.checks.bank import Entry, load_bank
from grader.course import Exercise
from grader.grading.asked import Asked
from grader.grading.behaviour import behaviour_of
from grader.grading.check_session import CheckSession
from grader.grading.in_process import student_of
from grader.grading.noted_student import NotedStudent
from grader.kernel.student import Student
from grader.kernel.transcript import NOT_COMPARED, Transcript
from grader.records import CheckResult, Counterexample, NamedMistake
from grader.verdict import Verdict
from grader.wire.messages import Refusal

_ANSWERED = frozenset((Verdict.FAILED, Verdict.RAISED, Verdict.PASSED, Verdict.SKIPPED))


@dataclass(frozen=True)
class Diagnosed:
    """What is known about wrong answers beside the verdicts."""

    mistake: NamedMistake | None = None
    behaviour: str = ""
    """Digest of all answers; empty where they were not asked for."""


UNKNOWN = Diagnosed()


class Diagnosis:
    """The banks of some exercises, and the answers of their mistakes.

    Raises:
        CourseError: a bank cannot be imported.
    """

    def __init__(self, session: CheckSession) -> None:
        self._session = session
        with session.modules.active():
            self._banks = {e.name: load_bank(e.folder / "bank.py") for e in session.exercises}
        self._known: dict[tuple[str, str], list[Transcript]] = {}
        """The answers of mistakes, check by check, as far as they were compared."""
        self._results: dict[tuple[str, str], list[CheckResult]] = {}

    def name_mistake(
        self,
        exercise: Exercise,
        results: Sequence[CheckResult],
        student: Callable[[], Student],
    ) -> NamedMistake | None:
        """Return the mistake whose answers all equal the student's; None without one.

        Args:
            exercise: what was asked.
            results: of the student's candidate.
            student: makes the student of that candidate anew.
        """
        return self.diagnose(exercise, results, student).mistake

    def diagnose(
        self, exercise: Exercise, results: Sequence[CheckResult], student: Callable[[], Student],
        asked: Asked | None = None,
    ) -> Diagnosed:  # fmt: skip
        """Return the mistake whose answers all equal the student's, and the digest of these.

        The digest is that of a function; objects with random parameters have none.

        Args:
            exercise: what was asked.
            results: of the student's candidate.
            student: makes the student of that candidate anew.
            asked: what this candidate answers, if it was asked before.
        """
        asked = asked or Asked(self._session, exercise, student)
        if not answers_on(exercise, results):
            return Diagnosed(_shown(self._alike(exercise, results, asked)))
        failures, seen = self._session.failures, _seen(results, asked)
        if (known := failures.name(exercise, seen)) is not None:
            name, behaviour = known
            of_bank = {entry.name: entry for entry in self._banks[exercise.name].mistakes}
            return Diagnosed(_shown(of_bank.get(name)), behaviour)
        found = self._alike(exercise, results, asked)
        behaviour = behaviour_of([one for of in asked.answers or [] for one in of])
        if seen and asked.answers is not None and asked.is_whole:
            failures.keep_name(exercise, seen, found.name if found else "", behaviour)
        return Diagnosed(_shown(found), behaviour)

    def _alike(
        self, exercise: Exercise, results: Sequence[CheckResult], asked: Asked
    ) -> Entry | None:
        """Return the mistake of the bank whose answers all equal the student's."""
        alike = self._caught_alike(exercise, results)
        return next(self._agreeing(exercise, alike, results, asked), None) if alike else None

    def _caught_alike(self, exercise: Exercise, results: Sequence[CheckResult]) -> list[Entry]:
        """Return the mistakes that may be named and that fail the same checks."""
        caught = frozenset(r.check for r in results if r.verdict is not Verdict.PASSED)
        mistakes = self._banks[exercise.name].mistakes
        alike = [e for e in mistakes if caught and e.named and e.caught_by == caught]
        if any(r.verdict is Verdict.FAILED for r in results):
            return alike
        # without answers to compare, an equal type of error says little
        raised = _raised(results)
        return [e for e in alike if self._raised_by(exercise, e) == raised]

    def _agreeing(
        self,
        exercise: Exercise,
        alike: Sequence[Entry],
        results: Sequence[CheckResult],
        asked: Asked,
    ) -> Iterator[Entry]:
        """Yield the mistakes whose answers all equal the student's."""
        if exercise.kind == "values":
            said = _said(results)
            yield from (e for e in alike if _said(self._results_of(exercise, e)) == said)
        elif asked.answers is not None:
            for entry in alike:
                # properties left out of transcripts (parameters, layers) must fail with the same
                # words
                if self._answers_alike(exercise, entry, asked, asked.answers) and (
                    self._fails_alike(exercise, entry, results)
                ):
                    yield entry

    def _fails_alike(
        self, exercise: Exercise, entry: Entry, results: Sequence[CheckResult]
    ) -> bool:
        """Return whether a mistake's single questions end as the student's do.

        Properties are left out, because their smallest failing examples may differ.
        """
        answers = self._known[exercise.name, entry.name]
        if not any(op in NOT_COMPARED for of_check in answers for op, _ in of_check):
            return True
        singles = self._session.single_questions(exercise)
        theirs, ours = (
            {r.check: r.counterexample.got for r in rows if r.check in singles and r.counterexample}
            for rows in (results, self._results_of(exercise, entry))
        )
        return theirs == ours

    def _answers(
        self, exercise: Exercise, entry: Entry, asked: Asked, given: Sequence[Transcript]
    ) -> Iterator[Transcript]:
        """Ask a mistake everything; yield the answers check by check.

        Where a check sees what it saw of the student, its record is the student's.
        """
        ours = NotedStudent(student_of(exercise, entry.answer))
        for name, theirs in zip(self._session.names(exercise), given, strict=True):
            calls = self._session.ask_ahead(exercise, name, ours)
            if asked.is_whole and ours.held().seen(calls) == asked.seen(name):
                yield theirs
                continue
            transcript = ours.record()
            self._session.probe_one(exercise, name, ours)
            yield transcript

    def _answers_alike(
        self, exercise: Exercise, entry: Entry, asked: Asked, given: Sequence[Transcript]
    ) -> bool:
        """Return whether a mistake answers everything as the student does.

        It is asked check by check, up to the first answer that differs: the first questions tell
        most mistakes apart.
        """
        key = (exercise.name, entry.name)
        known = self._known.get(key, [])
        if not all(map(same_answers, given, known)):
            return False
        if len(known) == len(given):
            return True
        if known:  # it may remember what it was asked
            with self._session.modules.active():
                again = load_bank(exercise.folder / "bank.py").mistakes
            entry = next(one for one in again if one.name == entry.name)
        found: list[Transcript] = []
        with _silence(), self._session.modules.active():
            for ours in self._answers(exercise, entry, asked, given):
                found.append(ours)
                if not same_answers(given[len(found) - 1], ours):
                    break
        self._known[key] = found
        return all(map(same_answers, given, found)) and len(found) == len(given)

    def _results_of(self, exercise: Exercise, entry: Entry) -> list[CheckResult]:
        key = (exercise.name, entry.name)
        if key not in self._results:
            with _silence():
                self._results[key] = self._session.run(exercise, student_of(exercise, entry.answer))
        return self._results[key]

    def _raised_by(self, exercise: Exercise, entry: Entry) -> list[tuple[str, ...]]:
        """Return the errors of a known mistake, under the exercise's name."""
        name = re.compile(rf"\b{re.escape(entry.name)}\b")
        found = _raised(self._results_of(exercise, entry))
        return [tuple(name.sub(exercise.name, text) for text in row) for row in found]


def answers_on(exercise: Exercise, results: Sequence[CheckResult]) -> bool:
    """Return whether all questions can be asked of a function, those after a failure too."""
    return exercise.kind == "function" and all(map(_can_go_on, results))


def _seen(results: Sequence[CheckResult], asked: Asked) -> bytes:
    """Return a digest of all that a mistake is named by; empty where that is not known."""
    if not asked.all_seen:
        return b""
    ends = [(r.check, str(r.verdict)) for r in results]
    raised = [] if any(r.verdict is Verdict.FAILED for r in results) else _raised(results)
    shown = repr((ends, raised)).encode("utf-8", "replace")
    return hashlib.blake2b(asked.all_seen + shown, digest_size=16).digest()


def _shown(entry: Entry | None) -> NamedMistake | None:
    return NamedMistake(entry.title, entry.hint) if entry else None


def _can_go_on(result: CheckResult) -> bool:
    """Return whether more questions cost nothing: none ended the kernel, none hung."""
    ended_the_kernel = result.verdict is Verdict.RAISED and result.counterexample is None
    return result.verdict in _ANSWERED and not ended_the_kernel


def _said(results: Sequence[CheckResult]) -> list[tuple[str, Verdict, str]]:
    return [(r.check, r.verdict, r.message) for r in results]


def _raised(results: Sequence[CheckResult]) -> list[tuple[str, ...]]:
    """Return the call and the error of each check, without the place in the code."""
    shown = [(r, r.counterexample or Counterexample("", "", "")) for r in results]
    return [(r.check, str(r.verdict), example.call, example.got) for r, example in shown]


@contextmanager
def _silence() -> Iterator[None]:
    """Suppress the warnings of a known mistake: its errors are intended."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def same_answers(one: Transcript, other: Transcript) -> bool:
    """Return whether two transcripts have the same operations and answers."""
    return len(one) == len(other) and all(
        a == b and (a in NOT_COMPARED or _same(_unnamed(a, x), _unnamed(b, y)))
        for (a, x), (b, y) in zip(one, other, strict=True)
    )


def _unnamed(op: str, answer: Any) -> Any:
    """Leave the names and the order of parameters out of their shapes."""
    if op == "sizes" and isinstance(answer, dict):
        return sorted(map(str, answer.values()))
    return answer


def _same(one: Any, other: Any) -> bool:
    match one, other:
        case Tensor(), Tensor():
            return one.shape == other.shape and torch.allclose(
                one.double(), other.double(), rtol=1e-4, atol=1e-4, equal_nan=True
            )
        case (Refusal(), Refusal()):
            return one.what == other.what
        case (list() | tuple(), list() | tuple()):
            return len(one) == len(other) and all(map(_same, one, other))
        case (dict(), dict()):
            return len(one) == len(other) and all(map(_same, one.values(), other.values()))
        case (float() | int(), float() | int()):
            return abs(one - other) <= 1e-4 * (1 + abs(one)) or one == other
    return type(one) is type(other) and bool(one == other)
