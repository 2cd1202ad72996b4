"""The checks of `corr2d_multi_in`: cross-correlation summed over input channels.

Inputs are whole numbers, so that counterexamples are readable; results are compared within the
course's tolerance, because a right answer may round. One fault, one charge: beside a wrong
`corr2d` it is asked again with a right one (`builds_on`).
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
from reference import corr2d_multi_in

IMAGE = torch.stack([torch.arange(9.0).reshape(3, 3), torch.arange(1.0, 10.0).reshape(3, 3)])
KERNEL = torch.stack([torch.arange(4.0).reshape(2, 2), torch.arange(1.0, 5.0).reshape(2, 2)])
EASY = torch.ones(2, 2, 2)  # the same when flipped
SUMS = torch.tensor([[20.0, 28.0], [44.0, 52.0]])


@st.composite
def square_pair(draw):
    """Draw a square kernel and a square image it fits inside, both of 2 to 4 channels."""
    C, k, o = draw(sizes(4, least=2)), draw(sizes(2)), draw(sizes(3))
    return draw(whole_numbers((C, o + k - 1, o + k - 1))), draw(whole_numbers((C, k, k)))


@st.composite
def any_pair(draw):
    """Draw a kernel (C, KH, KW) and an image it fits inside, all sizes on their own."""
    C, KH, KW, OH, OW = draw(sizes(4, least=2)), *(draw(sizes(3)) for _ in range(4))
    x, k = draw(whole_numbers((C, OH + KH - 1, OW + KW - 1))), draw(whole_numbers((C, KH, KW)))
    return now_and_then_exchanged(draw, x, k)


def assert_right(student, x, k, expected):
    """Require the result, and return the call."""
    asked = student.call("corr2d_multi_in", x, k)
    call = f"corr2d_multi_in({show_argument(x)}, {show_argument(k)})"
    working, shape_working = correlated(x, k), size_of_correlation(x, k)
    assert_close(asked.value, expected, call=call, working=working, shape_working=shape_working)
    return asked


@check(points=2, feedback="Correlate each channel with its own kernel, then add the results.")
def test_example_from_the_book(student):
    """The book's image and kernel of two channels give [[56, 72], [104, 120]]."""
    expected = torch.tensor([[56.0, 72.0], [104.0, 120.0]])
    assert_right(student, IMAGE, KERNEL, expected)


@check(points=3, feedback="Every channel counts: y = corr2d(x[0], k[0]) + corr2d(x[1], k[1]) + ...")
@given(square_pair())
@settings(max_examples=30)
def test_sums_over_the_channels(student, pair):
    """Two to four channels of any square image, any square kernel that fits inside it."""
    x, k = pair
    assert_right(student, x, k, corr2d_multi_in(x, k))


@check(
    points=2,
    needs="test_sums_over_the_channels",
    feedback="Height and width have their own sizes: the output is (H - h + 1, W - w + 1).",
)
@given(any_pair())
@settings(max_examples=30)
def test_any_sizes(student, pair):
    """Images and kernels of any height and width, also with a single row or column."""
    x, k = pair
    assert_right(student, x, k, corr2d_multi_in(x, k))


@check(points=1, feedback="An image of shape (1, H, W) works like any other.")
def test_a_single_channel(student):
    """With one channel the result is the cross-correlation of that channel, fractions included."""
    x, k = torch.tensor([[[1.0, 2.5], [-3.217, 77.31]]]), torch.tensor([[[0.7]]])
    assert_right(student, x, k, x[0] * k[0])


@check(
    points=1,
    feedback="If the result itself is wrong, mend that first. "
    "Build a new tensor; do not change x and k.",
)
def test_leaves_its_arguments_alone(student):
    """The image and the kernel keep their numbers in the call."""
    x, k = assert_right(student, IMAGE, EASY, SUMS).arguments
    student.note([x, k])
    assert_equal(x, IMAGE, call="after corr2d_multi_in(x, k), x")
    assert_equal(k, EASY, call="after corr2d_multi_in(x, k), k")


@check(
    points=1,
    feedback="If the result itself is wrong, mend that first. "
    "Start every call afresh. Keep nothing from earlier calls.",
)
def test_same_call_same_answer(student):
    """The same call made twice gives the same result."""
    first = assert_right(student, IMAGE, EASY, SUMS)
    again = assert_right(student, IMAGE, EASY, SUMS)
    assert_close(again.value, first.value, call="the second of two calls corr2d_multi_in(x, k)")
