"""The trusted handle on kernel processes: forked from the warm parent, or started cold.

Here: starting the warm parent, asking it for forks, signals, the end of a process.
Not here: what runs inside (`sandbox/`), Jupyter's view of a kernel (`provisioner.py`).
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Protocol

from grader.errors import KernelLost, SandboxUnavailable
from grader.records import Limits
from grader.sandbox import messages, policy

_BOOT = policy.PACKAGE / "sandbox" / "boot.py"
_PACKET = 1 << 18
_START_S = 120.0
_FIRST_UID = 200_000
_PREFIX, _CLAIM = "grader-", "claim"


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
        """End the process, with everything it started, and let go of it."""


class WarmParent:
    """The process that has imported everything and only forks.

    Args:
        isolate: build the walls; False for `--isolation process`.
        data: folder with the course's data sets, None for the drawn stand-in.

    It starts in the background; `wait` says when it is ready.
    """

    def __init__(self, *, isolate: bool = True, data: Path | None = None) -> None:
        self.isolate = isolate
        self.data = str(data.resolve()) if data else ""
        _remove_abandoned()
        self.scratch, self._claim = _claimed_folder()
        self._numbers = itertools.count(1)
        self._uids = itertools.count(_FIRST_UID + (os.getpid() % 10_000) * 100)
        self._exits: dict[int, messages.Exited] = {}
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control = ours
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-X", "utf8", str(_BOOT), str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                cwd="/",
                env={"PATH": os.environ.get("PATH", "")},
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is the grader's to handle
            )
        self.ready: messages.Ready | None = None
        found = policy.libraries()
        shown = [str(policy.GUEST_LIBRARY), *([self.data] if self.data else [])]
        start = messages.Start(
            str(self.scratch), list(found.read), list(found.hidden), shown, list(found.path),
            list(policy.PRELOADED), self.isolate,
        )  # fmt: skip
        self._control.send(messages.encode(start))

    def wait(self) -> messages.Ready:
        """Wait until everything is imported and the outer walls stand.

        Raises:
            SandboxUnavailable: walls that isolation promises cannot be built on this machine.
            KernelLost: the process did not start.
        """
        if self.ready is not None:
            return self.ready
        answer, _ = self._receive(_START_S)
        if isinstance(answer, messages.Failed):
            raise KernelLost(f"the warm process could not be built: {answer.reason}")
        assert isinstance(answer, messages.Ready)
        if self.isolate:
            for promise, ways in policy.PROMISES.items():
                if all(way & answer.missing.keys() for way in ways):
                    reasons = "; ".join(f"{w}: {r}" for w, r in answer.missing.items())
                    raise SandboxUnavailable(
                        f"{promise} cannot be closed off ({reasons})",
                        "`grader doctor` shows every wall. Grade on a machine that has them, or "
                        "give --isolation process, for notebooks you trust.",
                    )
        self.ready = answer
        return answer

    def is_alive(self) -> bool:
        """Say whether the process runs."""
        return self._process.poll() is None

    def fork(
        self, *, folder: str, uid: int, key: str, seed: int, limits: Limits, descriptors: list[int]
    ) -> ForkedProcess:  # fmt: skip
        """Fork a kernel.

        Raises:
            KernelLost: the warm parent is gone.
        """
        number = next(self._numbers)
        order = messages.Fork(number, folder, uid, key, seed, limits, self.data)
        try:
            socket.send_fds(self._control, [messages.encode(order)], descriptors)
            answer, received = self._receive(_START_S)
        except OSError as error:
            raise KernelLost(f"the warm process is gone: {error}") from error
        if not isinstance(answer, messages.Forked) or len(received) != 1:
            raise KernelLost("the warm process did not fork")
        return ForkedProcess(self, number, received[0])

    def new_uid(self) -> int:
        """Return a user id of no account, for one kernel; -1 where we may not change users."""
        if not self.isolate or os.getuid() != 0 or policy.Wall.USER in self.wait().missing:
            return -1
        uid = next(self._uids)
        return uid if _exists(uid) else -1

    def exited(self, number: int, timeout_s: float) -> messages.Exited | None:
        """Return how a kernel ended, waiting for the report."""
        while number not in self._exits:
            if not select.select([self._control], [], [], timeout_s)[0]:
                return None
            try:
                answer, _ = self._receive_packet()
            except KernelLost:
                return None
            if isinstance(answer, messages.Exited):
                self._exits[answer.number] = answer
        return self._exits.pop(number)

    def close(self) -> None:
        """End the warm process and every kernel, and remove the scratch folder."""
        self._control.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self.scratch, ignore_errors=True)
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


def _claimed_folder() -> tuple[Path, int]:
    """Make a scratch folder, and lock a file in it for as long as this process lives."""
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    folder.chmod(0o711)
    claim = os.open(folder / _CLAIM, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    fcntl.flock(claim, fcntl.LOCK_EX)
    return folder, claim


def _remove_abandoned() -> None:
    """Remove scratch folders of graders that were killed: nobody holds their locks any more."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        try:
            claim = os.open(folder / _CLAIM, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            continue  # somebody else's, or not yet claimed
        try:
            fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        except OSError:
            continue
        finally:
            os.close(claim)


def _exists(uid: int) -> bool:
    """Say whether a user id can be taken here: some containers have only 65536 of them."""
    rows = Path("/proc/self/uid_map").read_text(encoding="ascii").splitlines()
    return any(int(first) <= uid < int(first) + int(n) for first, _, n in map(str.split, rows))


class ForkedProcess:
    """A kernel that was forked from a warm parent."""

    def __init__(self, parent: WarmParent, number: int, pidfd: int) -> None:
        self._parent = parent
        self._number = number
        self._exited: messages.Exited | None = None
        self.alive = pidfd
        # the pid as it is seen here; the parent may live in another pid namespace
        info = Path(f"/proc/self/fdinfo/{pidfd}").read_text(encoding="ascii")
        lines = dict(line.split(":", 1) for line in info.splitlines())
        self.pid = int(lines["Pid"])

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
    """A kernel started by itself, where forking a process that holds torch is not possible.

    Not isolated beyond its own session and what `resource` can limit.
    """

    def __init__(self, scratch: Path, order: messages.Fork, descriptors: list[int]) -> None:
        self.alive, held = os.pipe()
        found = policy.libraries()
        start = messages.Start(
            str(scratch), list(found.read), [], [], list(found.path), list(policy.PRELOADED),
            isolate=False,
        )  # fmt: skip
        passed = [*descriptors, held]
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-X", "utf8", str(_BOOT), "cold", *map(str, passed)],
            pass_fds=passed,
            cwd="/",
            env={"PATH": os.environ.get("PATH", "")},
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
