"""How much memory a tree of processes uses, in all and at a bounded cost.

The cheap sum is what each process has in memory: shared pages count once for each process that
holds them, those of the warm parent included, so that ten forked children seem to use gigabytes.
The exact sum divides each page by the number of its holders, and costs milliseconds a process. It
is taken only where the cheap sum is too much, and again only once the tree can have grown beyond
the limit since: every new page, a copied one included, is a page fault, and Linux counts those.

Covered: anonymous memory, resident or swapped out; page tables; shared memory without a file that
is mapped, also where its pages are in no process's resident size; files in memory; the most that
the sockets of a network namespace can hold.
Not covered: pipes, which the limits on processes and open files bound; shared memory that is mapped
for less than one look, without root; sockets of kernels without a network namespace.
Here: measuring. Not here: what is too much (`watchdog.py`), who belongs to a tree
(`process_tree.py`).
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from grader.kernel.process_tree import read_proc

_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
_EXACT_EVERY_S = 5.0  # what others share with the tree changes without a fault of the tree
_MAPS_EVERY_S = 1.0
_RESIDENT = re.compile(rb"^(RssAnon|VmSwap|HugetlbPages|RssShmem|VmPTE):\s+(\d+)", re.MULTILINE)
_PROPORTIONAL = re.compile(
    rb"^(Pss_Anon|SwapPss|Shared_Hugetlb|Private_Hugetlb|Pss_Shmem):\s+(\d+)", re.MULTILINE
)
_SHARED = re.compile(
    rb"^([0-9a-f]+)-([0-9a-f]+) \S+ \S+ \S+ (\d+) +/dev/zero \(deleted\)$", re.MULTILINE
)
_SOCKETS = re.compile(rb"^sockets: used (\d+)", re.MULTILINE)


@dataclass(frozen=True)
class Use:
    """Bytes that processes use."""

    anonymous: int = 0
    shared: int = 0
    """Mapped from files in memory, or from memory that processes share."""
    tables: int = 0
    """In page tables."""

    def __add__(self, other: Use) -> Use:
        return Use(
            self.anonymous + other.anonymous, self.shared + other.shared, self.tables + other.tables
        )


class TreeMemory:
    """Adds up what a kernel and all it started have in memory, less what it was forked with.

    Args:
        pid: the kernel.
        memory_files: whether it may make files in memory, which must be looked for.
        own_network: whether the sockets of its network namespace are its own.
    """

    def __init__(self, pid: int, *, memory_files: bool = False, own_network: bool = False) -> None:
        self._pid = pid
        self._memory_files = memory_files
        first = resident(pid)
        self._at_start = first.anonymous + first.shared + first.tables
        self._faults = _Faults()
        self._socket_bytes = _most_of_a_socket() if own_network else 0
        self._sockets_at_start = _sockets(pid) if own_network else 0
        self._maps_at = 0.0
        self._shared: dict[int, int] = {}
        self._may_see_files = True
        self._exact_at = 0.0
        self._exact = 0
        self._at_exact = (0, 0)

    def look(self, tree: Sequence[int], limit: int) -> int:
        """Return how much the tree uses; at most `limit` only if that is certain."""
        beside = self._files(tree) + self._in_sockets()
        held = sum(self._shared_memory(tree).values())
        cheap = sum(map(resident, tree), Use())
        faults = self._faults.look(tree)
        used = beside + max(held, cheap.shared) + cheap.anonymous + cheap.tables - self._at_start
        if used <= limit:
            return used
        bound = self._bound(faults, cheap.tables)
        if beside + held + bound > limit or time.monotonic() - self._exact_at > _EXACT_EVERY_S:
            exact = sum(map(proportional, tree), Use())
            self._exact = exact.anonymous + max(0, exact.shared - held) + exact.tables
            self._at_exact = (faults, cheap.tables)
            self._exact_at = time.monotonic()
            bound = self._exact
        return beside + held + bound

    def _bound(self, faults: int, tables: int) -> int:
        """Return the most that the tree can use, by its last exact sum and its page faults."""
        faults_then, tables_then = self._at_exact
        return self._exact + _PAGE * (faults - faults_then) + max(0, tables - tables_then)

    def _files(self, tree: Sequence[int]) -> int:
        return _in_memory_files(tree) if self._memory_files else 0

    def _in_sockets(self) -> int:
        if not self._socket_bytes:
            return 0
        return max(0, _sockets(self._pid) - self._sockets_at_start) * self._socket_bytes

    def _shared_memory(self, tree: Sequence[int]) -> dict[int, int]:
        """Return the sizes of memory that is shared without a file, by inode.

        Its pages stay when the process that filled them ends or gives them back, as long as any
        process maps one of them. Root sees how many there are; others see what is mapped, and keep
        the most that they have seen.
        """
        now = time.monotonic()
        if not self._shared and now - self._maps_at < _MAPS_EVERY_S:
            return {}
        self._maps_at = now
        whole: dict[int, int] = {}
        mapped: dict[int, int] = {}
        for pid in tree:
            of_process: dict[int, int] = {}
            for inode, start, end in _shared_by(pid):
                if inode in whole:
                    continue
                size = self._size_of_file(pid, start, end)
                if size is None:
                    of_process[inode] = of_process.get(inode, 0) + end - start
                else:
                    whole[inode] = size
            for inode, size in of_process.items():
                mapped[inode] = max(size, mapped.get(inode, 0), self._shared.get(inode, 0))
        self._shared = mapped | whole
        return self._shared

    def _size_of_file(self, pid: int, start: int, end: int) -> int | None:
        if not self._may_see_files:
            return None
        try:
            return os.stat(f"/proc/{pid}/map_files/{start:x}-{end:x}").st_blocks * 512
        except PermissionError:
            self._may_see_files = False
            return None
        except OSError:  # it is gone
            return None


class _Faults:
    """Counts the page faults of a tree; those of a child that was waited for count twice."""

    def __init__(self) -> None:
        self._seen: dict[tuple[int, bytes], int] = {}
        self._gone = 0

    def look(self, tree: Sequence[int]) -> int:
        living = {}
        for pid in tree:
            fields = read_proc(f"/proc/{pid}/stat").rpartition(b")")[2].split()
            if len(fields) > 19:
                # minflt, cminflt, majflt, cmajflt; the start time tells a reused pid apart
                living[pid, fields[19]] = sum(map(int, fields[7:11]))
        self._gone += sum(n for key, n in self._seen.items() if key not in living)
        self._seen = living
        return self._gone + sum(living.values())


def resident(pid: int) -> Use:
    """Return the bytes a process has in memory or swapped out; nothing when it is gone."""
    return _sum_of(_RESIDENT, read_proc(f"/proc/{pid}/status"))


def proportional(pid: int) -> Use:
    """Return the same, with each shared page divided by the number of processes that share it."""
    rows = read_proc(f"/proc/{pid}/smaps_rollup")
    cheap = resident(pid)
    if not rows:  # it is gone, or it has forbidden that others look at it
        return cheap
    exact = _sum_of(_PROPORTIONAL, rows)
    return Use(exact.anonymous, exact.shared, cheap.tables)


def _sum_of(wanted: re.Pattern[bytes], rows: bytes) -> Use:
    anonymous = shared = tables = 0
    for name, kilobytes in wanted.findall(rows):
        size = int(kilobytes) << 10
        if name in (b"RssShmem", b"Pss_Shmem"):
            shared += size
        elif name == b"VmPTE":
            tables += size
        else:
            anonymous += size
    return Use(anonymous, shared, tables)


def _shared_by(pid: int) -> list[tuple[int, int, int]]:
    """Return inode, start and end of each piece of memory that is shared without a file."""
    rows = read_proc(f"/proc/{pid}/maps")
    if b"/dev/zero (deleted)" not in rows:
        return []
    found = _SHARED.findall(rows)
    return [(int(inode), int(start, 16), int(end, 16)) for start, end, inode in found]


def _in_memory_files(tree: Sequence[int]) -> int:
    """Return the bytes of files in memory (memfd) that a tree holds open, each file once.

    What is mapped as well is counted again as resident: a driver's are small, a bomb is not.
    """
    found: dict[int, int] = {}
    for pid in tree:
        try:
            descriptors = os.listdir(f"/proc/{pid}/fd")
        except OSError:
            continue
        for name in descriptors:
            path = f"/proc/{pid}/fd/{name}"
            try:
                if os.readlink(path).startswith("/memfd:"):
                    file = os.stat(path)
                    found[file.st_ino] = file.st_blocks * 512
            except OSError:
                continue
    return sum(found.values())


def _sockets(pid: int) -> int:
    """Return how many sockets a process's network namespace has, those in messages included."""
    found = _SOCKETS.search(read_proc(f"/proc/{pid}/net/sockstat"))
    return int(found[1]) if found else 0


def _most_of_a_socket() -> int:
    """Return how many bytes a full socket takes: a message is taken while any room is left."""
    try:
        return 2 * int(Path("/proc/sys/net/core/wmem_default").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 2 * 212_992
