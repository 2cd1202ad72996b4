"""The trusted handle on the pristine process, from which the warm parents of workers are forked.

It imports once what each warm parent would import again; each builds its own walls after its fork.
A warm parent that dies takes none of the others with it, and each lives on when the pristine
process dies. It ends when the worker that asked for it has ended, which closes its socket.

Here: starting the process, asking for forks, the forked warm parent seen from outside. Not here:
what runs inside (`sandbox/pristine.py`), a warm parent's messages (`processes.py`).
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path

from grader.course import BARE, Environment
from grader.kernel.gpus import Gpu
from grader.kernel.scratch import claimed_folder, remove_folder
from grader.kernel.start import BOOT, PYTHON, environment_of, start_of
from grader.sandbox import messages


class Forks:
    """Where forks are asked for; processes may share it, also by inheritance.

    Args:
        orders: the socket of the pristine process.
        left_out: slow modules that were not imported there.
    """

    def __init__(self, orders: socket.socket, left_out: tuple[str, ...] = ()) -> None:
        self.orders = orders
        self.left_out = left_out

    def ask(self, control: socket.socket) -> None:
        """Ask for a warm parent that takes its orders from this socket.

        Raises:
            OSError: the pristine process is gone.
        """
        socket.send_fds(self.orders, [b"fork"], [control.fileno()])


class Pristine:
    """The process that has imported the libraries and only forks warm parents.

    Args:
        environment: what notebooks of the course find beside the installed libraries.
        gpus: the GPUs kernels may be given.
        left_out: modules that are not imported in advance.

    It starts in the background. Forks that are asked for before it is ready wait for it.
    """

    def __init__(
        self, *, environment: Environment = BARE, gpus: Sequence[Gpu] = (),
        left_out: tuple[str, ...] = (),
    ) -> None:  # fmt: skip
        self._scratch, self._claim = claimed_folder()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.forks = Forks(ours, left_out)
        with theirs:
            self._process = subprocess.Popen(
                [*PYTHON, str(BOOT), "pristine", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                cwd="/",
                env=environment_of(with_gpu=bool(gpus)),
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is the grader's to handle
            )
        start = start_of(self._scratch, environment, isolate=True, left_out=left_out)
        with contextlib.suppress(OSError):  # it is gone; each warm parent then starts alone
            ours.send(messages.encode(start))

    def close(self) -> None:
        """End the process; what was forked from it lives on."""
        self.forks.orders.close()
        self._process.kill()
        self._process.wait()
        remove_folder(self._scratch)
        if self._claim >= 0:
            os.close(self._claim)
            self._claim = -1


class ForkedWarm:
    """A warm parent that was forked, with the part of `subprocess.Popen` that is used of one.

    Args:
        alive: its pidfd.
    """

    def __init__(self, alive: int) -> None:
        self._alive = alive
        self.pid = pid_of(alive)

    def poll(self) -> int | None:
        """Return 0 once it has ended, for an exit code that its parent alone can have."""
        return 0 if select.select([self._alive], [], [], 0)[0] else None

    def kill(self) -> None:
        """End it; pid 1 of its namespace ends with it, and all kernels with that."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._alive, signal.SIGKILL)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end.

        Raises:
            TimeoutExpired: it has not come.
        """
        if not select.select([self._alive], [], [], timeout)[0]:
            raise subprocess.TimeoutExpired("the warm process", timeout or 0.0)
        return 0

    def __del__(self) -> None:
        os.close(self._alive)


def pid_of(descriptor: int) -> int:
    """Return the pid that a pidfd stands for, as it is seen here."""
    info = Path(f"/proc/self/fdinfo/{descriptor}").read_text(encoding="ascii")
    return int(dict(line.split(":", 1) for line in info.splitlines())["Pid"])
