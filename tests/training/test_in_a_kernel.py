"""A student's own loop over torchvision's data, in a locked kernel: noted, and judged outside."""

from __future__ import annotations

from dataclasses import replace

import pytest

from exercises.cnn.training_checks import CLOTHES
from exercises.cnn.training_notebooks import changed
from grader.checks.training.claims import ModelKind, evidence_of
from grader.checks.training.complaints import complaint_of
from grader.kernel.execution import run_notebook
from grader.kernel.student import Student
from grader.records import DEFAULT_SEED, Limits

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


@pytest.mark.parametrize("kernel_restarts", [2, 0])
def test_a_training_whose_cell_ended_its_kernel_is_judged_like_one_that_ran_through(
    warm, small_limits, cells, kernel_restarts
):
    heavy = LENET.replace("        return", "        __import__('os')._exit(9)\n        return")
    loop = changed(("data = DATA\n", "")).replace("MAKE", "LeNet()")
    limits = replace(small_limits, kernel_restarts=kernel_restarts)
    run = run_notebook(cells(IMPORTS, heavy, DATA, loop, "done = 1"), warm, limits, seed=1)
    try:
        assert run.cells[3].status == "died"
        student = Student(run.connection, {}, first_run=run.cells, seed=1)
        kind = ModelKind("LeNet", lambda _: False, CLOTHES)
        assert complaint_of(evidence_of(student, kind)) == ""
    finally:
        run.close()


def test_lengths_after_a_training_that_used_up_its_time_are_those_of_the_data(warm, cells):
    loop = """
from matplotlib import pyplot as plt
train, test = data.train_dataloader(), data.val_dataloader()
model = nn.Sequential(nn.Conv2d(1, 8, 5), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 24 * 24, 10))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
losses = []
for epoch in range(2):
    batches = iter(train)
    for i in range(938):
        X, y = next(batches)
        optimizer.zero_grad()
        loss = F.cross_entropy(model(X.reshape(64, 1, 28, 28)
                                     if i < 937 else X), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
plt.plot(range(938), losses[:938])
plt.plot(range(2), torch.tensor(losses).reshape(2, len(train)).mean(1))
images, labels = next(iter(test))
first = [int(labels[i]) for i in range(16)]
with torch.no_grad():
    right = sum((model(X).argmax(1) == y).sum() for X, y in test)
"""
    limits = Limits(training_s=0.5, training_most_s=0.5)
    run = run_notebook(cells(IMPORTS, DATA, loop), warm, limits, seed=1)
    try:
        assert [cell.error for cell in run.cells] == ["", "", ""]
    finally:
        run.close()
