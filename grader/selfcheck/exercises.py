"""The self-checks of an assignment: the questions of its sheets that may be handed out.

A question is a call of a sheet. It goes into the handout if its check is not hidden, accepts no
other answer (`freedom.py`), and if every right answer of the bank passes the self-check. The
answers of known mistakes go along, where no other known mistake gives the same.

Here: the questions and mistakes of each exercise. Not here: their file (`data_file.py`).
"""

from __future__ import annotations

import io
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from grader.checks.bank import Bank, Entry, load_bank
from grader.course import Exercise
from grader.grading.check_session import CheckSession
from grader.grading.in_process import student_of
from grader.grading.plan import Plan
from grader.grading.sheet_content import ExerciseSheet, Question, questions_of
from grader.grading.sheet_files import SheetFiles
from grader.grading.sheets import SheetCache
from grader.selfcheck import student_file
from grader.selfcheck.data_file import CannotBeWritten, DataFile
from grader.selfcheck.freedom import Run, Trial, call_of
from grader.selfcheck.student_file import Answer, Data

MOST_BYTES = 2 << 20
"""Of the file; known mistakes are left out of a larger one."""
BY_HAND = "it is graded by hand"
NEEDS_OBJECTS = "its checks ask about more than the answers of a function"
NO_RIGHT_ANSWER = "its bank holds no right answer"
FREEDOM = "its checks accept several answers"
HIDDEN = "its checks are hidden"


@dataclass(frozen=True)
class SelfCheck:
    """The self-check of one exercise."""

    exercise: Exercise
    questions: tuple[dict[str, Any], ...] = ()
    """Calls and right answers, small ones first."""
    mistakes: tuple[dict[str, Any], ...] = ()
    noticed: int = 0
    """How many of the known mistakes it calls wrong."""
    known: int = 0
    reason: str = ""
    """Why there are no questions."""


@dataclass(frozen=True)
class SelfChecks:
    """The self-checks of an assignment, and their file."""

    exercises: tuple[SelfCheck, ...]
    content: bytes
    names_mistakes: bool = True


def self_checks(plan: Plan) -> SelfChecks:
    """Build the self-checks of all exercises of a plan.

    Raises:
        CourseError: a file of the course is wrong.
    """
    assignment = plan.assignment
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of known mistakes, which are meant to go wrong
        cache = SheetCache(SheetFiles(Path(folder)), assignment.name, plan.sheet_keys())
        with CheckSession(
            assignment.exercises, course=assignment.course, seed=plan.seed, cache=cache
        ) as session:
            found = tuple(
                _Builder(session, cache, e, plan.seed).build() for e in assignment.exercises
            )
    content = _file_of(found, mistakes=True)
    if len(content) <= MOST_BYTES:
        return SelfChecks(found, content)
    return SelfChecks(found, _file_of(found, mistakes=False), names_mistakes=False)


class _Builder:
    """Builds the self-check of one exercise."""

    def __init__(
        self, session: CheckSession, cache: SheetCache, exercise: Exercise, seed: int
    ) -> None:
        self._session, self._cache = session, cache
        self._exercise, self._seed = exercise, seed

    def build(self) -> SelfCheck:
        """Return the questions, or why there are none."""
        exercise = self._exercise
        if exercise.kind == "answers":
            return SelfCheck(exercise, reason=BY_HAND)
        if exercise.kind != "function":
            return SelfCheck(exercise, reason=NEEDS_OBJECTS)
        bank = self._bank()
        if not bank.rewrites:
            return SelfCheck(exercise, reason=NO_RIGHT_ANSWER)
        sheet = self._sheet(bank.rewrites[0])
        asked = {name: mark for name, _, mark, _ in self._session.rubric(exercise)}
        shown = [one for one in questions_of(sheet) if not asked[one.check].hidden]
        shown.sort(key=_size)
        if not shown:
            hidden = all(mark.hidden for mark in asked.values())
            return SelfCheck(exercise, reason=HIDDEN if hidden else NEEDS_OBJECTS)
        demanded = self._demanded(shown, bank.rewrites[0])
        questions = self._agreed(demanded) if demanded else []
        if not questions:
            return SelfCheck(exercise, reason=FREEDOM)
        mistakes, noticed = self._mistakes(questions)
        known = len(bank.mistakes)
        return SelfCheck(exercise, tuple(questions), tuple(mistakes), noticed, known)

    def _bank(self) -> Bank:
        """Return the bank, loaded anew: some mistakes remember what they were asked."""
        with self._session.modules.active():
            return load_bank(self._exercise.folder / "bank.py")

    def _sheet(self, right: Entry) -> ExerciseSheet:
        """Return the sheet of the exercise, which is learned when a check is asked again."""
        for _ in range(2):
            self._session.run(self._exercise, student_of(self._exercise, right.answer))
        return self._cache.load(self._exercise.name)

    def _demanded(self, asked: Sequence[Question], right: Entry) -> list[dict[str, Any]]:
        """Return the questions to which their check accepts no other answer."""
        trial = Trial(self._exercise, right.answer, self._seed)
        runs: dict[str, list[Run]] = {one.check: [] for one in asked}
        with self._session.modules.active():
            for check, ask in self._session.single_runs(self._exercise):
                if check in runs and (run := trial.run(check, ask)) is not None:
                    runs[check].append(run)
            return self._without_freedom(trial, runs, asked)

    def _without_freedom(
        self, trial: Trial, runs: Mapping[str, Sequence[Run]], asked: Sequence[Question]
    ) -> list[dict[str, Any]]:
        rubric = {name: (c, m.feedback) for name, c, m, _ in self._session.rubric(self._exercise)}
        found, tried = [], {}
        for one in asked:
            call = call_of(one.args, one.kwargs)
            run = next((run for run in runs[one.check] if run.asks(call)), None)
            if run is None:
                continue
            if (one.check, call) not in tried:
                tolerance = trial.tolerance(run, call)
                kept = trial.kept(run, call, len(one.args)) if tolerance else []
                tried[one.check, call] = tolerance, kept
            tolerance, kept = tried[one.check, call]
            if tolerance is None:
                continue
            claim, hint = rubric[one.check]
            found.append(
                {
                    "check": one.check, "claim": claim, "hint": hint, "args": list(one.args),
                    "kwargs": dict(one.kwargs), "answer": one.answer, "kept": kept,
                    "tolerance": tolerance,
                }
            )  # fmt: skip
        return found

    def _agreed(self, questions: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the questions that every right answer of the bank passes, asked as a student's."""
        passed = [True] * len(questions)
        draft = self._draft(questions)
        for entry in self._bank().rewrites:
            answers = self._ask(draft, entry)
            passed = [was and one.is_right for was, one in zip(passed, answers, strict=True)]
        return [one for one, all_pass in zip(questions, passed, strict=True) if all_pass]

    def _mistakes(self, questions: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], int]:
        """Return the known mistakes that no other is taken for, and how many are noticed."""
        draft = self._draft(questions)
        asked = [(entry, self._ask(draft, entry)) for entry in self._bank().mistakes]
        noticed = [(e, answers) for e, answers in asked if not all(a.is_right for a in answers)]
        written = [_outcomes(entry, answers) for entry, answers in noticed]
        draft = self._draft(questions, written)
        told = []
        for one, known, (entry, answers) in zip(written, draft.mistakes, noticed, strict=True):
            alike = [e for e, theirs in noticed if draft.agrees(known, theirs)]
            # without values to compare, equal types of errors say little
            values = any(answer.error is None and not answer.is_right for answer in answers)
            if entry.named and values and alike == [entry]:
                told.append(one)
        return told, len(noticed)

    def _ask(self, draft: student_file.Exercise, entry: Entry) -> list[Answer]:
        """Ask a known answer as a student's self-check does."""
        with self._session.modules.active():
            return [question.ask(entry.answer) for question in draft.questions]

    def _draft(
        self, questions: Sequence[dict[str, Any]], mistakes: Sequence[dict[str, Any]] = ()
    ) -> student_file.Exercise:
        """Return the exercise as a student's Python reads it."""
        draft = SelfCheck(self._exercise, tuple(questions), tuple(mistakes))
        return Data(io.BytesIO(_file_of((draft,), mistakes=True))).exercises[0]


def _size(question: Question) -> tuple[int, float]:
    """Return the sort key of questions: few numbers first, and of these small ones."""
    given = [*question.args, *question.kwargs.values()]
    tensors = [one.double() for one in given if isinstance(one, Tensor)]
    return sum(one.numel() for one in tensors), sum(float(one.abs().sum()) for one in tensors)


def _outcomes(entry: Entry, answers: Sequence[Answer]) -> dict[str, Any]:
    """Return the wrong answers of a known mistake, by the number of their question."""
    wrong = {str(i): one for i, one in enumerate(answers) if not one.is_right}
    return {"title": entry.title, "hint": entry.hint, "answers": wrong}


def _file_of(found: Sequence[SelfCheck], *, mistakes: bool) -> bytes:
    """Return the file of self-checks."""
    data = DataFile()
    written = [_written(data, one, mistakes=mistakes) for one in found if one.questions]
    others = [one.exercise.name for one in found if not one.questions]
    return data.content(written, others)


def _written(data: DataFile, one: SelfCheck, *, mistakes: bool) -> dict[str, Any]:
    return {
        "name": one.exercise.name,
        "names": list(one.exercise.names),
        "builds_on": list(one.exercise.builds_on),
        "questions": [
            {
                **question,
                "args": [data.node(arg) for arg in question["args"]],
                "kwargs": [[key, data.node(arg)] for key, arg in question["kwargs"].items()],
                "answer": data.node(question["answer"]),
            }
            for question in one.questions
        ],
        "mistakes": [
            {**mistake, "answers": {i: _outcome(data, a) for i, a in mistake["answers"].items()}}
            for mistake in (one.mistakes if mistakes else ())
        ],
    }


def _outcome(data: DataFile, answer: Answer) -> dict[str, Any]:
    """Return a wrong answer as JSON has it."""
    if answer.error is not None:
        return {"raised": type(answer.error).__name__}
    try:
        return {"changed": answer.changed, "value": data.node(answer.value)}
    except CannotBeWritten:
        described = student_file.described(answer.value)
        return {"changed": answer.changed, "described": described}
