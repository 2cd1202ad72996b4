"""A modernised LeNet is a convolutional network; its layers are free otherwise."""

import pytest
from torch import nn

from grader.course import load_assignment
from grader.grading.in_process import grade_in_process

ASSIGNMENT = load_assignment("cnn")
(EXERCISE,) = ASSIGNMENT.only(["LeNet_variants"]).exercises


def one_linear_layer(*_args, **_options):
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 10))


def two_linear_layers(*_args, **_options):
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 10))


def one_convolution(*_args, **_options):
    return nn.Sequential(
        nn.Conv2d(1, 8, 5, padding=2), nn.ReLU(), nn.MaxPool2d(4), nn.Flatten(), nn.Linear(392, 10)
    )


@pytest.mark.parametrize("answer", [one_linear_layer, two_linear_layers])
def test_a_network_without_a_convolution_earns_nothing(session, answer):
    assert sum(check.points for check in grade_in_process(session, EXERCISE, answer)) == 0


def test_a_small_convolutional_network_earns_everything(session):
    checks = grade_in_process(session, EXERCISE, one_convolution)
    assert all(check.points == check.max_points for check in checks)
