"""Two submissions at a time: what one spends is no loss of the other."""

from __future__ import annotations

from dataclasses import replace

import pytest

from grader.grading.grader import Grader
from grader.grading.plan import Plan
from grader.kernel.process_tree import tree_of
from grader.records import Submission
from grader.verdict import Verdict
from tests.hostile.conftest import RIGHT

CROWD = """
import os, signal
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
started, (gate, opener) = 0, os.pipe()
try:
    while started < 60:
        if os.fork() == 0:
            os.setsid()
            os.close(opener)
            os.read(gate, 1)  # until all are there
            {busy}
        started += 1
except OSError:
    pass
os.close(opener)
"""
BUSY = {
    "busy children": "while True: pass",
    "children that start children": ("while True:\n                if os.fork() == 0: os._exit(0)"),
}
LEARNS = """
import torch
from torch import nn
X = torch.ones((6, 8)); X[:, 2:6] = 0
K = torch.tensor([[1.0, -1.0]])
Y = corr2d(X, K)
conv2d = nn.LazyConv2d(1, kernel_size=(1, 2), bias=False)
X, Y = X.reshape((1, 1, 6, 8)), Y.reshape((1, 1, 6, 7))
for i in range(20):
    l = (conv2d(X) - Y) ** 2
    conv2d.zero_grad()
    l.sum().backward()
    conv2d.weight.data[:] -= 3e-2 * conv2d.weight.grad
total = sum(i % 7 for i in range(3_000_000))
"""


@pytest.fixture(scope="module")
def grader_of_ada(warm):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("grader.grading.grader.warm_parent", lambda _plan: warm)
        patch.setattr(type(warm), "close", lambda _: None)
        with Grader(Plan("cnn", only=("corr2d", "learn_kernel"))) as made:
            yield made


@pytest.fixture
def checks_of_ada(grader_of_ada, cells):
    """Grade Ada's notebook; return her checks, seconds left out."""

    def grade():
        submission = Submission("ada", "ada.ipynb", "0" * 64, cells(RIGHT, LEARNS))
        result = grader_of_ada.grade(submission)
        checks = [check for one in result.exercises for check in one.checks]
        return [replace(check, seconds=0.0) for check in checks]

    return grade


@pytest.fixture(scope="module")
def alone():
    return []


@pytest.mark.parametrize("kind", BUSY)
def test_an_honest_submission_gets_the_same_checks_beside_a_crowd(run, checks_of_ada, alone, kind):
    alone[:] = alone or checks_of_ada()
    assert {check.verdict for check in alone} == {Verdict.PASSED}, alone
    beside = run(CROWD.format(busy=BUSY[kind]), processes=48, cell_s=30.0, cpu_s=600)
    provisioner = beside._kernel._provisioner
    assert len(tree_of(provisioner.process.pid)) > 20
    assert checks_of_ada() == alone
    # it was busy all the time, unless the watchdog has ended it
    assert provisioner.ended_for or len(tree_of(provisioner.process.pid)) > 20
