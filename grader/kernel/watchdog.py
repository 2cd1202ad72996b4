"""Ends a kernel whose process tree spends more than it may: memory, the processor, files.

Resource limits hold for one process and private memory; a tree of processes, or shared memory,
escapes them. So the whole tree is added up from outside, ten times a second.

Covered: memory (`memory_use.py`), processor time and number of processes, of the kernel and all it
started; files in the scratch folder, where no quota could be mounted.
Not covered: what is allocated and freed between two looks; what the driver of a GPU allocates for
itself.
"""

from __future__ import annotations

import logging
import os
import select
import signal
import threading
import time
from pathlib import Path

from grader.kernel.cgroups import KernelGroup
from grader.kernel.deadlines import TreeClock
from grader.kernel.memory_use import TreeMemory
from grader.kernel.priority import Priority
from grader.kernel.process_tree import tree_of
from grader.kernel.processes import KernelProcess
from grader.records import Limits

log = logging.getLogger(__name__)

_EVERY_S = 0.1
_SLOW_EVERY_S = 1.0  # files, which cost more to measure


class Watchdog:
    """Watches one kernel until it ends.

    Args:
        process: the kernel.
        clock: of the processor seconds it spends.
        memory: of the memory it holds.
        limits: what it may spend.
        folder: its scratch folder, where its size must be watched; None where a quota holds.
        group: its control group, if it has one.
    """

    def __init__(
        self, process: KernelProcess, clock: TreeClock, memory: TreeMemory, limits: Limits,
        folder: Path | None = None, group: KernelGroup | None = None,
    ) -> None:  # fmt: skip
        self._process = process
        self._clock = clock
        self._memory = memory
        self._limits = limits
        self._folder = folder
        self._group = group
        self._priority = Priority()
        self._wake, self._waker = os.pipe()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)
        self.out_of_memory = 0
        """The limit in bytes if the kernel was ended for exceeding it, else 0."""
        self.out_of_time = 0
        """The limit in processor seconds if the kernel was ended for exceeding it, else 0."""
        self.ended_for = ""
        """Why it was ended, as the rest of a sentence with "it"; empty within the limits."""
        self.peak_bytes = 0

    def start(self) -> None:
        """Start watching."""
        self._thread.start()

    def stop(self) -> None:
        """Stop watching; may be called again."""
        if self._wake < 0:
            return
        os.write(self._waker, b"x")
        if self._thread.is_alive():
            self._thread.join()
        os.close(self._wake)
        os.close(self._waker)
        self._wake = self._waker = -1

    def ask_group(self) -> None:
        """Note whether the system has ended the kernel for the memory of its group."""
        if self._group is not None and not self.ended_for and self._group.out_of_memory():
            self._note_memory()

    def _watch(self) -> None:
        ends = [self._wake, self._process.alive]
        slow = time.monotonic() + _SLOW_EVERY_S
        wait_s = _EVERY_S
        while not select.select(ends, [], [], wait_s)[0]:
            started = time.monotonic()
            tree = tree_of(self._process.pid)
            self._look_at_memory(tree)
            self._look_at_processors(tree)
            self._priority.look(tree)
            if len(tree) > self._limits.processes and not self.ended_for:
                self.ended_for = f"started more than {self._limits.processes} processes"
            if started > slow and not self.ended_for:
                self._look_at_files()
                slow = time.monotonic() + _SLOW_EVERY_S
            if self.ended_for:  # said before the kill: whoever sees the end asks why
                log.info("process %d is ended: it %s", self._process.pid, self.ended_for)
                self._process.signal(signal.SIGKILL)
                return
            # a tree that is slow to measure may take half of our time
            took_s = time.monotonic() - started
            wait_s = max(_EVERY_S - took_s, took_s)

    def _look_at_memory(self, tree: list[int]) -> None:
        used = self._memory.look(tree, self._limits.memory_bytes)
        self.peak_bytes = max(self.peak_bytes, used)
        if used > self._limits.memory_bytes:
            self._note_memory()

    def _note_memory(self) -> None:
        self.out_of_memory = self._limits.memory_bytes
        self.ended_for = f"needed more than {self._limits.memory_bytes >> 20} MiB of memory"

    def _look_at_processors(self, tree: list[int]) -> None:
        limit_s = self._limits.cpu_s
        if self._clock.look(tree).processor_s > limit_s and not self.ended_for:
            self.out_of_time = limit_s
            self.ended_for = f"used more than {limit_s} s of the processor"

    def _look_at_files(self) -> None:
        if self._folder is None:
            return
        limits = self._limits
        size, files = folder_size(self._folder, limits.scratch_files)
        if size > limits.scratch_bytes or files > limits.scratch_files:
            self.ended_for = (
                f"wrote more than {limits.scratch_bytes >> 20} MiB, "
                f"or more than {limits.scratch_files} files"
            )


def folder_size(folder: Path, most_files: int) -> tuple[int, int]:
    """Return size and number of the files below a folder; stop at `most_files`."""
    size = files = 0
    pending = [str(folder)]
    while pending and files <= most_files:
        try:
            with os.scandir(pending.pop()) as entries:
                for entry in entries:
                    files += 1
                    if files > most_files:
                        break
                    size += entry.stat(follow_symlinks=False).st_blocks * 512
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(entry.path)
        except OSError:
            continue
    return size, files
