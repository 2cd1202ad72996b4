"""Grading on a cluster of `dask.distributed`: submissions go out, results come back as events.

The workers are those of a running scheduler, or local processes. Each is probed, and then receives
the course once. The submissions of a worker that is lost are graded by another.

Here: the client's side. Not here: which workers can be used (`cluster_pool.py`), what runs on them
(`cluster_worker.py`), how things are packed (`parcels.py`), storing (`pipeline.py`).
Not covered: a hostile scheduler or worker. Whoever can connect to the scheduler can run code as its
user, so a cluster is as trusted as this process (`docs/cluster.md`).
"""

from __future__ import annotations

import hashlib
import importlib
import logging
import queue
import time
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from tempfile import TemporaryDirectory
from typing import Any

from grader.errors import (
    CourseError,
    KernelLost,
    UsageError,
    traceback_of,
)
from grader.grading.data_files import files_of
from grader.grading.plan import Plan
from grader.kernel.gpus import DEVICES, choose, look
from grader.records import Submission, SubmissionResult
from grader.runs import cluster_worker as there
from grader.runs.cluster_pool import Pool, no_scheduler
from grader.runs.deferred_signals import raise_if_asked
from grader.runs.parcels import course_bundle, data_bundle, parcel
from grader.runs.scheduling import Event, Finished, Started, broken
from grader.text import one_line

log = logging.getLogger(__name__)

_Client = Any  # the client of dask, an extra, has no types
_Future = Any

LOCAL = "local:"
_CONNECT_S = 15.0
_LOOK_EACH_S = 2.0
_IN_HAND = 2
"""Submissions a worker has at a time: one that it grades, and the next."""
_MOST_TRIES = 3
_SETTINGS = {
    # LocalCluster: processes below a nanny that may start processes of their own
    "distributed.worker.daemon": False,
    # a parcel is part of its task, so that the scheduler has it when a worker is lost
    "distributed.admin.large-graph-warning-threshold": "1GiB",
}


@contextmanager
def connected(
    address: str, plan: Plan, device: str, tell: Callable[[str], None]
) -> Iterator[Cluster]:
    """Connect to a cluster, and probe its workers.

    Args:
        address: of a scheduler, `tcp://host:8786`; or `local:4` for processes of this machine.
        plan: of the run.
        device: auto, cpu or cuda: on what the workers compute.
        tell: called with a sentence about each worker that is refused.

    Raises:
        UsageError: dask is not installed, there is no scheduler, or it has no worker.
        KernelLost: no worker can be used.
    """
    try:
        dask: Any = importlib.import_module("dask")
        distributed: Any = importlib.import_module("distributed")
    except ImportError:
        raise UsageError(
            "--cluster needs dask.distributed, which is not installed here. "
            "Run: pip install 'notebook-grader[cluster]'"
        ) from None
    if device not in DEVICES:
        raise UsageError(f"--device is {', '.join(DEVICES[:-1])} or cuda, not {device!r}.")
    with dask.config.set(_SETTINGS):
        if address.startswith(LOCAL):
            with _local(distributed, address, device) as server, distributed.Client(server) as own:
                yield Cluster(own, plan, device, tell)
            return
        try:
            client = distributed.Client(address, timeout=_CONNECT_S, set_as_default=False)
        except (OSError, ValueError, ImportError) as error:
            told = one_line(str(error) or type(error).__name__)
            raise UsageError(
                f"there is no scheduler at {address} ({told}). Start one with `dask scheduler`, "
                f"and give its address; or give {LOCAL}2 for processes of this machine."
            ) from None
        with client:
            yield Cluster(client, plan, device, tell)


@contextmanager
def _local(distributed: Any, address: str, device: str) -> Iterator[Any]:
    """Start workers as processes of this machine, on its loopback interface alone.

    Raises:
        UsageError: the address names no number of workers, or there is no such device.
    """
    count = address.removeprefix(LOCAL)
    if not count.isdigit() or not int(count):
        raise UsageError(f"--cluster {LOCAL}N needs a number of workers from 1 on, not {count!r}.")
    gpus = choose(device, look())
    with TemporaryDirectory(prefix="dask-") as folder, distributed.LocalCluster(
        n_workers=int(count), threads_per_worker=1, processes=True, memory_limit=0,
        host="127.0.0.1", dashboard_address=None, local_directory=folder,
        silence_logs=logging.CRITICAL, resources={there.GPU: 1} if gpus else {},
    ) as server:  # fmt: skip
        yield server


class Cluster:
    """A scheduler whose workers grade a run."""

    def __init__(
        self, client: _Client, plan: Plan, device: str, tell: Callable[[str], None]
    ) -> None:
        self._client = client
        self._device = device
        self._pool = Pool(client, plan.isolation, device, tell)
        self.workers = len(self._pool.wait("no worker has connected"))
        """How many can be used at first."""
        self.plan = replace(plan, gpus=(), elsewhere=self._pool.inputs)
        """The plan, with the inputs that the machines of the cluster have."""

    def grade_all(
        self, plan: Plan, submissions: Sequence[Submission]
    ) -> Generator[Event, None, None]:
        """Grade submissions on the workers; events come as they happen.

        Raises:
            GraderError: no worker is left, the course cannot be sent, or its checks cannot be used;
                finished results have been yielded before.
        """
        if not submissions:
            return
        round_ = _Round(self._pool, self._client, plan, submissions, self._session(plan))
        try:
            yield from round_.work()
        finally:
            round_.close()

    def _session(self, plan: Plan) -> there.Session:
        """Return what each worker receives once.

        Raises:
            CourseError: the course or its data cannot be packed.
        """
        assignment = plan.assignment
        course = course_bundle(assignment)
        data = None
        if plan.data is not None:
            data = data_bundle(plan.data, files_of(plan.data, assignment.course.data))
        inside = assignment.folder.relative_to(assignment.course.root).as_posix()
        sent = replace(plan, assignment_name=inside, data=None)
        parts = (course.digest, data.digest if data else "", repr(sent), str(plan.secret))
        return there.Session(
            id=hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32],
            plan=sent, course=course, data=data, device=self._device,
            inputs=plan.inputs(Submission("", "", "")),
        )  # fmt: skip


class _Round:
    """The submissions of one run, on their way."""

    def __init__(
        self, pool: Pool, client: _Client, plan: Plan, submissions: Sequence[Submission],
        session: there.Session,
    ) -> None:  # fmt: skip
        self._pool = pool
        self._client = client
        self._plan = plan
        self._submissions = submissions
        self._session = session
        self._due = deque(range(len(submissions)))
        self._tried: Counter[int] = Counter()
        self._running: dict[_Future, int] = {}
        self._ended: queue.SimpleQueue[_Future] = queue.SimpleQueue()
        self._workers: set[str] = set()
        """Those that have the session."""
        self._resources = {session.resource: 1}
        if plan.device != "cpu":
            self._resources[there.GPU] = 1

    def work(self) -> Iterator[Event]:
        """Send submissions until each has its result."""
        looked_at = -_LOOK_EACH_S
        while self._due or self._running:
            if time.monotonic() - looked_at > _LOOK_EACH_S or not self._workers:
                self._look()
                looked_at = time.monotonic()
            while self._due and len(self._running) < _IN_HAND * len(self._workers):
                yield self._send(self._due.popleft())
            with suppress(queue.Empty):
                yield from self._heard(self._ended.get(timeout=0.2))
            raise_if_asked()

    def close(self) -> None:
        """Cancel what is under way, and let the workers forget the session."""
        with suppress(OSError, TimeoutError, ValueError):
            if self._running:
                self._client.cancel(list(self._running))
            alive = [one for one in self._workers if one in self._client.nthreads()]
            self._pool.run_on(alive, there.leave, self._session.id, self._session.resource)

    def _look(self) -> None:
        """Give the session to workers that are new; wait for one if there is none."""
        able = self._pool.look() or self._pool.wait("every worker is gone")
        stranded = not self._workers & able
        self._workers &= able
        if new := sorted(able - self._workers):
            answers = self._pool.run_on(new, there.receive, self._session)
            for address in new:
                answer = answers.get(address)
                if answer == "":
                    self._workers.add(address)
                elif not isinstance(answer, OSError):
                    self._pool.dismiss(address, answer or "it sent no answer")
        if stranded and self._workers and self._running:
            # the scheduler does not give a task that no worker could take to a later one
            futures, self._running = self._running, {}
            self._client.cancel(list(futures))
            self._due.extendleft(sorted(futures.values(), reverse=True))

    def _send(self, position: int) -> Started:
        submission = self._submissions[position]
        self._tried[position] += 1
        future = self._client.submit(
            there.grade_parcel, self._session.id, parcel(submission),
            key=f"{self._session.id}-{self._plan.key(submission)}-{self._tried[position]}",
            resources=self._resources, priority=-position,
        )  # fmt: skip
        self._running[future] = position
        future.add_done_callback(self._ended.put)
        return Started(position, submission)

    def _heard(self, future: _Future) -> Iterator[Finished]:
        """Handle the end of a task.

        Raises:
            CourseError: every worker would meet it.
            KernelLost: the scheduler is gone.
        """
        position = self._running.pop(future, None)
        if position is None:  # it was cancelled, and sent once more
            return
        submission = self._submissions[position]
        if future.cancelled():
            raise KernelLost(no_scheduler(None))
        try:
            answer = future.result()
        except Exception as error:  # it ended several workers, or is an internal error
            told = "ended, on several machines of the cluster"
            yield Finished(position, broken(self._plan, submission, told, traceback_of(error)))
            return
        if isinstance(answer, SubmissionResult):
            yield Finished(position, answer)
            return
        assert isinstance(answer, there.NotGraded)
        if isinstance(answer.error, CourseError):
            raise answer.error
        self._workers.discard(answer.worker)  # it gets the session again if it can be used
        if answer.error is not None:
            self._pool.dismiss(answer.worker, str(answer.error))
        if self._tried[position] >= _MOST_TRIES:
            told = "could not grade it, nor could two others"
            trace = traceback_of(answer.error) if answer.error else ""
            yield Finished(position, broken(self._plan, submission, told, trace))
        else:
            self._due.appendleft(position)
