"""A model whose constructor needs arguments is made as the notebook itself makes it."""

import pytest

from grader.checks.making import UNKNOWN, calls_of
from grader.verdict import Verdict

LENET = """
import torch
from torch import nn
class LeNet(nn.Module):
    def __init__(self, {arguments}):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(1, 6, 5, padding=2), nn.Sigmoid(), nn.AvgPool2d(2),
            nn.Conv2d(6, 16, 5), nn.Sigmoid(), nn.AvgPool2d(2), nn.Flatten(),
            nn.Linear(400, 120), nn.Sigmoid(), nn.Linear(120, 84), nn.Sigmoid(),
            nn.Linear(84, num_classes))
    def forward(self, x):
        return self.net(x)
"""
MADE = {
    "num_classes": "model = LeNet(10)",
    "in_channels, num_classes": "model = LeNet(1, 10)",
    "dropout, num_classes=10": "net = LeNet(dropout=0.0)\nnet = net.eval()",
    "classes, num_classes": "n = 10\nmodel = LeNet(n, num_classes=n)",
    "num_classes=10, lr=0.1": "",
    "num_classes, lr": "for rate in (0.1,):\n    model = LeNet(num_classes=10, lr=0.1)",
}


def failed(results):
    return {r.check for r in results if r.verdict is not Verdict.PASSED}


@pytest.mark.parametrize("arguments", MADE)
def test_required_arguments_are_those_of_the_notebook(grade_cells, arguments):
    source = LENET.format(arguments=arguments)
    if "lr" in arguments:  # in any place
        source = source.replace("super().__init__()", "super().__init__(); self.lr = lr")
    assert failed(grade_cells("LeNet", source, MADE[arguments])) == set()


def test_without_a_call_in_the_notebook_the_model_cannot_be_made(grade_cells):
    assert failed(grade_cells("LeNet", LENET.format(arguments="num_classes")))


def test_plain_values_and_their_names_are_read_from_calls():
    sources = ["A(f(), 2)", "A(1, k=(2, 3))", "A(*x)", "def broken(", "n = 10\nb = A(n)"]
    assert calls_of("A", sources) == [
        ((UNKNOWN, 2), {}),
        ((1,), {"k": (2, 3)}),
        ((10,), {}),
    ]
