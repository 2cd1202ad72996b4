"""The priority of a kernel that runs much at once, and what it leaves to others."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from grader.kernel.priority import FEW, Priority, niceness_of
from grader.kernel.process_tree import end_descendants, tree_of

BUSY = (
    "import os, time\nfor _ in range({n}):\n    if os.fork() == 0:\n        while True: pass\n"
    "print(flush=True)\ntime.sleep(100)"
)


@pytest.fixture
def start():
    """Start a process with so many busy children."""
    parents = []

    def make(n):
        code = BUSY.format(n=n)
        parents.append(subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE))
        parents[-1].stdout.readline()
        return parents[-1].pid

    yield make
    for parent in parents:
        end_descendants(parent.pid, 100)
        parent.kill()
        parent.wait()
        parent.stdout.close()


def niceness(pid):
    return os.getpriority(os.PRIO_PROCESS, pid)


def look_until(priority, pid, reached):
    for _ in range(100):
        priority.look(tree_of(pid))
        if reached():
            return True
        time.sleep(0.01)
    return False


def test_many_busy_threads_weigh_about_as_much_as_one():
    assert [niceness_of(n) for n in (0, 1, FEW)] == [0, 0, 0]
    for n in range(FEW + 1, 60):
        assert n * 1.25 ** -niceness_of(n) < 1.2
    assert niceness_of(10_000) == 19


def test_a_kernel_with_many_busy_children_and_what_they_start_come_last(start):
    pid = start(FEW + 8)
    priority = Priority()
    assert look_until(priority, pid, lambda: priority.niceness >= 10)
    assert {niceness(one) for one in tree_of(pid)} == {priority.niceness}


def test_a_kernel_with_few_busy_children_keeps_its_priority(start):
    pid = start(2)
    priority = Priority()
    for _ in range(5):
        priority.look(tree_of(pid))
    assert {niceness(one) for one in tree_of(pid)} == {0}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can raise a priority")
def test_a_kernel_gets_its_priority_back_when_its_children_are_gone(start):
    pid = start(FEW + 4)
    priority = Priority()
    assert look_until(priority, pid, lambda: priority.niceness > 5)
    end_descendants(pid, 100)
    assert look_until(priority, pid, lambda: niceness(pid) == 0)


def test_a_priority_that_may_not_be_raised_stays(start, monkeypatch):
    pid = start(FEW + 4)
    priority = Priority()
    assert look_until(priority, pid, lambda: priority.niceness > 5)
    kept = priority.niceness
    end_descendants(pid, 100)

    def refuse(*_):
        raise PermissionError

    monkeypatch.setattr(os, "setpriority", refuse)
    priority.look(tree_of(pid))
    assert priority.niceness == kept


def test_a_tree_that_is_gone_has_no_priority():
    priority = Priority()
    priority.look([2**22 + 1])
    assert priority.niceness == 0
