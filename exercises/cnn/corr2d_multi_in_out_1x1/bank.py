"""Known answers to `corr2d_multi_in_out_1x1`: right ones, and mistakes with a name."""

import torch
from torch import nn
from torch.nn import functional as F

from grader.checks import mistake, rewrite
from reference import corr2d_multi_in_out

EXAMPLE = "test_small_example"
CHANNELS = "test_combines_the_channels"
ANY = "test_any_sizes"
SINGLE = "test_single_channels"
ARGUMENTS = "test_leaves_its_arguments_alone"
TWICE = "test_same_call_same_answer"


@rewrite
def as_in_the_book(X, K):
    c_i, h, w = X.shape
    c_o = K.shape[0]
    X = X.reshape((c_i, h * w))
    K = K.reshape((c_o, c_i))
    return torch.matmul(K, X).reshape((c_o, h, w))


@rewrite
def by_the_general_function(X, K):
    return corr2d_multi_in_out(X, K)


@rewrite
def with_the_library(X, K):
    return F.conv2d(X.unsqueeze(0), K).squeeze(0)


@rewrite
def with_einsum_in_float64(X, K):
    return torch.einsum("oc,chw->ohw", K[:, :, 0, 0].double(), X.double())


@rewrite
def as_a_linear_layer_that_requires_grad(X, K):
    layer = nn.Linear(K.shape[1], K.shape[0], bias=False)
    layer.weight.data = K.flatten(1).clone()
    return layer(X.permute(1, 2, 0)).permute(2, 0, 1)


@rewrite
def by_broadcasting(X, K):
    return (K * X).sum(1)


@rewrite
def pixel_by_pixel(X, K):
    Y = torch.zeros(K.shape[0], *X.shape[1:])
    for i in range(X.shape[1]):
        for j in range(X.shape[2]):
            Y[:, i, j] = K[:, :, 0, 0] @ X[:, i, j]
    return Y


@rewrite
def with_tensordot(X, K):
    return torch.tensordot(K.squeeze(-1).squeeze(-1), X, dims=1)


@mistake(
    "the kernel is transposed",
    hint="Rows of the matrix are output channels, columns input channels.",
    caught_by=(EXAMPLE, CHANNELS, ANY, SINGLE),
)
def transposes_the_kernel(X, K):
    return torch.einsum("co,chw->ohw", K[:, :, 0, 0], X)


@mistake(
    "the axes of input and output channels are exchanged by a reshape",
    hint="K has shape (output channels, input channels, 1, 1).",
    caught_by=(EXAMPLE, ANY, SINGLE),
)
def exchanges_in_and_out(X, K):
    (c_i, h, w), c_o = X.shape, K.shape[0]
    return (K.reshape(c_i, c_o) @ X.reshape(c_i, h * w)).reshape(c_o, h, w)


@mistake(
    "only the first input channel is used",
    hint="Each result is a sum over the input channels.",
    caught_by=(EXAMPLE, CHANNELS, ANY, SINGLE, ARGUMENTS, TWICE),
)
def uses_the_first_channel(X, K):
    return K[:, :1, 0] * X[:1]


@mistake(
    "input channels are averaged in place of summed",
    hint="A matrix product sums.",
    caught_by=(EXAMPLE, CHANNELS, ANY, SINGLE, ARGUMENTS, TWICE),
)
def averages_the_channels(X, K):
    return (K * X).mean(1)


@mistake(
    "only one output channel is computed",
    hint="One result for each K[o].",
    caught_by=(EXAMPLE, CHANNELS, ANY, SINGLE, ARGUMENTS, TWICE),
)
def uses_the_first_kernel(X, K):
    return (K[:1] * X).sum(1)


@mistake(
    "the result is left as a matrix",
    hint="Give the pixels their height and width back.",
    caught_by=(EXAMPLE, CHANNELS, ANY, SINGLE, ARGUMENTS, TWICE),
)
def returns_a_matrix(X, K):
    return K.flatten(1) @ X.flatten(1)


@mistake(
    "height and width of the result are exchanged",
    hint="Reshape to (c_o, h, w).",
    caught_by=(EXAMPLE, ANY),
)
def reshapes_to_width_and_height(X, K):
    c_i, h, w = X.shape
    return (K.flatten(1) @ X.reshape(c_i, h * w)).reshape(len(K), w, h)


@mistake(
    "the image is taken for square",
    hint="Take height and width from X.shape.",
    caught_by=(EXAMPLE, ANY),
)
def takes_every_image_for_square(X, K):
    c_i, h, _ = X.shape
    return (K.flatten(1) @ X.reshape(c_i, h * h)).reshape(len(K), h, h)


@mistake(
    "as many output channels as input channels are assumed",
    hint="K.shape[0] and K.shape[1] may differ.",
    caught_by=(EXAMPLE, ANY, SINGLE),
)
def takes_every_kernel_for_square(X, K):
    c, h, w = X.shape
    return (K.reshape(c, c) @ X.reshape(c, h * w)).reshape(c, h, w)


@mistake(
    "the pixels are mixed by a reshape",
    hint="reshape keeps the order of the numbers: it does not exchange axes.",
    caught_by=(EXAMPLE, CHANNELS, ANY, SINGLE, ARGUMENTS, TWICE),
)
def mixes_the_pixels(X, K):
    c_i, h, w = X.shape
    pixels = X.reshape(h * w, c_i)
    return (pixels @ K.flatten(1).t()).t().reshape(len(K), h, w)


@mistake(
    "output channels come last",
    hint="The result has the shape (c_o, h, w).",
    caught_by=(EXAMPLE, CHANNELS, ANY, SINGLE, ARGUMENTS, TWICE),
)
def puts_channels_last(X, K):
    return as_in_the_book(X, K).permute(1, 2, 0)


@mistake(
    "the axis of a single channel is dropped",
    hint="squeeze() drops more than the two axes of the kernel.",
    caught_by=SINGLE,
)
def squeezes_the_kernel(X, K):
    return torch.einsum("oc,chw->ohw", K.squeeze(), X)


@mistake(
    "the axis of a single output channel is dropped from the result",
    hint="One output channel is still an axis.",
    caught_by=SINGLE,
)
def squeezes_the_result(X, K):
    return as_in_the_book(X, K).squeeze(0)


@mistake(
    "the result has an axis for the batch",
    hint="The result has the shape (c_o, h, w).",
    caught_by=(EXAMPLE, CHANNELS, ANY, SINGLE, ARGUMENTS, TWICE),
)
def returns_four_axes(X, K):
    return F.conv2d(X[None], K)


@mistake(
    "channels are multiplied one by one, without a sum",
    hint="Every output channel sees every input channel.",
    caught_by=(EXAMPLE, CHANNELS, ANY, SINGLE, ARGUMENTS, TWICE),
)
def multiplies_channel_by_channel(X, K):
    return K * X


@mistake(
    "the image is padded",
    hint="A 1x1 kernel needs no padding: height and width stay.",
    caught_by=(EXAMPLE, CHANNELS, ANY, SINGLE, ARGUMENTS, TWICE),
)
def pads_the_image(X, K):
    return F.conv2d(X[None], K, padding=1)[0]


@mistake(
    "the image is changed by the call",
    hint="Functions ending in _ change the caller's tensor.",
    caught_by=ARGUMENTS,
)
def writes_into_the_image(X, K):
    Y = as_in_the_book(X, K)
    X.mul_(2)
    return Y


_earlier: dict[tuple[int, ...], torch.Tensor] = {}


@mistake(
    "results of earlier calls are added to the result",
    hint="Make the tensor that you add to inside the function, in every call.",
    caught_by=(EXAMPLE, CHANNELS, ANY, SINGLE, ARGUMENTS, TWICE),
)
def adds_up_over_calls(X, K):
    Y = as_in_the_book(X, K)
    _earlier[tuple(Y.shape)] = Y = Y + _earlier.get(tuple(Y.shape), 1.0)
    return Y


@mistake(
    "the sums are kept in half precision",
    hint="Let torch choose the dtype: float32 keeps seven digits, float16 three.",
    caught_by=SINGLE,
)
def computes_in_half_precision(X, K):
    return as_in_the_book(X.half(), K.half())
