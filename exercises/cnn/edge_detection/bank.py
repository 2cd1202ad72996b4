"""Known answers to the edge detector: what cells leave that are right, or wrong.

Every answer is a function that returns the names and values of the notebook after its cells.
"""

import torch
from torch.nn import functional as F

from grader.checks import mistake, rewrite
from reference import corr2d

IMAGE = "test_the_image"
KERNEL = "test_the_kernel"
EDGES = "test_the_edges"


def white_black_white(first=2, last=6, rows=6, columns=8):
    X = torch.ones(rows, columns)
    X[:, first:last] = 0
    return X


@rewrite
def as_in_the_book():
    X = white_black_white()
    K = torch.tensor([[1.0, -1.0]])
    return {"X": X, "K": K, "Y": corr2d(X, K)}


@rewrite
def reshaped_for_the_layer_that_follows():
    X, K = white_black_white(), torch.tensor([[1.0, -1.0]])
    Y = corr2d(X, K)
    return {"K": K, "X": X.reshape(1, 1, 6, 8), "Y": Y.reshape(1, 1, 6, 7)}


@rewrite
def other_names_and_the_library():
    img = torch.cat([torch.ones(6, 2), torch.zeros(6, 4), torch.ones(6, 2)], 1)
    edge_filter = torch.tensor([[[[1.0, -1.0]]]])
    return {
        "img": img,
        "edge_filter": edge_filter,
        "detected": F.conv2d(img[None, None], edge_filter)[0, 0],
    }


@rewrite
def written_down():
    row = [0.0, 1.0, 0.0, 0.0, 0.0, -1.0, 0.0]
    return {
        "X": torch.tensor([[1.0, 1, 0, 0, 0, 0, 1, 1]] * 6),
        "K": torch.tensor([[1, -1]]),
        "Y": torch.tensor([row] * 6),
    }


@rewrite
def differences_of_neighbours_in_float64():
    X = white_black_white().double()
    return {"X": X, "K": torch.tensor([[1.0, -1.0]]), "Y": X[:, :-1] - X[:, 1:]}


@rewrite
def among_values_of_other_sections():
    X, K = white_black_white(), torch.tensor([[1.0, -1.0]])
    return {"x0": torch.arange(9.0).reshape(3, 3), "X": X, "K": K, "Y": corr2d(X, K), "Z": X.t()}


def cells(X, K):
    return {"X": X, "K": K, "Y": corr2d(X, K)}


@mistake(
    "the kernel has the opposite sign",
    hint="From white to black the result is 1, not -1.",
    caught_by=(KERNEL, EDGES),
)
def opposite_sign():
    return cells(white_black_white(), torch.tensor([[-1.0, 1.0]]))


@mistake(
    "the kernel stands upright",
    hint="Vertical edges are found by comparing horizontal neighbours.",
    caught_by=(KERNEL, EDGES),
)
def upright_kernel():
    return cells(white_black_white(), torch.tensor([[1.0], [-1.0]]))


@mistake(
    "the kernel has three columns",
    hint="Two neighbours are compared.",
    caught_by=(KERNEL, EDGES),
)
def wide_kernel():
    return cells(white_black_white(), torch.tensor([[1.0, 0.0, -1.0]]))


@mistake(
    "the black columns end too early",
    hint="X[:, 2:6] covers the columns 2, 3, 4 and 5.",
    caught_by=(IMAGE, EDGES),
)
def one_column_short():
    return cells(white_black_white(last=5), torch.tensor([[1.0, -1.0]]))


@mistake(
    "black and white are exchanged",
    hint="The image is 1 at both sides.",
    caught_by=(IMAGE, EDGES),
)
def negative_image():
    return cells(1 - white_black_white(), torch.tensor([[1.0, -1.0]]))


@mistake(
    "the image has 8 rows and 6 columns",
    hint="The first number of a shape counts the rows.",
    caught_by=(IMAGE, EDGES),
)
def upright_image():
    return cells(white_black_white(rows=8, columns=6), torch.tensor([[1.0, -1.0]]))


@mistake(
    "the rows are black in place of the columns",
    hint="X[2:6] takes rows, X[:, 2:6] takes columns.",
    caught_by=(IMAGE, EDGES),
)
def black_rows():
    X = torch.ones(6, 8)
    X[2:6] = 0
    return cells(X, torch.tensor([[1.0, -1.0]]))


@mistake(
    "the image was never made black",
    hint="X[:, 2:6] = 0 is missing.",
    caught_by=(IMAGE, EDGES),
)
def all_white():
    return cells(torch.ones(6, 8), torch.tensor([[1.0, -1.0]]))


@mistake(
    "the result belongs to the transposed image",
    hint="Y = corr2d(X, K), without .t().",
    caught_by=EDGES,
)
def of_the_transposed_image():
    X, K = white_black_white(), torch.tensor([[1.0, -1.0]])
    return {"X": X, "K": K, "Y": corr2d(X.t(), K)}


@mistake(
    "the kernel was applied flipped",
    hint="Is corr2d a cross-correlation?",
    caught_by=EDGES,
)
def flipped():
    X, K = white_black_white(), torch.tensor([[1.0, -1.0]])
    return {"X": X, "K": K, "Y": corr2d(X, K.flip(1))}


@mistake(
    "only the strength of the edges is kept",
    hint="The sign tells white to black from black to white.",
    caught_by=EDGES,
)
def strength_only():
    X, K = white_black_white(), torch.tensor([[1.0, -1.0]])
    return {"X": X, "K": K, "Y": corr2d(X, K).abs()}


@mistake(
    "the image was padded",
    hint="The result has one column less than the image.",
    caught_by=EDGES,
)
def padded():
    X, K = white_black_white(), torch.tensor([[1.0, -1.0]])
    return {"X": X, "K": K, "Y": corr2d(F.pad(X, (0, 1)), K)}


@mistake(
    "the result was not kept in a variable",
    hint="The next section learns from Y.",
    caught_by=EDGES,
)
def shown_only():
    return {"X": white_black_white(), "K": torch.tensor([[1.0, -1.0]])}
