"""The checks of `pool2d`: the largest number or the mean of every window, stride 1, no padding.

Modes other than 'max' and 'avg' are free, and so is a later layer of the same name.
"""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.cnn.working import pooled, size_of_correlation
from grader.checks import (
    assert_close,
    assert_equal,
    check,
    show,
    show_argument,
    sizes,
    whole_numbers,
)
from reference import pool2d

IMAGE = torch.arange(9.0).reshape(3, 3)
LARGEST = torch.tensor([[4.0, 5.0], [7.0, 8.0]])
MEANS = torch.tensor([[2.0, 3.0], [5.0, 6.0]])


@st.composite
def square_case(draw):
    """Draw a square window and a square image it fits inside, of numbers from 0."""
    p, o = draw(sizes(3)), draw(sizes(3))
    return draw(whole_numbers((o + p - 1, o + p - 1), least=0)), (p, p)


@st.composite
def any_case(draw):
    """Draw a window and an image it fits inside, all sizes on their own, of numbers from 0.

    Some images are transposed views.
    """
    PH, PW, OH, OW = (draw(sizes(4)) for _ in range(4))
    x = draw(whole_numbers((OH + PH - 1, OW + PW - 1), least=0))
    return (x.t().contiguous().t() if draw(st.integers(0, 3)) == 3 else x), (PH, PW)


TRY_NEGATIVE = (
    "Work out an image of negative numbers with fractions by hand. Compare the start of the search "
    "for the largest number, the divisor of the mean and the dtype of the result."
)


def called(x, size, mode):
    return f"pool2d({show_argument(x)}, {size}, {mode!r})"


def assert_pools(y, expected, x, size, mode):
    assert_close(
        y, expected, call=called(x, size, mode),
        working=pooled(x, size, mode), shape_working=size_of_correlation(x, torch.empty(size)),
    )  # fmt: skip


@check(points=1, feedback="The largest number of each window; 'max' is the default mode.")
def test_max_example_from_the_book(student):
    """A 3x3 image counting up from 0 and a window (2, 2), no mode given: [[4, 5], [7, 8]]."""
    y = student.pool2d(IMAGE, (2, 2))
    call = f"pool2d({show(IMAGE)}, (2, 2))"
    assert_close(y, LARGEST, call=call, working=pooled(IMAGE, (2, 2), "max"))


@check(points=1, feedback="The mean of each window when the third argument is 'avg'.")
def test_avg_example_from_the_book(student):
    """The same image and window in mode 'avg' give [[2, 3], [5, 6]]."""
    y = student.pool2d(IMAGE, (2, 2), "avg")
    assert_pools(y, MEANS, IMAGE, (2, 2), "avg")


@check(points=2, feedback="Use the window at every position: stride 1, no padding.")
@given(square_case())
@settings(max_examples=25)
def test_max_of_square_windows(student, case):
    """Mode 'max' on any square image with any square window that fits inside it."""
    x, size = case
    assert_pools(student.pool2d(x, size, "max"), pool2d(x, size, "max"), x, size, "max")


@check(points=2, feedback="A mean divides by the number of elements of the window.")
@given(square_case())
@settings(max_examples=25)
def test_avg_of_square_windows(student, case):
    """Mode 'avg' on any square image with any square window that fits inside it."""
    x, size = case
    assert_pools(student.pool2d(x, size, "avg"), pool2d(x, size, "avg"), x, size, "avg")


@check(
    points=1,
    needs=("test_max_of_square_windows", "test_avg_of_square_windows"),
    feedback="pool_size is (height, width): the output is (H - h + 1, W - w + 1).",
)
@given(any_case(), st.sampled_from(["max", "avg"]))
@settings(max_examples=40)
def test_any_sizes(student, case, mode):
    """Both modes on images and windows of any height and width, and on transposed images."""
    x, size = case
    assert_pools(student.pool2d(x, size, mode), pool2d(x, size, mode), x, size, mode)


@check(points=1, feedback=TRY_NEGATIVE)
def test_negative_numbers(student):
    """Maximum and mean of negative numbers are negative; fractions are kept."""
    x = torch.tensor([[-123.4, -133.4], [-143.4, -153.4]])  # below any start value of a search
    for mode, expected in (("max", -123.4), ("avg", -138.4)):
        y = student.pool2d(x, (2, 2), mode)
        assert_pools(y, torch.tensor([[expected]]), x, (2, 2), mode)


@check(
    points=1,
    feedback="If the result itself is wrong, mend that first. "
    "Build a new tensor; do not change the image.",
)
def test_leaves_its_argument_alone(student):
    """The image keeps its numbers in the call, in both modes."""
    for mode, expected in (("max", LARGEST), ("avg", MEANS)):
        answer = student.call("pool2d", IMAGE, (2, 2), mode)
        assert_pools(answer.value, expected, IMAGE, (2, 2), mode)
        assert_equal(answer.arguments[0], IMAGE, call=f"after pool2d(x, (2, 2), {mode!r}), x")


@check(
    points=1,
    feedback="If the result itself is wrong, mend that first. "
    "Start every call afresh. Keep nothing from earlier calls.",
)
def test_same_call_same_answer(student):
    """The same call made twice gives the same result."""
    for call in ("pool2d(x, (2, 2))", "the second of two calls pool2d(x, (2, 2))"):
        assert_close(student.pool2d(IMAGE, (2, 2)), LARGEST, call=call)
