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
    "unpacked from a dictionary": [IMAGE, CORR2D, "found = {'Y': corr2d(X, K)}", "Y = found['Y']"],
    "unpacked from a list": [IMAGE, CORR2D, "found = [X, K, corr2d(X, K)]", "X, K, Y = found"],
    "unpacked from what a function makes": [
        IMAGE + CORR2D,
        "def make():\n    return X, K, corr2d(X, K)\nfound = make()",
        "X, K, Y = found",
    ],
    "held by an object": [IMAGE, "class R: pass\nr = R()\nr.y = X[:, :-1] - X[:, 1:]", "Y = r.y"],
    "row by row": [
        IMAGE,
        "rows = []\nfor x in X:\n    rows.append(x[:-1] - x[1:])",
        "Y = torch.stack(rows)",
    ],
    "through NumPy": [IMAGE, "y = (X[:, :-1] - X[:, 1:]).numpy()", "Y = torch.from_numpy(y)"],
    "image and edges in a dictionary": [
        IMAGE + "d = {'X': X}",
        "d['Y'] = d['X'][:, :-1] - d['X'][:, 1:]",
        "X, Y = d['X'], d['Y']",
    ],
    "an image of a function": [
        "import torch\ndef image():\n    X = torch.ones(6, 8)\n    X[:, 2:6] = 0\n    return X",
        "X, K = image(), torch.tensor([[1.0, -1.0]])\nY = X[:, :-1] - X[:, 1:]",
    ],
    "a function that reads the names of the notebook": [
        "import torch\ndef detect():\n    return X[:, :-1] - X[:, 1:]",
        IMAGE,
        "Y = detect()",
    ],
    "a cell that checks its image": [IMAGE, CORR2D, "assert X.max() == 1\nY = corr2d(X, K)"],
}
WRONG = {
    "numbers": [IMAGE, TYPED],
    "numbers beside a loop that does nothing": [
        IMAGE,
        "for i in range(6):\n    for j in range(7):\n        pass\n" + TYPED,
    ],
    "numbers times one of the image": [IMAGE, TYPED + "Y = Y * X.max()"],
    "numbers of another cell times one of the image": [IMAGE, TYPED, "Y = Y * X[0, 0]"],
    "numbers times one of the kernel": [IMAGE, TYPED, "Y = Y * K.max()"],
    "numbers and nothing of the image": [IMAGE, TYPED, "Y = Y + 0 * X.sum()"],
    "numbers times the image": [IMAGE, TYPED, "Y = Y * (1 - X[:, :-1] * X[:, 1:])"],
    "numbers in a dictionary": [IMAGE, TYPED + "d = {'Y': Y}", "Y = d['Y']"],
    "numbers of a function": [
        IMAGE,
        "def mine(x):\n" + "    " + TYPED.replace("\n", "\n    ") + "return Y * x.max()",
        "Y = mine(X)",
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
