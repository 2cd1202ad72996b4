"""The checks of `corr2d`: cross-correlation of one image with one kernel, without padding.

Inputs are whole numbers, so that counterexamples are readable; results are compared within the
course's tolerance, because a right answer may round (one that uses an FFT does).
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
from reference import corr2d

IMAGE = torch.arange(9.0).reshape(3, 3)
KERNEL = torch.arange(4.0).reshape(2, 2)
# the same when flipped: a flipped kernel is charged above
EASY = torch.ones(2, 2)
SUMS = torch.tensor([[8.0, 12.0], [20.0, 24.0]])


@st.composite
def square_pair(draw):
    """Draw a square kernel and a square image that it fits inside."""
    k, o = draw(sizes(3)), draw(sizes(3))
    return draw(whole_numbers((o + k - 1, o + k - 1))), draw(whole_numbers((k, k)))


@st.composite
def any_pair(draw):
    """Draw a kernel (KH, KW) and an image it fits inside, all sizes on their own.

    The book itself continues with a transposed image, `corr2d(X.t(), K)`: some examples are, too.
    """
    KH, KW, OH, OW = (draw(sizes(4)) for _ in range(4))
    x, k = draw(whole_numbers((OH + KH - 1, OW + KW - 1))), draw(whole_numbers((KH, KW)))
    return now_and_then_exchanged(draw, x, k)


def assert_right(y, x, k, expected, *, call):
    """Require a result, and spell out the first wrong entry of another one."""
    working, shape_working = correlated(x, k), size_of_correlation(x, k)
    assert_close(y, expected, call=call, working=working, shape_working=shape_working)


@check(points=2, feedback="Work it out by hand: y[0, 0] = 0*0 + 1*1 + 3*2 + 4*3.")
def test_example_from_the_book(student):
    """A 3x3 image and a 2x2 kernel, both counting up from 0, give [[19, 25], [37, 43]]."""
    y = student.corr2d(IMAGE, KERNEL)
    expected = torch.tensor([[19.0, 25.0], [37.0, 43.0]])
    call = f"corr2d({show(IMAGE)}, {show(KERNEL)})"
    assert_right(y, IMAGE, KERNEL, expected, call=call)


@check(points=3, feedback="y[i, j] is the sum of x[i : i + h, j : j + w] * k; do not flip k.")
@given(square_pair())
@settings(max_examples=30)
def test_square_images_and_kernels(student, pair):
    """Any square image and any square kernel that fits inside it."""
    x, k = pair
    call = f"corr2d({show(x)}, {show(k)})"
    assert_right(student.corr2d(x, k), x, k, corr2d(x, k), call=call)


@check(
    points=2,
    needs="test_square_images_and_kernels",
    feedback="Height and width have their own sizes: the output is (H - h + 1, W - w + 1).",
)
@given(any_pair())
@settings(max_examples=40)
def test_any_sizes(student, pair):
    """Images and kernels of any height and width, with a single row or column, transposed ones."""
    x, k = pair
    call = f"corr2d({show_argument(x)}, {show_argument(k)})"
    assert_right(student.corr2d(x, k), x, k, corr2d(x, k), call=call)


@check(
    points=1,
    feedback="If the result itself is wrong, mend that first. "
    "Give the result a floating-point dtype, as torch.zeros does.",
)
def test_keeps_fractions(student):
    """Fractions are kept."""
    # a 1x1 kernel: other errors are charged above
    # numbers of four digits, of which half precision keeps three
    x, k = torch.tensor([[0.5, -1.234], [3.217, 77.31]]), torch.tensor([[0.7]])
    assert_right(student.corr2d(x, k), x, k, x * k, call=f"corr2d({show(x)}, {show(k)})")


@check(
    points=1,
    feedback="If the result itself is wrong, mend that first. "
    "Build a new tensor; do not change x and k.",
)
def test_leaves_its_arguments_alone(student):
    """The image and the kernel keep their numbers in the call."""
    answer = student.call("corr2d", IMAGE, EASY)
    call = f"corr2d({show(IMAGE)}, {show(EASY)})"
    assert_right(answer.value, IMAGE, EASY, SUMS, call=call)
    x, k = answer.arguments
    assert_equal(x, IMAGE, call="after corr2d(x, k), x")
    assert_equal(k, EASY, call="after corr2d(x, k), k")


@check(
    points=1,
    feedback="If the result itself is wrong, mend that first. "
    "Start every call afresh. Keep nothing from earlier calls.",
)
def test_same_call_same_answer(student):
    """The same call made twice gives the same result."""
    for call in (f"corr2d({show(IMAGE)}, {show(EASY)})", "the second of two calls corr2d(x, k)"):
        assert_right(student.corr2d(IMAGE, EASY), IMAGE, EASY, SUMS, call=call)
