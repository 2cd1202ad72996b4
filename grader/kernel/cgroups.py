"""A control group for each kernel, where the grader may make some (Linux, version 2).

The system itself then bounds a kernel's memory, with everything that it holds for the kernel (page
tables, pipes, sockets), bounds its processes, gives each kernel the same share of the processors,
and counts the processor time of every child, also of one that ended unseen.

A place for groups is found, never made by force: the top of the hierarchy for root, or a scope that
was delegated to the grader (`systemd-run --user --scope -p Delegate=yes grader ...`). Without one,
the watchdog, resource limits and priorities hold alone.
Covered: finding a place, one group a kernel, the removal of groups that an ended grader left.
Not covered: version 1 of control groups.
Not here: what the watchdog adds up (`memory_use.py`), when a group is used (`provisioner.py`).
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import logging
import os
import re
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from grader.records import Limits

log = logging.getLogger(__name__)

REMEDY = "systemd-run --user --scope -p Delegate=yes grader ... gives the grader a place for them"
_WANTED = ("memory", "pids", "cpu")
_BOUNDS = {"memory": "memory", "pids": "processes", "cpu": "shares of the processors"}
_LEAF = "grader-itself"
_NAME = re.compile(r"grader-(\d+)-\d+")
# beside what the watchdog counts, files in memory are charged: those of the scratch folder, which
# have a quota of their own, and copies of files on disk, which the system drops first
_ROOM_BYTES = 128 << 20
_RETRIES, _RETRY_S = 100, 0.005
_ROUNDS = 3
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Place:
    """A folder of the hierarchy in which groups can be made."""

    folder: Path
    controllers: frozenset[str]
    """Those that groups in it have: what is missing is not bounded there."""

    @property
    def what(self) -> str:
        """What the groups bound and count, for a reader."""
        held = [words for name, words in _BOUNDS.items() if name in self.controllers]
        return ", ".join([*held, "processor time of ended children"])

    @property
    def lacking(self) -> str:
        """What they do not bound, and why, for a reader; empty where nothing lacks."""
        left = [words for name, words in _BOUNDS.items() if name not in self.controllers]
        why = "version 1 of control groups holds these here, or they are not handed down"
        return f"without {', '.join(left)} ({why})" if left else ""


@functools.cache
def place() -> Place | str:
    """Return where this process may make groups, or the reason why it may not."""
    try:
        found = find_place(Path("/proc/self"))
    except OSError as error:
        return f"{error}; {REMEDY}"
    if isinstance(found, Place):
        _remove_abandoned(found.folder)
    return found


def find_place(process: Path) -> Place | str:
    """Find where a process may make groups.

    Args:
        process: its folder in `/proc`, which names its group and where the hierarchy is mounted.

    Raises:
        OSError: a file of the hierarchy cannot be read or written.
    """
    mounted = _mounted(process / "mountinfo")
    own = _own_group(process / "cgroup")
    if mounted is None or own is None:
        return "this machine has no control groups of version 2"
    group = mounted / own.lstrip("/")
    if group.name == _LEAF:  # another process of this run has made the place
        group = group.parent
    elif not _is_top(mounted) or not os.access(mounted, os.W_OK):
        if not _is_delegated(group):
            return f"the group of this process was not delegated to it; {REMEDY}"
        _move_into_leaf(group)
    else:
        group = mounted
    wanted = [name for name in _WANTED if name in _words(group / "cgroup.controllers")]
    lacking = [name for name in wanted if name not in _words(group / "cgroup.subtree_control")]
    for name in lacking:
        with contextlib.suppress(OSError):  # another may hold it
            _write(group / "cgroup.subtree_control", f"+{name}")
    return Place(group, frozenset(_words(group / "cgroup.subtree_control")) & set(wanted))


def make_group(limits: Limits) -> KernelGroup | None:
    """Return a new group for a kernel, None where none can be made."""
    found = place()
    if isinstance(found, str):
        return None
    try:
        return KernelGroup(found, limits)
    except OSError as error:
        log.warning("a kernel has no control group: %s", error)
        return None


class KernelGroup:
    """The group of one kernel and all it starts.

    Raises:
        OSError: it cannot be made.
    """

    def __init__(self, place: Place, limits: Limits) -> None:
        self._moving: threading.Thread | None = None
        self.folder = place.folder / f"grader-{os.getpid()}-{next(_numbers)}"
        self.folder.mkdir()
        try:
            for name, value in _settings(place.controllers, limits).items():
                _set(self.folder / name, value)
        except OSError:
            self.remove()
            raise

    def begin_to_add(self, pid: int) -> None:
        """Begin to move a process, with all its threads, into the group.

        What it starts is born in the group. The system may take 0.02 s, meanwhile the kernel
        builds its walls.
        """
        self._moving = threading.Thread(target=self._add, args=(pid,), name="group", daemon=True)
        self._moving.start()

    def wait(self) -> None:
        """Wait until the process is in the group."""
        if self._moving is not None:
            self._moving.join()

    def _add(self, pid: int) -> None:
        try:
            _write(self.folder / "cgroup.procs", str(pid))
        except OSError as error:  # it has ended
            log.info("process %d is in no control group: %s", pid, error)

    def processor_s(self) -> float:
        """Return the processor seconds of everything that ever ran in the group."""
        return _number_of(self.folder / "cpu.stat", "usage_usec") / 1e6

    def out_of_memory(self) -> bool:
        """Return whether the system has ended a process for the memory of the group."""
        return _number_of(self.folder / "memory.events", "oom_kill") > 0

    def remove(self) -> None:
        """End what is left in the group, and remove it."""
        for tried in range(_RETRIES):
            try:
                self.folder.rmdir()
            except FileNotFoundError:
                return
            except OSError:  # an ended process stays for a moment
                if tried == 0:
                    with contextlib.suppress(OSError):
                        _write(self.folder / "cgroup.kill", "1")
                time.sleep(_RETRY_S)
            else:
                return
        log.warning("the control group %s could not be removed", self.folder)


def _settings(controllers: frozenset[str], limits: Limits) -> dict[str, str]:
    """Return what is written into the files of a new group."""
    found: dict[str, str] = {}
    if "memory" in controllers:
        found["memory.max"] = str(limits.memory_bytes + limits.scratch_bytes + _ROOM_BYTES)
        found["memory.swap.max"] = "0"
        found["memory.oom.group"] = "1"
    if "pids" in controllers:
        found["pids.max"] = str(limits.processes)
    if "cpu" in controllers:
        found["cpu.weight"] = "100"
    return found


def _set(path: Path, value: str) -> None:
    if path.name == "memory.swap.max" and not path.exists():
        return  # a system without swap
    _write(path, value)


def _mounted(mounts: Path) -> Path | None:
    """Return where the hierarchy of version 2 is mounted."""
    for row in mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines():
        before, _, after = row.partition(" - ")
        if after.split(" ")[0] == "cgroup2":
            return Path(before.split(" ")[4].replace("\\040", " "))
    return None


def _own_group(groups: Path) -> str | None:
    for row in groups.read_text(encoding="utf-8", errors="surrogateescape").splitlines():
        if row.startswith("0::"):
            return row[3:]
    return None


def _is_top(mounted: Path) -> bool:
    """Return whether a mount shows the whole hierarchy: only its top has no type."""
    return mounted.is_dir() and not (mounted / "cgroup.type").exists()


def _is_delegated(group: Path) -> bool:
    """Return whether systemd has marked a group as given to its processes to divide further."""
    for name in ("user.delegate", "trusted.delegate"):
        with contextlib.suppress(OSError):
            if os.getxattr(group, name) == b"1":
                return os.access(group / "cgroup.procs", os.W_OK)
    return False


def _move_into_leaf(group: Path) -> None:
    """Move the processes of a group into one below it: a group that is divided may hold none."""
    leaf = group / _LEAF
    leaf.mkdir(exist_ok=True)
    for _ in range(_ROUNDS):  # a process may start another meanwhile
        for pid in _words(group / "cgroup.procs"):
            with contextlib.suppress(ProcessLookupError):
                _write(leaf / "cgroup.procs", pid)


def _remove_abandoned(folder: Path) -> None:
    """Remove the groups of graders that have ended; Linux refuses while one holds a process."""
    for group in folder.glob("grader-*-*"):
        named = _NAME.fullmatch(group.name)
        if named and not os.path.exists(f"/proc/{named[1]}"):
            with contextlib.suppress(OSError):
                group.rmdir()


def _words(path: Path) -> list[str]:
    return path.read_text(encoding="ascii").split()


def _number_of(path: Path, name: str) -> int:
    """Return a number from a file of names and numbers; 0 where it has none, or is gone."""
    try:
        rows = dict(line.split() for line in path.read_text(encoding="ascii").splitlines())
    except (OSError, ValueError):
        return 0
    return int(rows.get(name, 0))


def _write(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)
