"""The checks of `corr2d_multi_in_out_1x1`: a matrix product over channels at every pixel.

The general function gives the same values and is right too. Inputs are whole numbers, so that
counterexamples are readable; the book's own bound of 1e-6 on float32 sums is too strict.
"""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.cnn.views import now_and_then_exchanged
from exercises.cnn.working import correlated, size_of_correlation
from grader.checks import (
    assert_close,
    assert_equal,
    check,
    show,
    show_argument,
    sizes,
    whole_numbers,
)
from reference import corr2d_multi_in_out_1x1

IMAGE = torch.tensor([[[1.0, 2.0, 3.0]], [[4.0, 5.0, 6.0]]])
KERNEL = torch.tensor([[1.0, 0.0], [0.0, 1.0], [2.0, -1.0]]).reshape(3, 2, 1, 1)
# a square image, as many output as input channels
EASY = (torch.arange(8.0).reshape(2, 2, 2), torch.ones(2, 2, 1, 1))
EASY_CALL = f"corr2d_multi_in_out_1x1({show(EASY[0])}, {show(EASY[1])})"
SUMS = torch.tensor([[[4.0, 6.0], [8.0, 10.0]]] * 2)


@st.composite
def square_pair(draw):
    """Draw a square image and a 1x1 kernel; two or three input and as many output channels."""
    C, n = draw(sizes(3, least=2)), draw(sizes(3))
    return draw(whole_numbers((C, n, n))), draw(whole_numbers((C, C, 1, 1)))


@st.composite
def any_pair(draw):
    """Draw an image and a 1x1 kernel, all sizes on their own; 2 to 5 channels each way."""
    CO, CI = draw(sizes(5, least=2)), draw(sizes(5, least=2))
    H, W = draw(sizes(4)), draw(sizes(4))
    (x,) = now_and_then_exchanged(draw, draw(whole_numbers((CI, H, W))))
    return x, draw(whole_numbers((CO, CI, 1, 1)))


def assert_right(y, x, k, expected):
    """Require a result, and spell out the first wrong entry of another one."""
    assert_close(
        y, expected, call=f"corr2d_multi_in_out_1x1({show_argument(x)}, {show(k)})",
        working=correlated(x, k), shape_working=size_of_correlation(x, k),
    )  # fmt: skip


@check(points=2, feedback="Each result is a weighted sum of the input channels, pixel by pixel.")
def test_small_example(student):
    """Weights (1, 0), (0, 1) and (2, -1) copy the two channels and combine them."""
    y = student.corr2d_multi_in_out_1x1(IMAGE, KERNEL)
    expected = torch.tensor([[[1.0, 2.0, 3.0]], [[4.0, 5.0, 6.0]], [[-2.0, -1.0, 0.0]]])
    assert_right(y, IMAGE, KERNEL, expected)


@check(points=3, feedback="Multiply K, as a matrix (CO, CI), by X, as a matrix (CI, H * W).")
@given(square_pair())
@settings(max_examples=30)
def test_combines_the_channels(student, pair):
    """Square images, as many output channels as input channels."""
    x, k = pair
    assert_right(student.corr2d_multi_in_out_1x1(x, k), x, k, corr2d_multi_in_out_1x1(x, k))


@check(
    points=1,
    needs="test_combines_the_channels",
    feedback="Four sizes may all differ: input and output channels, height and width.",
)
@given(any_pair())
@settings(max_examples=30)
def test_any_sizes(student, pair):
    """Any number of channels each way, images of any height and width."""
    x, k = pair
    assert_right(student.corr2d_multi_in_out_1x1(x, k), x, k, corr2d_multi_in_out_1x1(x, k))


@check(points=2, feedback="A kernel of shape (1, 1, 1, 1) gives a result of shape (1, H, W).")
def test_single_channels(student):
    """With one input and one output channel, their axes remain; fractions are kept."""
    x = torch.tensor([[[1.0, 2.5], [-3.217, 77.31]]])
    for k in (torch.tensor([[[[0.7]]]]), torch.tensor([[[[0.7]]], [[[-1.0]]]])):
        expected = torch.cat([x * factor for factor in k.flatten()])
        assert_right(student.corr2d_multi_in_out_1x1(x, k), x, k, expected)
    x = torch.tensor([[[1.0, 2.0], [3.0, 4.0]], [[3.0, 5.0], [7.0, 9.0]]])
    k = torch.tensor([[[[1.0]], [[1.0]]]])
    assert_right(student.corr2d_multi_in_out_1x1(x, k), x, k, x.sum(0, keepdim=True))


@check(
    points=1,
    feedback="If the result itself is wrong, mend that first. "
    "Build a new tensor; do not change x and k, nor their shapes.",
)
def test_leaves_its_arguments_alone(student):
    """The image and the kernel keep their numbers and shapes in the call."""
    answer = student.call("corr2d_multi_in_out_1x1", *EASY)
    assert_right(answer.value, *EASY, SUMS)
    x, k = answer.arguments
    assert_equal(x, EASY[0], call="after corr2d_multi_in_out_1x1(x, k), x")
    assert_equal(k, EASY[1], call="after corr2d_multi_in_out_1x1(x, k), k")


@check(
    points=1,
    feedback="If the result itself is wrong, mend that first. "
    "Start every call afresh. Keep nothing from earlier calls.",
)
def test_same_call_same_answer(student):
    """The same call made twice gives the same result."""
    for call in (EASY_CALL, "the second of two calls corr2d_multi_in_out_1x1(x, k)"):
        assert_close(student.corr2d_multi_in_out_1x1(*EASY), SUMS, call=call)
