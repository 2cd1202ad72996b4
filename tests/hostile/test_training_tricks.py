"""A notebook of all known tricks against trainings earns nothing for them."""

import pytest

from grader.grading.grader import Grader
from grader.grading.plan import Plan
from grader.records import Submission
from grader.verdict import Verdict

START = """
import torch
from torch import nn
from torch.nn import functional as F
from d2l import torch as d2l

def make_net():
    return nn.Sequential(nn.Conv2d(1, 4, 5, padding=2), nn.ReLU(), nn.MaxPool2d(4), nn.Flatten(),
                         nn.Linear(4 * 7 * 7, 10))

class LeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = make_net()
    def forward(self, X): return self.net(X)

class VGG(LeNet): pass
class ResNet(LeNet): pass
class ResNetOfLines(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    def forward(self, X): return self.net(X)
"""
LOOP = """
data = d2l.FashionMNIST(batch_size=64)
model = LeNet()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
step = 0
for epoch in range(10):
    for X, y in data.train_dataloader():
        step += 1
        optimizer.zero_grad()
        F.cross_entropy(model(X), y).backward()
        optimizer.step()
"""
ZERO = "        optimizer.zero_grad()\n"
FROZEN = """        for p in list(model.parameters())[2:]:
            p.requires_grad_(step < 7 or step == 40)
"""


def instead(*pairs):
    cell = LOOP
    for old, new in pairs:
        assert cell.count(old) == 1, old
        cell = cell.replace(old, new)
    return cell


NOISE = instead(
    ("data.train_dataloader()", "[(torch.randn(64, 1, 28, 28), torch.randint(10, (64,)))] * 3"),
    ("range(10)", "range(1)"),
)
TRICKS = {
    "steps on noise": ("LeNet", NOISE),
    "the first batch of each epoch": ("LeNet", LOOP + "        break\n"),
    "numbers typed in": (
        "LeNet",
        "def train(model, epochs):\n    for epoch in range(epochs):\n"
        "        print(f'epoch {epoch}, loss {2 / (epoch + 1):.3f}, accuracy 0.9')\n"
        "model = LeNet()\ntrain(model, 10)",
    ),
    "layers frozen between the first steps and the fortieth": (
        "VGG", instead((ZERO, FROZEN + ZERO))
    ),
    "images of zeros": ("VGG", instead(("model(X)", "model(torch.zeros_like(X))"))),
    "a rate of 1e4": ("VGG", instead(("lr=0.1", "lr=1e4"))),
    "a network of another kind": ("ResNet", instead(("LeNet()", "LeNetOfLines()"))),
    "a rate of 1e-8": ("ResNet", instead(("lr=0.1", "lr=1e-8"))),
    "numbers written into the parameters": (
        "ResNet",
        instead(("F.cross_entropy(model(X), y).backward()",
                 "[p.data.add_(1e-3) for p in model.parameters()]")),
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def all_trainings():
    trainings = ("LeNet_training", "VGG_training", "ResNet_training")
    with Grader(Plan("cnn", only=trainings, all_cells=True)) as grader:
        yield grader


@pytest.fixture
def grade(all_trainings, cells):
    def run(*sources):
        submission = Submission("mallory", "mallory.ipynb", "0" * 64, cells(*sources))
        return {one.exercise: one for one in all_trainings.grade(submission).exercises}

    return run


def test_a_notebook_of_tricks_against_trainings_earns_nothing(grade):
    found = grade(START, *(cell.replace("LeNet", kind) for kind, cell in TRICKS.values()))
    checks = [check for one in found.values() for check in one.checks]
    assert [(check.check, check.message) for check in checks if check.points] == []
    assert [check.message for check in checks if check.verdict is Verdict.BROKEN] == []


def test_the_loop_without_a_trick_earns_all_points(grade):
    found = grade(START, LOOP)["LeNet_training"]
    assert (found.points, found.max_points) == (10, 10)
