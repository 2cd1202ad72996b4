"""Cross-correlation and its relatives agree with torch, with each other and with their laws."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import reference as ref
from grader.checks.strategies import floats, sizes, whole_numbers

IMAGE = torch.arange(9.0).reshape(3, 3)
KERNEL = torch.arange(4.0).reshape(2, 2)
IMAGES = torch.stack([IMAGE, IMAGE + 1])
KERNELS = torch.stack([KERNEL, KERNEL + 1])


@st.composite
def pairs(draw, *, channels=(), numbers=whole_numbers, **options):
    """Image and kernel; `channels` are the leading sizes of each, drawn or fixed."""
    KH, KW, OH, OW = (draw(sizes(4)) for _ in range(4))
    x = draw(numbers((*channels, OH + KH - 1, OW + KW - 1), **options))
    return x, draw(numbers((*channels, KH, KW), **options))


@st.composite
def stacks(draw, *, kernel=3):
    """Images (CI, H, W) and kernels (CO, CI, KH, KW) of small whole numbers."""
    CI, CO, OH, OW = (draw(sizes(3)) for _ in range(4))
    KH, KW = draw(sizes(kernel)), draw(sizes(kernel))
    x = draw(whole_numbers((CI, OH + KH - 1, OW + KW - 1)))
    return x, draw(whole_numbers((CO, CI, KH, KW)))


@st.composite
def batches(draw):
    """Batch, kernels, bias and options of a general convolution."""
    N, CG, OG, groups = draw(sizes(2)), draw(sizes(2)), draw(sizes(2)), draw(sizes(2))
    (KH, KW), dilation, stride = ((draw(sizes(3)), draw(sizes(2))) for _ in range(3))
    padding = draw(st.tuples(st.integers(0, 2), st.integers(0, 2)))
    H = draw(sizes(4)) + dilation[0] * (KH - 1)
    W = draw(sizes(4)) + dilation[1] * (KW - 1)
    x = draw(whole_numbers((N, CG * groups, H, W)))
    k = draw(whole_numbers((OG * groups, CG, KH, KW)))
    bias = draw(st.none() | whole_numbers((OG * groups,)))
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    return x, k, bias, options


def test_the_examples_of_the_book():
    K = torch.stack([KERNELS, KERNELS + 1, KERNELS + 2])
    assert ref.corr2d(IMAGE, KERNEL).tolist() == [[19, 25], [37, 43]]
    assert ref.corr2d_multi_in(IMAGES, KERNELS).tolist() == [[56, 72], [104, 120]]
    assert ref.corr2d_multi_in_out(IMAGES, K).tolist() == [
        [[56, 72], [104, 120]],
        [[76, 100], [148, 172]],
        [[96, 128], [192, 224]],
    ]


@given(pairs())
def test_corr2d_is_exactly_that_of_torch_on_whole_numbers(pair):
    x, k = pair
    assert torch.equal(ref.corr2d(x, k), F.conv2d(x[None, None], k[None, None])[0, 0])


@given(pairs(numbers=floats, dtype=torch.float64))
def test_corr2d_is_that_of_torch_on_real_numbers(pair):
    x, k = pair
    y = ref.corr2d(x, k)
    assert y.dtype == torch.float64
    torch.testing.assert_close(y, F.conv2d(x[None, None], k[None, None])[0, 0])


@given(pairs(channels=(2,)))
def test_corr2d_is_linear_in_both_arguments(two):
    (x1, x2), (k1, k2) = two
    y = ref.corr2d
    assert torch.equal(y(3 * x1 + x2, k1), 3 * y(x1, k1) + y(x2, k1))
    assert torch.equal(y(x1, 3 * k1 + k2), 3 * y(x1, k1) + y(x1, k2))


@given(pairs(), sizes(2), sizes(2))
def test_shifting_the_image_shifts_the_answer(pair, down, right):
    x, k = pair
    shifted = ref.pad2d(x, (right, 0, down, 0))
    assert torch.equal(ref.corr2d(shifted, k)[down:, right:], ref.corr2d(x, k))


@given(pairs())
def test_transposing_both_transposes_the_answer(pair):
    x, k = pair  # x.t() is a view that is not contiguous
    assert torch.equal(ref.corr2d(x.t(), k.t()), ref.corr2d(x, k).t())


@given(pairs())
def test_the_smallest_and_the_largest_kernel(pair):
    x, _ = pair
    assert torch.equal(ref.corr2d(x, torch.ones(1, 1)), x)
    assert torch.equal(ref.corr2d(x, x), (x * x).sum().reshape(1, 1))


@given(pairs())
def test_true_convolution_is_cross_correlation_with_a_flipped_kernel(pair):
    x, k = pair
    assert torch.equal(ref.conv2d_true(x, k), ref.corr2d(x, k.flip(0, 1)))


@given(pairs(), sizes(2), sizes(2))
def test_true_convolution_is_commutative_and_associative(pair, h, w):
    x, k = pair
    y = _full(x, k)
    k2 = k[:h, :w]
    assert torch.equal(y, _full(k, x))
    assert torch.equal(_full(y, k2), _full(x, _full(k, k2)))


def _full(x, k):
    """Convolve with so much padding that every overlap counts."""
    KH, KW = k.shape
    return ref.conv2d_true(ref.pad2d(x, (KH - 1, KW - 1)), k)


@given(stacks())
def test_several_channels_are_exactly_those_of_torch(stack):
    x, k = stack
    assert torch.equal(ref.corr2d_multi_in_out(x, k), F.conv2d(x[None], k)[0])


@given(stacks())
def test_several_channels_are_the_sum_of_single_ones(stack):
    x, k = stack
    total = sum(ref.corr2d(channel, kernel) for channel, kernel in zip(x, k[0], strict=True))
    assert torch.equal(ref.corr2d_multi_in(x, k[0]), total)
    assert torch.equal(ref.corr2d_multi_in_out(x, k)[0], total)


@given(stacks(kernel=1))
def test_a_1x1_convolution_is_a_matrix_product(stack):
    x, k = stack
    product = torch.einsum("oc,chw->ohw", k[:, :, 0, 0], x)
    assert torch.equal(ref.corr2d_multi_in_out_1x1(x, k), product)
    assert torch.equal(ref.corr2d_multi_in_out(x, k), product)


@given(batches())
def test_the_general_convolution_is_exactly_that_of_torch(batch):
    x, k, bias, options = batch
    assert torch.equal(ref.convolve(x, k, bias, **options), F.conv2d(x, k, bias, **options))


@given(stacks())
def test_the_general_convolution_holds_the_plain_one(stack):
    x, k = stack
    assert torch.equal(ref.convolve(x[None], k)[0], ref.corr2d_multi_in_out(x, k))


@pytest.mark.parametrize(
    ("kernel", "options", "expected"),
    [
        (3, {"padding": 1}, (8, 8)),
        ((5, 3), {"padding": (2, 1)}, (8, 8)),
        (3, {"padding": 1, "stride": 2}, (4, 4)),
        ((3, 5), {"padding": (0, 1), "stride": (3, 4)}, (2, 2)),
        ((8, 1), {}, (1, 8)),
    ],
)
def test_comp_conv2d_adds_and_strips_two_axes(kernel, options, expected):
    layer, x = nn.LazyConv2d(1, kernel, **options), torch.rand(8, 8)
    y = ref.comp_conv2d(layer, x)
    assert y.shape == expected
    assert torch.equal(y, layer(x[None, None])[0, 0])


@given(pairs())
def test_average_pooling_is_a_convolution(pair):
    x, window = pair[0].double(), tuple(pair[1].shape)
    torch.testing.assert_close(ref.avg_pool_as_conv(x, window), ref.pool2d(x, window, "avg"))


@given(
    st.tuples(st.integers(3, 5), st.integers(3, 5)).flatmap(lambda side: whole_numbers((2, *side))),
    st.tuples(*[st.integers(0, 2)] * 4),
    st.sampled_from(["zeros", "reflect", "replicate", "circular"]),
)
def test_padding_is_that_of_torch(x, padding, mode):
    expected = F.pad(x[None], padding, mode={"zeros": "constant"}.get(mode, mode))[0]
    assert torch.equal(ref.pad2d(x, padding, mode), expected)


@given(whole_numbers((2, 3)), st.integers(0, 2), st.integers(0, 2), st.integers(-3, 3))
def test_padding_may_be_a_pair_or_a_number_and_have_a_value(x, rows, columns, value):
    expected = F.pad(x, (columns, columns, rows, rows), value=value)
    assert torch.equal(ref.pad2d(x, (rows, columns), value=value), expected)
    assert torch.equal(ref.pad2d(x, rows), F.pad(x, (rows,) * 4))


@given(pairs(), st.integers(-8, 8))
def test_blur_and_sharpen_leave_a_flat_image_alone(pair, grey):
    x = torch.full((pair[0].shape[0] + 2, pair[0].shape[1] + 2), float(grey))
    for mode in ("reflect", "replicate", "circular"):
        torch.testing.assert_close(ref.blur(x, 1, mode), x)
        assert torch.equal(ref.sharpen(x, 1, mode), x)


@given(whole_numbers((4, 5)), st.integers(0, 1))
def test_blur_and_sharpen_are_layers_of_torch(x, padding):
    for kernel, operation in ((ref.blur_kernel(), ref.blur), (ref.sharpen_kernel(), ref.sharpen)):
        layer = nn.Conv2d(1, 1, 3, padding=padding, bias=False)
        layer.weight.data = kernel[None, None]
        with torch.no_grad():
            torch.testing.assert_close(operation(x, padding), ref.comp_conv2d(layer, x))


def test_sharpening_is_the_image_minus_its_laplacian():
    laplacian = torch.tensor([[0.0, 1.0, 0.0], [1.0, -4.0, 1.0], [0.0, 1.0, 0.0]])
    x = torch.arange(30.0).reshape(5, 6) ** 2
    assert torch.equal(ref.sharpen(x), x[1:-1, 1:-1] - ref.corr2d(x, laplacian))


def test_gradients_reach_image_and_kernel():
    x = torch.rand(3, 4, dtype=torch.float64, requires_grad=True)
    k = torch.rand(2, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(ref.corr2d, (x, k))
    assert torch.autograd.gradcheck(ref.conv2d_true, (x, k))
    assert torch.autograd.gradcheck(ref.convolve, (x[None, None], k[None, None]))


CALLS = [
    (ref.corr2d, (IMAGE, KERNEL)),
    (ref.conv2d_true, (IMAGE, KERNEL)),
    (ref.corr2d_multi_in, (IMAGES, KERNELS)),
    (ref.corr2d_multi_in_out, (IMAGES, KERNELS[None])),
    (ref.corr2d_multi_in_out_1x1, (IMAGES, torch.ones(3, 2, 1, 1))),
    (ref.convolve, (IMAGES[None], KERNELS[None], torch.ones(1))),
    (ref.pool2d, (IMAGE, (2, 2))),
    (ref.pool2d_general, (IMAGES[None], 2)),
    (ref.avg_pool_as_conv, (IMAGE, (2, 1))),
    (ref.pad2d, (IMAGE, 0)),
    (ref.pad2d, (IMAGE, 1, "reflect")),
    (ref.blur, (IMAGE, 1)),
    (ref.sharpen, (IMAGE, 1)),
]


@pytest.mark.parametrize(("operation", "arguments"), CALLS)
def test_operations_answer_a_new_tensor_and_leave_their_arguments_alone(operation, arguments):
    tensors = [a for a in arguments if isinstance(a, torch.Tensor)]
    before = [a.clone() for a in tensors]
    y = operation(*arguments)
    y.fill_(7)
    assert all(torch.equal(a, b) for a, b in zip(tensors, before, strict=True))


@pytest.mark.parametrize(
    ("operation", "arguments"),
    [
        (ref.corr2d, (torch.ones(2, 2), torch.ones(3, 1))),
        (ref.corr2d, (torch.ones(2, 2), torch.ones(1, 3))),
        (ref.corr2d, (torch.ones(2), torch.ones(1, 1))),
        (ref.conv2d_true, (torch.ones(2, 2), torch.ones(1, 3))),
        (ref.conv2d_true, (torch.ones(2, 2), torch.ones(1))),
        (ref.corr2d_multi_in, (torch.ones(2, 3, 3), torch.ones(3, 1, 1))),
        (ref.corr2d_multi_in_out, (torch.ones(2, 3, 3), torch.ones(2, 1, 1))),
        (ref.corr2d_multi_in_out, (torch.ones(2, 3, 3), torch.ones(1, 3, 1, 1))),
        (ref.corr2d_multi_in_out_1x1, (torch.ones(2, 3, 3), torch.ones(1, 2, 1, 2))),
        (ref.convolve, (torch.ones(2, 3, 3), torch.ones(1, 2, 1, 2))),
        (ref.convolve, (torch.ones(1, 2, 3, 3), torch.ones(1, 3, 1, 1))),
        (ref.convolve, (torch.ones(1, 2, 3, 3), torch.ones(1, 2, 1, 1), torch.ones(2))),
        (ref.comp_conv2d, (nn.Identity(), torch.ones(1, 3, 3))),
        (ref.comp_conv2d, (nn.Conv2d(1, 2, 1), torch.ones(3, 3))),
        (ref.pad2d, (torch.ones(3), 1)),
        (ref.pad2d, (torch.ones(3, 3), -1)),
        (ref.pad2d, (torch.ones(3, 3), (1, 1, 1))),
        (ref.pad2d, (torch.ones(3, 3), -1, "circular")),
        (ref.pad2d, (torch.ones(3, 3), 3, "reflect")),
        (ref.pad2d, (torch.ones(3, 3), 4, "circular")),
        (ref.pad2d, (torch.ones(3, 3), 1, "wrap")),
        (ref.blur, (torch.ones(2, 3),)),
        (ref.sharpen, (torch.ones(3, 2),)),
    ],
)
def test_arguments_that_do_not_fit_are_refused_with_a_sentence(operation, arguments):
    with pytest.raises(ValueError, match=r"\w+ \w+ \w+"):
        operation(*arguments)
