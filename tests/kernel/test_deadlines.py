"""Work is late by processor seconds; sleep by the wall clock; a wait for a core by neither."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest

from grader.kernel import deadlines
from grader.kernel.deadlines import MOST_FORGIVEN, Deadline, Spent, TreeClock
from grader.kernel.process_tree import end_descendants


class Clock:
    """A wall clock, and a kernel's, that stand until they are moved."""

    def __init__(self) -> None:
        self.wall_s = 100.0
        self.spent = Spent()

    def move(self, wall_s: float, processor_s: float = 0.0, starved_s: float = 0.0) -> None:
        self.wall_s += wall_s
        self.spent += Spent(processor_s, starved_s)


@pytest.fixture
def clock(monkeypatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(deadlines.time, "monotonic", lambda: made.wall_s)
    return made


@pytest.fixture
def deadline(clock) -> Deadline:
    """Five processor seconds, twenty by the wall clock, looked at for the first time."""
    made = Deadline(lambda: clock.spent, 5.0, 4.0)
    clock.move(0.2, 0.2)
    made.left()
    return made


def test_work_that_uses_its_processor_seconds_is_late(clock, deadline):
    clock.move(4.7, 4.7)
    assert deadline.left() > 0
    clock.move(0.3, 0.3)
    assert deadline.left() == 0
    assert (deadline.by_wall, deadline.what) == (False, "5 s of processor time")


def test_work_that_sleeps_is_late_at_the_wall_ceiling(clock, deadline):
    clock.move(19.7)
    assert deadline.left() > 0
    clock.move(0.2)
    assert deadline.left() == 0
    assert (deadline.by_wall, deadline.what) == (True, "20 s")


def test_work_on_a_busy_machine_is_late_no_sooner_than_on_a_quiet_one(clock, deadline):
    for _ in range(40):  # a twelfth of a core
        clock.move(1.2, 0.1, 1.1)
        assert deadline.left() > 0
    clock.move(12.0, 1.0, 11.0)
    assert deadline.left() == 0
    assert not deadline.by_wall


def test_work_that_waits_for_a_core_for_ever_is_late_in_the_end(clock, deadline):
    clock.move(20 * (1 + MOST_FORGIVEN), 0.0, 1_000.0)
    assert deadline.left() == 0


def test_what_was_forgiven_counts_neither_as_processor_nor_as_wall_time(clock, deadline):
    clock.move(30.0, 30.0)
    deadline.forgive(Spent(30.0), 30.0)
    assert deadline.left() > 0
    clock.move(5.0, 5.0)
    assert deadline.left() == 0


def test_a_look_is_not_taken_again_and_again_within_moments(clock):
    looks = []
    made = Deadline(lambda: looks.append(1) or clock.spent, 5.0, 4.0)
    for _ in range(1_000):
        clock.move(0.001)
        assert made.left() > 0
    assert len(looks) <= 60


# ------------------------------------------------------------------------------ real processes


BURN = "import time; end = time.process_time() + {0}\nwhile time.process_time() < end: pass\n"


@pytest.fixture
def tree() -> Iterator[Callable[[str], tuple[subprocess.Popen[bytes], TreeClock]]]:
    """Start Python on some code that prints when it is done and then sleeps."""
    started: list[subprocess.Popen[bytes]] = []

    def start(code: str) -> tuple[subprocess.Popen[bytes], TreeClock]:
        code += "\nimport time; print('done', flush=True); time.sleep(100)"
        process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
        started.append(process)
        return process, TreeClock(process.pid)

    yield start
    for process in started:
        end_descendants(process.pid, 100)
        process.kill()
        process.communicate()


def looked_until_done(process: subprocess.Popen[bytes], clock: TreeClock) -> float:
    assert process.stdout is not None
    os.set_blocking(process.stdout.fileno(), False)
    while not process.stdout.read():
        clock.look()
        time.sleep(0.02)
    return clock.look().processor_s


def test_a_process_is_counted_with_its_children_living_and_dead(tree):
    child = "import subprocess, sys\nsubprocess.run([sys.executable, '-c', {0!r}])\n"
    burn = BURN.format(0.3)
    assert looked_until_done(*tree(burn + child.format(burn))) >= 0.55


def test_children_that_nobody_waits_for_are_counted_as_they_were_last_seen(tree):
    code = "import os, signal, time\nsignal.signal(signal.SIGCHLD, signal.SIG_IGN)\n"
    body = BURN.format(0.4).replace("\n", "\n    ")
    code += f"if os.fork() == 0:\n    {body}os._exit(0)\ntime.sleep(0.1)\n"
    code += "try: os.wait()\nexcept ChildProcessError: pass"
    assert looked_until_done(*tree(code)) >= 0.25


def test_the_seconds_of_a_tree_never_go_back_after_its_end(tree):
    process, clock = tree(BURN.format(0.2))
    before = looked_until_done(process, clock)
    process.kill()
    process.wait()
    assert clock.look().processor_s >= before
