"""Ends a kernel whose process tree needs more memory than it may.

Resource limits hold for one process and private memory; a tree of processes, or shared memory,
gets round them. So the whole tree is added up from outside, ten times a second.

Covered: anonymous and shared memory that is resident, of the kernel and all it started.
Not covered: what is allocated and let go between two looks; files in the scratch folder (a quota).
"""

from __future__ import annotations

import os
import select
import signal
import threading
from pathlib import Path

from grader.kernel.processes import KernelProcess

_EVERY_S = 0.1


class MemoryWatchdog:
    """Looks at one kernel until it ends.

    A tree is first added up by what each process has in memory beyond the warm parent, which is
    cheap and counts shared pages once for each process that holds them. Only when that is too much
    is the proportional size asked for, which takes milliseconds and counts every page once.
    """

    def __init__(self, process: KernelProcess, limit_bytes: int) -> None:
        self._process = process
        self._limit = limit_bytes
        self._wake, self._waker = os.pipe()
        self._thread = threading.Thread(target=self._watch, name="memory watchdog", daemon=True)
        self._at_start = _resident(process.pid)
        self.out_of_memory = 0
        """The limit in bytes if the kernel was ended for passing it, else 0."""
        self.peak_bytes = 0

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more; may be called again."""
        if self._wake < 0:
            return
        os.write(self._waker, b"x")
        if self._thread.is_alive():
            self._thread.join()
        os.close(self._wake)
        os.close(self._waker)
        self._wake = self._waker = -1

    def _watch(self) -> None:
        ends = [self._wake, self._process.alive]
        while not select.select(ends, [], [], _EVERY_S)[0]:
            tree = _tree(self._process.pid)
            used = sum(max(0, _resident(pid) - self._at_start) for pid in tree)
            if used > self._limit:
                used = sum(_proportional(pid) for pid in tree)
            self.peak_bytes = max(self.peak_bytes, used)
            if used > self._limit:
                self.out_of_memory = self._limit  # before the kill: whoever sees the end asks why
                self._process.signal(signal.SIGKILL)
                return


def _tree(pid: int) -> list[int]:
    """Return a process and all it started; orphans belong to it too, it is their pid 1."""
    found, pending = [], [pid]
    while pending:
        parent = pending.pop()
        found.append(parent)
        for children in Path(f"/proc/{parent}/task").glob("*/children"):
            try:
                pending += map(int, children.read_text(encoding="ascii").split())
            except OSError:
                continue
    return found


def _resident(pid: int) -> int:
    """Return anonymous and shared resident bytes of a process; 0 when it is gone."""
    return _sum_of(f"/proc/{pid}/status", ("RssAnon", "RssShmem"))


def _proportional(pid: int) -> int:
    """Return resident bytes of a process, each shared page divided by those who share it."""
    path = f"/proc/{pid}/smaps_rollup"
    return _sum_of(path, ("Pss_Anon", "Pss_Shmem")) or _resident(pid)


def _sum_of(path: str, names: tuple[str, ...]) -> int:
    try:
        lines = Path(path).read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) << 10 for line in lines if line.split(":")[0] in names)
