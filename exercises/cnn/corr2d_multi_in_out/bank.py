"""Known answers to `corr2d_multi_in_out`: right ones written differently, and named mistakes."""

import torch
from torch import nn
from torch.nn import functional as F

from grader.checks import mistake, rewrite
from reference import corr2d, corr2d_multi_in

EXAMPLE = "test_example_from_the_book"
CHANNELS = "test_channels_in_and_out"
ANY = "test_any_sizes"
SINGLE = "test_single_channels"
ARGUMENTS = "test_leaves_its_arguments_alone"
TWICE = "test_same_call_same_answer"


@rewrite
def as_in_the_book(X, K):
    return torch.stack([corr2d_multi_in(X, k) for k in K], 0)


@rewrite
def with_the_library(X, K):
    return F.conv2d(X[None], K)[0]


@rewrite
def with_a_layer_that_requires_grad(X, K):
    CO, CI, h, w = K.shape
    layer = nn.Conv2d(CI, CO, (h, w), bias=False)
    layer.weight.data.copy_(K)
    return layer(X.unsqueeze(0)).squeeze(0)


@rewrite
def with_unfold_as_a_matrix_product(X, K):
    CO, _, h, w = K.shape
    columns = F.unfold(X[None], (h, w))[0]
    rows = K.reshape(CO, -1) @ columns
    return rows.view(CO, X.shape[1] - h + 1, X.shape[2] - w + 1)


@rewrite
def with_einsum_in_float64(X, K):
    windows = X.double().unfold(1, K.shape[2], 1).unfold(2, K.shape[3], 1)
    return torch.einsum("cijab,ocab->oij", windows, K.double())


@rewrite
def fills_in_place(X, K):
    Y = torch.zeros(len(K), X.shape[1] - K.shape[2] + 1, X.shape[2] - K.shape[3] + 1)
    for o in range(K.shape[0]):
        for c in range(K.shape[1]):
            Y[o] += corr2d(X[c], K[o, c])
    return Y


@rewrite
def a_permuted_view(X, K):
    return torch.stack([corr2d_multi_in(X, k) for k in K], -1).permute(2, 0, 1)


@mistake(
    "only the first output channel is computed",
    hint="Go over axis 0 of K.",
    caught_by=(EXAMPLE, CHANNELS, ANY, SINGLE, ARGUMENTS, TWICE),
)
def uses_the_first_kernel(X, K):
    return corr2d_multi_in(X, K[0])[None]


@mistake(
    "every output channel uses the first kernel",
    hint="Output channel o uses K[o].",
    caught_by=(EXAMPLE, CHANNELS, ANY, SINGLE),
)
def repeats_the_first_kernel(X, K):
    return torch.stack([corr2d_multi_in(X, K[0]) for _ in K])


@mistake(
    "the output channels are summed",
    hint="Stack the results, do not add them.",
    caught_by=(EXAMPLE, CHANNELS, ANY, SINGLE, ARGUMENTS, TWICE),
)
def sums_the_output_channels(X, K):
    return torch.stack([corr2d_multi_in(X, k) for k in K]).sum(0)


@mistake(
    "the results are stacked along the last axis",
    hint="Output channels come first.",
    caught_by=(EXAMPLE, CHANNELS, ANY, SINGLE, ARGUMENTS, TWICE),
)
def stacks_along_the_last_axis(X, K):
    return torch.stack([corr2d_multi_in(X, k) for k in K], -1)


@mistake(
    "the results are joined into one tall matrix",
    hint="torch.stack makes a new axis, torch.cat does not.",
    caught_by=(EXAMPLE, CHANNELS, ANY, SINGLE, ARGUMENTS, TWICE),
)
def joins_the_results(X, K):
    return torch.cat([corr2d_multi_in(X, k) for k in K], 0)


@mistake(
    "the axes of input and output channels are exchanged",
    hint="K has shape (output channels, input channels, h, w).",
    caught_by=(EXAMPLE, CHANNELS, ANY, SINGLE),
)
def exchanges_in_and_out(X, K):
    return torch.stack([corr2d_multi_in(X, k) for k in K.transpose(0, 1)])


@mistake(
    "the output channels come in the opposite order",
    hint="Output channel o uses K[o].",
    caught_by=(EXAMPLE, CHANNELS, ANY, SINGLE),
)
def reverses_the_output_channels(X, K):
    return as_in_the_book(X, K).flip(0)


@mistake(
    "only the first input channel is used",
    hint="Each result is a sum over the input channels.",
    caught_by=(EXAMPLE, CHANNELS, ANY, SINGLE, ARGUMENTS, TWICE),
)
def uses_the_first_channel(X, K):
    return torch.stack([corr2d(X[0], k[0]) for k in K])


@mistake(
    "input channels are averaged in place of summed",
    hint="Each result is a sum over the input channels.",
    caught_by=(EXAMPLE, CHANNELS, ANY, SINGLE, ARGUMENTS, TWICE),
)
def averages_the_channels(X, K):
    return as_in_the_book(X, K) / K.shape[1]


@mistake(
    "axes of length 1 are dropped from the result",
    hint="One output channel is still an axis.",
    caught_by=(SINGLE, CHANNELS, ANY),
)
def squeezes_the_result(X, K):
    return as_in_the_book(X, K).squeeze()


@mistake(
    "the axis of a single output channel is dropped",
    hint="One output channel is still an axis.",
    caught_by=SINGLE,
)
def drops_a_single_output_channel(X, K):
    return as_in_the_book(X, K).squeeze(0)


@mistake(
    "the result has an axis for the batch",
    hint="The result has the shape (output channels, H', W').",
    caught_by=(EXAMPLE, CHANNELS, ANY, SINGLE, ARGUMENTS, TWICE),
)
def returns_four_axes(X, K):
    return F.conv2d(X[None], K)


@mistake(
    "a list comes back in place of a tensor",
    hint="torch.stack makes one tensor of a list of tensors.",
    caught_by=(EXAMPLE, CHANNELS, ANY, SINGLE, ARGUMENTS, TWICE),
)
def returns_a_list(X, K):
    return [corr2d_multi_in(X, k) for k in K]


@mistake(
    "the height of the kernel is used for its width too",
    hint="A kernel need not be square.",
    caught_by=ANY,
)
def takes_every_kernel_for_square(X, K):
    h = K.shape[2]
    Y = torch.zeros(K.shape[0], X.shape[1] - h + 1, X.shape[2] - h + 1)
    for i in range(Y.shape[1]):
        for j in range(Y.shape[2]):
            Y[:, i, j] = (X[None, :, i : i + h, j : j + h] * K).sum((1, 2, 3))
    return Y


@mistake(
    "height and width of the result are exchanged",
    hint="i runs down the image, j across it.",
    caught_by=(EXAMPLE, CHANNELS, ANY, SINGLE, ARGUMENTS, TWICE),
)
def transposes_the_results(X, K):
    return as_in_the_book(X, K).transpose(1, 2)


@mistake(
    "the kernels are applied flipped",
    hint="That is a true convolution. Here the kernel lies on the image as it is.",
    caught_by=(EXAMPLE, CHANNELS, ANY),
)
def flips_the_kernels(X, K):
    return F.conv2d(X[None], K.flip(2, 3))[0]


@mistake(
    "the three output channels of the book's example are assumed",
    hint="The number of output channels is K.shape[0].",
    caught_by=(CHANNELS, ANY, SINGLE, ARGUMENTS, TWICE),
)
def knows_three_output_channels(X, K):
    return torch.stack([corr2d_multi_in(X, K[o]) for o in range(3)])


@mistake(
    "the kernel is changed by the call",
    hint="K += 1 and K[...] = ... write into the caller's tensor.",
    caught_by=ARGUMENTS,
)
def writes_into_the_kernel(X, K):
    Y = as_in_the_book(X, K)
    K += 1
    return Y


_results: list[torch.Tensor] = []


@mistake(
    "results of earlier calls are still in the list",
    hint="Make the list inside the function, in every call.",
    caught_by=(EXAMPLE, CHANNELS, ANY, SINGLE, ARGUMENTS, TWICE),
)
def keeps_its_list(X, K):
    _results.extend(corr2d_multi_in(X, k) for k in K)
    same = [y for y in _results if y.shape == _results[-1].shape]
    return torch.stack(same[:1] + same)


@mistake(
    "the result holds whole numbers only",
    hint="Look at the dtype of the tensor you fill.",
    caught_by=SINGLE,
)
def cuts_fractions_off(X, K):
    return torch.stack([corr2d_multi_in(X, k).int() for k in K])


@mistake(
    "no more than three output channels are computed",
    hint="The number of output channels is K.shape[0].",
    caught_by=ANY,
)
def stops_after_three(X, K):
    return torch.stack([corr2d_multi_in(X, k) for k in K[:3]])
