"""Measure commands: wall seconds, processor seconds of every process, memory of the whole tree.

Processor seconds of a killed process are lost to its parent, and the grader kills every kernel. So
they are read from a control group made for the command (version 1 with `cpuacct`, or version 2),
or, where none can be made, sampled from `/proc`, which misses the last 0.05 s of each process.
Here: running, repeating in turn, and printing tables.
Not here: made-up notebooks (`_notebooks.py`).
"""

from __future__ import annotations

import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from grader.kernel.process_tree import tree_of

ROOT = Path(__file__).resolve().parents[1]
_HIERARCHY = Path("/sys/fs/cgroup")
# a grader that is started in a group of this name makes the groups of its kernels beside it, so
# that the parent of the two counts them all
_LEAF = "grader-itself"
_LOOK_S = 0.05
_MEMORY_LOOK_S = 0.2
_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
_ENTER = 'echo $$ > "$0" && exec "$@"'


@dataclass(frozen=True)
class Spent:
    """What a command took."""

    wall_s: float
    cpu_s: float
    peak_mib: float = 0.0
    """Proportional memory of all its processes, at its highest; 0 where it was not asked for."""
    first_mib: float = 0.0
    """Resident memory of the process that was started, at its highest."""


def measured(
    command: Sequence[str],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    memory: bool = False,
    ends: Sequence[int] = (0,),
) -> Spent:
    """Run a command and return what it and all processes under it took.

    Args:
        command: its output is dropped.
        cwd: where it runs.
        env: variables beside those of this process.
        memory: look at memory too, which costs processor time of this process.
        ends: exit codes that are right.

    Raises:
        SystemExit: it ended otherwise; what it wrote is shown.
    """
    with tempfile.TemporaryFile() as written, _group() as group:
        entered = ["sh", "-c", _ENTER, str(group.entry), *command] if group.entry else [*command]
        started = time.perf_counter()
        process = subprocess.Popen(
            entered, cwd=cwd, env={**os.environ, **(env or {})},
            stdout=written, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        watch = _Watch(process.pid, processors=group.entry is None, memory=memory)
        while process.poll() is None:
            watch.look()
            time.sleep(watch.pause_s)
        wall = time.perf_counter() - started
        if process.returncode not in ends:
            written.seek(0)
            print(written.read().decode(errors="replace")[-4000:], file=sys.stderr)
            raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
        spent = group.cpu_s() if group.entry else watch.cpu_s()
        return Spent(wall, spent, watch.peak_mib, watch.first_mib)


class _Watch:
    """Samples a tree of processes while it runs; looks at nothing that is not asked for."""

    def __init__(self, pid: int, *, processors: bool, memory: bool) -> None:
        self._pid, self._processors, self._memory = pid, processors, memory
        self._ticks: dict[tuple[int, str], int] = {}
        self.pause_s = _MEMORY_LOOK_S if memory and not processors else _LOOK_S
        self.peak_mib = self.first_mib = 0.0

    def look(self) -> None:
        if self._processors:
            for pid in tree_of(self._pid):
                with suppress(OSError):
                    stat = Path(f"/proc/{pid}/stat").read_text("utf-8", errors="replace")
                    fields = stat.rpartition(")")[2].split()
                    self._ticks[pid, fields[19]] = int(fields[11]) + int(fields[12])
        if self._memory:
            self.peak_mib = max(self.peak_mib, proportional_mib(self._pid))
            self.first_mib = max(self.first_mib, resident_mib(self._pid))

    def cpu_s(self) -> float:
        return sum(self._ticks.values()) / _TICKS_A_SECOND


def proportional_mib(pid: int) -> float:
    """Return the proportional memory of a process and its descendants."""
    kib = 0
    for one in tree_of(pid):
        with suppress(OSError):
            text = Path(f"/proc/{one}/smaps_rollup").read_text(encoding="ascii")
            kib += sum(map(int, re.findall(r"^(?:Pss|SwapPss): +(\d+)", text, re.MULTILINE)))
    return kib / 1024


def resident_mib(pid: int) -> float:
    """Return the resident memory of one process."""
    with suppress(OSError):
        text = Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace")
        return sum(map(int, re.findall(r"^VmRSS:\s+(\d+)", text, re.MULTILINE))) / 1024
    return 0.0


@dataclass(frozen=True)
class _Group:
    """A control group of one command, or none."""

    folder: Path | None = None
    entry: Path | None = None
    """The file that takes the number of a process that joins."""

    def cpu_s(self) -> float:
        """Return the processor seconds of all that were in it."""
        assert self.folder is not None
        usage = self.folder / "cpuacct.usage"
        if usage.exists():
            return int(usage.read_text(encoding="ascii")) / 1e9
        stat = (self.folder / "cpu.stat").read_text(encoding="ascii")
        return int(stat.split()[1]) / 1e6  # usage_usec comes first


@contextmanager
def _group() -> Iterator[_Group]:
    made: list[Path] = []
    group = _Group()
    for place in _places():
        try:
            folder = Path(tempfile.mkdtemp(prefix="measured-", dir=place))
            made.append(folder)
            if (folder / "cpuacct.usage").exists():
                group = _Group(folder, folder / "cgroup.procs")
                break
            made.append(folder / _LEAF)
            made[-1].mkdir()
            if (folder / "cpu.stat").exists():
                group = _Group(folder, made[-1] / "cgroup.procs")
                break
        except OSError:
            continue
    try:
        yield group
    finally:
        for folder in reversed(made):
            _remove(folder)


def _places() -> Iterator[Path]:
    """Yield folders in which a group can perhaps be made."""
    rows = Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    own = {row.split(":", 2)[1]: row.split(":", 2)[2].lstrip("/") for row in rows}
    for names, path in own.items():
        if "cpuacct" in names.split(","):
            yield from (_HIERARCHY / names / path, _HIERARCHY / names)
    for top in (_HIERARCHY, _HIERARCHY / "unified"):
        if (top / "cgroup.controllers").exists():
            yield from (top / own.get("", ""), top)


def _remove(folder: Path) -> None:
    for _ in range(50):  # a process that ends is in it for a moment longer
        with suppress(OSError):
            for inner in [*folder.glob("*/")]:
                inner.rmdir()
            folder.rmdir()
        if not folder.exists():
            return
        time.sleep(0.02)


def in_turn(ways: Mapping[str, Callable[[], Spent]], repeats: int) -> dict[str, list[Spent]]:
    """Measure every way in turn, so that a change of load meets all of them."""
    found: dict[str, list[Spent]] = {name: [] for name in ways}
    for _ in range(repeats):
        for name, way in ways.items():
            found[name].append(way())
    return found


def show(title: str, found: Mapping[str, Sequence[Spent]], *, unit: str, each: int = 0) -> None:
    """Print medians as a table for `README.md`, with the ratio of each row to the row `unit`.

    With `each`, seconds are divided by that many submissions in two more columns.
    """
    heads = ["wall s", "CPU s", f"wall of {unit}", f"CPU of {unit}"]
    heads += ["wall s each", "CPU s each"] if each else []
    print(f"\n{title}; {setting()}\n")
    print(f"| | {' | '.join(heads)} |\n|{'---|' * (len(heads) + 1)}")
    for name, rows in found.items():
        wall, cpu = middle(rows)
        ratios = [
            Spent(a.wall_s / b.wall_s, a.cpu_s / max(b.cpu_s, 0.001))
            for a, b in zip(rows, found[unit], strict=True)
        ]
        values = [wall, cpu, *middle(ratios), *((wall / each, cpu / each) if each else ())]
        print(f"| {name} | {' | '.join(f'{value:.2f}' for value in values)} |", flush=True)


def middle(rows: Sequence[Spent]) -> tuple[float, float]:
    """Return the medians of wall and processor seconds."""
    return statistics.median(r.wall_s for r in rows), statistics.median(r.cpu_s for r in rows)


def setting() -> str:
    """Return the machine, the libraries and the load now, as a line."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    cores = len(os.sched_getaffinity(0))
    return (
        f"{cores} cores, {memory:.0f} GiB, Linux {platform.release().split('-')[0]}, "
        f"Python {platform.python_version()}, torch {version('torch')}, "
        f"load {os.getloadavg()[0]:.1f}"
    )


def import_torch() -> Spent:
    """Measure `import torch`, the measure that the others are compared with."""
    return measured([sys.executable, "-c", "import torch"])


def grade(handed_in: Path, out: Path, *options: str) -> list[str]:
    """Return the command that grades a folder."""
    words = [sys.executable, "-m", "grader", "grade", str(handed_in), "--out", str(out)]
    return [*words, "--quiet", *options]
