"""Notebooks of a few cells whose training is run again in this process."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from exercises.cnn import training_notebooks as known
from exercises.cnn.training_checks import CLOTHES
from grader.checks.training.claims import ModelKind, evidence_of
from grader.checks.training.evidence import Evidence
from grader.course import load_assignment
from grader.grading.in_process import student_of
from grader.kernel.student import Student

LENET = """
class LeNet(d2l.Classifier):
    def __init__(self, lr=0.1, num_classes=10):
        super().__init__()
        self.save_hyperparameters()
        self.net = nn.Sequential(nn.Flatten(), nn.LazyLinear(num_classes))
"""


@pytest.fixture(scope="session")
def notebook() -> Callable[..., Student]:
    """A student whose notebook has the usual imports, a LeNet, and the given cells."""
    (exercise,) = load_assignment("cnn").only(["LeNet_training"]).exercises

    def make(*cells: str, definition: str = LENET) -> Student:
        return student_of(exercise, lambda: (known.IMPORTS, definition, *cells))

    return make


@pytest.fixture(scope="session")
def evidence(notebook: Callable[..., Student]) -> Callable[..., Evidence]:
    """What the training of a notebook shows, its cells as in the banks."""

    def run(*cells: str, **options: str) -> Evidence:
        given = [
            cell.replace("MAKE", "LeNet(lr=0.1)").replace("DATA", "d2l.FashionMNIST(64)")
            for cell in cells
        ]
        return evidence_of(
            notebook(*given, **options), ModelKind("LeNet", lambda shapes: False, CLOTHES)
        )

    return run
