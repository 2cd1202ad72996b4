"""Work is late by processor seconds; sleep by the wall clock; a wait for others by neither."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from grader.kernel import deadlines
from grader.kernel.deadlines import MOST_FORGIVEN, Deadline, Spent, TreeClock, Turns
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


# ------------------------------------------------------------------- who causes a wait for a core


@dataclass
class FakeProcess:
    """What Linux says of a process: how much it and its main thread ran, and how long it waited."""

    ran_s: float = 0.0
    waited_s: float = 0.0


class Tree:
    """A kernel (1) and its children, whose numbers in /proc are made up."""

    def __init__(self, clock: Clock, children: int = 0) -> None:
        self._clock = clock
        self.processes = {pid: FakeProcess() for pid in range(1, children + 2)}
        self.clock = TreeClock(1)
        self.look()

    def pass_by(self, seconds: float, **of: tuple[float, float]) -> None:
        """Let time pass, seen every 0.1 s; of each process, how much it ran and waited a second."""
        for _ in range(round(seconds / 0.1)):
            self._clock.move(0.1)
            for name, (ran, waited) in of.items():
                chosen = [1] if name == "kernel" else [pid for pid in self.processes if pid > 1]
                for pid in chosen:
                    self.processes[pid].ran_s += 0.1 * ran
                    self.processes[pid].waited_s += 0.1 * waited
            self.look()

    def look(self) -> Spent:
        return self.clock.look(list(self.processes))


@pytest.fixture
def made_up(clock, monkeypatch) -> Callable[..., Tree]:
    trees: list[Tree] = []

    def of_process(pid: int) -> tuple[str, float, float] | None:
        found = trees[-1].processes.get(pid) if trees else FakeProcess()
        return None if found is None else ("0", found.ran_s, 0.0)

    def turns(pid: int) -> Turns:
        found = trees[-1].processes[pid] if trees else FakeProcess()
        return Turns(found.ran_s, found.waited_s)

    def make(children: int = 0) -> Tree:
        trees.append(Tree(clock, children))
        return trees[-1]

    monkeypatch.setattr(deadlines, "_of_process", of_process)
    monkeypatch.setattr(deadlines, "_turns", turns)
    return make


def test_a_kernel_that_waits_for_its_neighbours_is_starved_for_as_long(made_up):
    tree = made_up()
    tree.pass_by(10.0, kernel=(0.1, 0.9))
    assert tree.look().starved_s == pytest.approx(9.0, abs=0.1)


def test_children_that_take_the_cores_from_each_other_are_not_starved(made_up):
    tree = made_up(children=60)  # two cores among them, and each waits nearly all the time
    tree.pass_by(10.0, children=(2 / 60, 58 / 60))
    assert tree.look().starved_s == 0


def test_children_that_take_the_core_from_their_kernel_do_not_starve_it(made_up):
    tree = made_up(children=60)
    tree.pass_by(10.0, kernel=(0.02, 0.98), children=(0.98 / 60, 0.95))
    assert tree.look().starved_s <= 0.1


def test_many_that_wait_for_moments_count_as_one(made_up):
    tree = made_up(children=60)  # in bursts: little work, and much waiting when it is added up
    tree.pass_by(10.0, children=(0.1 / 60, 0.15))
    assert tree.look().starved_s <= 0.6


def test_of_a_crowd_beside_neighbours_only_their_share_of_the_wait_is_left_out(made_up):
    tree = made_up(children=60)  # a quarter of a core among them, the rest is the neighbours'
    tree.pass_by(10.0, children=(0.25 / 60, 1 - 0.25 / 60))
    assert 7.0 <= tree.look().starved_s <= 7.6


def test_a_child_that_waits_for_neighbours_is_starved_as_its_kernel_would_be(made_up):
    tree = made_up(children=1)
    tree.pass_by(10.0, children=(0.1, 0.9))
    assert tree.look().starved_s == pytest.approx(9.0, abs=0.1)


def test_no_more_than_the_time_that_passed_is_left_out(made_up):
    tree = made_up()
    tree.pass_by(10.0, kernel=(0.0, 5.0))
    assert tree.look().starved_s <= 10.0


def test_what_a_process_waited_before_it_was_first_seen_is_not_left_out(made_up):
    tree = made_up()
    tree.processes[2] = FakeProcess(0.0, 100.0)
    tree.pass_by(2.0)
    assert tree.look().starved_s == 0


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


def test_a_crowd_of_children_on_one_core_does_not_stretch_the_wall_clock(tree):
    crowd = (
        "import os, time\nos.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
        "for _ in range(20):\n    if os.fork() == 0:\n        while True: pass\ntime.sleep(0.2)"
    )
    process, clock = tree(crowd)
    assert process.stdout is not None
    process.stdout.readline()
    first, started = clock.look(), time.monotonic()
    while time.monotonic() < started + 2.0:
        time.sleep(0.1)
        clock.look()
    spent = clock.look() - first
    # summed up, they wait for 19 seconds in each; the core works for them or for others
    assert spent.starved_s + spent.processor_s <= 1.1 * (time.monotonic() - started)
