"""Trainings whose own run in the notebook decides, graded from end to end."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from grader.grading.grader import Grader
from grader.grading.plan import Plan
from grader.reading.submissions import find_submissions

VGG = """
import torch
from torch import nn
from d2l import torch as d2l

class VGG(d2l.Classifier):
    def __init__(self, arch, lr=0.1, num_classes=10):
        super().__init__()
        self.save_hyperparameters()
        layers = []
        for count, channels in arch:
            for _ in range(count):
                layers += [nn.LazyConv2d(channels, 3, padding=1), nn.ReLU()]
            layers.append(nn.MaxPool2d(2))
        self.net = nn.Sequential(*layers, nn.Flatten(), nn.LazyLinear(num_classes))
"""
TRAINING = """
data = d2l.FashionMNIST(batch_size=64, resize=(SIDE, SIDE))
model = VGG(arch=((1, 4), (1, 4), (1, 8), (1, 8), (1, 8)), lr=0.05)
d2l.Trainer(max_epochs=2).fit(model, data)
"""


@pytest.fixture(scope="module")
def points(
    tmp_path_factory: pytest.TempPathFactory, write_notebook: Callable[..., Path]
) -> Iterator[Callable[..., tuple[int, str]]]:
    """Grade a notebook; return its points for the training of VGG, and the first message."""
    folder = tmp_path_factory.mktemp("trainings")
    with Grader(Plan("cnn", only=("VGG_training",))) as grader:

        def grade(*cells: str) -> tuple[int, str]:
            path = write_notebook(folder / "kim.ipynb", *cells)
            (submission,) = find_submissions([path], assignment="cnn")
            (training,) = grader.grade(submission).exercises
            return int(training.points), training.checks[0].message

        yield grade


def test_images_that_the_pooling_makes_vanish_train_nothing(points):
    earned, said = points(VGG, TRAINING.replace("SIDE", "24"))
    assert earned == 0
    assert "it raised RuntimeError: Given input size" in said


def test_small_images_that_are_large_enough_are_a_training(points):
    assert points(VGG, TRAINING.replace("SIDE", "32")) == (5, "")
