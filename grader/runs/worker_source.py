"""The process that workers are forked from: it loads torch and collects the checks, once for all.

It is started as a fresh process, has one thread, and runs nothing of a notebook. A worker is forked
from it by way of a process that ends at once, so that the main process, which adopts orphans,
becomes the worker's parent: it waits for workers and ends them, also after the end of this process.

The pristine process is started beside it, and workers have their warm parents forked from there.

Here: this process from both sides, and a forked worker as the main process sees it. Not here: the
body of a worker (`worker.py`), starting workers without it (`scheduling.py`).
Not covered: other systems than Linux, and courses whose modules start threads when they are
imported: there each worker is a fresh process, which loads everything by itself.
"""

from __future__ import annotations

import gc
import importlib
import logging
import multiprocessing
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from multiprocessing import reduction, resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import NoReturn

from grader.errors import GraderError
from grader.grading import warm
from grader.grading.plan import Plan
from grader.kernel.pristine import Forks, Pristine
from grader.records import Submission
from grader.runs import logs
from grader.runs.deferred_signals import deferred, leave_to_parent, raise_if_asked
from grader.runs.worker import Inherited, crossing, end_with_parent, receive

log = logging.getLogger(__name__)

Body = Callable[[Plan, Connection], None]
"""What a worker does, until its pipe is closed."""
_LOOK_EACH_S = 0.2
_FORK_S = 30.0  # it takes 0.02 s
# a pool of threads would not survive the fork; each worker uses one core
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")


class CannotForkError(Exception):
    """Workers cannot be forked here; each is to be started as a fresh process."""


@dataclass(frozen=True)
class _Ready:
    """Everything is loaded."""

    points: dict[str, Fraction]
    threads: int


class ForkedWorker:
    """A worker that was forked, with the part of `multiprocessing.Process` that is used of one."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.exitcode: int | None = None
        self._alive = os.pidfd_open(pid)

    def join(self, timeout: float | None = None) -> None:
        """Wait for the end, and find the exit code."""
        if self.exitcode is None and select.select([self._alive], [], [], timeout)[0]:
            try:
                self.exitcode = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
            except ChildProcessError:  # another part of this program has waited for it
                self.exitcode = 255

    def kill(self) -> None:
        """End the worker at once."""
        if self.exitcode is None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._alive, signal.SIGKILL)

    def __del__(self) -> None:
        os.close(self._alive)


class WorkerSource:
    """Forks workers for a plan; it starts when it is first asked for something.

    Args:
        plan: what is graded and how.
        submissions: what is graded; modules that no notebook of a small class uses are not loaded
            in advance.
    """

    def __init__(self, plan: Plan, submissions: Sequence[Submission]) -> None:
        self._plan = plan
        self._submissions = submissions
        self._process: BaseProcess | None = None
        self._pristine: Pristine | None = None
        self._ready: _Ready | None = None

    def start(self) -> None:
        """Start in the background."""
        if self._process is not None or not self._plan.can_fork:
            return
        from grader.sandbox.linux import adopt_orphans  # noqa: PLC0415  (no other system has it)

        adopt_orphans()
        resource_tracker.ensure_running()  # its start would let signals through
        with deferred():
            self._pristine = warm.pristine(self._plan, self._submissions)
            context = multiprocessing.get_context("spawn")
            self._orders, theirs = context.Pipe()
            forks = self._pristine.forks
            process = context.Process(target=_serve, args=(self._plan, theirs, forks), daemon=True)
            process.start()
            self._process = process
            theirs.close()

    def points(self) -> dict[str, Fraction]:
        """Return what each exercise of the plan is worth, by its name.

        Raises:
            CourseError: the assignment's checks cannot be used.
            CannotForkError: no worker can be forked here.
        """
        return self._wait().points

    def wait(self) -> None:
        """Wait until a worker can be forked.

        Raises:
            CourseError: the assignment's checks cannot be used.
            CannotForkError: no worker can be forked here.
        """
        if (threads := self._wait().threads) != 1:
            raise CannotForkError(f"loading the checks has started {threads - 1} more threads")

    def fork(self, body: Body, plan: Plan) -> tuple[ForkedWorker, Connection]:
        """Fork a worker; return it with our end of its pipe.

        Raises:
            CannotForkError: no worker can be forked here.
        """
        assert self._process is not None
        ours, theirs = multiprocessing.Pipe()
        with theirs:
            try:
                self._orders.send((body, plan))
                reduction.send_handle(self._orders, theirs.fileno(), self._process.pid)
            except OSError as error:
                raise CannotForkError(str(error)) from error
        pid = receive(ours) if ours.poll(_FORK_S) else None
        if not isinstance(pid, int):
            raise CannotForkError("the process that workers are forked from does not answer")
        return ForkedWorker(pid), ours

    def close(self) -> None:
        """End both processes; workers that were forked live on."""
        if self._process is not None:
            self._orders.close()
            self._process.kill()
            self._process.join()
        if self._pristine is not None:
            self._pristine.close()

    def _wait(self) -> _Ready:
        self.start()
        if self._process is None:
            raise CannotForkError(f"on {sys.platform}, a process with torch cannot be forked")
        while self._ready is None:
            if not self._orders.poll(_LOOK_EACH_S):
                raise_if_asked()
                continue
            answer = receive(self._orders)
            if isinstance(answer, GraderError):
                raise answer
            if not isinstance(answer, _Ready):
                raise CannotForkError("the process that workers are forked from has ended")
            self._ready = answer
        return self._ready


def _serve(plan: Plan, orders: Connection, forks: Forks) -> NoReturn:
    """Load everything, then fork a worker for every order: the body of the process."""
    gc.disable()  # loading makes half a million objects and leaves next to none to collect
    leave_to_parent()
    logs.configure_worker()
    end_with_parent()
    os.environ.update(_ONE_THREAD)
    warm.use(forks)
    try:
        from grader.grading.loaded import Loaded  # noqa: PLC0415  (loads torch)

        importlib.import_module("grader.grading.grader")  # what workers import
        loaded = Inherited.loaded = Loaded(plan).__enter__()
        orders.send(_Ready(loaded.points(), len(os.listdir("/proc/self/task"))))
    except GraderError as error:
        orders.send(crossing(error))
        os._exit(1)
    gc.freeze()  # the collector would write to every page that is shared, and so copy it
    gc.enable()
    while True:
        order = receive(orders)
        if not isinstance(order, tuple):
            os._exit(0)
        passed = reduction.recv_handle(orders)
        first = os.fork()
        if first == 0:
            first = os.getpid()
            if os.fork():
                os._exit(0)
            body, ordered = order
            _become_worker(body, ordered, orders, passed, first)
        os.close(passed)
        os.waitpid(first, 0)


def _become_worker(body: Body, plan: Plan, orders: Connection, passed: int, first: int) -> NoReturn:
    """Run the body of a worker once the main process is its parent."""
    try:
        orders.close()
        while os.getppid() == first:
            time.sleep(0.001)
        pipe = Connection(passed)
        pipe.send(os.getpid())
        body(plan, pipe)
    except BaseException:
        log.exception("a worker ends")
        os._exit(1)
    finally:
        with suppress(OSError, ValueError):
            sys.stderr.flush()
        os._exit(0)
