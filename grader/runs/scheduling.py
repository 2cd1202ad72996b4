"""Many submissions at a time: workers, and what happens as a stream of events.

A worker is a trusted process that grades one submission after another. One that dies is replaced,
and its submission is graded once more; if the second worker dies too, the submission is broken: an
internal error, for manual grading. A worker without a result after far too long is replaced as
well, without a second try. Each worker has its own pipe: a killed worker could leave a shared
queue locked. A worker ends with the main process, even if that is killed. Nothing here stores or
shows results.

Here: starting, replacing and ending workers. Not here: grading one submission
(`grading/grader.py`).
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from grader.errors import GraderError, KernelLost, SandboxUnavailable, traceback_of
from grader.grading.plan import Plan
from grader.kernel.deadlines import MOST_FORGIVEN
from grader.kernel.scratch import remove_abandoned
from grader.records import Submission, SubmissionResult
from grader.runs import logs
from grader.runs.deferred_signals import deferred, leave_to_parent, raise_if_asked
from grader.verdict import Status

log = logging.getLogger(__name__)

_MOST_STARTS_IN_A_ROW = 3
_LATE = "late"
_MOST_END_S = 1.0
_MOST_START_S = 300.0  # far beyond what a start takes on a busy machine


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
    process: BaseProcess
    pipe: Connection
    position: int = -1
    """Which submission it has; -1 while it has none."""
    ready: bool = False
    deadline: float = float("inf")


def usable_cores() -> int:
    """Return how many workers fit this machine: one a usable core."""
    with suppress(AttributeError):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def grade_all(
    plan: Plan, submissions: Sequence[Submission], *, jobs: int
) -> Generator[Event, None, None]:
    """Grade submissions in local workers; events come as they happen.

    Raises:
        SandboxError: no worker can be started; finished results have been yielded before.
        CourseError: the assignment's checks cannot be used.
    """
    # a GPU serves one notebook at a time: more workers than GPUs would only wait
    most = min(len(submissions), len(plan.gpus) or jobs)
    with closing(_Team(plan, submissions, jobs=min(jobs, most))) as team:
        yield from team.work()


class _Team:
    def __init__(self, plan: Plan, submissions: Sequence[Submission], *, jobs: int) -> None:
        self._plan = plan
        self._submissions = submissions
        self._due = deque(range(len(submissions)))
        self._tried: dict[int, int] = {}
        self._ends: dict[int, list[str]] = {}
        self._failed_starts = 0
        self._finished = 0
        # spawned, not forked: threads of this process would not survive a fork
        self._context = multiprocessing.get_context("spawn")
        self._workers: list[_Worker] = []
        self._jobs = jobs
        limits = plan.spending
        # far beyond what a submission can take: only a worker that hangs gets there
        ceiling_s = limits.submission_s * limits.total_wall_factor
        self._most_s = 120 + (1 + MOST_FORGIVEN) * ceiling_s

    def work(self) -> Iterator[Event]:
        """Hand out submissions until every one has its result."""
        for _ in range(self._jobs):
            self._hire()
        while self._finished < len(self._submissions):
            yield from self._hand_out()
            ready = wait([worker.pipe for worker in self._workers], timeout=1.0)
            raise_if_asked()
            for worker in list(self._workers):
                late = time.monotonic() > worker.deadline
                if late or worker.pipe in ready:
                    yield from self._heard(worker, _LATE if late else _receive(worker.pipe))

    def _hand_out(self) -> Iterator[Event]:
        """Give every idle worker a submission, as long as there are any."""
        for worker in self._workers:
            if worker.ready and worker.position < 0 and self._due:
                position = self._due.popleft()
                self._tried[position] = self._tried.get(position, 0) + 1
                worker.position = position
                files = len(self._submissions[position].notebooks)
                worker.deadline = time.monotonic() + files * self._most_s
                with suppress(OSError):  # it has just died; seen when its pipe is read
                    worker.pipe.send(self._submissions[position])
                log.debug("worker %s: %s", worker.process.pid, self._submissions[position].path)
                yield Started(position, self._submissions[position])

    def _heard(self, worker: _Worker, answer: object) -> Iterator[Event]:
        """Handle an answer of a worker; None stands for a dead worker, `_LATE` for one that hangs.

        Raises:
            GraderError: the worker met an error that every worker would meet.
        """
        if isinstance(answer, SubmissionResult):
            position, worker.position = worker.position, -1
            worker.deadline = float("inf")
            yield self._finish(position, answer)
        elif answer == "ready":
            worker.ready, self._failed_starts = True, 0
            worker.deadline = float("inf")
        elif answer == "waiting":
            worker.deadline = float("inf")  # other runs may hold the GPUs for any time
        elif answer == "holding":
            allowed_s = self._most_s if worker.position >= 0 else _MOST_START_S
            worker.deadline = time.monotonic() + allowed_s
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
        if sys.platform != "win32":
            resource_tracker.ensure_running()  # its start would let signals through
        with deferred():
            ours, theirs = self._context.Pipe()
            process = self._context.Process(target=_work, args=(self._plan, theirs), daemon=True)
            process.start()
            theirs.close()
            self._workers.append(_Worker(process, ours, deadline=time.monotonic() + _MOST_START_S))

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
        if self._tried[worker.position] < 2 and why != _LATE:
            self._due.appendleft(worker.position)
            return None
        submission = self._submissions[worker.position]
        # what took so long once would take as long again
        told = f"had no result after {self._most_s:.0f} s" if why == _LATE else "ended, twice"
        return SubmissionResult(
            key=self._plan.key(submission),
            student=submission.student,
            submission=submission.path,
            assignment=self._plan.assignment.name,
            status=Status.BROKEN,
            problem=f"Internal error, no points are lost: the worker that graded it {told}.",
            finished_at=datetime.now(UTC).isoformat(timespec="seconds"),
            facts=self._plan.facts(),
            traceback="\n".join(self._ends[worker.position]),
        )


def _end_of(process: BaseProcess, why: object) -> str:
    """End a worker that is lost, and describe its end: its exit code, and its error if it sent one.

    One that hangs is killed. One whose pipe is closed exits soon.
    """
    process.join(0 if why == _LATE else _MOST_END_S)
    killed = process.exitcode is None
    process.kill()
    process.join()
    end = f"worker {process.pid} ended with exit code {process.exitcode}"
    if killed:
        end = f"worker {process.pid} was killed"
    elif (number := -(process.exitcode or 0)) in set(signal.Signals):
        end += f" ({signal.Signals(number).name})"
    return "\n".join([end, *getattr(why, "__notes__", ())])


def _receive(pipe: Connection) -> object:
    try:
        return pipe.recv()
    except (EOFError, OSError):
        return None


def _work(plan: Plan, pipe: Connection) -> None:
    """Grade what arrives until the pipe is closed: the body of a worker."""
    leave_to_parent()
    logs.configure_worker()
    _end_with_parent()
    from grader.grading.grader import Grader  # noqa: PLC0415  (torch is loaded in workers alone)

    try:
        with Grader(plan, tell=pipe.send) as grader:
            pipe.send("ready")
            while isinstance(submission := _receive(pipe), Submission):
                pipe.send(grader.grade(submission))
    except ConnectionError:
        return  # the main process, which would store the result, is gone
    except GraderError as error:
        with suppress(OSError):
            pipe.send(_crossing(error))
    except OSError as error:  # a scratch folder that cannot be made, a limit on processes
        lost = KernelLost(f"{error.strerror} ({error.filename or 'no file'})")
        with suppress(OSError):
            pipe.send(_noted(lost, error))
    except Exception as error:  # an internal error: its traceback is stored with the submission
        with suppress(OSError):
            pipe.send(_noted(KernelLost(f"{type(error).__name__}: {error}"), error))


def _end_with_parent() -> None:
    """End this process with the main process, even on SIGKILL and within a submission."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    if sys.platform == "linux":
        from grader.sandbox.linux import die_with_parent  # noqa: PLC0415  (no other system has it)

        die_with_parent()
        if os.getppid() != parent.pid:  # it ended before we asked
            os._exit(1)
        return

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _crossing(error: GraderError) -> GraderError:
    """Return an error as it can be sent: those with arguments of their own know how."""
    sent = error if isinstance(error, SandboxUnavailable) else type(error)(str(error))
    return _noted(sent, error)


def _noted(sent: GraderError, error: BaseException) -> GraderError:
    """Attach a traceback to an error that crosses to the main process, which pickles notes too."""
    sent.add_note(traceback_of(error))
    return sent
