"""One notebook that has been run, open for questions, even after its kernel ends.

Student code may end its own process within a check. That check fails; the next question goes to a
fresh kernel that has run the notebook again. Restarts are bounded in number for each exercise, and
in total time.

Here: the catalog, candidates' students, revival. Not here: running cells (`kernel/execution.py`).
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from grader.course import Course, Exercise, load_course
from grader.errors import CallTimedOut, KernelDied, OutOfMemory, StudentError, TooMuchAnswered
from grader.grading.absences import absence_of
from grader.grading.candidates import callables, candidates_for, own_definitions
from grader.grading.held_models import models_for
from grader.grading.own_files import files_of, names_in_modules
from grader.grading.plan import new_secret
from grader.kernel.ahead import Outcome, Sent
from grader.kernel.deadlines import Deadline, Spent
from grader.kernel.describe import CallText
from grader.kernel.execution import RunNotebook, run_notebook
from grader.kernel.gpus import Gpu
from grader.kernel.observations import Captured, Lacking
from grader.kernel.processes import WarmParent
from grader.kernel.student import Student
from grader.records import CellRun, Limits, LossCurve, Submission
from grader.wire import messages

log = logging.getLogger(__name__)

MOST_CURVES = 64  # curves come from the sandbox and are stored, so their number is bounded
MOST_LOSSES = 2_000


class OpenNotebook:
    """A notebook whose cells have run; also the connection its students ask through.

    Without a course, it is a notebook of the default one. `parts` are right definitions that stand
    in for the notebook's own, by name, as Python. `secret` is the seed of held-out data; without
    one, it is drawn. `only` are the code cells that are run; all of them without.

    Raises:
        SandboxError: no kernel could be started: an internal error.
    """

    def __init__(
        self, submission: Submission, warm: WarmParent | None, limits: Limits, seed: int,
        gpu: Gpu | None = None, course: Course | None = None, *,
        parts: Mapping[str, str] | None = None, data: Path | None = None,
        secret: int | None = None, only: frozenset[int] | None = None,
    ) -> None:  # fmt: skip
        self._submission = submission
        self._course = course or load_course()
        self._parts = parts
        self._only = only
        self._warm = warm
        self._limits = limits
        self._seed = seed
        self._gpu = gpu
        self._data = data
        self._secret = new_secret() if secret is None else secret
        self._gone = Spent()
        """What replaced kernels have spent."""
        self._answered, self._answered_before = 0, 0
        """Bytes of the answers of replaced kernels; of all answers when the exercise began."""
        self._end = Deadline(
            self._spent, limits.submission_s, limits.total_wall_factor, since=Spent()
        )
        self._revivals: dict[str, int] = {}
        self._reviving_s = 0.0
        self._exercise = ""
        self._asked: tuple[str, ...] = ()
        self._world = -1
        self._exercise_end = self._end
        self._files = files_of(submission.attachments)
        self.silent = ""
        """Why the notebook answers no question, where it does not."""
        self._run = self._fresh(frozenset())
        self.catalog = self._catalog()
        self.lacking = self._lacking()
        """What the cells used that this machine lacks."""
        self._modules = names_in_modules(self._files, submission.cells)
        self.own = own_definitions(self.catalog, submission.cells, self._modules)
        self.known = callables(self.own)
        """The functions and classes by name; of a judged exercise, the best candidate."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._run.close()

    @property
    def cells(self) -> tuple[CellRun, ...]:
        """How the cells ran."""
        if self._only is None:
            return self._run.cells
        left_out = [
            CellRun(cell.index, "not_needed")
            for cell in self._submission.cells
            if cell.kind == "code" and cell.source.strip() and cell.index not in self._only
        ]
        return tuple(sorted([*self._run.cells, *left_out], key=lambda run: run.index))

    def curves(self) -> tuple[LossCurve, ...]:
        """Return the losses of the cells' trainings; empty when the kernel does not answer."""
        try:
            found = Student(self._run.connection, {}).curves()
        except StudentError:  # curves are not worth running a notebook again
            return ()
        cells = {cell.index for cell in self._submission.cells if cell.kind == "code"}
        return tuple(
            LossCurve(cell, tuple(x if math.isfinite(x) else None for x in losses[:MOST_LOSSES]))
            for cell, losses in found[:MOST_CURVES]
            if cell in cells and losses
        )

    def candidates(self, exercise: Exercise) -> list[Captured]:
        """Return the definitions that may answer an exercise."""
        return candidates_for(exercise, self.own)

    def remember(self, exercise: str, name: str, cell: int | None) -> None:
        """Let questions of later exercises find the definition that an earlier run judged."""
        for entry in self.own:
            if (entry.name, entry.cell) == (name, cell):
                self.known[exercise] = self.known[name] = entry

    def held_models(self, exercise: Exercise, others: Sequence[Exercise]) -> list[Captured]:
        """Return models without a name of their kind that may answer an exercise."""
        if not exercise.layers:
            return []
        try:
            held = Student(self._run.connection, {}).models_held()
        except StudentError:  # the questions that follow say so
            return []
        return models_for(
            exercise, self.own, held, self._submission.cells, others=others,
            patterns=self._course.models.get(exercise.name, ()), modules=self._modules,
        )  # fmt: skip

    def student(self, exercise: Exercise, candidate: Captured | None) -> Student:
        """Return the student for one candidate: its helpers stand as they did at its cell."""
        definitions = dict(self.known)
        self._exercise = exercise.name
        # the values of an exercise were made by cells, which may use the course's library
        self._asked = () if exercise.kind == "values" else exercise.names
        if candidate is not None:
            definitions[exercise.name] = candidate
            definitions[candidate.name] = candidate
            self._world = candidate.cell
        else:
            self._world = max((cell.index for cell in self._submission.cells), default=0)
        limits = self._limits
        self._answered_before = self._answer_bytes()
        self._exercise_end = Deadline(self._spent, limits.exercise_s, limits.wall_factor)
        if not self._run.connection.lost:
            self._select()
        return Student(
            self, definitions, answer=exercise.name, seed=self._seed, secret=self._secret,
            models=self._course.models, first_run=self.cells, explain=self._explain,
        )  # fmt: skip

    def _explain(self, name: str) -> str:
        """Return which failed cell would have bound a name, as a predicate; empty without one."""
        found = absence_of(name.__eq__, self.cells, self._submission.cells)
        return found.reason if found and found.run else ""

    def ask(
        self, request: messages.Request, args: Sequence[object], kwargs: dict[str, object],
        *, call: str | CallText, decode: Callable[[messages.HandleNode], object],
        limit_s: float | None = None,
    ) -> messages.Answer:  # fmt: skip
        """Ask the kernel, or a fresh one where the last question ended it.

        Raises:
            StudentError: what the student's code did instead of answering.
            SandboxError: an internal error.
        """
        for what, end in (("the whole notebook", self._end), ("the exercise", self._exercise_end)):
            if end.left() <= 0:
                limit_s = end.ceiling_s if end.by_wall else end.limit_s
                raise CallTimedOut(f"{call}: {what}", limit_s, of_processor=not end.by_wall)
        self._require_room(call)
        if self._run.connection.lost:
            self._revive(str(call))
        return self._run.connection.ask(
            request, args, kwargs, call=call, decode=decode, limit_s=limit_s
        )

    def ask_all(
        self, asked: Sequence[Sent], decode: Callable[[messages.HandleNode], object]
    ) -> list[Outcome]:
        """Make calls in order as long as a check may make them; the rest is for the check."""
        connection = self._run.connection

        def goes_on() -> bool:
            in_time = self._end.left() > 0 and self._exercise_end.left() > 0
            return in_time and self._fills_up() is None

        return connection.ask_all(asked, decode, goes_on)

    def _require_room(self, call: str | CallText) -> None:
        """Ask nothing more of a notebook whose answers fill the memory of the grader.

        Raises:
            TooMuchAnswered: they do.
        """
        if (most := self._fills_up()) is not None:
            raise TooMuchAnswered(str(call), most)

    def _fills_up(self) -> int | None:
        """Return the number of bytes that the answers exceed; None if there is room."""
        answered, limits = self._answer_bytes(), self._limits
        for bytes_, most in (
            (answered - self._answered_before, limits.exercise_answer_bytes),
            (answered, limits.submission_answer_bytes),
        ):
            if bytes_ > most:
                return most
        return None

    def _answer_bytes(self) -> int:
        return self._answered + self._run.connection.received

    def _revive(self, call: str) -> None:
        lost = self._run.connection.lost
        before = self._revivals.get(self._exercise, 0)
        if before >= self._limits.kernel_restarts or self._reviving_s > self._limits.reviving_s:
            if limit := self._run.connection.process.out_of_memory:
                raise OutOfMemory(call, limit)
            raise KernelDied(call, f"{lost}; it was not started again after {before} times")
        self._revivals[self._exercise] = before + 1
        started, spent = time.monotonic(), self._spent()
        try:
            self._start_again(call, lost)
        finally:
            self._reviving_s += time.monotonic() - started
        # running the notebook again does not count as time of the exercise
        self._exercise_end.forgive(self._spent() - spent, time.monotonic() - started)

    def _start_again(self, call: str, lost: str) -> None:
        skip = self._run.ended_by
        log.info("%s: %s; a fresh kernel is started for %s", self._submission.path, lost, call)
        self._run.close()
        fresh = self._fresh(skip)
        self._gone = self._spent()
        self._answered = self._answer_bytes()
        self._run = fresh
        again = self._catalog()
        if [(e.name, e.cell) for e in again] != [(e.name, e.cell) for e in self.catalog]:
            self._run.connection.lost = f"{lost}, and the notebook ran differently the second time"
            raise KernelDied(call, self._run.connection.lost)
        self._select()

    def _fresh(self, skip: frozenset[int]) -> RunNotebook:
        cells = [
            cell
            for cell in self._submission.cells
            if self._only is None or cell.kind != "code" or cell.index in self._only
        ]
        return run_notebook(
            cells, self._warm, self._limits, seed=self._seed, skip=skip, gpu=self._gpu,
            environment=self._course.environment, data=self._data, files=self._files,
            parts=self._parts,
        )  # fmt: skip

    def _spent(self) -> Spent:
        """Return what the notebook's kernels have spent, as last measured."""
        return self._gone + self._run.spent()

    def _lacking(self) -> Lacking:
        try:
            return Student(self._run.connection, {}).lacking()
        except StudentError:  # the questions that follow say so
            return Lacking({}, {})

    def _catalog(self) -> list[Captured]:
        try:
            # no student function is called here, and everything depends on the answer
            return Student(self._run.connection, {}).catalog(limit_s=self._limits.exercise_s / 2)
        except StudentError as error:  # hangs in a thread, or in a patch
            self.silent = str(error)
            log.info("%s: no question is answered: %s", self._submission.path, error)
            return []

    def _select(self) -> None:
        try:
            Student(self._run.connection, {}).select(self._world, self._asked)
        except StudentError:
            return  # the next question reports it
        # functions of the library are hidden in the kernel now, and not in what it forked before
        self._run.connection.end_workers()
