"""The trusted handle on kernel processes: forked from the warm parent, or started cold.

Here: starting the warm parent, asking it for forks, signals, the end of a process.
Not here: what runs inside (`sandbox/`), Jupyter's view of a kernel (`provisioner.py`).
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import select
import signal
import socket
import subprocess
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Protocol

from grader.course import BARE, Environment
from grader.errors import KernelLost, SandboxUnavailable
from grader.kernel.gpus import Gpu
from grader.kernel.pristine import ForkedWarm, Forks, pid_of
from grader.kernel.scratch import claimed_folder, remove_abandoned, remove_folder
from grader.kernel.start import BOOT, PYTHON, SAME_HASHES, environment_of, start_of
from grader.records import Limits
from grader.sandbox import messages, policy

log = logging.getLogger(__name__)

_PACKET = 1 << 18
_START_S = 120.0
_FORK_S = 30.0  # it takes 0.01 s
_FIRST_UID, _UIDS_EACH = 200_000, 500


class KernelProcess(Protocol):
    """A kernel that has been started."""

    alive: int
    """A descriptor that becomes readable when the process has ended."""
    pid: int

    def signal(self, number: int) -> None:
        """Send a signal; a process that is gone is no error."""

    def exit_code(self) -> int | None:
        """Return the exit code after the end, the negated signal where one ended it."""

    def close(self) -> None:
        """End the process and everything it started, and release its descriptors."""


class WarmParent:
    """The process that has imported everything and only forks.

    Args:
        environment: what notebooks of the course find beside the installed libraries.
        isolate: build the walls; False for `--isolation process`.
        data: folder with the course's data sets, None for the drawn stand-in.
        gpus: the GPUs kernels may be given, one at a time.
        left_out: modules that are not imported in advance; kernels can import them.
        without: walls to leave out as if this machine lacked them, to test what the others hold.
        forks: where it is forked from a process that has imported most of it; without, or if that
            process is gone, it imports everything by itself.

    It starts in the background; `wait` says when it is ready.
    """

    def __init__(
        self, *, environment: Environment = BARE, isolate: bool = True, data: Path | None = None,
        gpus: Sequence[Gpu] = (), left_out: Collection[str] = (),
        without: Collection[policy.Wall] = (), forks: Forks | None = None,
    ) -> None:  # fmt: skip
        self.isolate = isolate
        self.data = str(data.resolve()) if data else ""
        remove_abandoned()
        self.scratch, self._claim = claimed_folder()
        self._numbers = itertools.count(1)
        self._uids = itertools.cycle(_user_ids(os.getpid()))
        self._exits: dict[int, messages.Exited] = {}
        self.ready: messages.Ready | None = None
        self._with_gpu = bool(gpus)
        self._start = start_of(
            self.scratch, environment, data=self.data, isolate=isolate,
            gpus=[gpu.node for gpu in gpus], left_out=left_out, without=list(without),
        )  # fmt: skip
        self._process: subprocess.Popen[bytes] | ForkedWarm | None = None
        """None until the answer of the pristine process arrives."""
        self._begin(forks)

    def _begin(self, forks: Forks | None) -> None:
        """Start the process, by a fork where that may be asked for."""
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            if forks is not None:
                try:
                    forks.ask(theirs)
                except OSError as error:
                    log.warning("the pristine process is gone: %s", error)
                    forks = None
            if forks is None:
                self._process = self._started(theirs)
        with contextlib.suppress(ConnectionError):  # it is gone; `wait` finds that
            self._control.send(messages.encode(self._start))

    def _started(self, theirs: socket.socket) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [*PYTHON, str(BOOT), str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            cwd="/",
            env=environment_of(with_gpu=self._with_gpu),
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is the grader's to handle
        )

    @property
    def is_forked(self) -> bool:
        """Whether it was forked from the pristine process, and is no child of this one."""
        return isinstance(self._process, ForkedWarm)

    @property
    def pid(self) -> int:
        """Of the process that has started; 0 before."""
        return self._process.pid if self._process is not None else 0

    def _await_fork(self) -> None:
        """Wait until the pristine process has forked this one; start alone if it is gone."""
        if self._process is not None:
            return
        try:
            answer, received = self._receive(_START_S)
            if isinstance(answer, messages.Forked) and len(received) == 1:
                self._process = ForkedWarm(received[0])
                return
        except KernelLost as error:
            log.warning("no fork of the pristine process: %s", error)
        self._control.close()
        self._begin(None)

    def wait(self) -> messages.Ready:
        """Wait until everything is imported and the outer walls stand.

        Raises:
            SandboxUnavailable: walls that isolation promises cannot be built on this machine.
            KernelLost: the process did not start.
        """
        if self.ready is not None:
            return self.ready
        self._await_fork()
        answer, _ = self._receive(_START_S)
        if isinstance(answer, messages.Failed):
            raise KernelLost(f"the warm process could not be built: {answer.reason}")
        assert isinstance(answer, messages.Ready)
        broken = policy.broken_promises(answer.missing) if self.isolate else []
        if broken:
            reasons = "; ".join(f"{wall}: {reason}" for wall, reason in answer.missing.items())
            raise SandboxUnavailable(
                f"{', '.join(broken)}: not closed off here ({reasons})",
                "`grader doctor` shows every wall. Grade on a machine that has them (a container "
                "must be allowed user namespaces and the calls unshare, mount and landlock), or "
                "give --isolation process, for notebooks you trust.",
            )
        self.ready = answer
        log.info("warm process %d is ready; missing walls: %s", self.pid,
                 ", ".join(sorted(answer.missing)) or "none")  # fmt: skip
        return answer

    @property
    def standing(self) -> frozenset[policy.Wall]:
        """The walls that kernels stand behind; none without isolation."""
        return frozenset(policy.Wall) - self.wait().missing.keys() if self.isolate else frozenset()

    def is_alive(self) -> bool:
        """Return whether the process runs; its end is visible before that of its kernels."""
        if self._control.fileno() < 0:
            return False
        if self._process is not None and self._process.poll() is not None:
            return False
        poll = select.poll()
        poll.register(self._control, 0)  # a hang-up is always told
        return not poll.poll(0)

    def fork(
        self, *, folder: str, uid: int, key: str, seed: int, limits: Limits,
        descriptors: list[int], gpu: Gpu | None = None,
    ) -> ForkedProcess:  # fmt: skip
        """Fork a kernel, which sees a GPU if it is given one.

        Raises:
            KernelLost: the warm parent is gone.
        """
        number = next(self._numbers)
        given = messages.GivenGpu(gpu.node, gpu.visible(alone=self.isolate)) if gpu else None
        order = messages.Fork(number, folder, uid, key, seed, limits, self.data, given)
        try:
            socket.send_fds(self._control, [messages.encode(order)], descriptors)
            answer, received = self._receive(_FORK_S)
        except (OSError, KernelLost) as error:
            self._control.close()  # a late answer would be taken for the next one
            raise KernelLost(f"the warm process is gone: {error}") from error
        if not isinstance(answer, messages.Forked) or len(received) != 1:
            self._control.close()
            raise KernelLost("the warm process did not fork")
        return ForkedProcess(self, number, received[0])

    def new_uid(self) -> int:
        """Return a user id without an account, for one kernel; -1 if we may not change users."""
        if not self.isolate or os.getuid() != 0 or policy.Wall.USER in self.wait().missing:
            return -1
        uid = next(self._uids)
        return uid if _exists(uid) else -1

    def exited(self, number: int, timeout_s: float) -> messages.Exited | None:
        """Return how a kernel ended, waiting for the report."""
        while number not in self._exits and self._control.fileno() >= 0:
            if not select.select([self._control], [], [], timeout_s)[0]:
                return None
            try:
                answer, _ = self._receive_packet()
            except KernelLost:
                return None
            if isinstance(answer, messages.Exited):
                self._exits[answer.number] = answer
        return self._exits.pop(number, None)

    def close(self) -> None:
        """End the warm process and every kernel, and remove the scratch folder."""
        self._control.close()
        if self._process is not None:  # one that is yet to be forked finds its socket closed
            if self.ready is None:
                self._process.kill()  # it imports for seconds, and would not hear of the end
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        remove_folder(self.scratch)
        if self._claim >= 0:
            os.close(self._claim)
            self._claim = -1

    def _receive(self, timeout_s: float) -> tuple[messages.Answer, list[int]]:
        """Return the next answer that is not the report of an end; those are kept."""
        while True:
            if not select.select([self._control], [], [], timeout_s)[0]:
                raise KernelLost(f"the warm process did not answer in {timeout_s:g} s")
            answer, descriptors = self._receive_packet()
            if not isinstance(answer, messages.Exited):
                return answer, descriptors
            self._exits[answer.number] = answer

    def _receive_packet(self) -> tuple[messages.Answer, list[int]]:
        try:
            packet, descriptors, _, _ = socket.recv_fds(self._control, _PACKET, 1)
        except OSError as error:
            raise KernelLost(f"the warm process is gone: {error}") from error
        if not packet:
            raise KernelLost("the warm process ended")
        return messages.decode_answer(packet), descriptors


def _user_ids(pid: int) -> range:
    """Return user ids that no other grader uses: the limit on processes counts per user id."""
    first = _FIRST_UID + pid * _UIDS_EACH
    return range(first, first + _UIDS_EACH)


def _exists(uid: int) -> bool:
    """Return whether a user id can be used here: some containers have only 65536 of them."""
    rows = Path("/proc/self/uid_map").read_text(encoding="ascii").splitlines()
    return any(int(first) <= uid < int(first) + int(n) for first, _, n in map(str.split, rows))


class ForkedProcess:
    """A kernel that was forked from a warm parent."""

    def __init__(self, parent: WarmParent, number: int, pidfd: int) -> None:
        self._parent = parent
        self._number = number
        self._exited: messages.Exited | None = None
        self.alive = pidfd
        # as it is seen here; the parent may live in another pid namespace
        self.pid = pid_of(pidfd)

    def signal(self, number: int) -> None:
        """Send a signal; a process that is gone is no error."""
        if self.alive < 0:
            return
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.alive, number)

    def exit_code(self) -> int | None:
        """Return the exit code after the end, the negated signal where one ended it."""
        if self._exited is None:
            self._exited = self._parent.exited(self._number, 5.0)
        return self._exited.code if self._exited else None

    def close(self) -> None:
        """Kill the kernel; the end of pid 1 ends its whole pid namespace."""
        if self.alive < 0:
            return
        self.signal(signal.SIGKILL)
        select.select([self.alive], [], [], 5.0)
        self.exit_code()
        os.close(self.alive)
        self.alive = -1


class ColdProcess:
    """A kernel started from scratch, where a process that has loaded torch cannot be forked.

    Not isolated beyond its own session and what `resource` can limit.
    """

    def __init__(
        self, scratch: Path, order: messages.Fork, descriptors: list[int], environment: Environment
    ) -> None:
        self.alive, held = os.pipe()
        start = start_of(scratch, environment, isolate=False)
        passed = [*descriptors, held]
        self._process = subprocess.Popen(
            [*PYTHON, str(BOOT), "cold", *map(str, passed)],
            pass_fds=passed,
            cwd="/",
            env={"PATH": os.environ.get("PATH", ""), **SAME_HASHES},
            stdin=subprocess.PIPE,
        )
        os.close(held)
        assert self._process.stdin is not None
        self._process.stdin.write(messages.encode(messages.Cold(start, order)))
        self._process.stdin.close()
        self.pid = self._process.pid

    def signal(self, number: int) -> None:
        """Send a signal; a process that is gone is no error."""
        if self._process.poll() is None:
            os.kill(self.pid, number)

    def exit_code(self) -> int | None:
        """Return the exit code after the end, the negated signal where one ended it."""
        return self._process.wait(5)

    def close(self) -> None:
        """Kill the kernel's process group and wait for its end."""
        if self.alive < 0:
            return
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            self._process.kill()
        self._process.wait()
        os.close(self.alive)
        self.alive = -1
