"""The checks of `corr2d_multi_in`: cross-correlation summed over input channels.

Inputs are whole numbers, so that counterexamples are readable; results are compared within the
course's tolerance, because a right answer may round. One fault, one charge: an error caused by
the student's own `corr2d` is charged there.
"""

from pathlib import Path

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.cnn.views import now_and_then_exchanged
from grader.checks import (
    BadAnswer,
    Mismatch,
    StudentRaised,
    assert_close,
    assert_close_unless,
    assert_equal,
    check,
    parts_charged_elsewhere,
    show_argument,
    sizes,
    whole_numbers,
)
from reference import corr2d_multi_in

IMAGE = torch.stack([torch.arange(9.0).reshape(3, 3), torch.arange(1.0, 10.0).reshape(3, 3)])
KERNEL = torch.stack([torch.arange(4.0).reshape(2, 2), torch.arange(1.0, 5.0).reshape(2, 2)])
EASY = torch.ones(2, 2, 2)  # the same when flipped
SUMS = torch.tensor([[20.0, 28.0], [44.0, 52.0]])
of_right_parts = parts_charged_elsewhere(Path(__file__).parents[1] / "parts.py", "corr2d")


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
    """Require the result and return the call; None if a wrong part excuses the result."""
    return assert_close_unless(
        student,
        lambda: student.call("corr2d_multi_in", x, k),
        expected,
        call=f"corr2d_multi_in({show_argument(x)}, {show_argument(k)})",
        excused=lambda y: follows_a_wrong_corr2d(student, x, k, y),
    )


def follows_a_wrong_corr2d(student, x, k, y):
    """Return whether the student's own `corr2d` explains `y`."""
    if not student.charged_for("corr2d"):
        return False
    try:
        due = torch.stack([student.corr2d(a, b) for a, b in zip(x, k, strict=True)]).sum(0)
        assert_close(y, due, call="the result")
    except (
        Mismatch,
        BadAnswer,
        StudentRaised,
        TypeError,
        RuntimeError,
    ):
        return False
    return True


@check(points=2, feedback="Correlate each channel with its own kernel, then add the results.")
@of_right_parts
def test_example_from_the_book(student):
    """The book's image and kernel of two channels give [[56, 72], [104, 120]]."""
    expected = torch.tensor([[56.0, 72.0], [104.0, 120.0]])
    assert_right(student, IMAGE, KERNEL, expected)


@check(points=3, feedback="Every channel counts: y = corr2d(x[0], k[0]) + corr2d(x[1], k[1]) + ...")
@given(square_pair())
@settings(max_examples=30)
@of_right_parts
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
@of_right_parts
def test_any_sizes(student, pair):
    """Images and kernels of any height and width, also with a single row or column."""
    x, k = pair
    assert_right(student, x, k, corr2d_multi_in(x, k))


@check(points=1, feedback="An image of shape (1, H, W) works like any other.")
@of_right_parts
def test_a_single_channel(student):
    """With one channel the result is the cross-correlation of that channel, fractions included."""
    x, k = torch.tensor([[[1.0, 2.5], [-3.217, 77.31]]]), torch.tensor([[[0.7]]])
    assert_right(student, x, k, x[0] * k[0])


@check(points=1, feedback="Build a new tensor; do not change x and k.")
@of_right_parts
def test_leaves_its_arguments_alone(student):
    """The image and the kernel keep their numbers in the call."""
    x, k = assert_right(student, IMAGE, EASY, SUMS).arguments
    student.note([x, k])
    assert_equal(x, IMAGE, call="after corr2d_multi_in(x, k), x")
    assert_equal(k, EASY, call="after corr2d_multi_in(x, k), k")


@check(points=1, feedback="Start every call from a fresh result; keep nothing from earlier calls.")
@of_right_parts
def test_same_call_same_answer(student):
    """The same call made twice gives the same result."""
    first = assert_right(student, IMAGE, EASY, SUMS)
    again = assert_right(student, IMAGE, EASY, SUMS)
    assert_close(again.value, first.value, call="the second of two calls corr2d_multi_in(x, k)")
