"""Where control groups are found and what is written: in a folder that stands for the hierarchy.

Where this machine lets the tests make groups, a real kernel is put into one as well.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from grader.kernel import cgroups
from grader.kernel.cgroups import KernelGroup, Place, find_place
from grader.kernel.deadlines import TreeClock
from grader.kernel.memory_use import TreeMemory
from grader.kernel.watchdog import Watchdog
from grader.records import Limits

ALL = frozenset({"memory", "pids", "cpu"})
NO_PLACE = isinstance(cgroups.place(), str)


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Make a process's folder of /proc and a hierarchy; `_write` makes the files it writes."""
    proc, top = tmp_path / "proc", tmp_path / "cgroup"
    proc.mkdir()
    top.mkdir()
    monkeypatch.setattr(cgroups, "_write", lambda path, text: path.write_text(text))
    marked: set[Path] = set()

    def getxattr(path, name):
        if path in marked and name == "user.delegate":
            return b"1"
        raise OSError

    monkeypatch.setattr(os, "getxattr", getxattr)

    class Machine:
        folder, delegated = top, marked

        @staticmethod
        def group(name, controllers="memory pids cpu io", enabled="", processes=""):
            made = top / name.strip("/")
            made.mkdir(parents=True, exist_ok=True)
            (made / "cgroup.controllers").write_text(controllers)
            (made / "cgroup.subtree_control").write_text(enabled)
            (made / "cgroup.procs").write_text(processes)
            return made

        @staticmethod
        def find(own, kind="cgroup2"):
            row = f"30 24 0:26 / {top} rw,relatime - {kind} cgroup2 rw\n"
            (proc / "mountinfo").write_text("29 24 0:25 / /proc rw - proc proc rw\n" + row)
            (proc / "cgroup").write_text(f"4:memory:/old\n0::{own}\n")
            return find_place(proc)

    return Machine


def test_a_machine_without_version_2_has_no_place(machine):
    assert "no control groups of version 2" in machine.find("/", kind="cgroup")


def test_root_makes_groups_at_the_top(machine):
    machine.group("/", enabled="memory pids cpu io")
    machine.group("/user.slice")
    assert machine.find("/user.slice") == Place(machine.folder, ALL)


def test_controllers_that_are_elsewhere_are_done_without(machine):
    machine.group("/", controllers="hugetlb", enabled="")
    found = machine.find("/")
    assert found == Place(machine.folder, frozenset())
    assert found.what == "processor time of ended children"
    assert found.lacking.startswith("without memory, processes, shares of the processors (version")
    assert Place(machine.folder, ALL).lacking == ""


def test_a_delegated_scope_is_divided_and_its_processes_move_into_a_part(machine):
    top = machine.group("/")
    (top / "cgroup.type").write_text("domain")
    scope = machine.group("/user/run.scope", processes="11\n12\n")
    machine.delegated.add(scope)
    found = machine.find("/user/run.scope")
    assert found == Place(scope, found.controllers)
    assert (scope / "grader-itself" / "cgroup.procs").read_text() == "12"
    assert (scope / "cgroup.subtree_control").read_text() == "+cpu"  # each is written on its own


def test_a_worker_of_a_divided_scope_finds_the_same_place(machine):
    (machine.group("/") / "cgroup.type").write_text("domain")
    scope = machine.group("/user/run.scope", enabled="memory pids cpu")
    machine.group("/user/run.scope/grader-itself")
    assert machine.find("/user/run.scope/grader-itself") == Place(scope, ALL)


def test_the_scope_of_a_terminal_is_left_as_it_is(machine):
    (machine.group("/") / "cgroup.type").write_text("domain")
    scope = machine.group("/user/terminal.scope", processes="11\n12\n")
    assert "systemd-run" in machine.find("/user/terminal.scope")
    assert not (scope / "grader-itself").exists()


def test_a_group_gets_its_limits(machine, tmp_path):
    group = KernelGroup(Place(tmp_path, ALL), Limits())
    written = {path.name: path.read_text() for path in group.folder.iterdir()}
    assert written == {
        "memory.max": str((4 << 30) + (256 << 20) + (128 << 20)),
        "memory.oom.group": "1",
        "pids.max": "48",
        "cpu.weight": "100",
    }


def test_a_group_tells_time_and_memory(machine, tmp_path):
    group = KernelGroup(Place(tmp_path, ALL), Limits())
    assert (group.processor_s(), group.out_of_memory()) == (0.0, False)
    (group.folder / "cpu.stat").write_text("usage_usec 2500000\nuser_usec 2000000\n")
    (group.folder / "memory.events").write_text("low 0\nmax 7\noom 1\noom_kill 0\n")
    assert (group.processor_s(), group.out_of_memory()) == (2.5, False)
    (group.folder / "memory.events").write_text("low 0\nmax 7\noom 1\noom_kill 2\n")
    assert group.out_of_memory()


def test_a_kernel_that_the_system_ended_for_its_memory_is_out_of_memory(machine, tmp_path):
    group = KernelGroup(Place(tmp_path, ALL), Limits())
    (group.folder / "memory.events").write_text("oom_kill 1\n")
    pid = os.getpid()
    watchdog = Watchdog(None, TreeClock(pid), TreeMemory(pid), Limits(), None, group)
    watchdog.ask_group()
    assert watchdog.out_of_memory == 4 << 30
    assert watchdog.ended_for == "needed more than 4096 MiB of memory"
    watchdog._wake, watchdog._waker = -1, (os.close(watchdog._wake), os.close(watchdog._waker))


def test_a_group_that_cannot_be_made_is_done_without(monkeypatch, tmp_path, caplog):
    gone = Place(tmp_path / "gone", ALL)
    monkeypatch.setattr(cgroups, "place", lambda: gone)
    assert cgroups.make_group(Limits()) is None
    assert "no control group" in caplog.text


def test_groups_that_an_ended_grader_left_are_removed_and_others_are_not(tmp_path):
    for name in (f"grader-{2**22 + 1}-1", f"grader-{os.getpid()}-1", "grader-of-another"):
        (tmp_path / name).mkdir()
    cgroups._remove_abandoned(tmp_path)
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {f"grader-{os.getpid()}-1", "grader-of-another"}


@pytest.mark.skipif(NO_PLACE, reason="no place for control groups here")
def test_a_real_group_holds_a_process_and_is_removed_with_it():
    place = cgroups.place()
    group = KernelGroup(place, Limits())
    with subprocess.Popen(["sh", "-c", "while :; do :; done"]) as busy:
        group.begin_to_add(busy.pid)
        group.wait()
        assert str(busy.pid) in (group.folder / "cgroup.procs").read_text().split()
        group.remove()  # which ends it
        assert busy.wait() == -9
    assert not group.folder.exists()


@pytest.mark.skipif(NO_PLACE, reason="no place for control groups here")
def test_the_time_of_children_that_nobody_waits_for_counts(run):
    kernel = run(
        "import os, signal, time\nsignal.signal(signal.SIGCHLD, signal.SIG_IGN)",
        """
        for _ in range(40):
            ours, theirs = os.pipe()
            if os.fork() == 0:
                while time.process_time() < 0.03: pass
                os._exit(0)
            os.close(theirs)
            os.read(ours, 1)
            os.close(ours)
        """,
        cell_s=10.0,
    )._kernel._provisioner
    assert kernel.spent().processor_s > 1.2
    folder = kernel._group.folder
    assert folder.exists()
    kernel.close()
    assert not folder.exists()
