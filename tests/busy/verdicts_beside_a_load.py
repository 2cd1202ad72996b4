"""Grades classes twice, alone and beside a load of three busy processes a core: equal verdicts.

Takes many minutes, so its name keeps it out of `make test`; `make test-busy` runs it. Beside the
sample class and hostile notebooks, it grades the notebooks of the folder that the environment
variable GRADER_BUSY_NOTEBOOKS names. GRADER_BUSY_ONLY names exercises, `corr2d,LeNet`, in place of
all.
"""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PER_CORE = 3
NOTEBOOKS, ONLY = "GRADER_BUSY_NOTEBOOKS", "GRADER_BUSY_ONLY"
CHECK = """
@check(points=2)
def test_values(student):
    "Every number is doubled."
    assert_equal(student.double(torch.ones(1)), 2 * torch.ones(1), call="double([1])")

@check(points=1)
def test_shapes(student):
    "A matrix is doubled, too."
    assert_equal(student.double(torch.ones(2, 3)), 2 * torch.ones(2, 3), call="double(ones)")
"""
LIMITS = """
[limits]
cell_s = 2.0
notebook_s = 20.0
call_s = 1.0
exercise_s = 8.0
interrupt_s = 2.0
memory_bytes = 1_000_000_000
processes = 24
"""
RIGHT = "def double(x): return 2 * x"
HOSTILE = {
    "busy-answer": ("def double(x):\n    while True: pass",),
    "busy-cell": ("while True: pass", RIGHT),
    "busy-children": (
        "import os\nfor _ in range(4):\n    if os.fork() == 0:\n        while True: pass",
        RIGHT,
    ),
    "busy-thread": (
        "import threading\ndef spin():\n    while True: pass\n"
        "threading.Thread(target=spin, daemon=True).start()",
        RIGHT,
    ),
    "ends-itself": ("import os\nos._exit(0)", RIGHT),
    "fills-memory": ("kept = [bytearray(1 << 28) for _ in range(64)]", RIGHT),
    "forks-on": ("import os\nwhile True:\n    try: os.fork()\n    except OSError: break", RIGHT),
    "ignores-interrupts": (
        "while True:\n    try:\n        while True: pass\n    except KeyboardInterrupt: pass",
        RIGHT,
    ),
    "prints-on": ("while True: print('x' * 1000)", RIGHT),
    "right": (RIGHT,),
    "slow-but-within": (
        "import time\ndef double(x):\n    end = time.process_time() + 0.3\n"
        "    while time.process_time() < end: pass\n    return 2 * x",
    ),
    "sleeps": ("import time\ntime.sleep(600)", RIGHT),
    "sleeps-in-the-answer": ("import time\ndef double(x): time.sleep(600)",),
    "wrong": ("def double(x): return 3 * x",),
}


@contextmanager
def load(count: int) -> Iterator[None]:
    """Keep processors busy with processes that this block starts and ends."""
    processes = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def verdicts(folder: Path, out: Path, *args: str) -> dict[tuple[str, ...], tuple[str, ...]]:
    """Grade a folder; return verdict and points of every check, and the status of everyone."""
    done = subprocess.run(
        [sys.executable, "-m", "grader", "grade", str(folder), "--out", str(out), "--quiet", *args],
        capture_output=True, encoding="utf-8", check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: dict[tuple[str, ...], tuple[str, ...]] = {}
    with (out / "checks.csv").open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            place = (row["student"], row["exercise"], row["check"])
            found[place] = (row["verdict"], row["points"])
    with (out / "grades.csv").open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            found[row["student"],] = (row["status"], row["points"])
    assert found
    return found


@pytest.fixture
def same(tmp_path):
    """Grade a folder alone and beside the load; return how many verdicts there are, all equal."""

    def compare(folder: Path, *args: str) -> int:
        alone = verdicts(folder, tmp_path / "alone", *args)
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        with load(PER_CORE * (cores or 1)):
            busy = verdicts(folder, tmp_path / "busy", *args)
        differing = {
            place: (alone.get(place), busy.get(place))
            for place in alone.keys() | busy.keys()
            if alone.get(place) != busy.get(place)
        }
        assert differing == {}
        return len(alone)

    return compare


def only() -> tuple[str, ...]:
    names = os.environ.get(ONLY, "")
    return ("--only", names) if names else ()


def test_hostile_notebooks_end_as_on_a_quiet_machine(
    same, tmp_path_factory, write_notebook, write_course
):
    folder = tmp_path_factory.mktemp("hostile")
    for name, cells in HOSTILE.items():
        write_notebook(folder / "class" / name / "hw.ipynb", *cells)
    course = write_course(folder, {"double": CHECK}, LIMITS)
    assert same(folder / "class", "--assignment", str(course)) == 3 * len(HOSTILE)


def test_the_sample_class_has_the_verdicts_of_a_quiet_machine(same):
    assert same(ROOT / "submissions", *only())


@pytest.mark.skipif(not os.environ.get(NOTEBOOKS), reason=f"{NOTEBOOKS} names no folder")
def test_other_notebooks_have_the_verdicts_of_a_quiet_machine(same):
    assert same(Path(os.environ[NOTEBOOKS]), *only())
