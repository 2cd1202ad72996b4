"""How much of this machine a run may use: processors, and memory, by the limits that hold here.

A container or a batch system may give a run less than the machine has: by a processor quota, by a
set of processors, or by a limit on memory, in its own control group or one above it. Versions 1 and
2 of control groups are read.

Here: what may be used, and how many workers fit. Not here: the bounds of one worker
(`worker_bounds.py`), the control group of one kernel (`kernel/cgroups.py`).
Not covered: systems without `/proc`, where all processors count and memory sets no limit.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from grader.errors import UsageError
from grader.records import Limits

log = logging.getLogger(__name__)

WORKER_BYTES = 1_200_000_000
"""A worker and its warm parent: 0.7 GB and 0.4 GB when measured; pages of libraries are shared."""
_KERNEL_SHARE = 2
"""A kernel may take its whole limit, and rarely takes half of it; beyond that, it is ended alone
where it has a control group of its own."""
_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?", re.IGNORECASE)
_UNLIMITED = 1 << 60  # version 1 writes a number beyond any memory


@dataclass(frozen=True)
class Share:
    """What a run may use of this machine."""

    cores: int
    memory_bytes: int | None
    """None where it is not known."""


def share(root: Path = Path("/")) -> Share:
    """Return what this process may use.

    Args:
        root: the file tree to look at.
    """
    groups = list(_groups(root))
    cores = float(_usable_cores())
    memory = _memory_at_hand(root)
    for group in groups:
        cores = min(cores, _quota(group))
        left = _left_in(group)
        if left is not None:
            memory = left if memory is None else min(memory, left)
    return Share(max(1, int(cores + 0.01)), memory)


def workers_that_fit(found: Share, limits: Limits, memory_bytes: int | None = None) -> int:
    """Return how many workers a run starts where none are asked for: one a core, if memory holds.

    Args:
        found: what may be used.
        limits: of one submission.
        memory_bytes: how much memory the run may take, from the command line; it may be less than
            what is at hand, and does not make it more.
    """
    known = [size for size in (found.memory_bytes, memory_bytes) if size is not None]
    if not known:
        return found.cores
    fit = min(known) // bytes_of_a_worker(limits)
    if fit < found.cores:
        log.info("%d MB of memory: at most %d workers", min(known) >> 20, max(1, fit))
    return max(1, min(found.cores, fit))


def bytes_of_a_worker(limits: Limits) -> int:
    """Return the memory that one worker is expected to need, its kernel included."""
    return WORKER_BYTES + limits.memory_bytes // _KERNEL_SHARE


def size_from(text: str) -> int:
    """Parse a size such as `8G`, `500 MiB` or `1.5g`; units are powers of 1024.

    Raises:
        UsageError: it is no size.
    """
    read = _SIZE.fullmatch(text.strip())
    size = int(float(read[1]) * _UNITS[read[2].lower()]) if read else 0
    if size <= 0:
        raise UsageError(f"--memory is a size such as 8G or 500M, not {text!r}.")
    return size


def _usable_cores() -> int:
    """Return how many processors this process may run on; a cpuset narrows these too."""
    with suppress(AttributeError):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _memory_at_hand(root: Path) -> int | None:
    """Return how much memory can be taken without swapping, as the kernel estimates it."""
    for line in _text(root / "proc/meminfo").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) << 10
    return None


def _groups(root: Path) -> Iterator[Path]:
    """Yield the folder of each control group that holds for this process, from its own to the top.

    In a container the path of the group may not exist below the mount, which then is the group.
    """
    own = dict(_own_groups(root))
    for mounted, controllers in _hierarchies(root):
        inside = next((own[name] for name in controllers if name in own), None)
        if inside is None:
            continue
        folder = mounted / inside.lstrip("/")
        if not folder.is_dir():
            folder = mounted
        yield folder
        while folder != mounted and mounted in folder.parents:
            folder = folder.parent
            yield folder


def _own_groups(root: Path) -> Iterator[tuple[str, str]]:
    """Yield this process's group for each controller; the empty name stands for version 2."""
    for row in _text(root / "proc/self/cgroup").splitlines():
        _, controllers, path = row.split(":", 2)
        for name in controllers.split(","):
            yield name, path


def _hierarchies(root: Path) -> Iterator[tuple[Path, list[str]]]:
    """Yield where each hierarchy of control groups is mounted, with its controllers."""
    for row in _text(root / "proc/self/mountinfo").splitlines():
        before, _, after = row.partition(" - ")
        kind, _, options = [*after.split(" "), "", ""][:3]
        if kind in ("cgroup", "cgroup2"):
            place = root / before.split(" ")[4].replace("\\040", " ").lstrip("/")
            yield place, [""] if kind == "cgroup2" else options.split(",")


def _quota(group: Path) -> float:
    """Return how many processors the quota of a group is worth; infinite without one."""
    words = _text(group / "cpu.max").split()
    if not words:  # version 1
        words = [_text(group / f"cpu.cfs_{name}_us").strip() for name in ("quota", "period")]
    with suppress(ValueError, IndexError, ZeroDivisionError):
        cores = int(words[0]) / int(words[1])
        if cores > 0:  # version 1 writes -1 for no quota
            return cores
    return float("inf")


def _left_in(group: Path) -> int | None:
    """Return how much memory is left in a group below its limit; None without a limit.

    Copies of files count as left: the system drops them when memory is short.
    """
    for most, used in (("memory.max", "memory.current"),
                       ("memory.limit_in_bytes", "memory.usage_in_bytes")):  # fmt: skip
        with suppress(ValueError):
            limit = int(_text(group / most))
            if limit < _UNLIMITED:
                return max(0, limit - int(_text(group / used)) + _droppable(group))
    return None


def _droppable(group: Path) -> int:
    rows = [row.split() for row in _text(group / "memory.stat").splitlines()]
    counted = {row[0]: int(row[1]) for row in rows if len(row) == 2 and row[1].isdigit()}
    return counted.get("total_inactive_file", counted.get("inactive_file", 0))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return ""
