"""What a worker may take for one submission: time, and memory.

A worker is trusted code that reads what untrusted code sends. Its own bounds make every answer
small and every reading short; these bounds hold where one of those fails. They are looked at from
the main process, which reads no answer.

Here: measuring a worker, and the submission that is ended for it. Not here: ending and replacing
workers (`scheduling.py`), the limits of a kernel (`kernel/watchdog.py`).
Not covered: systems without `/proc`, where time alone is bounded, by the wall clock.
"""

from __future__ import annotations

import os
import time
from enum import StrEnum
from pathlib import Path

from grader.grading.write_offs import WriteOff
from grader.kernel.deadlines import Deadline, Spent, TreeClock
from grader.kernel.process_tree import tree_of
from grader.records import ExerciseResult, Limits, Submission
from grader.verdict import Verdict

MOST_BYTES = 1_500_000_000
"""Of a worker's resident memory; one holds 0.6 GB when it starts and 0.7 GB after a homework."""
MOST_DATA_BYTES = 4 << 30
"""Of memory that a worker may ask for: above, Python raises MemoryError."""
_MARGIN = 1.02  # the notebook's own deadline, of the same length, comes first


class Excess(StrEnum):
    """How a worker passed its bounds."""

    LATE = "late"
    """It worked, or its kernels did, for longer than a submission may take."""
    HUNG = "hung"
    """It did nothing for as long: an error of ours."""
    GROWN = "grown"


class WorkerBounds:
    """The time and memory of one worker.

    Args:
        pid: of its process.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._deadline: Deadline | None = None
        self._started = time.monotonic()
        self.beside: int | None = None
        """Of a process that works for it and is no descendant; its time counts as well."""

    @property
    def seconds(self) -> float:
        """How long the current piece of work has taken."""
        return time.monotonic() - self._started

    def begin(self, most_s: float) -> None:
        """Begin to count the time of one piece of work."""
        started = self._started = time.monotonic()
        clock = TreeClock(self._pid) if os.path.isdir("/proc/self") else None

        def spent() -> Spent:
            if clock is None:
                return Spent(time.monotonic() - started)
            beside = [] if self.beside is None else tree_of(self.beside)
            return clock.look([*tree_of(self._pid), *beside])

        self._deadline = Deadline(spent, most_s, _MARGIN)

    def forget(self) -> None:
        """Count no time until the next piece of work."""
        self._deadline = None

    def excess(self) -> Excess | None:
        """Return the bound that the worker has passed, if any."""
        if _resident_bytes(self._pid) > MOST_BYTES:
            return Excess.GROWN
        if self._deadline is None or self._deadline.left() > 0:
            return None
        return Excess.HUNG if self._deadline.by_wall else Excess.LATE


def most_seconds(limits: Limits) -> float:
    """Return how long a worker may be held by one submission, all its files together."""
    return limits.submission_s * limits.total_wall_factor


def written_off(
    submission: Submission, judged: tuple[ExerciseResult, ...], excess: Excess, limits: Limits,
    seconds: float,
) -> WriteOff:  # fmt: skip
    """Return the order for a submission whose worker was ended."""
    if excess is Excess.GROWN:
        verdict, did = Verdict.OUT_OF_MEMORY, "filled the grader's memory, twice"
    else:
        took = f"{most_seconds(limits) / 60:g} minutes"
        verdict, did = Verdict.TIMED_OUT, f"kept the grader busy for more than {took}"
    message = f"Not judged: this notebook {did}. What was judged before counts."
    return WriteOff(submission, judged, verdict, message, seconds)


def _resident_bytes(pid: int) -> int:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
