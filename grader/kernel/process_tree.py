"""A process and its descendants, seen from outside: finding them and ending them.

Here: `/proc` on Linux, and reading its files; without it, only the process itself is counted. Not
here: what a tree spends (`watchdog.py`), the end of a kernel itself (`processes.py`).
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress

_ROUNDS, _ROUND_S = 20, 0.01


def tree_of(pid: int) -> list[int]:
    """Return a process and its descendants; orphans are adopted by it, as it is their pid 1."""
    found, pending = [], [pid]
    while pending:
        parent = pending.pop()
        found.append(parent)
        # threads and processes end during the walk: one that is gone has no children here
        try:
            threads = os.listdir(f"/proc/{parent}/task")
        except OSError:
            continue
        for thread in threads:
            pending += map(int, read_proc(f"/proc/{parent}/task/{thread}/children").split())
    return found


def end_descendants(pid: int, most: int) -> bool:
    """End a process's descendants; return whether all ended and there were at most `most`.

    The process itself lives on. Ended descendants stay zombies until it waits for them, so one
    with very many of them may be unable to start more, and the caller ends it.
    """
    calm = 0
    for _ in range(_ROUNDS):  # a fork bomb forks on during the walk
        living = _descendants(pid)
        if not living:
            calm += 1  # a child whose parent just ended is in nobody's list for a moment
            if calm == 2:
                return True
            time.sleep(_ROUND_S)
            continue
        calm = 0
        if len(living) > most:
            return False
        held = {number: _open(number) for number in living}
        # the system may have given this pid to another process, which is no descendant
        still = set(tree_of(pid))
        for number, descriptor in held.items():
            if descriptor < 0:
                continue
            if number in still:
                with suppress(ProcessLookupError):
                    signal.pidfd_send_signal(descriptor, signal.SIGKILL)
            os.close(descriptor)
        time.sleep(_ROUND_S)
    return False


def has_descendants(pid: int) -> bool:
    """Return whether a process has started another one that runs, or that it has not waited for."""
    return len(tree_of(pid)) > 1


def _descendants(pid: int) -> list[int]:
    """Return the descendants of a process that still run."""
    return [number for number in tree_of(pid)[1:] if _runs(number)]


def _runs(pid: int) -> bool:
    """Return whether a process runs, and is not a zombie."""
    # the state follows the name, which is in brackets and may hold any character
    state = read_proc(f"/proc/{pid}/stat").rpartition(b")")[2].split()[:1]
    return state not in ([], [b"Z"], [b"X"])


def _open(pid: int) -> int:
    try:
        return os.pidfd_open(pid)
    except OSError:
        return -1


def read_proc(path: str) -> bytes:
    """Return what a file of `/proc` says; nothing when the process is gone."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    parts = []
    try:
        while part := os.read(descriptor, 1 << 18):
            parts.append(part)
    except OSError:  # it ends at this moment
        return b""
    finally:
        os.close(descriptor)
    return b"".join(parts)
