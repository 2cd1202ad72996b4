"""The checks of `corr2d_multi_in_out`: one result for each output channel, stacked.

Inputs are whole numbers, so that counterexamples are readable; results are compared within the
course's tolerance, because a right answer may round. One fault, one charge: beside a wrong
`corr2d_multi_in` it is asked again with a right one (`builds_on`).
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
    show_argument,
    sizes,
    whole_numbers,
)
from reference import corr2d_multi_in_out

IMAGE = torch.stack([torch.arange(9.0).reshape(3, 3), torch.arange(1.0, 10.0).reshape(3, 3)])
ONE = torch.stack([torch.arange(4.0).reshape(2, 2), torch.arange(1.0, 5.0).reshape(2, 2)])
KERNEL = torch.stack([ONE, ONE + 1, ONE + 2])
EASY = torch.ones(2, 2, 2, 2)  # as many output as input channels, and the same when flipped
SUMS = torch.tensor([[[20.0, 28.0], [44.0, 52.0]]] * 2)


@st.composite
def square_pair(draw):
    """Draw a square kernel and a square image it fits inside; 2 or 3 channels each way."""
    CO, CI, k, o = draw(sizes(3, least=2)), draw(sizes(3, least=2)), draw(sizes(2)), draw(sizes(2))
    return draw(whole_numbers((CI, o + k - 1, o + k - 1))), draw(whole_numbers((CO, CI, k, k)))


@st.composite
def any_pair(draw):
    """Draw a kernel (CO, CI, KH, KW) and an image it fits inside, all sizes on their own."""
    CO, CI = draw(sizes(5, least=2)), draw(sizes(4, least=2))
    KH, KW, OH, OW = (draw(sizes(3)) for _ in range(4))
    x = draw(whole_numbers((CI, OH + KH - 1, OW + KW - 1)))
    return now_and_then_exchanged(draw, x, draw(whole_numbers((CO, CI, KH, KW))))


def assert_right(student, x, k, expected):
    """Require the result, and return the call."""
    asked = student.call("corr2d_multi_in_out", x, k)
    call = f"corr2d_multi_in_out({show_argument(x)}, {show_argument(k)})"
    working, shape_working = correlated(x, k), size_of_correlation(x, k)
    assert_close(asked.value, expected, call=call, working=working, shape_working=shape_working)
    return asked


@check(points=2, feedback="One result for each of the kernels k, k + 1 and k + 2, along axis 0.")
def test_example_from_the_book(student):
    """The book's image with the kernels K, K + 1 and K + 2 gives its three results, stacked."""
    expected = torch.tensor(
        [
            [[56.0, 72.0], [104.0, 120.0]],
            [[76.0, 100.0], [148.0, 172.0]],
            [[96.0, 128.0], [192.0, 224.0]],
        ]
    )
    assert_right(student, IMAGE, KERNEL, expected)


@check(points=3, feedback="The axes of k are (output channel, input channel, height, width).")
@given(square_pair())
@settings(max_examples=30)
def test_channels_in_and_out(student, pair):
    """Two or three channels each way, any square image, any square kernel that fits inside it."""
    x, k = pair
    assert_right(student, x, k, corr2d_multi_in_out(x, k))


@check(
    points=1,
    needs="test_channels_in_and_out",
    feedback="Height and width have their own sizes: the output is (CO, H - h + 1, W - w + 1).",
)
@given(any_pair())
@settings(max_examples=40)
def test_any_sizes(student, pair):
    """Images and kernels of any height and width, also with a single row or column."""
    x, k = pair
    assert_right(student, x, k, corr2d_multi_in_out(x, k))


@check(points=2, feedback="A kernel of shape (1, 1, h, w) gives a result of shape (1, H', W').")
def test_single_channels(student):
    """With one input and one output channel, their axes remain; fractions are kept."""
    x = torch.tensor([[[1.0, 2.5, -3.217], [4.0, 5.0, 77.31]]])
    for k in (torch.tensor([[[[0.7]]]]), torch.tensor([[[[0.7]]], [[[-1.0]]]])):
        expected = torch.cat([x * factor for factor in k.flatten()])
        assert_right(student, x, k, expected)
    x = torch.tensor([[[1.0, 2.0]], [[3.0, 5.0]]])
    k = torch.tensor([[[[1.0]], [[1.0]]]])
    assert_right(student, x, k, torch.tensor([[[4.0, 7.0]]]))


@check(
    points=1,
    feedback="If the result itself is wrong, mend that first. "
    "Build a new tensor; do not change x and k.",
)
def test_leaves_its_arguments_alone(student):
    """The image and the kernel keep their numbers in the call."""
    x, k = assert_right(student, IMAGE, EASY, SUMS).arguments
    student.note([x, k])
    assert_equal(x, IMAGE, call="after corr2d_multi_in_out(x, k), x")
    assert_equal(k, EASY, call="after corr2d_multi_in_out(x, k), k")


@check(
    points=1,
    feedback="If the result itself is wrong, mend that first. "
    "Start every call afresh. Keep nothing from earlier calls.",
)
def test_same_call_same_answer(student):
    """The same call made twice gives the same result."""
    first = assert_right(student, IMAGE, EASY, SUMS)
    again = assert_right(student, IMAGE, EASY, SUMS)
    assert_close(again.value, first.value, call="the second of two calls corr2d_multi_in_out(x, k)")
