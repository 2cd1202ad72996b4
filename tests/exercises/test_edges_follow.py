"""The edges of the image are computed from it, and not written down."""

import pytest

EDGES = "test_the_edges"
IMAGE = """
import torch
from torch.nn import functional as F
X = torch.ones(6, 8)
X[:, 2:6] = 0
K = torch.tensor([[1.0, -1.0]])
"""
CORR2D = """
def corr2d(X, K):
    return F.conv2d(X[None, None], K[None, None])[0, 0]
"""
TYPED = "Y = torch.zeros(6, 7)\nY[:, 1] = 1\nY[:, 5] = -1\n"
RIGHT = {
    "the book": [IMAGE, CORR2D, "Y = corr2d(X, K)"],
    "all in one cell": [IMAGE + CORR2D + "Y = corr2d(X, K)"],
    "without a function": [IMAGE, "Y = X[:, :-1] - X[:, 1:]"],
    "the kernel inside the call": [
        IMAGE,
        "Y = F.conv2d(X[None, None], torch.tensor([[[[1., -1.]]]]))",
    ],
    "cells of two kinds": [IMAGE, CORR2D, TYPED, "Y = corr2d(X, K)"],
    "made by a function": [
        IMAGE + CORR2D,
        "def make():\n    return X, K, corr2d(X, K)",
        "X, K, Y = make()",
    ],
    "a cell that checks its image": [IMAGE, CORR2D, "assert X.max() == 1\nY = corr2d(X, K)"],
}
WRONG = {
    "numbers": [IMAGE, TYPED],
    "numbers beside a loop that does nothing": [
        IMAGE,
        "for i in range(6):\n    for j in range(7):\n        pass\n" + TYPED,
    ],
    "numbers in the cell of the image": [IMAGE + TYPED],
}


@pytest.mark.parametrize("cells", RIGHT.values(), ids=RIGHT)
def test_edges_that_are_computed_are_right(grade_cells, cells):
    assert {str(r.verdict) for r in grade_cells("edge_detection", *cells)} == {"passed"}


@pytest.mark.parametrize("cells", WRONG.values(), ids=WRONG)
def test_edges_that_were_written_down_lose_only_that(grade_cells, cells):
    results = grade_cells("edge_detection", *cells)
    assert [r.check for r in results if r.verdict != "passed"] == [EDGES]
    assert "written down" in results[-1].message
