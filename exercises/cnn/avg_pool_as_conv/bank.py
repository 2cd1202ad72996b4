"""Known answers to average pooling as a convolution: right ones, and mistakes with a name."""

import torch
from torch import nn
from torch.nn import functional as F

from grader.checks import mistake, rewrite
from reference import corr2d

EXAMPLE = "test_example_from_the_book"
SQUARE = "test_square_windows"
ANY = "test_any_sizes"
ARGUMENT = "test_leaves_its_argument_alone"


@rewrite
def with_the_correlation_of_the_book(X, pool_size):
    p_h, p_w = pool_size
    return corr2d(X, torch.ones(p_h, p_w) / (p_h * p_w))


@rewrite
def with_a_stride_and_a_squeeze(X, pool_size, stride=1):
    kernel = torch.full((1, 1, *pool_size), 1.0 / (pool_size[0] * pool_size[1]))
    return F.conv2d(X.unsqueeze(0).unsqueeze(0), kernel, stride=stride).squeeze()


@rewrite
def with_a_layer(X, size):
    layer = nn.Conv2d(1, 1, kernel_size=size, bias=False)
    nn.init.constant_(layer.weight, 1 / (size[0] * size[1]))
    return layer(X[None, None])[0, 0]


@rewrite
def on_a_batch(X, pool_size):
    c = X.shape[1]
    kernel = torch.ones(c, 1, *pool_size) / (pool_size[0] * pool_size[1])
    return F.conv2d(X, kernel, groups=c)


@rewrite
def with_height_and_width(X, p_h, p_w):
    return F.conv2d(X[None, None], torch.full((1, 1, p_h, p_w), 1 / (p_h * p_w)))[0, 0]


@rewrite
def in_float64(X, pool_size):
    kernel = torch.ones(1, 1, *pool_size, dtype=torch.float64)
    return (F.conv2d(X[None, None].double(), kernel) / kernel.numel())[0, 0]


@rewrite
def first_rows_then_columns(X, pool_size):
    p_h, p_w = pool_size
    return corr2d(corr2d(X, torch.ones(p_h, 1) / p_h), torch.ones(1, p_w) / p_w)


@mistake(
    "the window is summed, not averaged",
    hint="The numbers of the kernel must sum to 1.",
    caught_by=(EXAMPLE, SQUARE, ANY, ARGUMENT),
)
def sums_the_window(X, pool_size):
    return corr2d(X, torch.ones(pool_size))


@mistake(
    "the kernel of the 2x2 example is used for every window",
    hint="Take size and numbers of the kernel from pool_size.",
    caught_by=(SQUARE, ANY),
)
def knows_only_2x2_windows(X, pool_size):
    return corr2d(X, torch.full((2, 2), 0.25))


@mistake(
    "the kernel holds 1/4 for every size",
    hint="A window of 2 x 3 has 6 numbers.",
    caught_by=(SQUARE, ANY),
)
def divides_by_4(X, pool_size):
    return corr2d(X, torch.full(pool_size, 0.25))


@mistake(
    "the kernel divides by the square of its height",
    hint="A window of 2 x 3 has 6 numbers.",
    caught_by=ANY,
)
def divides_by_the_square_of_the_height(X, pool_size):
    return corr2d(X, torch.full(pool_size, 1 / pool_size[0] ** 2))


@mistake(
    "the kernel divides by its height alone",
    hint="A window of 2 x 3 has 6 numbers.",
    caught_by=(EXAMPLE, SQUARE, ANY, ARGUMENT),
)
def divides_by_the_height(X, pool_size):
    return corr2d(X, torch.full(pool_size, 1 / pool_size[0]))


@mistake(
    "height and width of the window are exchanged",
    hint="pool_size is (height, width).",
    caught_by=ANY,
)
def exchanges_height_and_width(X, pool_size):
    p_w, p_h = pool_size
    return corr2d(X, torch.ones(p_h, p_w) / (p_h * p_w))


@mistake(
    "the window moves by its own size",
    hint="The pooling of the book has stride 1.",
    caught_by=(EXAMPLE, SQUARE, ANY, ARGUMENT),
)
def strides_by_the_window(X, pool_size):
    return F.avg_pool2d(X[None, None], pool_size)[0, 0]


@mistake(
    "the image is padded",
    hint="The window stays inside the image.",
    caught_by=(EXAMPLE, SQUARE, ANY, ARGUMENT),
)
def pads_the_image(X, pool_size):
    kernel = torch.ones(1, 1, *pool_size) / (pool_size[0] * pool_size[1])
    return F.conv2d(X[None, None], kernel, padding="same")[0, 0]


@mistake(
    "the largest number in place of the mean",
    hint="Average pooling takes the mean of each window.",
    caught_by=(EXAMPLE, SQUARE, ANY, ARGUMENT),
)
def takes_the_maximum(X, pool_size):
    return F.max_pool2d(X[None, None], pool_size, stride=1)[0, 0]


@mistake(
    "the kernel is random",
    hint="Set the weight of the layer, and leave out its bias.",
    caught_by=(EXAMPLE, SQUARE, ANY, ARGUMENT),
)
def leaves_the_weight_random(X, pool_size):
    return nn.Conv2d(1, 1, kernel_size=pool_size, bias=False)(X[None, None])[0, 0]


@mistake(
    "the bias of the layer is added",
    hint="Average pooling has no bias.",
    caught_by=(EXAMPLE, SQUARE, ANY, ARGUMENT),
)
def keeps_the_bias(X, pool_size):
    layer = nn.Conv2d(1, 1, kernel_size=pool_size)
    layer.weight.data.fill_(1 / (pool_size[0] * pool_size[1]))
    layer.bias.data.fill_(0.5)
    return layer(X[None, None])[0, 0]


@mistake(
    "the result is transposed",
    hint="i runs down the image, j across it.",
    caught_by=(EXAMPLE, SQUARE, ANY, ARGUMENT),
)
def transposes_the_result(X, pool_size):
    return with_a_layer(X, pool_size).t()


@mistake(
    "the image is changed by the call",
    hint="X /= ... writes into the caller's tensor.",
    caught_by=ARGUMENT,
)
def writes_into_the_image(X, pool_size):
    Y = with_the_correlation_of_the_book(X, pool_size)
    X /= pool_size[0] * pool_size[1]
    return Y


@mistake(
    "a list comes back in place of a tensor",
    hint="Return a torch.Tensor.",
    caught_by=(EXAMPLE, SQUARE, ANY, ARGUMENT),
)
def returns_a_list(X, pool_size):
    return with_the_correlation_of_the_book(X, pool_size).tolist()
