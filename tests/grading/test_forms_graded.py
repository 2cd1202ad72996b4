"""Notebooks whose models have no name of their kind, graded from end to end."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from grader.grading.grader import Grader
from grader.grading.plan import Plan
from grader.reading.submissions import find_submissions
from grader.verdict import Verdict

IMPORTS = "import torch, torchvision\nfrom torch import nn\nfrom d2l import torch as d2l"
LAYERS = """nn.Sequential(
    nn.Conv2d(1, 6, kernel_size=5, padding=2), nn.Sigmoid(), nn.AvgPool2d(2, stride=2),
    nn.Conv2d(6, 16, kernel_size=5), nn.Sigmoid(), nn.AvgPool2d(2, stride=2), nn.Flatten(),
    nn.Linear(400, 120), nn.Sigmoid(), nn.Linear(120, 84), nn.Sigmoid(), nn.Linear(84, 10))"""
NET = f"""
class Net(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.net = {LAYERS.replace("84, 10", "84, num_classes").replace(chr(10), " ")}
    def forward(self, x):
        return self.net(x), x
"""
SWAPPED = """
net = torchvision.models.resnet18()
net.conv1 = nn.Conv2d(1, 64, kernel_size=7, stride=2, padding=3, bias=False)
net.fc = nn.Linear(512, 10)
"""


@pytest.fixture(scope="module")
def points(
    tmp_path_factory: pytest.TempPathFactory, write_notebook: Callable[..., Path]
) -> Iterator[Callable[..., dict[str, tuple[int, set[Verdict]]]]]:
    """Grade a notebook; return points and verdicts by exercise."""
    folder = tmp_path_factory.mktemp("forms")
    with Grader(Plan("cnn", only=("LeNet", "VGG", "ResNet"))) as grader:

        def grade(*cells: str) -> dict[str, tuple[int, set[Verdict]]]:
            path = write_notebook(folder / "kim.ipynb", IMPORTS, *cells)
            (submission,) = find_submissions([path], assignment="cnn")
            return {
                e.exercise: (sum(int(c.points) for c in e.checks), {c.verdict for c in e.checks})
                for e in grader.grade(submission).exercises
            }

        yield grade


MISSING = (0, {Verdict.MISSING})


def test_a_plain_model_without_a_name_is_the_lenet_and_no_other(points):
    train = (
        "loss = nn.functional.cross_entropy(net(torch.rand(4, 1, 28, 28)), torch.ones(4).long())"
    )
    step = "loss.backward()\nwith torch.no_grad():\n    for p in net.parameters(): p -= p.grad"
    found = points(f"net = {LAYERS}", f"{train}\n{step}")
    assert found == {"LeNet": (10, {Verdict.PASSED}), "VGG": MISSING, "ResNet": MISSING}


def test_a_class_without_the_name_answers_as_its_own_cells_call_it(points):
    assert points(NET, "classes = 10\nmodel = Net(classes)")["LeNet"] == (10, {Verdict.PASSED})


def test_an_experiment_with_the_same_layers_does_not_hide_the_right_one(points):
    other = LAYERS.replace("Sigmoid", "ReLU")
    assert points(f"net = {LAYERS}", f"net = {other}")["LeNet"] == (10, {Verdict.PASSED})


def test_models_of_libraries_are_nothing_of_the_student(points):
    found = points(SWAPPED, "lenet = d2l.LeNet()\nlenet(torch.zeros(1, 1, 28, 28))")
    assert found == {"LeNet": MISSING, "VGG": MISSING, "ResNet": MISSING}


def test_another_network_with_the_layers_of_the_kind_in_its_place_is_not_found(points):
    wide = LAYERS.replace("6, ", "32, ").replace("16, k", "64, k").replace("16", "64")
    wide = wide.replace("400, 120", "64 * 25, 500").replace("120, 84", "500, 100")
    assert points(f"net = {wide.replace('84, 10', '100, 10')}")["LeNet"] == MISSING
