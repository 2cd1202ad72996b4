"""A warm parent that ends or hangs under a notebook is replaced, and costs nobody a point."""

from __future__ import annotations

import gc
import os
import signal

import pytest
import zmq

from grader.errors import KernelLost
from grader.grading.grader import Grader
from grader.grading.open_notebook import OpenNotebook
from grader.grading.plan import Plan
from grader.kernel import processes
from grader.kernel.client import SandboxClient
from grader.records import Submission
from grader.verdict import Status


@pytest.fixture(scope="module")
def grader(students):
    with Grader(Plan(str(students.course))) as made:
        yield made


@pytest.fixture
def kim(cells):
    return Submission("kim", "kim.ipynb", "digest", cells("def double(x): return 2 * x"))


def test_a_warm_parent_that_ends_under_a_notebook_costs_nothing(grader, kim, monkeypatch, waiting):
    first, candidates = grader._warm, OpenNotebook.candidates

    def end_it_first(notebook, exercise):
        if grader._warm is first:
            os.kill(first._process.pid, signal.SIGKILL)
            waiting(lambda: not first.is_alive())
        return candidates(notebook, exercise)

    monkeypatch.setattr(OpenNotebook, "candidates", end_it_first)
    result = grader.grade(kim)
    assert (result.status, result.points) == (Status.GRADED, 2)
    assert grader._warm is not first


def test_a_warm_parent_that_hangs_is_replaced(grader, kim, monkeypatch):
    monkeypatch.setattr(processes, "_FORK_S", 0.2)
    first = grader._warm
    os.kill(first._process.pid, signal.SIGSTOP)
    for pid in processes_below(first._process.pid):
        os.kill(pid, signal.SIGSTOP)
    result = grader.grade(kim)
    assert (result.status, result.points) == (Status.GRADED, 2)
    assert grader._warm is not first


def processes_below(pid: int) -> list[int]:
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return [int(child) for child in file.read().split()]


def test_a_kernel_that_never_answers_leaves_no_socket_that_a_worker_would_wait_for(
    grader, kim, monkeypatch
):
    async def never(self, timeout=None):
        raise KernelLost("the kernel did not answer in time")

    def contexts():
        return [found for found in gc.get_objects() if issubclass(type(found), zmq.Context)]

    monkeypatch.setattr(SandboxClient, "wait_for_ready", never)
    before = contexts()
    result = grader.grade(kim)
    assert result.problem == "Internal error, no points are lost: the kernel did not answer in time"
    # to collect one that is open waits for its sockets: for ever, where they are collected later
    made = [context for context in contexts() if not any(context is one for one in before)]
    assert all(context.closed for context in made)
