"""Judges one exercise on the answers of one open notebook: verdicts first, their reasons after.

A verdict costs little: the checks are asked, and an exercise ends with its first failing example.
The reasons of a failure cost more: the smallest failing example, and which known mistake answers
alike. They are worked out for the definition that counts, and only once it does.

Here: the best of the candidates, its result, its reasons. Not here: which of several results
counts (`pooling.py`, `right_parts.py`), how a check is run (`check_session.py`).
"""

from __future__ import annotations

import logging
from dataclasses import replace

from grader.course import Assignment, Exercise
from grader.errors import SandboxError
from grader.grading.asked import Asked
from grader.grading.check_session import CheckSession
from grader.grading.diagnosis import UNKNOWN, Diagnosed, Diagnosis, answers_on
from grader.grading.forbidden import without_forbidden
from grader.grading.missing_packages import Blame
from grader.grading.open_notebook import OpenNotebook
from grader.grading.pooling import merit
from grader.kernel.observations import Captured
from grader.kernel.student import Student
from grader.records import CheckResult, ExerciseResult, Submission
from grader.verdict import Verdict

log = logging.getLogger(__name__)
_HAS_REASONS = (Verdict.FAILED, Verdict.RAISED)


class Judge:
    """Judges the exercises of an assignment.

    Args:
        assignment: whose exercises are judged.
        session: their checks.
        diagnosis: their known mistakes.
    """

    def __init__(self, assignment: Assignment, session: CheckSession, diagnosis: Diagnosis) -> None:
        self._assignment = assignment
        self._session = session
        self._diagnosis = diagnosis

    def judge(
        self, submission: Submission, notebook: OpenNotebook, exercise: Exercise, blame: Blame,
        *, reasons: bool,
    ) -> ExerciseResult:  # fmt: skip
        """Judge every candidate for an exercise, and return the result of the best.

        Args:
            submission: the notebook alone.
            notebook: the same, open.
            exercise: what is judged.
            blame: decides for this notebook who pays for what is missing.
            reasons: whether the reasons of a failure are worked out.
        """
        found = notebook.candidates(exercise)
        unnamed = [] if found else notebook.held_models(exercise, self._assignment.every)
        found = found or unnamed
        if not found and exercise.kind != "values":
            return self._absent(submission, notebook, exercise, blame)
        judged: list[tuple[Captured | None, list[CheckResult]]] = []
        for candidate in found if exercise.kind != "values" else [None]:
            student = notebook.student(exercise, candidate)
            judged.append((candidate, self._session.run(exercise, student, blame, shrinks=False)))
            if all(check.verdict is Verdict.PASSED for check in judged[-1][1]):
                break
        candidate, checks = max(judged, key=lambda pair: merit(pair[1]))
        log.debug("%s: %d definitions judged", exercise.name, len(judged))
        if unnamed and not any(check.verdict is Verdict.PASSED for check in checks):
            return self._absent(submission, notebook, exercise, blame)  # a model of another kind
        known = UNKNOWN
        if reasons:
            checks, known = self._reasons(notebook, exercise, candidate, checks, blame)
        if candidate is None:
            return self.result(exercise, checks, known)
        notebook.known[exercise.name] = notebook.known[candidate.name] = candidate
        source = {cell.index: cell for cell in submission.cells}[candidate.cell]
        others = tuple(dict.fromkeys(c.cell for c in found if c.cell != candidate.cell))
        made = replace(
            self.result(exercise, checks, known), name=candidate.name, cell=candidate.cell,
            source=source.source, other_cells=others,
        )  # fmt: skip
        return without_forbidden(made, self._assignment.forbid, source, submission.cells)

    def result(
        self, exercise: Exercise, checks: list[CheckResult], known: Diagnosed = UNKNOWN
    ) -> ExerciseResult:
        """Return the result of an exercise that ended with these checks."""
        return ExerciseResult(
            exercise.name, exercise.title, exercise.section, exercise.optional, tuple(checks),
            mistake=known.mistake, behaviour=known.behaviour,
        )  # fmt: skip

    def _absent(
        self, submission: Submission, notebook: OpenNotebook, exercise: Exercise, blame: Blame
    ) -> ExerciseResult:
        """Return the result of an exercise that no definition answers."""
        runs = blame.noted(notebook.cells, submission.cells)
        verdict, message = blame.not_defined(exercise, runs, submission.cells, notebook.catalog)
        if notebook.silent:
            message = f"The kernel stopped responding after the last cell: {notebook.silent}."
        return self.result(exercise, self._session.not_asked(exercise, verdict, message))

    def _reasons(
        self, notebook: OpenNotebook, exercise: Exercise, candidate: Captured | None,
        checks: list[CheckResult], blame: Blame,
    ) -> tuple[list[CheckResult], Diagnosed]:  # fmt: skip
        """Return checks with their smallest failing examples, and what is known of the mistake."""
        if not any(check.verdict in _HAS_REASONS for check in checks):
            return checks, UNKNOWN

        def again() -> Student:
            return notebook.student(exercise, candidate)

        asked = Asked(self._session, exercise, again)
        seen = asked.seen if answers_on(exercise, checks) else (lambda check: b"")
        checks = self._session.shrunk(exercise, checks, again, blame, seen)
        try:
            return checks, self._diagnosis.diagnose(exercise, checks, again, asked)
        except SandboxError:
            raise
        except Exception:  # odd answers; the verdicts stand without a name for the mistake
            log.warning("%s: its answers cannot be compared", exercise.name, exc_info=True)
            return checks, UNKNOWN
        finally:
            self._session.failures.save(exercise)


def has_reasons(result: ExerciseResult) -> bool:
    """Return whether a failure in a result has reasons to be worked out."""
    return any(check.verdict in _HAS_REASONS for check in result.checks)
