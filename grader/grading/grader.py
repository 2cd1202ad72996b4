"""Grades one submission: from what was handed in to its result.

Here: running a notebook, judging each exercise on the best of its candidates.
Not here: many submissions (`scheduling.py`), how a check is run (`checks/session.py`).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

import torch

from grader.course import Exercise
from grader.errors import KernelLost, in_words, traceback_of
from grader.grading.absences import with_causes
from grader.grading.candidates import read_source
from grader.grading.judging import Judge, has_reasons
from grader.grading.loaded import Loaded
from grader.grading.missing_packages import Blame
from grader.grading.needed_cells import needed_cells, saves_work
from grader.grading.open_notebook import OpenNotebook
from grader.grading.own_files import sources_of
from grader.grading.plan import Plan
from grader.grading.pooling import (
    Part,
    best_of,
    lacking_in_all,
    not_run,
    solved,
    status_of,
    within,
)
from grader.grading.right_parts import Place, SecondChances, better, with_reasons
from grader.grading.warm import wait_for, warm_parent
from grader.grading.write_offs import WriteOff, write_off
from grader.kernel.gpu_trial import try_out
from grader.kernel.gpus import Gpu, leased
from grader.kernel.processes import WarmParent
from grader.reading.submissions import load
from grader.reading.written_answers import in_short
from grader.records import (
    ExerciseResult,
    Limits,
    Submission,
    SubmissionResult,
    WrittenAnswer,
)
from grader.verdict import Status, Verdict

log = logging.getLogger(__name__)


class Grader:
    """Grades one submission after another: a warm process, and checks collected once.

    Args:
        plan: what is graded and how.
        tell: called with "waiting" before a wait for a GPU, with "holding" at its end, with the
            result of each exercise as soon as it is judged, and with `WorksFor`.
        warm: a warm parent of the plan that was started before, and is closed by the grader.
        loaded: the checks of the plan, if this process has loaded them before.
    """

    def __init__(
        self, plan: Plan, tell: Callable[[object], None] = lambda said: None,
        warm: WarmParent | None = None, loaded: Loaded | None = None,
    ) -> None:  # fmt: skip
        self.plan = plan
        self._warm = warm
        self._loaded = loaded
        self._tell = tell
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self.plan.require_walls()
        torch.set_num_threads(1)  # the other cores grade other submissions
        plan = self.plan
        if plan.can_fork:
            self._warm = self._warm or warm_parent(plan)
            self._stack.callback(self._close_warm)
        try:
            loaded = self._loaded or self._stack.enter_context(Loaded(plan))
            self._session = loaded.session
            self._judge = Judge(plan.assignment, loaded.session, loaded.diagnosis)
            self._parts, self._handout = loaded.parts, loaded.handout
            plan.find_inputs()  # while the warm process still loads its libraries
            wait_for(self._warm, self._tell)
            with self._leased() as gpu:
                if gpu is not None:
                    try_out(self._warm, gpu)
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def grade(self, submission: Submission) -> SubmissionResult:
        """Grade one submission; every error becomes a result."""
        started = time.perf_counter()
        submission = load(submission)
        result = self._begun(submission)
        if not submission.problem:
            result = self._grade_readable(submission, result)
        read_source.cache_clear()  # the text of one student does not outlive its grading
        result = replace(result, seconds=time.perf_counter() - started, finished_at=_now())
        log.info("%s: %s in %.1f s", submission.path, result.status, result.seconds)
        return result

    def write_off(self, order: WriteOff) -> SubmissionResult:
        """Return the result of a submission that another worker was ended for."""
        begun = replace(self._begun(order.submission), seconds=order.seconds, finished_at=_now())
        return write_off(order, begun, self.plan.assignment.exercises, self._session)

    def _begun(self, submission: Submission) -> SubmissionResult:
        return SubmissionResult(
            key=self.plan.key(submission),
            student=submission.student,
            submission=submission.path,
            assignment=self.plan.assignment.name,
            status=Status.UNREADABLE,
            notes=submission.notes,
            problem=submission.problem,
            facts={**self.plan.facts(), **self._walls()},
        )

    def open(
        self, submission: Submission, gpu: Gpu | None = None, limits: Limits | None = None,
        parts: Mapping[str, str] | None = None, only: frozenset[int] | None = None,
    ) -> OpenNotebook:  # fmt: skip
        """Run a notebook, on a GPU the caller holds or without, and keep it open for questions.

        `parts` are right definitions in place of its own; `only` are the cells to run, if not all.

        Raises:
            SandboxError: no kernel could be started.
        """
        self._ensure_warm()
        plan = self.plan
        return OpenNotebook(
            submission, self._warm, limits or plan.spending, plan.seed, gpu,
            plan.assignment.course, parts=parts, data=plan.data, secret=plan.secret, only=only,
        )  # fmt: skip

    def _grade_readable(self, submission: Submission, result: SubmissionResult) -> SubmissionResult:
        try:
            return self._judged(submission, result)
        except Exception:  # an internal error: once more, from a new warm process if this one died
            log.warning("%s is graded again", submission.path, exc_info=True)
        try:
            return self._judged(submission, result)
        except Exception as error:  # left for manual grading, and the class goes on
            reason = in_words(error)
            log.exception("%s is broken", submission.path)
            trace = traceback_of(error)
        return replace(
            result, status=Status.BROKEN, traceback=trace,
            exercises=tuple(self._broken(e, reason) for e in self.plan.assignment.exercises),
            problem=f"Internal error, no points are lost: {reason}",
        )  # fmt: skip

    def _judged(self, submission: Submission, result: SubmissionResult) -> SubmissionResult:
        """Judge every notebook in a kernel of its own; the best answer to each exercise counts."""
        parts: list[Part] = []
        before = {one.exercise: one for one in submission.judged}
        ends_at = time.monotonic() + self.plan.spending.submission_s
        sources = sources_of(submission)
        chances = SecondChances(self.plan.judged, self._parts, sources, before.keys())
        with self._leased() as gpu:
            for one in submission.notebooks:
                alone = replace(submission, cells=one.cells, files=())
                limits = None
                if parts:
                    if (left := ends_at - time.monotonic()) <= 0:
                        parts.append(not_run(one, self.plan.spending.submission_s))
                        continue
                    limits = within(self.plan.spending, left)
                file = one.name if submission.files else ""
                known = [result for result in submission.judged if result.file == file]
                part = self._part(alone, gpu, limits, solved(parts) | before.keys(), known, chances)
                parts.append(part.of_file(file))
            asked = [e for e in self.plan.judged if e.kind != "answers"]
            found = {e.name: [part.exercises.get(e.name) for part in parts] for e in asked}
            best = {name: before.get(name) or best_of(of_parts) for name, of_parts in found.items()}
            unread = {
                name: Place(one)
                for one, part in zip(submission.notebooks, parts, strict=True)
                for name in part.without_reasons
                if best.get(name) is part.exercises[name]
            }
            self._ask_again(submission, best, unread, chances, gpu, ends_at)
            self._find_reasons(submission, best, unread, gpu, ends_at)
        answers = tuple(answer for part in parts for answer in part.answers)
        exercises = tuple(
            self._written(exercise, answers) if exercise.kind == "answers" else best[exercise.name]
            for exercise in self.plan.assignment.exercises
        )
        done = replace(
            result, answers=answers, exercises=exercises,
            cells=tuple(run for part in parts for run in part.cells),
            curves=tuple(curve for part in parts for curve in part.curves),
            run_notes=tuple(note for part in parts for note in part.notes),
            missing_packages=lacking_in_all(parts, exercises),
        )  # fmt: skip
        return replace(done, status=status_of(done))

    def _part(
        self, submission: Submission, gpu: Gpu | None, limits: Limits | None,
        done: frozenset[str], known: Sequence[ExerciseResult], chances: SecondChances,
    ) -> Part:  # fmt: skip
        """Judge one notebook: what is not done; what is known was judged in this one before.

        Where a run asks for some exercises only, the cells that these need may be enough.
        """
        limits = limits or self.plan.spending
        ends_at = time.monotonic() + limits.submission_s
        some = self.plan.asks_for_some and not self.plan.all_cells
        only = needed_cells(submission.cells, self.plan.judged) if some else None
        if only is not None and saves_work(submission.cells, only):
            part = self._part_of(submission, gpu, limits, done, known, chances, only)
            if part.is_solved:
                return part
            limits = within(limits, max(1.0, ends_at - time.monotonic()))
        return self._part_of(submission, gpu, limits, done, known, chances)

    def _part_of(
        self, submission: Submission, gpu: Gpu | None, limits: Limits, done: frozenset[str],
        known: Sequence[ExerciseResult], chances: SecondChances,
        only: frozenset[int] | None = None,
    ) -> Part:  # fmt: skip
        """Judge one notebook, after all cells or some; after some, up to the first failure."""
        answers = self._handout.answers_in(submission.cells)
        with self.open(submission, gpu, limits, only=only) as notebook:
            curves = notebook.curves()  # of the cells' own training, before anything is asked
            blame = self._blame(notebook)
            exercises: dict[str, ExerciseResult] = {}
            without_reasons: set[str] = set()
            checks = {one.exercise: one.checks for one in submission.judged}
            for result in known:
                notebook.remember(result.exercise, result.name, result.cell)
            for one in self.plan.judged:
                if one.kind == "answers" or one.name in done:
                    continue
                reasons = only is None and not chances.may_ask(one, checks)
                found = self._judge.judge(submission, notebook, one, blame, reasons=reasons)
                exercises[one.name], checks[one.name] = found, found.checks
                if only is not None and not found.is_solved:
                    break  # all cells run next, and what they show counts
                if not reasons and has_reasons(found):
                    without_reasons.add(one.name)
                self._tell(found)
            cells = with_causes(blame.noted(notebook.cells, submission.cells), submission.cells)
            # it takes its kernels with it, and what that looked like is not the student's doing
            if self._warm is not None and not self._warm.is_alive():
                raise KernelLost("the warm process ended while a notebook ran")
        lacking = blame.points_by_package(exercises.values())
        return Part(
            exercises, cells, answers, curves, blame.notes(), lacking, frozenset(without_reasons)
        )

    def _ask_again(
        self, submission: Submission, best: dict[str, ExerciseResult], unread: dict[str, Place],
        chances: SecondChances, gpu: Gpu | None, ends_at: float,
    ) -> None:  # fmt: skip
        """Ask what failed beside a wrong part once more, in fresh kernels with right parts.

        `unread` are the results without reasons, by exercise, and where these can be found.
        """
        while again := chances.next({name: one.checks for name, one in best.items()}):
            for one in submission.notebooks:
                place = Place(one, again.parts)
                with self._opened_again(submission, place, gpu, ends_at) as notebook:
                    if notebook is None:
                        return
                    blame = self._blame(notebook)
                    for exercise in again.exercises:
                        checks = {name: one.checks for name, one in best.items()}
                        reasons = not chances.may_ask(exercise, checks)
                        found = self._judged_again(
                            submission, notebook, place, exercise, blame, reasons=reasons
                        )
                        before = best[exercise.name]
                        best[exercise.name] = better(before, found, again.parts)
                        if best[exercise.name] is not before:
                            unread.pop(exercise.name, None)
                            if not reasons and has_reasons(found):
                                unread[exercise.name] = place

    def _find_reasons(
        self, submission: Submission, best: dict[str, ExerciseResult],
        unread: Mapping[str, Place], gpu: Gpu | None, ends_at: float,
    ) -> None:  # fmt: skip
        """Add the reasons to the results that count and have none, in fresh kernels.

        A result that is no better with a right part is rare, and rarer still one that is worse.
        """
        for place in {id(place): place for place in unread.values()}.values():
            with self._opened_again(submission, place, gpu, ends_at) as notebook:
                if notebook is None:
                    return
                blame = self._blame(notebook)
                for exercise in self.plan.judged:
                    if unread.get(exercise.name) is not place:
                        continue
                    found = self._judged_again(
                        submission, notebook, place, exercise, blame, reasons=True
                    )
                    best[exercise.name] = with_reasons(best[exercise.name], found)

    def _judged_again(
        self, submission: Submission, notebook: OpenNotebook, place: Place, exercise: Exercise,
        blame: Blame, *, reasons: bool,
    ) -> ExerciseResult:  # fmt: skip
        alone = replace(submission, cells=place.notebook.cells, files=())
        found = self._judge.judge(alone, notebook, exercise, blame, reasons=reasons)
        return replace(found, file=place.notebook.name if submission.files else "")

    @contextmanager
    def _opened_again(
        self, submission: Submission, place: Place, gpu: Gpu | None, ends_at: float
    ) -> Iterator[OpenNotebook | None]:
        """Open one notebook of a submission again; None where no time is left for it."""
        if (left := ends_at - time.monotonic()) <= 0:
            yield None
            return
        alone = replace(submission, cells=place.notebook.cells, files=())
        limits = within(self.plan.spending, left)
        with self.open(alone, gpu, limits, place.parts) as notebook:
            yield notebook

    def _blame(self, notebook: OpenNotebook) -> Blame:
        assignment = self.plan.assignment
        listed = (*assignment.course.packages, *assignment.packages)
        return Blame(notebook.lacking, listed, assignment.excused_cells)

    @contextmanager
    def _leased(self) -> Iterator[Gpu | None]:
        """Hold one of the plan's GPUs; yield None at once for a plan without GPUs."""
        if not self.plan.gpus:
            yield None
            return
        self._tell("waiting")
        with leased(self.plan.gpus) as gpu:
            self._tell("holding")
            yield gpu

    def _written(self, exercise: Exercise, answers: tuple[WrittenAnswer, ...]) -> ExerciseResult:
        """Summarise the written answers for manual grading: recorded as passed, worth 0 points."""
        message = in_short(answers, handed_out=self._handout.asked)
        checks = self._session.not_asked(exercise, Verdict.PASSED, message)
        return replace(self._judge.result(exercise, checks), by_hand=True)

    def _broken(self, exercise: Exercise, message: str) -> ExerciseResult:
        made = self._judge.result(
            exercise, self._session.not_asked(exercise, Verdict.BROKEN, message)
        )
        return replace(made, by_hand=exercise.kind == "answers")

    def _walls(self) -> dict[str, str]:
        """Return which walls stand on this machine, for the reports."""
        if self._warm is None or self.plan.isolation != "sandbox" or self._warm.ready is None:
            return {}
        missing = sorted(self._warm.ready.missing)
        return {"walls": f"all but {', '.join(missing)}" if missing else "all"}

    def _close_warm(self) -> None:
        if self._warm is not None:
            self._warm.close()

    def _ensure_warm(self) -> None:
        """Replace a warm process that has died."""
        if self._warm is not None and not self._warm.is_alive():
            self._warm.close()
            self._warm = warm_parent(self.plan)
            wait_for(self._warm, self._tell)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
