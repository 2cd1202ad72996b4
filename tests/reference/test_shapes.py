"""The formulas agree with what torch's layers answer, and with the book's figures."""

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import nn

from reference import shapes

SIDE = st.integers(1, 3)


@st.composite
def windows(draw, *, widest_padding=lambda kernel: 2):
    """Image, and kernel, stride, padding, dilation as pairs; the window fits."""
    kernel, stride, dilation = (draw(st.tuples(SIDE, SIDE)) for _ in range(3))
    padding = tuple(draw(st.integers(0, widest_padding(k))) for k in kernel)
    least = (
        max(1, d * (k - 1) + 1 - 2 * p) for k, p, d in zip(kernel, padding, dilation, strict=True)
    )
    image = tuple(draw(st.integers(n, n + 6)) for n in least)
    return image, kernel, {"stride": stride, "padding": padding, "dilation": dilation}


@given(windows())
def test_output_shape_is_that_of_a_convolution(window):
    image, kernel, options = window
    y = nn.Conv2d(1, 1, kernel, **options, device="meta")(torch.empty(1, *image, device="meta"))
    assert shapes.output_shape(image, kernel, **options) == tuple(y.shape[1:])


@given(windows(widest_padding=lambda kernel: kernel // 2))
def test_output_shape_is_that_of_a_pooling(window):
    image, kernel, options = window
    y = nn.MaxPool2d(kernel, **options)(torch.zeros(1, *image))
    assert shapes.output_shape(image, kernel, **options) == tuple(y.shape[1:])


@given(st.integers(1, 30), st.integers(1, 5), st.integers(1, 5), st.integers(0, 4))
def test_output_size_is_the_formula_of_the_book(n, kernel, stride, padding):
    assume(kernel <= n + 2 * padding)
    both_sides = 2 * padding
    expected = (n - kernel + both_sides + stride) // stride
    assert shapes.output_size(n, kernel, stride, padding) == expected


@pytest.mark.parametrize(
    ("kernel", "options", "expected"),
    [
        (3, {"padding": 1}, (8, 8)),
        ((5, 3), {"padding": (2, 1)}, (8, 8)),
        (3, {"padding": 1, "stride": 2}, (4, 4)),
        ((3, 5), {"padding": (0, 1), "stride": (3, 4)}, (2, 2)),
    ],
)
def test_the_examples_of_7_3(kernel, options, expected):
    assert shapes.output_shape((8, 8), kernel, **options) == expected


@pytest.mark.parametrize(
    "wrong", [(2, 3), (0, 1), (3, 0), (3, 1, 0), (3, 1, 1, -1), (3, 2, 1, 0, 3)]
)
def test_a_window_that_does_not_fit_is_refused(wrong):
    with pytest.raises(ValueError, match=r"fit|at least"):
        shapes.output_size(*wrong)


def test_a_size_along_three_axes_is_refused():
    with pytest.raises(ValueError, match="rows, columns"):
        shapes.as_pair((1, 2, 3))


@given(SIDE, SIDE, st.tuples(SIDE, SIDE), st.integers(1, 3), st.booleans())
def test_convolution_parameters_are_counted(in_groups, out_groups, kernel, groups, bias):
    CI, CO = in_groups * groups, out_groups * groups
    layer = nn.Conv2d(CI, CO, kernel, groups=groups, bias=bias, device="meta")
    assert shapes.conv2d_parameters(CI, CO, kernel, groups=groups, bias=bias) == _count(layer)


@given(st.integers(1, 9), st.integers(1, 9), st.booleans())
def test_linear_and_batch_norm_parameters_are_counted(n, m, bias):
    assert shapes.linear_parameters(n, m, bias=bias) == _count(nn.Linear(n, m, bias, "meta"))
    assert shapes.batch_norm_parameters(n) == _count(nn.BatchNorm2d(n, device="meta"))


def test_groups_must_divide_the_channels():
    with pytest.raises(ValueError, match="2 groups do not divide 3 and 4 channels"):
        shapes.conv2d_parameters(3, 4, 1, groups=2)
    with pytest.raises(ValueError, match="0 groups do not divide"):
        shapes.conv2d_parameters(3, 4, 1, groups=0)


def test_the_totals_of_the_course():
    assert shapes.lenet_parameters() == 61_706
    assert shapes.resnet_parameters() == 11_178_378
    assert shapes.vgg_parameters(shapes.VGG11, 1000, in_channels=3) == 132_863_336


def _count(layer):
    return sum(p.numel() for p in layer.parameters())
