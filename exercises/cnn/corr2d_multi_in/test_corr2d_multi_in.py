"""The checks of `corr2d_multi_in`: cross-correlation summed over input channels.

Inputs are whole numbers, so that a counterexample can be read; results are compared within the
course's tolerance, because a right answer may round. One fault, one charge: what is wrong because
the student's own `corr2d` is, is charged there.
"""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.checks import (
    BadAnswer,
    Mismatch,
    StudentRaised,
    assert_close,
    assert_close_unless,
    assert_equal,
    check,
    show,
    sizes,
    whole_numbers,
)
from reference import corr2d_multi_in

IMAGE = torch.stack([torch.arange(9.0).reshape(3, 3), torch.arange(1.0, 10.0).reshape(3, 3)])
KERNEL = torch.stack([torch.arange(4.0).reshape(2, 2), torch.arange(1.0, 5.0).reshape(2, 2)])


@st.composite
def square_pair(draw):
    """Draw a square kernel and a square image it fits inside, both of 2 to 4 channels."""
    C, k, o = draw(sizes(4, least=2)), draw(sizes(2)), draw(sizes(3))
    return draw(whole_numbers((C, o + k - 1, o + k - 1))), draw(whole_numbers((C, k, k)))


@st.composite
def any_pair(draw):
    """Draw a kernel (C, KH, KW) and an image it fits inside, all sizes on their own."""
    C, KH, KW, OH, OW = draw(sizes(4, least=2)), *(draw(sizes(3)) for _ in range(4))
    return draw(whole_numbers((C, OH + KH - 1, OW + KW - 1))), draw(whole_numbers((C, KH, KW)))


def assert_right(student, x, k, expected):
    assert_close_unless(
        student,
        lambda: student.corr2d_multi_in(x, k),
        expected,
        call=f"corr2d_multi_in({show(x)}, {show(k)})",
        excused=lambda y: follows_a_wrong_corr2d(student, x, k, y),
    )


def follows_a_wrong_corr2d(student, x, k, y):
    """Say whether the student's own `corr2d` explains `y`; None: the call raised."""
    if not student.charged_for("corr2d"):
        return False
    try:
        due = torch.stack([student.corr2d(a, b) for a, b in zip(x, k, strict=True)]).sum(0)
        assert_close(y, due, call="the result")
    except StudentRaised:
        return y is None
    except (Mismatch, BadAnswer, TypeError, RuntimeError):  # corr2d gave no matrices alike
        return False
    return True


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


@check(points=1, feedback="An image of shape (1, H, W) is as good as any other.")
def test_a_single_channel(student):
    """With one channel the result is the cross-correlation of that channel, fractions included."""
    x, k = torch.tensor([[[1.0, 2.5], [-3.217, 77.31]]]), torch.tensor([[[0.7]]])
    assert_right(student, x, k, x[0] * k[0])


@check(points=1, feedback="Build a new tensor; leave x and k as they came.")
def test_leaves_its_arguments_alone(student):
    """The image and the kernel hold the same numbers after the call as before."""
    with student.unrecorded():  # the result is asked for above, and whose fault it is
        x, k = student.call("corr2d_multi_in", IMAGE, KERNEL).arguments
    student.note([x, k])
    assert_equal(x, IMAGE, call="after corr2d_multi_in(x, k), x")
    assert_equal(k, KERNEL, call="after corr2d_multi_in(x, k), k")


@check(points=1, feedback="Start every call from a fresh result; keep nothing from earlier calls.")
def test_same_call_same_answer(student):
    """The same call made twice gives the same result."""
    with student.unrecorded():
        first = student.corr2d_multi_in(IMAGE, KERNEL)
        again = student.corr2d_multi_in(IMAGE, KERNEL)
    if isinstance(first, torch.Tensor):  # what is no tensor is charged above
        assert_close(again, first, call="the second of two calls corr2d_multi_in(x, k)")
