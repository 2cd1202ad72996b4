"""A small class, runs of `grader grade` as processes of their own, and whatever they leave behind.

Whoever loses its parent here becomes a child of the tests, so a process that outlives its run is
seen whatever it is: a worker, a warm parent, a kernel.
"""

from __future__ import annotations

import ctypes
import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

if not Path("/proc/self/task", str(os.getpid()), "children").exists():
    pytest.skip("whose child a process is cannot be told here", allow_module_level=True)

CLASSES = {"class": 40, "few": 12}
POINTS = 2
HANGS_S = 300.0  # a run that takes longer hangs
_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER
CHECK = f"""
@check(points={POINTS})
def test_values(student):
    "Every number is doubled."
    assert_equal(student.double(torch.ones(1)), 2 * torch.ones(1), call="double([1])")
"""


def children(pid: int) -> list[int]:
    """The processes a process has started, whichever of its threads did."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*"):
        with suppress(OSError):
            found += map(int, (task / "children").read_text().split())
    return found


def command_of(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    return ""


def started_at(pid: int) -> int:
    """When a process was started, in ticks of the clock."""
    with suppress(OSError):
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    return 0


def wait_for(what: Callable[[], object]) -> None:
    """Wait until something holds; it is no matter how long it takes, unless it is for ever."""
    end = time.monotonic() + HANGS_S
    while not what():
        assert time.monotonic() < end, "it hangs"
        time.sleep(0.02)


class Run:
    """One `grader grade`, as a terminal starts it: with a process group of its own."""

    def __init__(self, folder: Path, *args: str) -> None:
        self._before = set(children(os.getpid()))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "grader", *args], cwd=folder, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            encoding="utf-8",
        )  # fmt: skip
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        self.lines.extend(line for line in self.process.stderr)  # grows as they come

    @property
    def said(self) -> str:
        return "".join(self.lines)

    @property
    def ended(self) -> bool:
        return self.process.poll() is not None

    @property
    def graded(self) -> int:
        """How many results were told so far, stored ones counted."""
        return sum(bool(re.match(r"\[\d+/\d+\]", line)) for line in list(self.lines))

    def source(self) -> list[int]:
        """The process that workers are forked from: it is started first."""
        return self._trusted()[:1]

    def workers(self) -> list[int]:
        return self._trusted()[1:]

    def _trusted(self) -> list[int]:
        """Workers and their source, in the order in which they were started."""
        found = [pid for pid in children(self.process.pid) if "spawn_main" in command_of(pid)]
        return sorted(found, key=started_at)

    def pristine(self) -> list[int]:
        """The process that warm parents are forked from."""
        return [pid for pid in children(self.process.pid) if "boot.py pristine" in command_of(pid)]

    def warm_parents(self) -> list[int]:
        """The processes kernels are forked from, and those that wait for them."""
        found = [pid for parent in self.workers() + self.pristine() for pid in children(parent)]
        return found + [pid for parent in found for pid in children(parent)]

    def end(self) -> int:
        """Wait for the end, and for the end of everything it started; return the exit code."""
        code = self.process.wait(HANGS_S)
        wait_for(lambda: not self.left())
        self._reader.join(HANGS_S)
        assert self.process.stderr is not None
        self.process.stderr.close()
        # a worker that had only begun to start says so itself when its parent is gone
        assert "Traceback" not in self.said or "spawn_main" in self.said, self.said
        return code

    def left(self) -> list[int]:
        found = set(children(os.getpid())) - self._before - {self.process.pid}
        for pid in found:
            with suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
        return sorted(found)


@dataclass(frozen=True)
class Class:
    """A folder of submissions, a course, and runs over them."""

    folder: Path
    course: Path

    def grade(self, out: str = "out", *more: str, who: str = "few", jobs: int = 1) -> Run:
        # a second worker loads torch once more, which is what takes the time here
        args = ("grade", who, "--assignment", str(self.course), "--jobs", str(jobs), "--out", out)
        return Run(self.folder, *args, *more)

    def report(self, out: str = "out") -> int:
        return Run(self.folder, "report", "--out", out).end()

    def stored(self, out: str = "out") -> dict[str, tuple[str, float]]:
        """Return status and points of every student; whatever happened, the file is whole."""
        path = self.folder / out / "gradebook.sqlite"
        if not path.exists():
            return {}
        with closing(sqlite3.connect(path)) as book:
            assert book.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            if not book.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                return {}  # broken off before there was a table
            rows = book.execute("SELECT student, status, points FROM results").fetchall()
        assert len(rows) == len({row[0] for row in rows}), "nobody is graded twice"
        return {student: (status, points) for student, status, points in rows}

    def rows(self, out: str = "out") -> list[str]:
        """Return the rows of grades.csv, without its head."""
        return (self.folder / out / "grades.csv").read_text(encoding="utf-8").splitlines()[1:]


def kill(pids: list[int], choose: Callable[[list[int]], int]) -> bool:
    """End one of some processes as `kill -9` does; there may be none just now."""
    if not pids:
        return False
    with suppress(ProcessLookupError):
        os.kill(choose(pids), signal.SIGKILL)
        return True
    return False


@pytest.fixture(autouse=True, scope="module")
def adopted() -> Iterator[None]:
    """Become the parent of every process below that loses its own."""
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(_SUBREAPER, 1, 0, 0, 0) == 0
    yield
    libc.prctl(_SUBREAPER, 0, 0, 0, 0)


@pytest.fixture(scope="module")
def students(
    tmp_path_factory: pytest.TempPathFactory,
    write_course: Callable[..., Path],
    write_notebook: Callable[..., Path],
) -> Class:
    """A class of forty and one of twelve, all of whom doubled right."""
    folder = tmp_path_factory.mktemp("recovery")
    course = write_course(folder, {"double": CHECK})
    for who, size in CLASSES.items():
        for number in range(size):
            path = folder / who / f"s{number:02}.ipynb"
            write_notebook(path, f"def double(x): return 2 * x + {number} - {number}")
    return Class(folder, course)


@pytest.fixture
def killing() -> Callable[[list[int], Callable[[list[int]], int]], bool]:
    return kill


@pytest.fixture
def waiting() -> Callable[[Callable[[], object]], None]:
    return wait_for


@pytest.fixture
def everybody() -> Callable[..., dict[str, tuple[str, float]]]:
    """What the gradebook holds of a class in the end."""

    def graded(who: str = "few") -> dict[str, tuple[str, float]]:
        return {f"s{number:02}": ("graded", float(POINTS)) for number in range(CLASSES[who])}

    return graded
