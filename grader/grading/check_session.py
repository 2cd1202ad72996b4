"""Checks collected once and run many times: exercise and student in, results out.

pytest collects the checks of an assignment when a worker starts. After that, running an exercise
on a student is a loop over its items, through pytest's own protocol (fixtures, reports), without
any collection.

A check that breaks on a student's answer is asked of a right answer (the first rewrite of the
exercise's bank). Where it passes there, the student's answer is the cause, and the check failed.

Here: order, dependencies, verdicts and points of checks. Not here: which of a student's
definitions is asked (`candidates.py`), what a check asks (`exercises/`).
"""

from __future__ import annotations

import copy
import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from functools import partial
from types import TracebackType
from typing import Any, Self

import pytest

from grader import errors
from grader.checks.bank import load_bank
from grader.checks.decorator import Check
from grader.checks.properties import SHRINK_S, is_property
from grader.course import Assignment, Course, Exercise
from grader.grading.check_items import QUIET, CollectionErrors, by_exercise, claim_of, mark_of
from grader.grading.check_plugin import ERROR, CheckPlugin, fixtures_of
from grader.grading.check_results import may_shrink, result_of, unusable
from grader.grading.course_modules import CourseModules
from grader.grading.failure_memory import FailureMemory
from grader.grading.in_process import student_of
from grader.grading.noted_student import NotedStudent
from grader.grading.pytest_internals import configure, run_item, unconfigure
from grader.grading.sheets import SheetCache, Sheets
from grader.kernel.student import Student
from grader.records import DEFAULT_SEED, CheckResult
from grader.verdict import Verdict

Blame = Callable[[CheckResult, frozenset[str]], CheckResult]
COLLECTED = "collected"
COLLECTED_CLAIM = "Written answers are collected by section, for manual grading."
log = logging.getLogger(__name__)


class CheckSession:
    """The checks of some exercises, ready to be run on one student after another.

    Raises:
        CourseError: a file of checks cannot be imported, or an exercise has none.
    """

    def __init__(
        self,
        exercises: Sequence[Exercise],
        *,
        course: Course,
        seed: int = DEFAULT_SEED,
        shrink_s: float = SHRINK_S,
        cache: SheetCache | None = None,
    ) -> None:
        self._plugin = CheckPlugin(seed, shrink_s)
        self._sheets = Sheets(self._run_on, seed, self._plugin.properties, cache)
        self.failures = FailureMemory(cache or SheetCache())
        """What failures have shown before, for the same answers."""
        # manual grading has a row in every report, and no checks
        self.exercises = tuple(e for e in exercises if e.kind != "answers")
        self._course = course
        self.modules = CourseModules(course)
        """The modules that checks and banks import, active while they run."""

    def __enter__(self) -> Self:
        with self.modules.active():  # checks import `reference` and each other's helpers
            return self._collected()

    def _collected(self) -> Self:
        folders = [str(exercise.folder) for exercise in self.exercises]
        args = [*folders, *QUIET, "-c", os.devnull]
        # a conftest.py of the course may hold fixtures; one above it belongs to another project
        root = self._course.root
        args += [f"--rootdir={root}", f"--confcutdir={root}"]
        self._config = configure(args, [self._plugin, CollectionErrors()])
        try:
            self._session = pytest.Session.from_config(self._config)
            self._config.hook.pytest_sessionstart(session=self._session)
            # without a folder pytest would collect from the working directory
            self._items = by_exercise(
                self.exercises, self._session.perform_collect() if folders else ()
            )
        except BaseException:
            unconfigure(self._config)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._config.hook.pytest_sessionfinish(session=self._session, exitstatus=0)
        unconfigure(self._config)

    def rubric(self, exercise: Exercise) -> list[tuple[str, str, Check, Fraction]]:
        """Return name, claim, mark and points of every check of an exercise, in order."""
        if exercise.kind == "answers":
            return [(COLLECTED, COLLECTED_CLAIM, Check(0), Fraction(0))]
        marks = [(item, mark_of(item)) for item in self._items[exercise.name]]
        total = sum(mark.points for _, mark in marks)
        scale = Fraction(1)
        if exercise.total is not None:
            scale = exercise.total / total if total else Fraction(0)
        return [(item.name, claim_of(item), mark, mark.points * scale) for item, mark in marks]

    def run(
        self, exercise: Exercise, student: object, blame: Blame = lambda check, missing: check,
        *, shrinks: bool = True,
    ) -> list[CheckResult]:  # fmt: skip
        """Run the checks of an exercise on a student, in order.

        A check that needs another which did not pass is skipped.

        Args:
            exercise: whose checks.
            student: the notebook.
            blame: changes a result whose answers came by way of packages that are not here.
            shrinks: whether failing examples are shrunk; no verdict depends on it.
        """
        with self._asking(student, shrinks=shrinks):
            return self._run(exercise, student, blame)

    def shrunk(
        self, exercise: Exercise, results: Sequence[CheckResult], student: Callable[[], object],
        blame: Blame = lambda check, missing: check,
        seen: Callable[[str], bytes] = lambda check: b"",
    ) -> list[CheckResult]:  # fmt: skip
        """Return results of a run without shrinking with the smallest failing examples.

        What failed is asked again. Where it ends otherwise this time, its result stays.

        Args:
            exercise: whose checks.
            results: of all checks, in order.
            student: makes the notebook that they are results of, if it is asked.
            blame: as of the run.
            seen: returns a digest of the notebook's answers to a check, by its name.
        """
        items = self._items[exercise.name]
        failed = {
            item.name: (item, first)
            for item, first in zip(items, results, strict=True)
            if is_property(item.obj) and may_shrink(first)
        }
        if not failed:
            return list(results)
        digests = {name: seen(name) for name in failed}  # before the search, which asks more
        asked = student()
        if isinstance(asked, Student):
            asked = NotedStudent(asked)
        with self._asking(asked, shrinks=True):
            for name, (item, first) in failed.items():
                again = self._smallest(exercise, item, first, asked, blame, digests[name])
                failed[name] = item, again if again.verdict is first.verdict else first
        return [failed[one.check][1] if one.check in failed else one for one in results]

    def _smallest(
        self, exercise: Exercise, item: pytest.Function, first: CheckResult, student: object,
        blame: Blame, seen: bytes,
    ) -> CheckResult:  # fmt: skip
        """Return how a check ends on its smallest failing example, searched for or remembered."""

        def ended_on(example: dict[str, Any] | None) -> CheckResult:
            with self._plugin.properties.looking(example):
                return self._ended(exercise, item, first, student, blame, ahead=False)

        if not isinstance(student, NotedStudent) or not seen:
            return ended_on(None)
        known = self.failures.smallest(exercise, item.name, seen, student)
        if known is not None and (again := ended_on(known)).verdict is first.verdict:
            return again
        student.notes.begin()
        found = ended_on(None)
        notes, smallest = student.notes.ended(), self._plugin.properties.smallest
        # only what shows the same once more can stand for the search
        if smallest is not None and _shows(ended_on(smallest)) == _shows(found):
            self.failures.keep_smallest(exercise, item.name, seen, smallest, notes)
        return found

    @contextmanager
    def _asking(self, student: object, *, shrinks: bool) -> Iterator[None]:
        properties = self._plugin.properties
        with self.modules.active():
            self._plugin.current, properties.shrinks = student, shrinks
            try:
                yield
            finally:
                properties.shrinks = True
                self._plugin.current = None  # a network of this process would stay until the next

    def _run(self, exercise: Exercise, student: object, blame: Blame) -> list[CheckResult]:
        results: dict[str, CheckResult] = {}
        for item, (name, claim, mark, points) in zip(
            self._items[exercise.name], self.rubric(exercise), strict=True
        ):
            asked = CheckResult(
                exercise.name, name, claim, Verdict.SKIPPED, Fraction(0), points, hidden=mark.hidden
            )
            missed = [n for n in mark.needs if results[n].verdict is not Verdict.PASSED]
            if missed:
                claims = " and ".join(f"“{results[n].claim}”" for n in missed)
                message = f"Not asked: it builds on {claims}, which did not pass."
                results[name] = replace(asked, message=message)
                continue
            results[name] = self._ended(exercise, item, asked, student, blame)
        self._sheets.save(exercise)
        return list(results.values())

    def _ended(
        self, exercise: Exercise, item: pytest.Function, asked: CheckResult, student: object,
        blame: Blame, *, ahead: bool = True,
    ) -> CheckResult:  # fmt: skip
        """Run one check on a student and return how it ended, its calls made ahead or not."""
        started = time.perf_counter()
        error = self._asked(exercise, item, student, ahead=ahead)
        result = result_of(asked, mark_of(item), error, time.perf_counter() - started)
        if result.verdict.is_ours and self._passes_on_a_right_answer(exercise, item, error):
            log.info("%s: %s cannot use an answer: %r", exercise.name, item.name, error)
            result = unusable(result, error)
        result = blame(result, _used_by(student))
        _note(result, error)
        return result

    def _passes_on_a_right_answer(
        self, exercise: Exercise, item: pytest.Function, error: BaseException | None
    ) -> bool:
        """Return whether a check that broke passes on the first right answer of the bank.

        False for errors of the machine and of the course, and without a right answer.
        """
        if isinstance(error, errors.GraderError):
            return False
        rewrites = load_bank(exercise.folder / "bank.py").rewrites
        if not rewrites:
            return False
        return self._run_on(item, student_of(exercise, rewrites[0].answer)) is None

    def probe(self, exercise: Exercise, student: Student) -> Iterator[str]:
        """Ask a student all questions of an exercise's checks, and ignore how the checks end.

        Yields the name of each check once its questions are asked.

        Raises:
            CallTimedOut, KernelDied, OutOfMemory: further questions would be useless.
        """
        for name in self.names(exercise):
            self.ask_ahead(exercise, name, student)
            self.probe_one(exercise, name, student)
            yield name

    def names(self, exercise: Exercise) -> list[str]:
        """Return the names of an exercise's checks, in order."""
        return [item.name for item in self._items[exercise.name]]

    def ask_ahead(self, exercise: Exercise, check: str, student: Student) -> int:
        """Make the calls that a check makes of a right answer; return how many are known.

        The student keeps the answers for the check.
        """
        with self.modules.active():
            return self._sheets.ask(exercise, self._item(exercise, check), student)

    def probe_one(self, exercise: Exercise, check: str, student: Student) -> None:
        """Ask a student all questions of one check, and ignore how it ends.

        Raises:
            CallTimedOut, KernelDied, OutOfMemory: further questions would be useless.
        """
        item = self._item(exercise, check)
        with self.modules.active():
            for example in self._examples(item):
                try:
                    _ask(item, example, student)
                except (errors.CallTimedOut, errors.KernelDied, errors.OutOfMemory):
                    raise
                except Exception:  # a check that breaks on an answer is reported by its verdict
                    continue

    def _item(self, exercise: Exercise, check: str) -> pytest.Function:
        return next(item for item in self._items[exercise.name] if item.name == check)

    def single_runs(self, exercise: Exercise) -> Iterator[tuple[str, Callable[[object], None]]]:
        """Yield the name of each check of one student, and what asks one example of it.

        That raises where the check does not pass. The modules must be active all the while.
        """
        for item in self._items[exercise.name]:
            if fixtures_of(item.obj) == ["student"]:
                for example in self._examples(item):
                    yield item.name, partial(_ask, item, example)

    def _examples(self, item: pytest.Function) -> list[dict[str, Any]]:
        """Return the examples of a property; of another check a single one without arguments."""
        if is_property(item.obj):
            return self._plugin.properties.examples(item.obj, {"student": None})
        return [{}]

    def single_questions(self, exercise: Exercise) -> frozenset[str]:
        """Return the names of the checks that are no properties: each asks one fixed question."""
        items = self._items[exercise.name]
        return frozenset(item.name for item in items if not is_property(item.obj))

    def not_asked(self, exercise: Exercise, verdict: Verdict, message: str) -> list[CheckResult]:
        """Return a result for every check of an exercise that could not be asked at all."""
        return [
            CheckResult(
                exercise.name,
                name,
                claim,
                verdict,
                Fraction(0),
                points,
                message=message,
                hidden=mark.hidden,
            )
            for name, claim, mark, points in self.rubric(exercise)
        ]

    def _asked(
        self, exercise: Exercise, item: pytest.Function, student: object, *, ahead: bool
    ) -> BaseException | None:
        """Return how a check ends; where all answers are those of its sheet, it need not run."""
        passes = ahead and self._sheets.passes(exercise, item, student)
        error = None if passes else self._run_item(item)
        if isinstance(student, Student):
            student.ask_live()
        return error

    def _run_on(self, item: pytest.Function, student: Student) -> BaseException | None:
        kept, self._plugin.current = self._plugin.current, student
        try:
            return self._run_item(item)
        finally:
            self._plugin.current = kept

    def _run_item(self, item: pytest.Function) -> BaseException | None:
        run_item(item)
        if ERROR not in item.stash:
            return None
        error = item.stash[ERROR]
        # through its traceback it holds the networks of a check, of 270 MB and more
        del item.stash[ERROR]
        return error


def rubric_points(assignment: Assignment) -> list[tuple[Exercise, Fraction]]:
    """Return every exercise of an assignment with what it is worth."""
    with CheckSession(assignment.exercises, course=assignment.course) as session:
        return [
            (exercise, sum((points for *_, points in session.rubric(exercise)), Fraction(0)))
            for exercise in assignment.exercises
        ]


def _ask(item: pytest.Function, example: dict[str, Any], student: object) -> None:
    body = item.obj.hypothesis.inner_test if is_property(item.obj) else item.obj
    body(student=student, **copy.deepcopy(example))


def _note(result: CheckResult, error: BaseException | None) -> None:
    """Log how a check ended, and with its traceback where it broke."""
    where = f"{result.exercise}: {result.check}"
    if result.verdict.is_ours:
        log.warning("%s broke", where, exc_info=error)
    else:
        log.debug("%s %s in %.2f s", where, result.verdict, result.seconds)


def _used_by(student: object) -> frozenset[str]:
    """Return the packages that are not here and that a check's answers came by way of."""
    if not isinstance(student, Student):
        return frozenset()
    used = frozenset(student.missing)
    if not vars(student)["remembered"]:  # what one check has worked out, others use
        student.missing.clear()
    return used


def _shows(result: CheckResult) -> tuple[object, ...]:
    return result.verdict, result.message, result.counterexample
