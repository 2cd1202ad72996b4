"""Known answers to `corr2d_multi_in`: right ones written differently, and mistakes with a name."""

import torch
from torch.nn import functional as F

from grader.checks import mistake, rewrite
from reference import corr2d

EXAMPLE = "test_example_from_the_book"
CHANNELS = "test_sums_over_the_channels"
ANY = "test_any_sizes"
SINGLE = "test_a_single_channel"
ARGUMENTS = "test_leaves_its_arguments_alone"
TWICE = "test_same_call_same_answer"


@rewrite
def as_in_the_book(X, K):
    return sum(corr2d(x, k) for x, k in zip(X, K, strict=False))


@rewrite
def with_the_library(X, K):
    return F.conv2d(X.unsqueeze(0), K.unsqueeze(0))[0, 0]


@rewrite
def with_groups_and_a_sum(X, K):
    return F.conv2d(X[None], K[:, None], groups=K.shape[0])[0].sum(0)


@rewrite
def with_unfold_and_einsum_in_float64(X, K):
    _, h, w = K.shape
    windows = X.double().unfold(1, h, 1).unfold(2, w, 1)
    return torch.einsum("cijab,cab->ij", windows, K.double())


@rewrite
def window_by_window_over_all_channels(X, K):
    _, h, w = K.shape
    Y = torch.zeros(X.shape[1] - h + 1, X.shape[2] - w + 1)
    for i in range(Y.shape[0]):
        for j in range(Y.shape[1]):
            Y[i, j] = (X[:, i : i + h, j : j + w] * K).sum()
    return Y


@rewrite
def adds_in_place(X, K):
    Y = corr2d(X[0], K[0])
    for c in range(1, len(X)):
        Y += corr2d(X[c], K[c])
    return Y


@rewrite
def stacked_and_summed_with_grad(X, K):
    K = K.clone().requires_grad_()
    return torch.stack([corr2d(x, k) for x, k in zip(X, K, strict=True)]).sum(dim=0)


@mistake(
    "only the first channel is used",
    hint="Go over all channels.",
    caught_by=(EXAMPLE, CHANNELS, ANY, ARGUMENTS, TWICE),
)
def uses_the_first_channel(X, K):
    return corr2d(X[0], K[0])


@mistake(
    "the last channel is left out",
    hint="range(n) ends at n - 1 by itself.",
    caught_by=(EXAMPLE, CHANNELS, ANY, SINGLE, ARGUMENTS, TWICE),
)
def leaves_out_the_last_channel(X, K):
    Y = torch.zeros(X.shape[1] - K.shape[1] + 1, X.shape[2] - K.shape[2] + 1)
    for c in range(X.shape[0] - 1):
        Y += corr2d(X[c], K[c])
    return Y


@mistake(
    "channels are averaged in place of summed",
    hint="Add the results of the channels.",
    caught_by=(EXAMPLE, CHANNELS, ANY, ARGUMENTS, TWICE),
)
def averages_the_channels(X, K):
    return torch.stack([corr2d(x, k) for x, k in zip(X, K, strict=True)]).mean(0)


@mistake(
    "the largest channel is taken in place of the sum",
    hint="Add the results of the channels.",
    caught_by=(EXAMPLE, CHANNELS, ANY, ARGUMENTS, TWICE),
)
def takes_the_largest_channel(X, K):
    return torch.stack([corr2d(x, k) for x, k in zip(X, K, strict=True)]).amax(0)


@mistake(
    "all channels use the kernel of the first",
    hint="Channel c of the image belongs to channel c of the kernel.",
    caught_by=(EXAMPLE, CHANNELS, ANY),
)
def uses_one_kernel_for_all(X, K):
    return sum(corr2d(x, K[0]) for x in X)


@mistake(
    "channels are paired in the opposite order",
    hint="Channel c of the image belongs to channel c of the kernel.",
    caught_by=(EXAMPLE, CHANNELS, ANY),
)
def pairs_channels_backwards(X, K):
    return sum(corr2d(x, k) for x, k in zip(X, K.flip(0), strict=True))


@mistake(
    "every channel is paired with every kernel",
    hint="One sum over channels, not two.",
    caught_by=(EXAMPLE, CHANNELS, ANY, ARGUMENTS, TWICE),
)
def pairs_all_with_all(X, K):
    return sum(corr2d(x, k) for x in X for k in K)


@mistake(
    "the channels are not summed",
    hint="The result is one matrix.",
    caught_by=(EXAMPLE, CHANNELS, ANY, SINGLE, ARGUMENTS, TWICE),
)
def keeps_the_channels(X, K):
    return torch.stack([corr2d(x, k) for x, k in zip(X, K, strict=True)])


@mistake(
    "the sum is taken over everything",
    hint="Sum over the axis of the channels alone.",
    caught_by=(EXAMPLE, CHANNELS, ANY, SINGLE, ARGUMENTS, TWICE),
)
def sums_everything(X, K):
    return torch.stack([corr2d(x, k) for x, k in zip(X, K, strict=True)]).sum()


@mistake(
    "the kernels are applied flipped",
    hint="That is a true convolution. Here the kernel lies on the image as it is.",
    caught_by=(EXAMPLE, CHANNELS, ANY),
)
def flips_the_kernels(X, K):
    return sum(corr2d(x, k.flip(0, 1)) for x, k in zip(X, K, strict=True))


@mistake(
    "two channels are assumed",
    hint="The number of channels is X.shape[0].",
    caught_by=(CHANNELS, ANY, SINGLE),
)
def knows_two_channels(X, K):
    return corr2d(X[0], K[0]) + corr2d(X[1], K[1])


@mistake(
    "the axis of a single channel is dropped",
    hint="squeeze() turns an image of one channel into a matrix.",
    caught_by=SINGLE,
)
def squeezes_its_arguments(X, K):
    if X.shape[0] == 1:
        X, K = X.squeeze(0), K.squeeze(0)
    return F.conv2d(X[None], K[None])[0, 0]


@mistake(
    "the height of the kernel is used for its width too",
    hint="A kernel need not be square.",
    caught_by=ANY,
)
def takes_every_kernel_for_square(X, K):
    h = K.shape[1]
    Y = torch.zeros(X.shape[1] - h + 1, X.shape[2] - h + 1)
    for i in range(Y.shape[0]):
        for j in range(Y.shape[1]):
            Y[i, j] = (X[:, i : i + h, j : j + h] * K).sum()
    return Y


@mistake(
    "the result is transposed",
    hint="i runs down the image, j across it.",
    caught_by=(EXAMPLE, CHANNELS, ANY, SINGLE, ARGUMENTS, TWICE),
)
def transposes_the_result(X, K):
    return as_in_the_book(X, K).t()


@mistake(
    "the result has an axis for the batch or the channel",
    hint="The result is a matrix (H - h + 1, W - w + 1).",
    caught_by=(EXAMPLE, CHANNELS, ANY, SINGLE, ARGUMENTS, TWICE),
)
def returns_three_axes(X, K):
    return F.conv2d(X[None], K[None])[0]


@mistake(
    "the first channel of the image is changed by the call",
    hint="Y = X[0] and Y += ... write into the caller's tensor.",
    caught_by=ARGUMENTS,
)
def writes_into_the_image(X, K):
    Y = as_in_the_book(X, K)
    X[0, : Y.shape[0], : Y.shape[1]] += Y
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
    "the book's result comes back for every input",
    hint="Compute the result from X and K.",
    caught_by=(CHANNELS, ANY, SINGLE, ARGUMENTS, TWICE),
)
def returns_the_example(X, K):
    return torch.tensor([[56.0, 72.0], [104.0, 120.0]])


@mistake(
    "the result holds whole numbers only",
    hint="Look at the dtype of the tensor you fill.",
    caught_by=SINGLE,
)
def cuts_fractions_off(X, K):
    return as_in_the_book(X, K).int()


@mistake(
    ".view is used on tensors that lie in memory in another order",
    hint="reshape takes any tensor; view takes contiguous ones.",
    caught_by=ANY,
)
def views_its_arguments(X, K):
    c, h, w = X.shape
    columns = F.unfold(X.view(1, c, h, w), K.shape[1:])
    return (K.view(1, -1) @ columns[0]).view(h - K.shape[1] + 1, w - K.shape[2] + 1)
