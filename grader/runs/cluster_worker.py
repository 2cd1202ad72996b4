"""What runs inside a worker of a cluster: probing it, receiving a course, grading one submission.

A worker of the cluster grades nothing itself. It has one local worker process, with the bounds and
the restarts of any local run, and hands it one submission at a time. The course, the data and the
files that were handed in lie in a scratch folder, which is locked and swept as those of kernels
are. The local process ends with its cluster worker, or when it has been idle for long.

Here: functions that the client sends by name; each runs in the worker's process. Not here: the
client (`cluster.py`), what is sent (`parcels.py`).
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import secrets
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from grader.errors import GraderError, KernelLost, SandboxUnavailable, UsageError
from grader.grading.inputs import grader_source
from grader.grading.plan import Isolation, Plan
from grader.kernel import gpus
from grader.kernel.scratch import claimed_folder, remove_abandoned, remove_folder
from grader.records import Submission, SubmissionResult
from grader.runs.parcels import Bundle, Parcel, opened, unpack
from grader.runs.scheduling import OneByOne
from grader.version import __version__

if TYPE_CHECKING:
    from distributed import Worker

GPU = "GPU"
"""The resource that a worker declares which may use GPUs."""
_IDLE_S = 600.0


@dataclass(frozen=True)
class Machine:
    """What a worker of the cluster has."""

    name: str
    inputs: tuple[tuple[str, str], ...] = ()
    """What decides results there and may differ from machine to machine."""
    grader: str = ""
    """Version and hash of the grader's sources."""
    refusal: str = ""
    """Why it cannot grade, with the remedy; empty when it can."""


@dataclass(frozen=True)
class Session:
    """What a worker receives once for a run."""

    id: str
    plan: Plan
    """With the secret of the gradebook, so it goes to workers that were probed, and nowhere else.
    Its assignment is a path inside the course's bundle."""
    course: Bundle
    data: Bundle | None
    device: str
    inputs: Mapping[str, str]
    """What decides results, as the client computed it."""

    @property
    def resource(self) -> str:
        """The name of the resource that workers have which received the session."""
        return f"grader-{self.id}"


@dataclass(frozen=True)
class NotGraded:
    """The answer of a worker that could not grade a submission."""

    worker: str
    """Its address."""
    error: GraderError | None
    """None where the worker does not know the session."""


def grader_identity() -> str:
    """Return version and hash of the grader of this process."""
    return f"{__version__} {grader_source()}"


# ---- sent by the client


def probe(isolation: Isolation, device: str, *, dask_worker: Worker) -> Machine:
    """Return what this worker has, and test the walls that are asked for."""
    machine = Machine(str(dask_worker.name), grader=grader_identity())
    try:
        _require_one_at_a_time(dask_worker.state.nthreads)
        Plan("", isolation=isolation).require_walls()
        if isolation == "sandbox":
            _require_promises()
        found = _gpus_of(dask_worker, device)
    except GraderError as error:
        return replace(machine, refusal=str(error))
    inputs = Plan("", isolation=isolation, gpus=found).of_machine()
    return replace(machine, inputs=tuple(inputs.items()))


async def receive(session: Session, *, dask_worker: Worker) -> str:
    """Unpack what a run needs; return why this worker cannot grade it, or nothing.

    From then on this worker has the session's resource, and gets its submissions.
    """
    if session.id not in _sessions:
        try:
            _sessions[session.id] = _OpenSession(session, _gpus_of(dask_worker, session.device))
        except GraderError as error:
            return str(error)
        except OSError as error:
            return str(_no_room(error))
    await dask_worker.set_resources(**{session.resource: 1})
    return ""


async def leave(session_id: str, resource: str, *, dask_worker: Worker) -> None:
    """Forget a session; a submission that is being graded is graded to its end."""
    await dask_worker.set_resources(**{resource: 0})
    if (held := _sessions.pop(session_id, None)) is not None:
        held.leave()


def grade_parcel(session_id: str, received: Parcel) -> SubmissionResult | NotGraded:
    """Grade one submission."""
    from distributed import get_worker  # noqa: PLC0415  (a client without it has its own message)

    address = get_worker().address
    if (held := _sessions.get(session_id)) is None:
        return NotGraded(address, None)
    for other in list(_sessions.values()):
        if other is not held:
            other.rest()  # the memory of a worker is planned for one warm process
    try:
        return held.grade(received)
    except GraderError as error:
        return NotGraded(address, error)
    except OSError as error:
        return NotGraded(address, _no_room(error))


# ---- in this process


class _OpenSession:
    """A session here: its files, and the local worker that grades."""

    def __init__(self, session: Session, found: tuple[gpus.Gpu, ...]) -> None:
        self._lock = threading.Lock()
        self._worker: OneByOne | None = None
        self._idle: threading.Timer | None = None
        self._left = False
        remove_abandoned()
        self._folder, self._claim = claimed_folder()
        atexit.register(self._close)
        try:
            self._plan = _unpacked(session, self._folder, found)
        except BaseException:
            self._close()
            raise

    def grade(self, received: Parcel) -> SubmissionResult:
        """Grade one submission in the local worker, which is started where there is none.

        Raises:
            GraderError: no submission can be graded here.
            OSError: its files cannot be written.
        """
        try:
            with self._lock:
                self._stop_idle_timer()
                try:
                    return self._graded(received)
                finally:
                    self._idle = threading.Timer(_IDLE_S, self.rest)
                    self._idle.daemon = True
                    self._idle.start()
        finally:
            if self._left:  # asked for while the lock was held
                self.leave()

    def rest(self) -> None:
        """End the local worker; the next submission starts another."""
        with self._lock:
            self._end_worker()

    def leave(self) -> None:
        """Remove everything: now, or once the submission that is being graded has its result."""
        self._left = True
        if self._lock.acquire(blocking=False):
            try:
                self._close()
            finally:
                self._lock.release()

    def _graded(self, received: Parcel) -> SubmissionResult:
        try:
            with tempfile.TemporaryDirectory(dir=self._folder) as folder:
                self._worker = self._worker or OneByOne(self._plan)
                return self._worker.grade(opened(received, Path(folder)))
        except BaseException:
            self._end_worker()
            raise

    def _stop_idle_timer(self) -> None:
        if self._idle is not None:
            self._idle.cancel()

    def _end_worker(self) -> None:
        if self._worker is not None:
            self._worker.close()
            self._worker = None

    def _close(self) -> None:
        self._stop_idle_timer()
        self._end_worker()
        remove_folder(self._folder)
        if self._claim >= 0:
            os.close(self._claim)
            self._claim = -1
        atexit.unregister(self._close)


_sessions: dict[str, _OpenSession] = {}
"""By the session's id."""


def _unpacked(session: Session, scratch: Path, found: tuple[gpus.Gpu, ...]) -> Plan:
    """Unpack the bundles of a session; return the plan over them.

    Raises:
        GraderError: something else arrived than was sent.
        OSError: no room.
    """
    # kernels of other users reach what notebooks import, so the name is one that none can guess
    folder = scratch / secrets.token_hex(16)
    unpack(session.course, folder / "course")
    if session.data is not None:
        unpack(session.data, folder / "data")
    plan = replace(
        session.plan,
        assignment_name=str(folder / "course" / session.plan.assignment_name),
        data=None if session.data is None else folder / "data",
        gpus=found,
    )
    here = plan.inputs(_NONE)
    differs = [name for name, value in session.inputs.items() if here.get(name) != value]
    if differs:
        raise KernelLost(f"it has others than were sent: {', '.join(differs)}")
    return plan


_NONE = Submission("", "", "")


def _require_one_at_a_time(threads: int) -> None:
    """Refuse a worker that would grade several submissions in one process, or may start none.

    Raises:
        UsageError: with the option that is missing.
    """
    if threads != 1:
        raise UsageError(f"it takes {threads} submissions at a time. Start it with --nthreads 1.")
    if multiprocessing.current_process().daemon:
        raise UsageError("its nanny lets it start no process. Start it with --no-nanny.")


def _require_promises() -> None:
    """Refuse a machine where isolation would not keep what it promises.

    Raises:
        SandboxUnavailable: with the missing walls.
    """
    from grader.sandbox import policy, walls  # noqa: PLC0415  (Linux only)

    missing = walls.missing_here()
    if broken := policy.broken_promises(missing):
        raise SandboxUnavailable(
            f"{', '.join(broken)}: not closed off there (missing: {', '.join(missing)})",
            "`grader doctor` on that machine shows every wall. Use workers that have them, or give "
            "--isolation process, for notebooks you trust.",
        )


def _gpus_of(worker: Worker, device: str) -> tuple[gpus.Gpu, ...]:
    """Return the GPUs that a worker may use: those of its machine, if it declares the resource.

    Raises:
        UsageError: a GPU is asked for, and it declares none or has none.
    """
    declared = worker.state.total_resources.get(GPU, 0) >= 1
    if device == "cpu" or (device == "auto" and not declared):
        return ()
    if not declared:
        raise UsageError(f"it declares no GPU. Start it with --resources {GPU}=1.")
    return gpus.choose("cuda", gpus.look())


def _no_room(error: OSError) -> KernelLost:
    return KernelLost(
        f"{error.filename or 'a file'} cannot be written there: {error.strerror}. Make room, or "
        "set TMPDIR for that worker."
    )
