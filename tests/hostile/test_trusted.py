"""What the grader reads, stores and compares for a notebook harms it, and others, in no way."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from grader.grading.grader import Grader
from grader.grading.plan import Plan
from grader.records import Submission
from grader.verdict import Verdict
from tests.hostile.conftest import RIGHT

ATTACKS = "trusted"
EDGES = "X = torch.ones(6, 8)\nX[:, 2:6] = 0\nK = torch.tensor([[1.0, -1.0]])\nY = corr2d(X, K)"
NAMES = "for i in range(200): globals()[f'x{i}'] = X\n"
MANY = {
    "names of one image": "X = torch.rand(1024, 1024)\n" + NAMES,
    "names of one kernel": "X = torch.rand(2, 2)\n" + NAMES,
    "images": "for i in range(200): globals()[f'x{i}'] = torch.rand(256, 256)",
    "attributes": "\n".join(f"a{i}" + ".b" * 400 for i in range(250)),
}


def test_whoever_sends_what_is_hard_to_read_pays_alone(survives, case):
    survives(case)


@pytest.fixture(scope="module")
def grader_of_edges(warm, small_limits):
    plan = Plan("cnn", only=("corr2d", "edge_detection"), limits=small_limits, all_cells=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("grader.grading.grader.warm_parent", lambda _plan: warm)
        patch.setattr(type(warm), "close", lambda _: None)
        with Grader(plan) as made:
            yield made


@pytest.fixture
def points_of(grader_of_edges, cells):
    """Grade a notebook; return its points by exercise, and how long the grader itself worked."""

    def grade(*sources: str):
        started = time.process_time()
        submission = Submission("mallory", "mallory.ipynb", "0" * 64, cells(*sources))
        result = replace(grader_of_edges.grade(submission), key="")
        worked_s = time.process_time() - started
        verdicts = {check.verdict for one in result.exercises for check in one.checks}
        assert Verdict.BROKEN not in verdicts
        return {one.exercise: one.points for one in result.exercises}, worked_s

    return grade


@pytest.mark.parametrize("kind", MANY)
def test_of_very_many_the_grader_looks_at_what_the_answer_needs(points_of, kind):
    due, _ = points_of(RIGHT, EDGES)
    points, worked_s = points_of(RIGHT, EDGES, MANY[kind])
    assert (points["corr2d"], due) == (10, {"corr2d": 10, "edge_detection": 4})
    assert worked_s < 10  # of the processor: 17 minutes when all were compared with all
    assert points_of(RIGHT, EDGES)[0] == due


LARGE = "import torch\ndef corr2d(X, K): return torch.zeros(256, 256)"


@pytest.mark.parametrize("bound", ["exercise_answer_bytes", "submission_answer_bytes"])
def test_answers_that_are_too_much_together_cost_their_notebook_alone(
    grader_of_edges, cells, points_of, monkeypatch, bound
):
    plan = grader_of_edges.plan
    with monkeypatch.context() as patch:
        limits = replace(plan.spending, **{bound: 1 << 20})  # four answers
        patch.setattr(grader_of_edges, "plan", replace(plan, limits=limits))
        result = grader_of_edges.grade(Submission("mallory", "m.ipynb", "0" * 64, cells(LARGE)))
    verdicts = [check.verdict for one in result.exercises for check in one.checks]
    assert Verdict.OUT_OF_MEMORY in verdicts
    assert Verdict.BROKEN not in verdicts
    assert points_of(RIGHT, EDGES)[0] == {"corr2d": 10, "edge_detection": 4}
