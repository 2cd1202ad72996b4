"""What only the notebook's own run of a training cell shows: its model, and how the cell ended."""

from __future__ import annotations

import pytest

from exercises.cnn.training_checks import CLOTHES, has_a_convolution
from exercises.cnn.training_notebooks import LOOP
from grader.checks.training.claims import ModelKind, evidence_of
from grader.checks.training.complaints import complaint_of
from grader.records import CellRun

KIND = ModelKind("LeNet", lambda shapes: False, CLOTHES, has_a_convolution)
LENET = """
class LeNet(nn.Module):
    def __init__(self, lr=0.1):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(1, 4, 5, padding=2), nn.MaxPool2d(4), nn.Conv2d(4, 8, 5, padding=2),
            nn.MaxPool2d(4), nn.Flatten(), nn.LazyLinear(10))
    def forward(self, X):
        return self.net(X)
"""
TOO_SMALL = LOOP.replace("DATA", "d2l.FashionMNIST(64, resize=(12, 12))")
ERROR = "RuntimeError: Given input size: (8x3x3). Output size is too small"
BROKEN = LENET.replace("return self.net(X)", "return self.net(X[:, :, :12, :12])")
PERCEPTRON = """
class LeNet(nn.Module):
    def __init__(self, lr=0.1):
        super().__init__()
        self.net = nn.Sequential(nn.Flatten(), nn.Linear(784, 32), nn.ReLU(), nn.Linear(32, 10))
    def forward(self, X):
        return self.net(X)
"""


def ended(notebook, cell, run, *, definition=LENET):
    student = notebook(cell.replace("MAKE", "LeNet()"), definition=definition)
    student.first_run = {2: run}
    return complaint_of(evidence_of(student, KIND))


def test_a_cell_that_raises_on_its_own_images_has_trained_nothing(notebook):
    said = ended(notebook, TOO_SMALL, CellRun(2, "raised", error=ERROR))
    assert said.startswith("it raised RuntimeError: Given input size")


@pytest.mark.parametrize(
    "run",
    [
        CellRun(2, "ok"),
        CellRun(2, "timed_out", error="ran longer than 30 s of processor time"),
        CellRun(2, "died", error="the kernel ended"),
        CellRun(2, "raised", error="RuntimeError: can't allocate memory"),
    ],
    ids=lambda run: run.status,
)
def test_a_cell_that_was_cut_off_is_judged_by_the_replay(notebook, run):
    assert ended(notebook, TOO_SMALL, run) == ""


def test_a_model_that_fails_on_all_images_is_charged_in_its_own_exercise(notebook):
    cell = LOOP.replace("DATA", "d2l.FashionMNIST(64)")
    run = CellRun(2, "raised", error=ERROR)
    assert ended(notebook, cell, run, definition=BROKEN) == ""


def test_an_error_after_the_training_costs_it_nothing(notebook):
    cell = LOOP.replace("DATA", "d2l.FashionMNIST(16)").replace("range(3)", "range(9)")
    run = CellRun(2, "raised", error="KeyError: 'figure'")
    from grader.guest import losses

    losses.curves[2] = [2.3, 2.2, 2.1, 2.0]
    try:
        assert ended(notebook, cell, run) == ""
    finally:
        losses.clear()


def test_a_network_of_linear_layers_under_the_name_is_another_kind(notebook):
    cell = LOOP.replace("DATA", "d2l.FashionMNIST(64)")
    said = ended(notebook, cell, CellRun(2, "ok"), definition=PERCEPTRON)
    assert "another kind" in said


def test_a_model_whose_layers_have_no_sizes_yet_is_of_the_kind(notebook):
    lazy = LENET.replace("Conv2d(1, 4", "LazyConv2d(4").replace("Conv2d(4, 8", "LazyConv2d(8")
    cell = "model = MAKE\nmodel.train()\n" + TOO_SMALL.replace("data = DATA\nmodel = MAKE\n", "")
    assert ended(notebook, cell, CellRun(2, "timed_out"), definition=lazy) == ""
