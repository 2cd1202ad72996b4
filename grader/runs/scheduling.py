"""Many submissions at a time: workers, and what happens as a stream of events.

A worker is a trusted process that grades one submission after another. One that dies is replaced,
and its submission is graded once more; if the second worker dies too, the submission is broken: an
internal error, for manual grading. A worker that passes its bounds is ended: a submission that kept
it busy for too long, or that makes a second, fresh worker grow, ends with what was judged before.
Each worker has its own pipe: a killed worker could leave a shared queue locked. A worker ends with
the main process, even if that is killed. Nothing here stores or shows results.

Here: starting, replacing and ending workers. Not here: what they are forked from
(`worker_source.py`), their body (`worker.py`) and bounds (`worker_bounds.py`), how many fit this
machine (`machine.py`).
"""

from __future__ import annotations

import logging
import multiprocessing
import signal
import sys
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from grader.errors import GraderError, KernelLost
from grader.grading.plan import Plan
from grader.grading.warm import WorksFor
from grader.grading.write_offs import WriteOff
from grader.kernel.scratch import remove_abandoned
from grader.records import ExerciseResult, Submission, SubmissionResult
from grader.runs.deferred_signals import deferred, raise_if_asked
from grader.runs.worker import receive
from grader.runs.worker import work as _work
from grader.runs.worker_bounds import Excess, WorkerBounds, most_seconds, written_off
from grader.runs.worker_source import CannotForkError, ForkedWorker, WorkerSource
from grader.verdict import Status

log = logging.getLogger(__name__)

_MOST_STARTS_IN_A_ROW = 3
_MOST_END_S = 1.0
_MOST_START_S = 300.0  # far beyond what a start takes on a busy machine
_LOOK_EACH_S = 0.2


@dataclass(frozen=True)
class Started:
    """A worker has begun with a submission."""

    position: int
    submission: Submission


@dataclass(frozen=True)
class Finished:
    """A submission has its result."""

    position: int
    result: SubmissionResult


Event = Started | Finished


@dataclass
class _Worker:
    process: BaseProcess | ForkedWorker
    pipe: Connection
    position: int = -1
    """Which submission it has; -1 while it has none."""
    ready: bool = False
    judged: list[ExerciseResult] = field(default_factory=list)
    """Of its submission, up to now."""

    def __post_init__(self) -> None:
        self.bounds = WorkerBounds(self.process.pid or 0)


def grade_all(
    plan: Plan, submissions: Sequence[Submission], *, jobs: int, source: WorkerSource | None = None
) -> Generator[Event, None, None]:
    """Grade submissions in local workers; events come as they happen.

    Args:
        plan: what is graded and how.
        submissions: what was handed in.
        jobs: how many workers at most.
        source: what workers are forked from; without, each is a fresh process.

    Raises:
        SandboxError: no worker can be started; finished results have been yielded before.
        CourseError: the assignment's checks cannot be used.
    """
    # a GPU serves one notebook at a time: more workers than GPUs would only wait
    most = min(len(submissions), len(plan.gpus) or jobs)
    with closing(_Team(plan, submissions, jobs=min(jobs, most), source=source)) as team:
        yield from team.work()


class OneByOne:
    """Grades submissions that come one after another, in one local worker that stays warm."""

    def __init__(self, plan: Plan) -> None:
        self._given: list[Submission] = []
        self._team = _Team(plan, self._given, jobs=1)

    def grade(self, submission: Submission) -> SubmissionResult:
        """Grade one submission.

        Raises:
            SandboxError: no worker can be started.
            CourseError: the assignment's checks cannot be used.
        """
        self._team.add(submission)
        (result,) = [one.result for one in self._team.work() if isinstance(one, Finished)]
        return result

    def close(self) -> None:
        """End the worker."""
        self._team.close()


class _Team:
    def __init__(
        self, plan: Plan, submissions: Sequence[Submission], *, jobs: int,
        source: WorkerSource | None = None,
    ) -> None:  # fmt: skip
        self._plan = plan
        self._source = source
        self._submissions = submissions
        self._due = deque(range(len(submissions)))
        self._tried: dict[int, int] = {}
        self._ends: dict[int, list[str]] = {}
        self._failed_starts = 0
        self._finished = 0
        # where there is no source: threads of this process would not survive a fork
        self._context = multiprocessing.get_context("spawn")
        self._workers: list[_Worker] = []
        self._jobs = jobs
        self._most_s = most_seconds(plan.spending)
        self._orders: dict[int, WriteOff] = {}
        """Of submissions that are not graded again."""
        self._grown: set[int] = set()
        """Submissions that have made a worker grow."""

    def work(self) -> Iterator[Event]:
        """Hand out submissions until every one has its result."""
        while len(self._workers) < self._jobs:
            self._hire()
        while self._finished < len(self._submissions):
            yield from self._hand_out()
            ready = wait([worker.pipe for worker in self._workers], timeout=_LOOK_EACH_S)
            raise_if_asked()
            for worker in list(self._workers):
                if worker.pipe in ready:
                    yield from self._heard(worker, receive(worker.pipe))
                elif excess := worker.bounds.excess():
                    yield from self._heard(worker, excess)

    def add(self, submission: Submission) -> None:
        """Take one more submission into the sequence that was given."""
        assert isinstance(self._submissions, list)
        self._due.append(len(self._submissions))
        self._submissions.append(submission)

    def _hand_out(self) -> Iterator[Event]:
        """Give every idle worker a submission, as long as there are any."""
        for worker in self._workers:
            if worker.ready and worker.position < 0 and self._due:
                position = self._due.popleft()
                self._tried[position] = self._tried.get(position, 0) + 1
                worker.position = position
                worker.judged.clear()
                worker.bounds.begin(self._most_s)
                with suppress(OSError):  # it has just died; seen when its pipe is read
                    worker.pipe.send(self._orders.get(position, self._submissions[position]))
                log.debug("worker %s: %s", worker.process.pid, self._submissions[position].path)
                yield Started(position, self._submissions[position])

    def _heard(self, worker: _Worker, answer: object) -> Iterator[Event]:
        """Handle an answer of a worker; None stands for a dead worker.

        Raises:
            GraderError: the worker met an error that every worker would meet.
        """
        if isinstance(answer, SubmissionResult):
            position, worker.position = worker.position, -1
            worker.bounds.forget()
            yield self._finish(position, answer)
        elif isinstance(answer, ExerciseResult):
            worker.judged.append(answer)
        elif isinstance(answer, WorksFor):
            worker.bounds.beside = answer.pid
        elif answer == "ready":
            worker.ready, self._failed_starts = True, 0
            worker.bounds.forget()
        elif answer == "waiting":
            worker.bounds.forget()  # other runs may hold the GPUs for any time
        elif answer == "holding":
            worker.bounds.begin(self._most_s if worker.position >= 0 else _MOST_START_S)
        elif isinstance(answer, GraderError) and not isinstance(answer, KernelLost):
            raise answer
        else:
            lost = self._replace(worker, answer)
            if lost is not None:
                yield self._finish(worker.position, lost)

    def _finish(self, position: int, result: SubmissionResult) -> Finished:
        self._finished += 1
        return Finished(position, result)

    def close(self) -> None:
        """End every worker at once; each ends its own kernels with it."""
        for worker in self._workers:
            worker.pipe.close()
            worker.process.kill()
        for worker in self._workers:
            worker.process.join()
        if self._workers:
            remove_abandoned()

    def _hire(self) -> None:
        if self._source is not None:
            try:
                self._source.wait()
                with deferred():
                    self._add(*self._source.fork(_work, self._plan))
            except CannotForkError as error:
                log.warning("workers are not forked: %s", error)
                self._source = None
            else:
                return
        if sys.platform != "win32":
            resource_tracker.ensure_running()  # its start would let signals through
        with deferred():
            ours, theirs = self._context.Pipe()
            process = self._context.Process(target=_work, args=(self._plan, theirs), daemon=True)
            process.start()
            theirs.close()
            self._add(process, ours)

    def _add(self, process: BaseProcess | ForkedWorker, pipe: Connection) -> None:
        worker = _Worker(process, pipe)
        worker.bounds.begin(_MOST_START_S)
        self._workers.append(worker)

    def _replace(self, worker: _Worker, why: object) -> SubmissionResult | None:
        """Replace a worker that is gone; return the result of what it could not grade, twice."""
        end = _end_of(worker.process, why)
        log.warning("%s", end)
        worker.pipe.close()
        self._workers.remove(worker)
        if not worker.ready:
            self._failed_starts += 1
            if self._failed_starts >= _MOST_STARTS_IN_A_ROW:
                told = f": {why}" if isinstance(why, KernelLost) else ""
                raise KernelLost(f"workers exit during start-up{told}; see `grader doctor`")
        self._hire()
        if worker.position < 0:
            return None
        self._ends.setdefault(worker.position, []).append(end)
        if self._is_due_again(worker, why):
            self._due.appendleft(worker.position)
            return None
        submission = self._submissions[worker.position]
        told = "did nothing for as long as a submission may take" if why is Excess.HUNG else ""
        told = told or "ended, twice"
        return broken(self._plan, submission, told, "\n".join(self._ends[worker.position]))

    def _is_due_again(self, worker: _Worker, why: object) -> bool:
        """Return whether a submission whose worker is gone is handed out again, and note as what.

        A worker that grew may have grown on the submissions before, so a fresh one decides. What
        took too long once would take as long again.
        """
        position = worker.position
        if position in self._orders or why is Excess.HUNG:
            return False
        if why is Excess.LATE or (why is Excess.GROWN and position in self._grown):
            submission, limits = self._submissions[position], self._plan.spending
            judged = tuple(worker.judged)
            self._orders[position] = written_off(
                submission, judged, Excess(why), limits, worker.bounds.seconds
            )
            return True
        if why is Excess.GROWN:
            self._grown.add(position)
            return True
        return self._tried[position] < 2 + (position in self._grown)


def broken(plan: Plan, submission: Submission, end: str, traceback: str) -> SubmissionResult:
    """Return the result of a submission whose worker ended: `end` continues the sentence."""
    return SubmissionResult(
        key=plan.key(submission),
        student=submission.student,
        submission=submission.path,
        assignment=plan.assignment.name,
        status=Status.BROKEN,
        problem=f"Internal error, no points are lost: the worker that graded it {end}.",
        finished_at=datetime.now(UTC).isoformat(timespec="seconds"),
        facts=plan.facts(),
        traceback=traceback,
    )


def _end_of(process: BaseProcess | ForkedWorker, why: object) -> str:
    """End a worker that is lost, and describe its end: its exit code, and its error if it sent one.

    One that hangs is killed. One whose pipe is closed exits soon.
    """
    process.join(0 if isinstance(why, Excess) else _MOST_END_S)
    killed = process.exitcode is None
    process.kill()
    process.join()
    end = f"worker {process.pid} ended with exit code {process.exitcode}"
    if killed:
        end = f"worker {process.pid} was killed"
    elif (number := -(process.exitcode or 0)) in set(signal.Signals):
        end += f" ({signal.Signals(number).name})"
    return "\n".join([end, *getattr(why, "__notes__", ())])
