"""Known answers to `corr2d`: right ones written differently, and mistakes with a name."""

import torch
from torch import nn
from torch.nn import functional as F

from grader.checks import mistake, rewrite

EXAMPLE = "test_example_from_the_book"
SQUARE = "test_square_images_and_kernels"
ANY = "test_any_sizes"
FRACTIONS = "test_keeps_fractions"
ARGUMENTS = "test_leaves_its_arguments_alone"
TWICE = "test_same_call_same_answer"


@rewrite
def as_in_the_book(X, K):
    h, w = K.shape
    Y = torch.zeros((X.shape[0] - h + 1, X.shape[1] - w + 1))
    for i in range(Y.shape[0]):
        for j in range(Y.shape[1]):
            Y[i, j] = (X[i : i + h, j : j + w] * K).sum()
    return Y


@rewrite
def with_the_library(X, K):
    return F.conv2d(X[None, None], K[None, None])[0, 0]


@rewrite
def with_a_layer_that_requires_grad(image, kernel):
    layer = nn.Conv2d(1, 1, tuple(kernel.shape), bias=False)
    layer.weight.data = kernel[None, None].clone()
    return layer(image[None, None]).squeeze(0).squeeze(0)


@rewrite
def with_unfold(X, K):
    h, w = K.shape
    windows = X.unfold(0, h, 1).unfold(1, w, 1)
    return (windows * K).sum((-1, -2))


@rewrite
def with_einsum_in_float64(X, K):
    h, w = K.shape
    windows = X.double().unfold(0, h, 1).unfold(1, w, 1)
    return torch.einsum("ijab,ab->ij", windows, K.double())


@rewrite
def adds_shifted_images_in_place(X, K):
    (H, W), (h, w) = X.shape, K.shape
    Y = X.new_zeros(H - h + 1, W - w + 1)
    for a in range(h):
        for b in range(w):
            Y += X[a : a + H - h + 1, b : b + W - w + 1] * K[a, b]
    return Y


@rewrite
def with_numpy_on_the_way(X, K):
    x, k = X.numpy(), K.numpy()
    h, w = k.shape
    rows = range(x.shape[0] - h + 1)
    columns = range(x.shape[1] - w + 1)
    y = [[float((x[i : i + h, j : j + w] * k).sum()) for j in columns] for i in rows]
    return torch.tensor(y)


@rewrite
def four_nested_loops(X, K):
    Y = torch.zeros(X.size(0) - K.size(0) + 1, X.size(1) - K.size(1) + 1)
    for i in range(Y.size(0)):
        for j in range(Y.size(1)):
            for a in range(K.size(0)):
                for b in range(K.size(1)):
                    Y[i, j] += X[i + a, j + b] * K[a, b]
    return Y


@rewrite
def with_an_fft(X, K):
    size = tuple(X.shape)
    y = torch.fft.irfft2(torch.fft.rfft2(X) * torch.fft.rfft2(K, s=size).conj(), s=size)
    return y[: X.shape[0] - K.shape[0] + 1, : X.shape[1] - K.shape[1] + 1]


@rewrite
def a_view_with_other_strides(X, K):
    return as_in_the_book(X.t(), K.t()).t()


@mistake(
    "the kernel is applied flipped",
    hint="That is a true convolution. Here the kernel lies on the image as it is.",
    caught_by=(EXAMPLE, SQUARE, ANY),
)
def flips_the_kernel(X, K):
    return as_in_the_book(X, K.flip(0, 1))


@mistake(
    "the kernel is applied transposed",
    hint="Rows of the kernel lie on rows of the image.",
    caught_by=(EXAMPLE, SQUARE, ANY),
)
def transposes_the_kernel(X, K):
    return as_in_the_book(X, K.t())


@mistake(
    "the height of the kernel is used for its width too",
    hint="A kernel need not be square: take both numbers of its shape.",
    caught_by=ANY,
)
def takes_every_kernel_for_square(X, K):
    h = w = K.shape[0]
    Y = torch.zeros((X.shape[0] - h + 1, X.shape[1] - w + 1))
    for i in range(Y.shape[0]):
        for j in range(Y.shape[1]):
            Y[i, j] = (X[i : i + h, j : j + w] * K).sum()
    return Y


@mistake(
    "the height of the image is used for its width too",
    hint="An image need not be square: take both numbers of its shape.",
    caught_by=ANY,
)
def takes_every_image_for_square(X, K):
    h, w = K.shape
    Y = torch.zeros((X.shape[0] - h + 1, X.shape[0] - w + 1))
    for i in range(Y.shape[0]):
        for j in range(Y.shape[1]):
            Y[i, j] = (X[i : i + h, j : j + w] * K).sum()
    return Y


@mistake(
    "height and width of the kernel are exchanged",
    hint="The first number of a shape is the height.",
    caught_by=ANY,
)
def exchanges_height_and_width(X, K):
    w, h = K.shape
    Y = torch.zeros((X.shape[0] - h + 1, X.shape[1] - w + 1))
    for i in range(Y.shape[0]):
        for j in range(Y.shape[1]):
            Y[i, j] = (X[i : i + h, j : j + w] * K).sum()
    return Y


@mistake(
    "images and kernels that are not square are refused",
    hint="The formula holds for any height and width.",
    caught_by=ANY,
)
def raises_unless_square(X, K):
    if X.shape[0] != X.shape[1] or K.shape[0] != K.shape[1]:
        raise ValueError("square matrices only")
    return as_in_the_book(X, K)


@mistake(
    "the last row and column of the result are missing",
    hint="Count the places of a 2x2 kernel on a 3x3 image along one side.",
    caught_by=(EXAMPLE, SQUARE, ANY, FRACTIONS, ARGUMENTS, TWICE),
)
def one_row_and_column_short(X, K):
    return as_in_the_book(X, K)[:-1, :-1].clone()


@mistake(
    "the result is transposed",
    hint="i runs down the image, j across it.",
    caught_by=(EXAMPLE, SQUARE, ANY, FRACTIONS, ARGUMENTS, TWICE),
)
def transposes_the_result(X, K):
    return as_in_the_book(X, K).t().clone()


@mistake(
    "the image is padded so that the result has its size",
    hint="No padding here: the kernel stays inside the image.",
    caught_by=(EXAMPLE, SQUARE, ANY, ARGUMENTS, TWICE),
)
def pads_to_the_same_size(X, K):
    return F.conv2d(X[None, None], K[None, None], padding="same")[0, 0]


@mistake(
    "products are averaged in place of summed",
    hint="Each number of the result is a sum over the window.",
    caught_by=(EXAMPLE, SQUARE, ANY, ARGUMENTS, TWICE),
)
def averages_the_products(X, K):
    return as_in_the_book(X, K) / K.numel()


@mistake(
    "the window moves by its own size",
    hint="The window moves by one row or one column at a time.",
    caught_by=(EXAMPLE, SQUARE, ANY, ARGUMENTS, TWICE),
)
def strides_by_the_kernel(X, K):
    return F.conv2d(X[None, None], K[None, None], stride=tuple(K.shape))[0, 0]


@mistake(
    "the result has axes of batch and channel",
    hint="The result is a matrix like the image.",
    caught_by=(EXAMPLE, SQUARE, ANY, FRACTIONS, ARGUMENTS, TWICE),
)
def returns_four_axes(X, K):
    return F.conv2d(X[None, None], K[None, None])


@mistake(
    "axes of length 1 are dropped from the result",
    hint="A result with one row is still a matrix: squeeze only the axes you added.",
    caught_by=(SQUARE, ANY),
)
def squeezes_the_result(X, K):
    return F.conv2d(X[None, None], K[None, None]).squeeze()


@mistake(
    "the result holds whole numbers only",
    hint="Look at the dtype of the tensor you fill.",
    caught_by=FRACTIONS,
)
def cuts_fractions_off(X, K):
    return as_in_the_book(X, K).long()


@mistake(
    "a list comes back in place of a tensor",
    hint="Return a torch.Tensor.",
    caught_by=(EXAMPLE, SQUARE, ANY, FRACTIONS, ARGUMENTS, TWICE),
)
def returns_a_list(X, K):
    return as_in_the_book(X, K).tolist()


@mistake(
    "a NumPy array comes back in place of a tensor",
    hint="Return a torch.Tensor.",
    caught_by=(EXAMPLE, SQUARE, ANY, FRACTIONS, ARGUMENTS, TWICE),
)
def returns_an_array(X, K):
    return as_in_the_book(X, K).numpy()


@mistake(
    "the sizes of the book's example are written into the function",
    hint="Take the sizes from X.shape and K.shape.",
    caught_by=(SQUARE, ANY, FRACTIONS),
)
def knows_only_the_sizes_of_the_example(X, K):
    Y = torch.zeros((2, 2))
    for i in range(2):
        for j in range(2):
            Y[i, j] = (X[i : i + 2, j : j + 2] * K).sum()
    return Y


@mistake(
    "the book's result comes back for every input",
    hint="Compute the result from X and K.",
    caught_by=(SQUARE, ANY, FRACTIONS, ARGUMENTS, TWICE),
)
def returns_the_example(X, K):
    return torch.tensor([[19.0, 25.0], [37.0, 43.0]])


@mistake(
    "the image is changed by the call",
    hint="X *= ... and X[...] = ... write into the caller's tensor.",
    caught_by=ARGUMENTS,
)
def writes_into_the_image(X, K):
    Y = as_in_the_book(X, K)
    X[: Y.shape[0], : Y.shape[1]] = Y
    return Y


@mistake(
    "the kernel is changed by the call",
    hint="K *= ... and K[...] = ... write into the caller's tensor.",
    caught_by=ARGUMENTS,
)
def writes_into_the_kernel(X, K):
    Y = as_in_the_book(X, K)
    K.zero_()
    return Y


_earlier: dict[tuple[int, ...], torch.Tensor] = {}


@mistake(
    "results of earlier calls are added to the result",
    hint="Make the tensor that you fill inside the function, in every call.",
    caught_by=(EXAMPLE, SQUARE, ANY, FRACTIONS, ARGUMENTS, TWICE),
)
def adds_up_over_calls(X, K):
    Y = as_in_the_book(X, K)
    _earlier[tuple(Y.shape)] = Y = Y + _earlier.get(tuple(Y.shape), 1.0)
    return Y


@mistake(
    "small random numbers are in the result",
    hint="The result is determined by X and K: start from torch.zeros.",
    caught_by=(SQUARE, ANY, FRACTIONS),
)
def adds_noise(X, K):
    Y = as_in_the_book(X, K)
    return Y + 1e-3 * torch.rand_like(Y)


@mistake(
    "negative numbers of the result become 0",
    hint="A sum may be negative; there is no activation here.",
    caught_by=(SQUARE, ANY, FRACTIONS),
)
def cuts_negative_numbers_off(X, K):
    return as_in_the_book(X, K).relu()


@mistake(
    "only the first row of the kernel is used",
    hint="Sum over all rows and columns of the window.",
    caught_by=(EXAMPLE, SQUARE, ANY, ARGUMENTS, TWICE),
)
def uses_one_row_of_the_kernel(X, K):
    Y = torch.zeros((X.shape[0] - K.shape[0] + 1, X.shape[1] - K.shape[1] + 1))
    for i in range(Y.shape[0]):
        for j in range(Y.shape[1]):
            Y[i, j] = (X[i, j : j + K.shape[1]] * K[0]).sum()
    return Y


@mistake(
    "the sums are kept in half precision",
    hint="Let torch choose the dtype: float32 keeps seven digits, float16 three.",
    caught_by=FRACTIONS,
)
def computes_in_half_precision(X, K):
    return as_in_the_book(X.half(), K.half())


@mistake(
    "the image is read as if its rows lay one after another in memory",
    hint="Take strides from X.stride(), or index X[i : i + h, j : j + w].",
    caught_by=ANY,
)
def takes_strides_for_granted(X, K):
    (H, W), (h, w) = X.shape, K.shape
    windows = torch.as_strided(X, (H - h + 1, W - w + 1, h, w), (W, 1, W, 1))
    return (windows * K).sum((2, 3))


def loop_that_ends(X, K, *, rows_short=0, columns_short=0, first="nothing"):
    h, w = K.shape
    Y = torch.zeros(X.shape[0] - h + 1, X.shape[1] - w + 1)
    for i in range(Y.shape[0] - rows_short):
        for j in range(Y.shape[1] - columns_short):
            Y[i, j] = (X[i : i + h, j : j + w] * K).sum()
            if first == "number":
                return Y
        if first == "row":
            return Y
    return Y


@mistake(
    "the loops end before the last row and the last column, which stay 0",
    hint="range(n) ends at n - 1 already: its n is the number of rows of the result.",
    caught_by=(EXAMPLE, SQUARE, ANY, FRACTIONS, ARGUMENTS, TWICE),
)
def loops_end_early(X, K):
    return loop_that_ends(X, K, rows_short=1, columns_short=1)


@mistake(
    "only the first row of the result is computed",
    hint="Is the return inside the loop over the rows? It belongs after both loops.",
    caught_by=(EXAMPLE, SQUARE, ANY, FRACTIONS, ARGUMENTS, TWICE),
)
def returns_after_a_row(X, K):
    return loop_that_ends(X, K, first="row")


@mistake(
    "only the first number of the result is computed",
    hint="Is the return inside the loops? It belongs after both of them.",
    caught_by=(EXAMPLE, SQUARE, ANY, FRACTIONS, ARGUMENTS, TWICE),
)
def returns_after_a_number(X, K):
    return loop_that_ends(X, K, first="number")
