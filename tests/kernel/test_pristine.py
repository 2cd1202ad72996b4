"""Warm parents that are forked from one process, which has imported the libraries for all."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator

import pytest

from grader.course import load_course
from grader.kernel.execution import run_notebook
from grader.kernel.pristine import Pristine
from grader.kernel.processes import WarmParent
from grader.sandbox.policy import Wall

ENVIRONMENT = load_course().environment
WHAT_IS_KEPT = """
import os, sys
kept = [
    f"{name}.{key}"
    for name, module in list(sys.modules.items()) if name != "__main__"
    for key, value in list(vars(module or os).items())
    if isinstance(value, (str, bytes, os.PathLike)) and FOLDER in os.fsdecode(value)
]
kept += [value for value in os.environ.values() if FOLDER in value]
"""


@pytest.fixture(scope="module")
def pristine() -> Iterator[Pristine]:
    made = Pristine(environment=ENVIRONMENT)
    yield made
    made.close()


@pytest.fixture
def forked(pristine) -> Iterator[Callable[[], WarmParent]]:
    """Fork a warm parent, and wait until it is ready."""
    parents: list[WarmParent] = []

    def fork() -> WarmParent:
        parents.append(WarmParent(environment=ENVIRONMENT, forks=pristine.forks))
        parents[-1].wait()
        return parents[-1]

    yield fork
    for parent in parents:
        parent.close()


@pytest.fixture
def ran(cells, small_limits, values):
    """Run a cell in a kernel of a warm parent; return the values of its names."""

    def run(parent, source):
        notebook = run_notebook(cells(source), parent, small_limits, seed=0)
        try:
            assert notebook.cells[0].status == "ok", notebook.cells[0].error
            return values(notebook)
        finally:
            notebook.close()

    return run


def test_a_forked_warm_parent_has_the_walls_and_the_libraries_of_one_that_is_started(
    forked, ran, warm
):
    parent = forked()
    assert parent.is_forked
    assert not warm.is_forked
    assert parent.standing == warm.standing
    assert parent.wait().threads == 1
    source = "import os, sys\nloaded = sorted(sys.modules)\nnames = sorted(os.environ)\n"
    # set at an import of torch to a folder that no kernel may write to
    source += "names = [n for n in names if n != 'TORCHINDUCTOR_CACHE_DIR']"
    assert ran(parent, source) == ran(warm, source)


def test_a_kernel_collects_its_own_garbage_and_leaves_what_was_imported_alone(forked, ran, warm):
    source = "import gc\nkept = gc.isenabled(), gc.get_freeze_count() > 100_000"
    for parent in (forked(), warm):
        assert ran(parent, source)["kept"] == (True, True)


def test_a_warm_parent_that_is_killed_takes_no_other_with_it(forked, ran):
    first, second = forked(), forked()
    os.kill(first.pid, signal.SIGKILL)
    first._process.wait(10)
    assert not first.is_alive()
    assert second.is_alive()
    assert ran(second, "two = 1 + 1")["two"] == 2


def test_what_kernels_know_of_the_folder_of_the_pristine_process_does_not_exist_for_them(
    pristine, forked, ran
):
    source = f"FOLDER = {pristine._scratch.name!r}{WHAT_IS_KEPT}there = os.path.exists(home)"
    found = ran(forked(), f"home = {str(pristine._scratch)!r}\n{source}")
    assert set(found["kept"]) <= {
        "matplotlib.font_manager._HOME", "torchvision._internally_replaced_utils._HOME",
    }  # fmt: skip
    assert not found["there"]


def test_two_forks_share_neither_network_nor_processes_nor_scratch_folder(forked):
    first, second = forked(), forked()
    if Wall.PIDS not in first.standing:
        pytest.skip("without namespaces there is nothing to compare")
    for name in ("net", "ipc", "mnt", "pid_for_children"):
        inside = [os.readlink(f"/proc/{one.pid}/ns/{name}") for one in (first, second)]
        assert len({*inside, os.readlink(f"/proc/self/ns/{name}")}) == 3, name
    assert first.scratch != second.scratch


def test_a_warm_parent_ends_when_the_one_that_asked_for_it_closes_its_socket(forked):
    parent = forked()
    parent._control.close()
    assert parent._process.wait(10) == 0


def test_without_the_pristine_process_a_warm_parent_starts_alone(ran):
    gone = Pristine(environment=ENVIRONMENT)
    gone._process.kill()
    gone._process.wait()
    parent = WarmParent(environment=ENVIRONMENT, forks=gone.forks)
    try:
        parent.wait()
        assert not parent.is_forked
        assert ran(parent, "two = 1 + 1")["two"] == 2
    finally:
        parent.close()
        gone.close()
