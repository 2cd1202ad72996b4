"""A process and all that it started, seen from outside: who they are, and their end.

Here: `/proc` on Linux; where there is none, a process stands for itself alone. Not here: what a
tree spends (`watchdog.py`), the end of a kernel itself (`processes.py`).
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

_ROUNDS, _ROUND_S = 20, 0.01


def tree_of(pid: int) -> list[int]:
    """Return a process and all it started; orphans belong to it too, it is their pid 1."""
    found, pending = [], [pid]
    while pending:
        parent = pending.pop()
        found.append(parent)
        # threads and processes end while they are looked at: what is gone has no children here
        try:
            threads = os.listdir(f"/proc/{parent}/task")
        except OSError:
            continue
        for thread in threads:
            with suppress(OSError):
                children = Path(f"/proc/{parent}/task/{thread}/children")
                pending += map(int, children.read_text(encoding="ascii").split())
    return found


def end_descendants(pid: int, most: int) -> bool:
    """End what a process has started; say whether that was at most `most`, and all of it ended.

    The process itself lives on. What was ended waits for its parent to take notice, so a process
    that has started very much is better ended itself: it may not be able to start anything more.
    """
    for _ in range(_ROUNDS):  # what forks without end forks while it is looked at
        living = _descendants(pid)
        if not living:
            return True
        if len(living) > most:
            return False
        held = {number: _open(number) for number in living}
        # a number that was given to another process meanwhile is no descendant any more
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


def _descendants(pid: int) -> list[int]:
    """Return what a process has started and what of it still runs."""
    return [number for number in tree_of(pid)[1:] if _runs(number)]


def _runs(pid: int) -> bool:
    """Say whether a process is more than an entry that its parent has not taken notice of."""
    try:
        row = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    # the state follows the name, which stands in brackets and may hold anything
    return row.rpartition(")")[2].split()[0] not in "ZX"


def _open(pid: int) -> int:
    try:
        return os.pidfd_open(pid)
    except OSError:
        return -1
