"""Known answers to `pool2d`: right ones written differently, and mistakes with a name."""

import torch
from torch import nn
from torch.nn import functional as F

from grader.checks import mistake, rewrite

BOOK_MAX = "test_max_example_from_the_book"
BOOK_AVG = "test_avg_example_from_the_book"
MAX = "test_max_of_square_windows"
AVG = "test_avg_of_square_windows"
ANY = "test_any_sizes"
NEGATIVE = "test_negative_numbers"
ARGUMENT = "test_leaves_its_argument_alone"
TWICE = "test_same_call_same_answer"


@rewrite
def as_in_the_book(X, pool_size, mode="max"):
    p_h, p_w = pool_size
    Y = torch.zeros((X.shape[0] - p_h + 1, X.shape[1] - p_w + 1))
    for i in range(Y.shape[0]):
        for j in range(Y.shape[1]):
            if mode == "max":
                Y[i, j] = X[i : i + p_h, j : j + p_w].max()
            elif mode == "avg":
                Y[i, j] = X[i : i + p_h, j : j + p_w].mean()
    return Y


@rewrite
def with_the_library(X, size, kind="max"):
    pool = F.max_pool2d if kind == "max" else F.avg_pool2d
    return pool(X[None, None], size, stride=1)[0, 0]


@rewrite
def with_layers(X, pool_size, mode="max"):
    layer = {"max": nn.MaxPool2d, "avg": nn.AvgPool2d}[mode](pool_size, stride=1)
    return layer(X.reshape(1, 1, *X.shape)).squeeze(0).squeeze(0)


@rewrite
def with_unfold_in_float64(X, pool_size, mode="max"):
    windows = X.double().unfold(0, pool_size[0], 1).unfold(1, pool_size[1], 1).flatten(2)
    if mode == "max":
        return windows.max(dim=-1).values
    if mode == "avg":
        return windows.mean(dim=-1)
    raise ValueError(mode)


@rewrite
def grows_the_window_in_place(X, pool_size, mode="max"):
    p_h, p_w = pool_size
    rows, columns = X.shape[0] - p_h + 1, X.shape[1] - p_w + 1
    Y = torch.full((rows, columns), float("-inf") if mode == "max" else 0.0)
    for a in range(p_h):
        for b in range(p_w):
            part = X[a : a + rows, b : b + columns]
            Y = torch.maximum(Y, part) if mode == "max" else Y.add_(part / (p_h * p_w))
    return Y


@rewrite
def with_numpy_and_a_list(X, pool_size, mode="max"):
    x, (p_h, p_w) = X.numpy(), pool_size
    best = max if mode == "max" else lambda numbers: sum(numbers) / len(numbers)
    return torch.tensor(
        [
            [
                best([float(v) for v in x[i : i + p_h, j : j + p_w].ravel()])
                for j in range(x.shape[1] - p_w + 1)
            ]
            for i in range(x.shape[0] - p_h + 1)
        ]
    )


@rewrite
def average_as_a_convolution_that_requires_grad(X, pool_size, mode="max"):
    if mode == "max":
        return F.max_pool2d(X[None], pool_size, 1)[0]
    kernel = torch.full((1, 1, *pool_size), 1 / (pool_size[0] * pool_size[1]), requires_grad=True)
    return F.conv2d(X[None, None], kernel)[0, 0]


@mistake(
    "the search for the largest number starts at 0",
    hint="With negative numbers alone the largest is below 0.",
    caught_by=NEGATIVE,
)
def starts_the_maximum_at_0(X, pool_size, mode="max"):
    Y = as_in_the_book(X, pool_size, mode)
    return Y.clamp(min=0) if mode == "max" else Y


@mistake(
    "both modes give the largest number",
    hint="'avg' asks for the mean.",
    caught_by=(BOOK_AVG, AVG, ANY, NEGATIVE, ARGUMENT),
)
def always_the_maximum(X, pool_size, mode="max"):
    return as_in_the_book(X, pool_size, "max")


@mistake(
    "both modes give the mean",
    hint="'max' asks for the largest number.",
    caught_by=(BOOK_MAX, MAX, ANY, NEGATIVE, ARGUMENT, TWICE),
)
def always_the_mean(X, pool_size, mode="max"):
    return as_in_the_book(X, pool_size, "avg")


@mistake(
    "the two modes are exchanged",
    hint="'max' asks for the largest number, 'avg' for the mean.",
    caught_by=(BOOK_MAX, BOOK_AVG, MAX, AVG, ANY, NEGATIVE, ARGUMENT, TWICE),
)
def exchanges_the_modes(X, pool_size, mode="max"):
    return as_in_the_book(X, pool_size, {"max": "avg", "avg": "max"}[mode])


@mistake(
    "the mode is 'avg' when none is given",
    hint="def pool2d(X, pool_size, mode='max').",
    caught_by=(BOOK_MAX, TWICE),
)
def the_default_is_the_mean(X, pool_size, mode="avg"):
    return as_in_the_book(X, pool_size, mode)


@mistake(
    "the mode must be given",
    hint="def pool2d(X, pool_size, mode='max').",
    caught_by=(BOOK_MAX, TWICE),
)
def has_no_default(X, pool_size, mode):
    return as_in_the_book(X, pool_size, mode)


@mistake(
    "the mean is known by another name",
    hint="The modes are called 'max' and 'avg'.",
    caught_by=(BOOK_AVG, AVG, ANY, NEGATIVE, ARGUMENT),
)
def calls_the_mode_mean(X, pool_size, mode="max"):
    if mode not in ("max", "mean"):
        raise ValueError(f"unknown mode {mode}")
    return as_in_the_book(X, pool_size, "avg" if mode == "mean" else "max")


@mistake(
    "the sum of the window in place of its mean",
    hint="Divide by the number of elements of the window.",
    caught_by=(BOOK_AVG, AVG, ANY, NEGATIVE, ARGUMENT),
)
def sums_the_window(X, pool_size, mode="max"):
    factor = pool_size[0] * pool_size[1] if mode == "avg" else 1
    return as_in_the_book(X, pool_size, mode) * factor


@mistake(
    "the mean divides by the square of the height",
    hint="A window of 2 x 3 has 6 elements.",
    caught_by=ANY,
)
def divides_by_the_square_of_the_height(X, pool_size, mode="max"):
    factor = pool_size[1] / pool_size[0] if mode == "avg" else 1
    return as_in_the_book(X, pool_size, mode) * factor


@mistake(
    "the mean divides by 4 for every window",
    hint="A window of 2 x 3 has 6 elements.",
    caught_by=(AVG, ANY),
)
def divides_by_4(X, pool_size, mode="max"):
    factor = pool_size[0] * pool_size[1] / 4 if mode == "avg" else 1
    return as_in_the_book(X, pool_size, mode) * factor


@mistake(
    "means are cut to whole numbers",
    hint="Look at the dtype of the tensor you fill.",
    caught_by=(AVG, ANY, NEGATIVE),
)
def cuts_fractions_off(X, pool_size, mode="max"):
    return as_in_the_book(X, pool_size, mode).trunc()


@mistake(
    "the smallest number in place of the largest",
    hint="'max' asks for the largest number.",
    caught_by=(BOOK_MAX, MAX, ANY, NEGATIVE, ARGUMENT, TWICE),
)
def takes_the_minimum(X, pool_size, mode="max"):
    return -as_in_the_book(-X, pool_size) if mode == "max" else as_in_the_book(X, pool_size, mode)


@mistake(
    "the number of largest absolute value, not the largest number",
    hint="-7 is smaller than -1.",
    caught_by=NEGATIVE,
)
def ignores_the_sign(X, pool_size, mode="max"):
    return as_in_the_book(X.abs() if mode == "max" else X, pool_size, mode)


@mistake(
    "the window moves by its own size",
    hint="Here the stride is 1.",
    caught_by=(BOOK_MAX, BOOK_AVG, MAX, AVG, ANY, ARGUMENT, TWICE),
)
def strides_by_the_window(X, pool_size, mode="max"):
    pool = F.max_pool2d if mode == "max" else F.avg_pool2d
    return pool(X[None, None], pool_size)[0, 0]


@mistake(
    "the image is padded",
    hint="Here nothing is padded: the window stays inside the image.",
    caught_by=(BOOK_MAX, BOOK_AVG, MAX, AVG, ANY, NEGATIVE, ARGUMENT, TWICE),
)
def pads_the_image(X, pool_size, mode="max"):
    p_h, p_w = pool_size
    return as_in_the_book(F.pad(X, (0, p_w - 1, 0, p_h - 1)), pool_size, mode)


@mistake(
    "the last row and column of the result are missing",
    hint="Count the places of a 2x2 window on a 3x3 image along one side.",
    caught_by=(BOOK_MAX, BOOK_AVG, MAX, AVG, ANY, NEGATIVE, ARGUMENT, TWICE),
)
def one_row_and_column_short(X, pool_size, mode="max"):
    return as_in_the_book(X, pool_size, mode)[:-1, :-1]


@mistake(
    "the height of the window is used for its width too",
    hint="pool_size holds two numbers.",
    caught_by=ANY,
)
def takes_every_window_for_square(X, pool_size, mode="max"):
    return as_in_the_book(X, (pool_size[0], pool_size[0]), mode)


@mistake(
    "height and width of the window are exchanged",
    hint="pool_size is (height, width).",
    caught_by=ANY,
)
def exchanges_height_and_width(X, pool_size, mode="max"):
    return as_in_the_book(X, (pool_size[1], pool_size[0]), mode)


@mistake(
    "the image is taken for square",
    hint="Take height and width from X.shape.",
    caught_by=ANY,
)
def takes_every_image_for_square(X, pool_size, mode="max"):
    n = X.shape[0]
    return as_in_the_book(F.pad(X, (0, max(n - X.shape[1], 0)))[:, :n], pool_size, mode)


@mistake(
    "the window of the book's example is written into the function",
    hint="Take the size from pool_size.",
    caught_by=(MAX, AVG, ANY),
)
def knows_only_2x2_windows(X, pool_size, mode="max"):
    return as_in_the_book(X, (2, 2), mode)


@mistake(
    "the result is transposed",
    hint="i runs down the image, j across it.",
    caught_by=(BOOK_MAX, BOOK_AVG, MAX, AVG, ANY, ARGUMENT, TWICE),
)
def transposes_the_result(X, pool_size, mode="max"):
    return as_in_the_book(X, pool_size, mode).t()


@mistake(
    "the result has axes of batch and channel",
    hint="The result is a matrix like the image.",
    caught_by=(BOOK_MAX, BOOK_AVG, MAX, AVG, ANY, NEGATIVE, ARGUMENT, TWICE),
)
def returns_four_axes(X, pool_size, mode="max"):
    return as_in_the_book(X, pool_size, mode)[None, None]


@mistake(
    "axes of length 1 are dropped from the result",
    hint="A result with one row is still a matrix.",
    caught_by=(MAX, AVG, ANY, NEGATIVE),
)
def squeezes_the_result(X, pool_size, mode="max"):
    return as_in_the_book(X, pool_size, mode).squeeze()


@mistake(
    "the image is changed by the call",
    hint="X[i, j] = ... writes into the caller's tensor.",
    caught_by=ARGUMENT,
)
def writes_into_the_image(X, pool_size, mode="max"):
    Y = as_in_the_book(X, pool_size, mode)
    X[: Y.shape[0], : Y.shape[1]] = Y
    return Y


_largest: dict[tuple[int, ...], torch.Tensor] = {}


@mistake(
    "numbers of earlier calls are still in the result",
    hint="Make the tensor that you fill inside the function, in every call.",
    caught_by=(BOOK_MAX, BOOK_AVG, MAX, AVG, ANY, NEGATIVE, ARGUMENT, TWICE),
)
def adds_up_over_calls(X, pool_size, mode="max"):
    Y = as_in_the_book(X, pool_size, mode)
    _largest[tuple(Y.shape)] = Y = Y + _largest.get(tuple(Y.shape), 1.0)
    return Y


@mistake(
    "there is no result for the mean",
    hint="Return the result in both modes.",
    caught_by=(BOOK_AVG, AVG, ANY, NEGATIVE, ARGUMENT),
)
def forgets_to_return_the_mean(X, pool_size, mode="max"):
    return as_in_the_book(X, pool_size, mode) if mode == "max" else None


@mistake(
    "the search for the largest number starts at -10",
    hint="Start from a number of the window, or from float('-inf').",
    caught_by=NEGATIVE,
)
def starts_at_minus_10(X, pool_size, mode="max"):
    Y = as_in_the_book(X, pool_size, mode)
    return Y.clamp(min=-10) if mode == "max" else Y


@mistake(
    "the image is read as if its rows lay one after another in memory",
    hint="Take strides from X.stride(), or index X[i : i + h, j : j + w].",
    caught_by=ANY,
)
def takes_strides_for_granted(X, pool_size, mode="max"):
    (H, W), (h, w) = X.shape, pool_size
    windows = torch.as_strided(X, (H - h + 1, W - w + 1, h, w), (W, 1, W, 1))
    return windows.amax((2, 3)) if mode == "max" else windows.mean((2, 3))
