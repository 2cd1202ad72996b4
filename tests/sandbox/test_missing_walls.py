"""Each wall by itself: what the others hold without it, and what is refused where they do not."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from grader.errors import SandboxUnavailable
from grader.kernel.execution import run_notebook
from grader.kernel.process_tree import tree_of
from grader.kernel.processes import WarmParent
from grader.kernel.student import Student
from grader.kernel.watchdog import folder_size
from grader.sandbox import linux, policy
from grader.sandbox.policy import PROMISES, Wall, broken_promises

ATTACKS = """
import ctypes, os, socket, time
def refused(attempt):
    try:
        attempt()
        return False
    except BaseException:
        return True
libc = ctypes.CDLL(None, use_errno=True)
held = {
    "files": refused(lambda: open("/etc/shadow").read()),
    "network": refused(lambda: socket.create_connection(("127.0.0.1", 22), 1)),
    "parent": refused(lambda: os.kill(os.getppid() or 1 << 22, 0)),
    "calls": libc.ptrace(16, 1, 0, 0) < 0 and libc.unshare(0x10000000) < 0,
    "writing": refused(lambda: open("/usr/x", "w")),
}
through = [name for name, was_held in held.items() if not was_held]
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(100)
    os._exit(0)
os.wait()
"""


@pytest.fixture
def without(
    cells, small_limits, values, forks
) -> Iterator[Callable[..., tuple[list[str], WarmParent]]]:
    """Attack a kernel that lacks some walls; returns what got through, and the warm parent."""
    parents: list[WarmParent] = []

    def attack(*walls: Wall) -> tuple[list[str], WarmParent]:
        parents.append(WarmParent(without=walls, forks=forks))
        limits = replace(small_limits, cell_s=10.0)
        notebook = run_notebook(cells(ATTACKS), parents[-1], limits, seed=1)
        try:
            assert notebook.cells[0].status == "ok", notebook.cells[0].error
            return values(notebook)["through"], parents[-1]
        finally:
            notebook.close()

    yield attack
    for parent in parents:
        parent.close()


@pytest.mark.parametrize(
    "walls",
    [
        (Wall.NETWORK, Wall.IPC, Wall.LANDLOCK),
        (Wall.PIDS, Wall.USER),
        (Wall.QUOTA,),
    ],
    ids=" and ".join,
)
def test_what_one_wall_does_not_hold_another_does(without, walls):
    through, parent = without(*walls)
    assert through == []
    assert parent.standing.isdisjoint(walls)
    started = set(tree_of(parent._process.pid))
    assert len(started) <= 2, "the process that hid itself is still there"


@pytest.mark.parametrize("wall", [Wall.ROOT, Wall.SECCOMP, Wall.PRIVILEGES, Wall.LIMITS])
def test_a_wall_that_nothing_stands_in_for_is_demanded(wall):
    broken = broken_promises({wall})
    assert broken
    assert all(any(wall in way for way in PROMISES[promise]) for promise in broken)


def test_grading_is_refused_with_what_is_missing_and_what_to_do():
    parent = WarmParent(without=[Wall.MOUNTS])
    try:
        with pytest.raises(SandboxUnavailable) as caught:
            parent.wait()
    finally:
        parent.close()
    said = str(caught.value)
    assert "sockets of this machine's programs" in said
    assert "mount namespace: left out on purpose" in said
    assert "--isolation process" in said


def test_every_wall_serves_a_promise():
    helping = {Wall.MOUNTS, Wall.QUOTA, Wall.USER}  # others are built from them, or watch instead
    assert {wall for ways in PROMISES.values() for way in ways for wall in way} | helping == {*Wall}


def test_a_folder_without_a_quota_is_measured_no_further_than_it_must(tmp_path):
    for number in range(30):
        (tmp_path / f"{number}").write_bytes(bytes(5_000))
    assert folder_size(tmp_path, 100) == (30 * 8192, 30)
    assert folder_size(tmp_path, 10)[1] == 11
    assert folder_size(tmp_path / "nothing", 10) == (0, 0)


def test_files_are_bounded_where_no_quota_can_be_mounted(cells, small_limits, forks):
    parent = WarmParent(without=[Wall.QUOTA], forks=forks)
    flood = "import time\nfor i in range(5_000): open(str(i), 'w').close()\ntime.sleep(5)"
    try:
        limits = replace(small_limits, cell_s=10.0)
        notebook = run_notebook(cells(flood), parent, limits, seed=1)
        notebook.close()
        assert notebook.cells[0].error == "wrote more than 32 MiB, or more than 1000 files"
    finally:
        parent.close()
    assert not parent.scratch.exists()


@pytest.mark.parametrize("abi", range(1, max(linux.landlock_abi(), 1) + 1))
def test_a_kernel_with_an_older_landlock_is_asked_for_what_it_has(monkeypatch, abi):
    if not linux.landlock_abi():
        pytest.skip("this kernel has no Landlock")
    monkeypatch.setattr(linux, "landlock_abi", lambda: abi)
    rules = linux.Landlock()
    rules.allow_reading(policy.SYSTEM_FOLDERS)
    rules.allow_writing([str(Path.cwd())])
    rules.allow_files(["/dev/null"])


@pytest.mark.parametrize("start", ["warm", "warm without walls", "cold"])
def test_kernels_start_below_a_long_temporary_folder(
    start, tmp_path, monkeypatch, small_limits, cells
):
    place = tmp_path / ("d" * 150)
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    parent = None
    if start != "cold":
        parent = WarmParent(isolate="walls" not in start)
        parent.wait()
    try:
        limits = replace(small_limits, cell_s=30.0)
        notebook = run_notebook(cells("x = 1", "x += 1"), parent, limits, seed=1)
        assert [cell.status for cell in notebook.cells] == ["ok", "ok"]
        assert {e.name: e.value for e in Student(notebook.connection, {}).values()} == {"x": 2}
        notebook.close()
    finally:
        if parent is not None:
            parent.close()
    assert not [path for path in place.iterdir() if path.name.startswith(("grader", "k", "."))]
