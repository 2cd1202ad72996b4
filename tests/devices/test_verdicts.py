"""A GPU's memory that was full has a verdict; a GPU that does not compute costs nobody a point."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from grader.doctor import _devices
from grader.errors import GpuOutOfMemory, GpuUnavailable
from grader.grading import grader as grading
from grader.grading.grader import Grader
from grader.grading.plan import Plan
from grader.kernel import gpus
from grader.kernel.gpus import Gpu, is_free
from grader.records import Cell, Limits, Submission, SubmissionResult
from grader.runs import scheduling
from grader.verdict import Status, Verdict, verdict_of

STAND_IN = Gpu(0, "Stand-in", "/dev/full", "GPU-00000000-aaaa")
CHECKS = """
@check(points=4)
def test_values(student):
    "Every number is doubled."
    x = torch.ones(2)
    assert_equal(student.double(x), 2 * x, call="double([1, 1])")

@check(points=1)
def test_zero(student):
    "Zero stays zero."
    assert_equal(student.double(torch.zeros(1)), torch.zeros(1), call="double([0])")
"""
RIGHT = "def double(x): return 2 * x"
FULL = "CUDA out of memory. Tried to allocate 20.00 GiB."
FILLS = f"""
import torch
def double(x):
    if x.sum() > 0:
        raise torch.OutOfMemoryError({FULL!r})
    return 2 * x
"""
FAKES = """
class OutOfMemoryError(Exception):
    def __str__(self):
        return "passed"
def double(x):
    raise OutOfMemoryError
"""


def handed_in(*sources: str) -> Submission:
    cells = tuple(Cell(i, "code", source) for i, source in enumerate(sources))
    return Submission("kim", "kim.ipynb", "0" * 64, cells)


def verdicts(result: SubmissionResult) -> list[str]:
    return [str(check.verdict) for check in result.exercises[0].checks]


@pytest.fixture(scope="module")
def plan(tmp_path_factory, write_course) -> Plan:
    course = write_course(tmp_path_factory.mktemp("course"), {"double": CHECKS})
    return Plan(str(course), limits=Limits(call_s=2.0, cell_s=5.0))


@pytest.fixture
def open_grader(warm, monkeypatch):
    """Open a grader over the warm parent that all tests share."""
    monkeypatch.setattr(grading, "warm_parent", lambda _plan: warm)
    monkeypatch.setattr(type(warm), "close", lambda _: None)
    return Grader


@pytest.fixture
def grade(open_grader, plan) -> Iterator[Callable[..., SubmissionResult]]:
    with open_grader(plan) as grader:
        yield lambda *sources: grader.grade(handed_in(*sources))


@pytest.fixture
def leases(tmp_path, monkeypatch):
    monkeypatch.setattr(gpus, "lease_folder", lambda: tmp_path)
    return tmp_path


# ------------------------------------------------------------------------------------- memory


def test_a_gpu_whose_memory_was_full_has_its_verdict_and_its_sentence(grade):
    result = grade(FILLS)
    assert verdicts(result) == ["out_of_memory", "passed"]
    message = result.exercises[0].checks[0].message
    assert "needed more memory of the GPU than it may use: CUDA out of memory" in message
    assert result.points == 1


def test_who_only_claims_that_the_memory_was_full_earns_nothing(grade):
    result = grade(FAKES)
    assert verdicts(result) == ["out_of_memory", "out_of_memory"]
    assert (result.points, result.status) == (0, Status.GRADED)


def test_a_cell_that_filled_the_gpu_says_so_and_the_next_one_runs(grade):
    result = grade(f"import torch\nraise torch.OutOfMemoryError({FULL!r})", RIGHT)
    assert [run.status for run in result.cells] == ["raised", "ok"]
    assert result.cells[0].error == f"needed more memory of the GPU than it may use: {FULL}"
    assert result.points == 5


def test_the_error_travels_between_processes_and_keeps_its_verdict():
    error = pickle.loads(pickle.dumps(GpuOutOfMemory("net(x)", FULL)))
    assert (str(error), verdict_of(error)) == (
        f"net(x) needed more memory of the GPU than it may use: {FULL}",
        Verdict.OUT_OF_MEMORY,
    )


# ------------------------------------------------------------------------------------- the run


def test_the_key_and_the_facts_change_with_the_model_of_the_gpu_and_not_with_which_one(plan):
    ours, same = replace(plan, gpus=(STAND_IN,)), replace(STAND_IN, number=1, node="/dev/tty")
    assert (plan.facts()["device"], ours.facts()["device"]) == ("cpu", "cuda: Stand-in")
    one = handed_in(RIGHT)
    assert plan.key(one) != ours.key(one) == replace(plan, gpus=(same,)).key(one)


def test_a_gpu_that_does_not_compute_inside_refuses_the_run_and_says_what_to_do(
    warm_with_stand_ins, plan, leases, monkeypatch
):
    monkeypatch.setattr(grading, "warm_parent", lambda _plan: warm_with_stand_ins)
    monkeypatch.setattr(type(warm_with_stand_ins), "close", lambda _: None)
    with (
        pytest.raises(GpuUnavailable, match=r"Stand-in \(/dev/full\).*Give --device cpu"),
        Grader(replace(plan, gpus=(STAND_IN,))),
    ):
        pytest.fail("it must not be graded")
    assert is_free(STAND_IN)


def test_a_notebook_holds_its_gpu_from_its_first_cell_to_the_last_question(
    open_grader, plan, leases, monkeypatch
):
    free = []

    @contextmanager
    def watched(submission, warm, limits, seed, gpu, course, **_):
        assert gpu == STAND_IN
        free.append(is_free(STAND_IN))
        with opened(submission, warm, limits, seed, course=course) as notebook:
            yield notebook
        free.append(is_free(STAND_IN))

    opened = grading.OpenNotebook
    monkeypatch.setattr(grading, "OpenNotebook", watched)
    monkeypatch.setattr(grading, "try_out", lambda warm, gpu: free.append(is_free(gpu)))
    with open_grader(replace(plan, gpus=(STAND_IN,))) as grader:
        result = grader.grade(handed_in(RIGHT))
    assert (result.points, result.facts["device"]) == (5, "cuda: Stand-in")
    assert free == [False, False, False]
    assert is_free(STAND_IN)


def test_there_are_no_more_workers_than_gpus(plan, monkeypatch):
    class Team:
        def __init__(self, plan, submissions, *, jobs, source):
            hired.append(jobs)

        def work(self):
            return iter(())

        def close(self): ...

    hired: list[int] = []
    monkeypatch.setattr(scheduling, "_Team", Team)
    three = [handed_in(RIGHT)] * 3
    for lent in ((), (STAND_IN,), (STAND_IN, STAND_IN)):
        list(scheduling.grade_all(replace(plan, gpus=lent), three, jobs=8))
    assert hired == [3, 1, 2]


def test_the_doctor_tries_a_free_gpu_out_and_leaves_a_held_one_alone(
    warm_with_stand_ins, leases, monkeypatch
):
    monkeypatch.setattr("grader.doctor.WarmParent", lambda **_: warm_with_stand_ins)
    monkeypatch.setattr(type(warm_with_stand_ins), "close", lambda _: None)
    found = gpus.Found((STAND_IN,))
    assert [f.good for f in _devices(found)] == [None, False]
    with gpus.leased((STAND_IN,)):
        states = [finding.state for finding in _devices(found)]
    assert states == ["cuda: Stand-in", "Stand-in, in use by another run"]
