"""Lowers the priority of a kernel that runs much at once, so that its neighbours keep their share.

Linux divides the processors between sessions where it groups them (autogroup), and between control
groups; a kernel is one of either. Elsewhere it divides them between threads, and forty busy ones
would take forty shares. So the more threads of a kernel are ready to run, the less each counts: all
of them together weigh about as much as one. On a quiet machine this slows nothing.

Not covered: threads that come and go between two looks, while few are seen. An ordinary user can
only lower a priority, so a kernel that once ran very much keeps the low one.
Here: counting and setting. Not here: control groups (`cgroups.py`).
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from contextlib import suppress

from grader.kernel.process_tree import read_proc

_STEP = 1.25  # one step of niceness divides a thread's weight by so much
_LEAST = 19
FEW = 4
"""So many threads at once are usual: loaders of data, a small pool, torch's own."""


class Priority:
    """The priority of all threads of a kernel and of what it started."""

    def __init__(self) -> None:
        self.niceness = 0
        """What its threads have been set to."""

    def look(self, tree: Sequence[int]) -> None:
        """Count the threads that are ready to run, and set the priority of all."""
        threads = [(pid, thread) for pid in tree for thread in _threads(pid)]
        ready = sum(_is_ready(pid, thread) for pid, thread in threads)
        wanted = niceness_of(ready)
        if wanted < self.niceness:
            wanted = self.niceness - 1  # slowly: a crowd may look asleep for a moment
        if wanted == self.niceness:
            return
        allowed = True
        for _, thread in threads:
            with suppress(ProcessLookupError):  # it has ended
                try:
                    os.setpriority(os.PRIO_PROCESS, thread, wanted)
                except PermissionError:
                    allowed = False
        if allowed or wanted > self.niceness:
            self.niceness = wanted


def niceness_of(ready: int) -> int:
    """Return the niceness at which so many threads weigh as much as one; 0 for a few."""
    return min(_LEAST, round(math.log(ready, _STEP))) if ready > FEW else 0


def _threads(pid: int) -> list[int]:
    try:
        return [int(name) for name in os.listdir(f"/proc/{pid}/task")]
    except OSError:
        return []


def _is_ready(pid: int, thread: int) -> bool:
    """Return whether a thread runs or waits for a core."""
    row = read_proc(f"/proc/{pid}/task/{thread}/stat")
    return row.rpartition(b")")[2].split()[:1] == [b"R"]
