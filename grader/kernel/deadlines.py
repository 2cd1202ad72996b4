"""When a kernel's work is late: by processor seconds of its processes, or by a looser wall ceiling.

A busy machine must not decide whether an answer is right. So the limit of a cell, a call or an
exercise counts the seconds that a core worked for the kernel and all it started. Code that sleeps
uses no core; it is late by the wall clock, after several times the limit. The time that a process
was ready to run and had to wait for a core which others used is left out of that, up to a bound.
A wait for a core on which the kernel's own processes work is not left out.

Covered: living processes of the tree, dead ones that their parent waited for, and dead ones that
were seen alive; with a control group, every process.
Not covered: without a control group, a process that lives for less than a look at the tree and that
its parent ignores: its seconds are lost, and those who wait for it seem to wait for others.
Without `/proc` the wall clock stands for processor time.
Here: measuring and comparing. Not here: what happens to work that is late (`connection.py`,
`execution.py`, `grading/open_notebook.py`), who belongs to a tree (`process_tree.py`).
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from grader.kernel.process_tree import read_proc, tree_of

MOST_FORGIVEN = 3.0
"""Waiting for a core is left out up to this many times the wall ceiling."""
_UNWATCHED_S = 0.1  # most calls are answered by then; measuring a tree costs more than such a call
_LOOK_EACH_S = 0.02  # an answer that arrives in small pieces is no reason to measure more often
_WAIT_S = 1.0  # many processes use many processor seconds in one second
_WINDOW_S = 0.5  # a wait is counted when it ends, and processor seconds come in ticks of 0.01 s
_TICK_S = 1 / os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 0.01


@dataclass(frozen=True)
class Spent:
    """What a tree of processes has spent so far."""

    processor_s: float = 0.0
    starved_s: float = 0.0
    """How long one of them at least was ready to run, and others had its core."""

    def __add__(self, other: Spent) -> Spent:
        return Spent(self.processor_s + other.processor_s, self.starved_s + other.starved_s)

    def __sub__(self, other: Spent) -> Spent:
        return Spent(self.processor_s - other.processor_s, self.starved_s - other.starved_s)


@dataclass(frozen=True)
class Turns:
    """What the main thread of one process has had of the cores so far."""

    ran_s: float = 0.0
    waited_s: float = 0.0
    """How long it was ready to run and had no core."""


class Starvation:
    """Adds up for how long a tree of processes waited for cores that others used.

    While a thread waits, its core works: for others, or for the tree. So of its wait, others have
    caused at least what the rest of the tree did not work meanwhile. The longest such wait counts,
    so many processes that wait at the same time count as one.
    """

    def __init__(self) -> None:
        self._before_s = 0.0
        self._since: float | None = None
        self._worked_s = 0.0
        self._turns: dict[tuple[int, str], Turns] = {}

    def look(self, now: float, worked_s: float, turns: dict[tuple[int, str], Turns]) -> float:
        """Return how long the tree was starved up to now.

        Args:
            now: by the wall clock.
            worked_s: the processor seconds of the whole tree, up to now.
            turns: of each living process, up to now.
        """
        if self._since is None:  # what came before is unknown
            self._since, self._worked_s, self._turns = now, worked_s, turns
            return 0.0
        passed_s, worked_in_it_s = now - self._since, worked_s - self._worked_s
        starved_s = 0.0
        for process, latest in turns.items():
            first = self._turns.get(process, latest)  # of a new one, the next window counts
            rest_s = max(worked_in_it_s - (latest.ran_s - first.ran_s), 0.0)
            waited_s = min(latest.waited_s - first.waited_s, passed_s)
            starved_s = max(starved_s, waited_s - rest_s)
        if passed_s >= _WINDOW_S:
            self._before_s += starved_s
            self._since, self._worked_s, self._turns = now, worked_s, turns
            return self._before_s
        return self._before_s + starved_s


class TreeClock:
    """Adds up what a kernel and all it started have spent; never goes back.

    The seconds of a process that is never waited for are lost at its end, except those that the
    last look found; so frequent looks lose less.

    Args:
        pid: the kernel.
        counted: the processor seconds that the system has counted for all of them, if it does.
    """

    def __init__(self, pid: int, counted: Callable[[], float] | None = None) -> None:
        self._pid = pid
        self._counted = counted
        self._seen: dict[tuple[int, str], float] = {}
        self._gone_s = 0.0
        self._starvation = Starvation()
        self._lock = threading.Lock()
        self.latest = Spent()
        """What the last look found."""

    def look(self, tree: Sequence[int] | None = None) -> Spent:
        """Return what was spent up to now; `tree` saves finding the processes again."""
        with self._lock:
            inherited_s, turns = 0.0, {}
            for pid in tree_of(self._pid) if tree is None else tree:
                found = _of_process(pid)
                if found is not None:
                    started, own_s, children_s = found
                    turns[pid, started] = _turns(pid)
                    self._seen[pid, started] = own_s
                    inherited_s += own_s + children_s
            for one in self._seen.keys() - turns.keys():
                if (still := _of_process(one[0])) is None or still[0] != one[1]:
                    self._gone_s += self._seen.pop(one)
            seen_s = sum(self._seen.values(), self._gone_s)
            counted_s = self._counted() if self._counted else 0.0
            # each of them may count too little
            processor_s = max(self.latest.processor_s, inherited_s, seen_s, counted_s)
            starved_s = self._starvation.look(time.monotonic(), processor_s, turns)
            self.latest = Spent(processor_s, starved_s)
            return self.latest


class Deadline:
    """The deadline of one piece of work that starts now.

    Args:
        spent: what the work's processes have spent so far.
        limit_s: processor seconds it may take.
        wall_factor: how many times as long it may take by the wall clock.
        since: what they had spent before; found at the first look unless given.
    """

    def __init__(
        self, spent: Callable[[], Spent], limit_s: float, wall_factor: float, *,
        since: Spent | None = None,
    ) -> None:  # fmt: skip
        self._spent = spent
        self.limit_s = limit_s
        self.ceiling_s = limit_s * wall_factor
        self._unwatched_s = min(_UNWATCHED_S, limit_s / 4)
        self._started = time.monotonic()
        self._first = since
        self._looked = 0.0
        self._left_s = 0.0
        self.by_wall = False
        """Whether it is the wall ceiling that the work has reached."""

    def left(self) -> float:
        """Return in how many seconds to ask again; 0 once the work is late."""
        now = time.monotonic()
        elapsed_s = now - self._started
        if elapsed_s < self._unwatched_s:
            return self._unwatched_s - elapsed_s
        if self._first is None:
            self._first = self._spent()
        elif self._looked and now - self._looked < _LOOK_EACH_S and self._left_s > 0:
            return max(_LOOK_EACH_S - (now - self._looked), 0.001)
        self._looked = now
        self._left_s = self._remaining(elapsed_s)
        return self._left_s

    def forgive(self, spent: Spent, wall_s: float) -> None:
        """Leave out what other work has spent meanwhile."""
        if self._first is not None:
            self._first += spent
        self._started += wall_s

    @property
    def what(self) -> str:
        """What was exceeded, as the end of a sentence: `5 s of processor time`."""
        return f"{self.ceiling_s:g} s" if self.by_wall else f"{self.limit_s:g} s of processor time"

    def _remaining(self, elapsed_s: float) -> float:
        assert self._first is not None
        spent = self._spent()
        used_s = self._unwatched_s + spent.processor_s - self._first.processor_s
        starved_s = spent.starved_s - self._first.starved_s
        starved_s = min(max(starved_s, 0.0), MOST_FORGIVEN * self.ceiling_s)
        wall_left_s = self.ceiling_s + starved_s - elapsed_s
        left_s = min(self.limit_s - used_s, wall_left_s)
        if left_s <= 0:
            self.by_wall = used_s < self.limit_s
            return 0.0
        return min(max(left_s, _LOOK_EACH_S), _WAIT_S)


def _of_process(pid: int) -> tuple[str, float, float] | None:
    """Return when a process started, its processor seconds and those of its dead children."""
    row = read_proc(f"/proc/{pid}/stat")
    if not row:
        return None
    # the name, in brackets, may hold anything; utime, stime, cutime, cstime are fields 14 to 17,
    # and field 22 is the start time, which distinguishes two processes with the same pid
    fields = row.rpartition(b")")[2].split()
    own, of_system, children, children_of_system = map(int, fields[11:15])
    own_s, children_s = (own + of_system) * _TICK_S, (children + children_of_system) * _TICK_S
    return fields[19].decode("ascii"), own_s, children_s


def _turns(pid: int) -> Turns:
    """Return what the main thread has had of the cores; nothing where that is not counted."""
    try:
        ran, waited, *_ = read_proc(f"/proc/{pid}/schedstat").split()
        return Turns(int(ran) / 1e9, int(waited) / 1e9)
    except ValueError:
        return Turns()
