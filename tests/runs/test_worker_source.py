"""Workers that are forked from one process, which has loaded torch and the checks for all."""

from __future__ import annotations

import gc
import os
import sys
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from grader.errors import CourseError
from grader.grading.plan import Plan
from grader.kernel.process_tree import tree_of
from grader.reading.submissions import find_submissions
from grader.runs.scheduling import Finished, grade_all
from grader.runs.worker import Inherited
from grader.runs.worker_bounds import Excess, WorkerBounds
from grader.runs.worker_source import CannotForkError, WorkerSource
from grader.verdict import Status

CHECK = """
@check(points=2)
def test_values(student):
    "Every number is doubled."
    assert_equal(student.double(torch.ones(1)), 2 * torch.ones(1), call="double([1])")
"""
IN_A_THREAD = """
import threading
threading.Thread(target=threading.Event().wait, daemon=True).start()
"""


@pytest.fixture(scope="module")
def plan(tmp_path_factory, write_course) -> Plan:
    return Plan(str(write_course(tmp_path_factory.mktemp("course"), {"double": CHECK})))


@pytest.fixture(scope="module")
def source(plan) -> Iterator[WorkerSource]:
    with closing(WorkerSource(plan, [])) as made:
        made.wait()
        yield made


def tells_about_itself(plan, pipe):
    torch = sys.modules["torch"]
    threads = len(os.listdir("/proc/self/task"))
    exercises = [one.name for one in Inherited.loaded.session.exercises]
    total = (torch.ones(400, 400) @ torch.ones(400, 400)).sum().item()
    pipe.send((os.getppid(), threads, exercises, total))
    sys.exit(3)


def tells_about_garbage(plan, pipe):
    pipe.send((gc.isenabled(), gc.get_freeze_count() > 100_000))


def waits(plan, pipe):
    pipe.send("waiting")
    time.sleep(600)


def graded(plan, folder, source):
    found = find_submissions([folder], assignment=plan.assignment.name)
    events = list(grade_all(plan, found, jobs=2, source=source))
    return {e.result.student: e.result for e in events if isinstance(e, Finished)}


@pytest.fixture(scope="module")
def small_class(tmp_path_factory, write_notebook):
    folder = tmp_path_factory.mktemp("class")
    for student in ("ann", "bob", "cleo"):
        write_notebook(folder / student / "hw.ipynb", "def double(x): return 2 * x")
    return folder


def test_a_worker_is_a_child_of_this_process_and_has_what_was_loaded(source, plan):
    worker, pipe = source.fork(tells_about_itself, plan)
    parent, threads, exercises, total = pipe.recv()
    worker.join(30)
    assert (parent, threads, exercises) == (os.getpid(), 1, ["double"])
    assert (total, worker.exitcode) == (400.0**3, 1)


def test_a_worker_collects_its_own_garbage_and_leaves_what_was_loaded_alone(source, plan):
    worker, pipe = source.fork(tells_about_garbage, plan)
    assert pipe.recv() == (True, True)
    worker.join(30)


def test_a_worker_that_is_killed_has_an_exit_code_and_takes_no_other_with_it(source, plan):
    (first, told), (second, other) = (source.fork(waits, plan) for _ in range(2))
    assert (told.recv(), other.recv()) == ("waiting", "waiting")
    first.kill()
    first.join(30)
    assert first.exitcode == -9
    second.join(0)
    assert second.exitcode is None
    second.kill()
    second.join(30)


def test_the_source_knows_what_the_exercises_are_worth(source):
    assert sum(source.points().values()) == 2


def test_a_class_is_graded_by_forked_workers(source, plan, small_class):
    results = graded(plan, small_class, source)
    right = dict.fromkeys(("ann", "bob", "cleo"), (Status.GRADED, 2))
    assert {name: (r.status, r.points) for name, r in results.items()} == right


def test_an_error_of_the_course_arrives_here(tmp_path, write_course):
    folder = write_course(tmp_path, {"double": "import no_such_module\n" + CHECK})
    with closing(WorkerSource(Plan(str(folder)), [])) as source, pytest.raises(CourseError) as told:
        source.points()
    assert "no_such_module" in str(told.value)


def test_where_checks_start_threads_workers_are_fresh_processes(
    tmp_path, write_course, small_class
):
    plan = Plan(str(write_course(tmp_path, {"double": CHECK + IN_A_THREAD})))
    with closing(WorkerSource(plan, [])) as source:
        with pytest.raises(CannotForkError, match="1 more thread"):
            source.wait()
        results = graded(plan, small_class, source)
    assert {r.points for r in results.values()} == {2}


def test_the_time_of_a_process_that_works_for_a_worker_counts_as_its_own(source, plan):
    idle, pipe = source.fork(waits, plan)
    busy = os.fork()
    if busy == 0:
        while True:
            pass
    try:
        assert pipe.recv() == "waiting"
        assert busy not in tree_of(idle.pid)
        bounds = WorkerBounds(idle.pid)
        bounds.beside = busy
        bounds.begin(1.0)
        bounds._deadline.ceiling_s = 600.0  # a busy machine may give it no core for long
        while (found := bounds.excess()) is None:
            time.sleep(0.05)
        assert found is Excess.LATE
    finally:
        os.kill(busy, 9)
        os.waitpid(busy, 0)
        idle.kill()
        idle.join()
