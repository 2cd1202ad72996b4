"""A student's own loop over torchvision's data, in a locked kernel: noted, and judged outside."""

from __future__ import annotations

from dataclasses import replace

from exercises.cnn.training_checks import CLOTHES
from exercises.cnn.training_notebooks import changed
from grader.checks.training.claims import ModelKind, evidence_of
from grader.checks.training.complaints import complaint_of
from grader.kernel.execution import run_notebook
from grader.kernel.student import Student
from grader.records import DEFAULT_SEED

IMPORTS = """
import copy, torch, torchvision
from torch import nn
from torch.nn import functional as F
from d2l import torch as d2l
from torchvision import transforms
"""
LENET = """
class LeNet(nn.Module):
    def __init__(self):
        super(LeNet, self).__init__()
        self.fc = nn.Linear(784, 10)
    def forward(self, x):
        return self.fc(x.view(x.size(0), -1))
"""
DATA = """
steps = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5,), (0.5,))])
class data:
    @staticmethod
    def loader(train):
        images = torchvision.datasets.FashionMNIST("data", train, steps, download=True)
        return torch.utils.data.DataLoader(images, batch_size=64, shuffle=train, num_workers=2)
    def train_dataloader():
        return data.loader(True)
    def val_dataloader():
        return data.loader(False)
"""


def test_a_loop_of_the_students_own_is_noted_and_judged(warm, small_limits, cells):
    loop = changed(("data = DATA\n", ""), ("range(3)", "range(1)")).replace("MAKE", "LeNet()")
    limits = replace(small_limits, cell_s=60.0, notebook_s=120.0)
    run = run_notebook(cells(IMPORTS, LENET, DATA, loop), warm, limits, seed=DEFAULT_SEED)
    try:
        assert [cell.status for cell in run.cells] == ["ok"] * 4
        student = Student(run.connection, {})
        ((cell, losses),) = student.curves()
        assert cell == 3
        assert losses[-1] < losses[0]
        assert (
            complaint_of(evidence_of(student, ModelKind("LeNet", lambda _: False, CLOTHES))) == ""
        )
    finally:
        run.close()
