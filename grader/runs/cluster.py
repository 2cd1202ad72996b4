"""Grading on a cluster of `dask.distributed`: submissions go out, results come back as events.

The workers are those of a scheduler that runs already, or local processes. Each is probed before
it gets anything: same grader, walls as asked for, one submission at a time. Workers whose machine
would give results under another key (`Plan.of_machine`) than that of most are refused, so that a
run has results of one kind. What a worker that is lost had to grade is graded by another.

Here: the client's side. Not here: what runs on a worker (`cluster_worker.py`), what is sent
(`parcels.py`), storing (`pipeline.py`).
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
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
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
from grader.runs.deferred_signals import raise_if_asked
from grader.runs.parcels import course_bundle, data_bundle, parcel
from grader.runs.scheduling import Event, Finished, Started, broken
from grader.text import one_line

log = logging.getLogger(__name__)

_Client = Any  # the client of dask, an extra, has no types
_Future = Any

LOCAL = "local:"
_START = "dask worker ADDRESS --nthreads 1 --no-nanny --memory-limit 0"
_CONNECT_S = 15.0
_MOST_WAIT_S = 120.0
"""For a first worker, and for another one when all are gone."""
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
    """The workers of a scheduler that can grade this run."""

    def __init__(
        self, client: _Client, plan: Plan, device: str, tell: Callable[[str], None]
    ) -> None:
        self._client = client
        self._device = device
        self._tell = tell
        self._seen: set[str] = set()
        self._names: dict[str, str] = {}
        self._able: set[str] = set()
        """Addresses of workers that were probed and can be used."""
        self._first_refusal = ""
        self._inputs: tuple[tuple[str, str], ...] = ()
        self._plan = replace(plan, gpus=())
        self._wait_for_worker("no worker has connected")
        self.plan = replace(self._plan, elsewhere=self._inputs)
        """The plan, with the inputs that the machines of the cluster have."""

    def grade_all(
        self, plan: Plan, submissions: Sequence[Submission]
    ) -> Generator[Event, None, None]:
        """Grade submissions on the workers; events come as they happen.

        Raises:
            SandboxError: no worker is left; finished results have been yielded before.
            CourseError: the assignment's checks cannot be used, or the course cannot be sent.
        """
        if not submissions:
            return
        round_ = _Round(self, self._client, plan, submissions, self._session(plan))
        try:
            yield from round_.work()
        finally:
            round_.close()

    # ---- workers

    def look(self) -> frozenset[str]:
        """Probe workers that have come; return the addresses of all that can be used now.

        Raises:
            KernelLost: the scheduler is gone.
        """
        here = set(self._on_scheduler())
        self._able &= here
        self._seen &= here
        if new := sorted(here - self._seen):
            self._seen |= set(new)
            self._admit(new)
        return frozenset(self._able)

    def dismiss(self, address: str, reason: str) -> None:
        """Use a worker no more."""
        self._able.discard(address)
        self._refuse(address, reason)

    def run_on(self, addresses: Sequence[str], function: Callable[..., Any], *args: Any) -> Any:
        """Run a function on workers; return the answers by address, errors among them."""
        return self._client.run(function, *args, workers=list(addresses), on_error="return")

    def wait_for_worker(self) -> frozenset[str]:
        """Return the workers that can be used, waiting for one where all are gone."""
        return self._wait_for_worker("every worker of the cluster is gone")

    def _on_scheduler(self) -> Mapping[str, int]:
        try:
            found: Mapping[str, int] = self._client.nthreads()
        except (OSError, TimeoutError, ValueError) as error:
            raise KernelLost(_no_scheduler(error)) from None
        return found

    def _wait_for_worker(self, problem: str) -> frozenset[str]:
        end = time.monotonic() + _MOST_WAIT_S
        while not (able := self.look()):
            raise_if_asked()
            if not self._inputs and self._first_refusal:
                raise KernelLost(f"{self._first_refusal} No other worker can be used.")
            if time.monotonic() > end:
                raise UsageError(
                    f"{problem}, for {_MOST_WAIT_S:g} s. Start some with `{_START}`, and give the "
                    "same command again: what is stored is not graded twice."
                )
            time.sleep(0.2)
        return able

    def _admit(self, addresses: Sequence[str]) -> None:
        answers = self.run_on(addresses, there.probe, self._plan.isolation, self._device)
        machines: dict[str, there.Machine] = {}
        for address in addresses:
            answer = answers.get(address)
            if isinstance(answer, there.Machine):
                machines[address] = answer
                self._names[address] = answer.name
                if answer.grader != there.grader_identity():
                    answer = replace(answer, refusal=_other_grader(answer.grader))
                if answer.refusal:
                    self._refuse(address, answer.refusal)
                    del machines[address]
            elif not isinstance(answer, OSError):  # it is gone again, and looked at when it is back
                self._refuse(address, _no_answer(answer))
        if machines and not self._inputs:
            ((self._inputs, _),) = Counter(one.inputs for one in machines.values()).most_common(1)
        for address, machine in machines.items():
            if machine.inputs == self._inputs:
                self._able.add(address)
                log.info("worker %s: %s", machine.name, dict(machine.inputs))
            else:
                self._refuse(address, _difference(machine.inputs, self._inputs))

    def _refuse(self, address: str, reason: str) -> None:
        name = self._names.get(address, address)
        named = name if name == address else f"{name} ({address})"
        told = f"worker {one_line(named)} is not used: {one_line(reason, limit=600)}"
        self._first_refusal = self._first_refusal or told
        self._tell(told)

    # ---- what a run sends

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
        self, cluster: Cluster, client: _Client, plan: Plan, submissions: Sequence[Submission],
        session: there.Session,
    ) -> None:  # fmt: skip
        self._cluster = cluster
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
            self._cluster.run_on(alive, there.leave, self._session.id, self._session.resource)

    def _look(self) -> None:
        """Give the session to workers that are new; wait for one if there is none."""
        able = self._cluster.look() or self._cluster.wait_for_worker()
        stranded = not self._workers & able
        self._workers &= able
        if new := sorted(able - self._workers):
            answers = self._cluster.run_on(new, there.receive, self._session)
            for address in new:
                answer = answers.get(address)
                if answer == "":
                    self._workers.add(address)
                elif not isinstance(answer, OSError):
                    self._cluster.dismiss(address, answer or "it sent no answer")
        if stranded and self._workers and self._running:
            # the scheduler gives tasks that no worker could take to none that can later
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
            raise KernelLost(_no_scheduler(None))
        try:
            answer = future.result()
        except Exception as error:  # it ended several workers, or is an error of ours
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
            self._cluster.dismiss(answer.worker, str(answer.error))
        if self._tried[position] >= _MOST_TRIES:
            told = "could not grade it, nor could two others"
            trace = traceback_of(answer.error) if answer.error else ""
            yield Finished(position, broken(self._plan, submission, told, trace))
        else:
            self._due.appendleft(position)


def _no_scheduler(error: BaseException | None) -> str:
    told = f" ({one_line(str(error))})" if error and str(error) else ""
    return (
        f"the scheduler of the cluster is gone{told}. Start it and its workers again, and give the "
        "same command: what is stored is not graded twice."
    )


def _other_grader(found: str) -> str:
    ours, other = there.grader_identity().split(), found.split()
    which = f"version {other[0]}" if other and other[0] != ours[0] else "other sources"
    return f"its grader has {which}. Install there what is installed here."


def _no_answer(answer: object) -> str:
    if isinstance(answer, ImportError):
        return (
            f"the grader is not installed there ({answer}). Run there: "
            "pip install 'notebook-grader[cluster]'"
        )
    return f"it cannot be probed: {answer}" if answer else "it cannot be probed"


def _difference(found: Sequence[tuple[str, str]], wanted: Sequence[tuple[str, str]]) -> str:
    other = dict(wanted)
    parts = [f"its {name} is {value!r}, not {other.get(name)!r}" for name, value in found
             if other.get(name) != value]  # fmt: skip
    return f"{'; '.join(parts)}. Results of one run come from equal machines: grade on it apart."
