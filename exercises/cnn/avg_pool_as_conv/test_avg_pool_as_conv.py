"""The checks of average pooling as a convolution, an exercise of the book.

The book fixes neither name nor signature, so common ways to call it are tried in turn. Axes of
length 1 do not count: some answers squeeze them, others keep batch and channel.
"""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.cnn import working
from grader.checks import (
    StudentRaised,
    assert_close,
    assert_equal,
    check,
    expect_tensor,
    show,
    sizes,
    whole_numbers,
)
from reference import pool2d

IMAGE = torch.arange(9.0).reshape(3, 3)


def ways(x, size):
    """Yield the arguments that answers to this exercise accept."""
    yield x, size
    yield x[None, None], size
    yield x, *size
    if size[0] == size[1]:
        yield x, size[0]


def pooled(student, x, size):
    """Call the answer in the first way that does not raise; return the result and the way."""
    first = None
    for arguments in ways(x, size):
        try:
            return student.answer(*arguments), arguments
        except StudentRaised as error:
            first = first or error
    raise first


def assert_pools(student, x, size):
    y, arguments = pooled(student, x, size)
    assert_means(student, y, x, size, arguments)


def assert_means(student, y, x, size, arguments):
    """Require the means of all windows, and spell out the first wrong one."""
    image, *window = arguments
    shown = ", ".join([show(image), *map(str, window)])
    call = f"{student.own_name('avg_pool_as_conv')}({shown})"
    expected = pool2d(x, size, "avg")
    assert_close(
        laid_out(expect_tensor(y, call=call), expected.shape), expected, call=call,
        working=working.pooled(x, size, "avg"),
        shape_working=working.size_of_correlation(x, torch.empty(size)),
    )  # fmt: skip


def laid_out(y, shape):
    """Return an answer in the expected shape if the two differ in axes of length 1 alone.

    Any other answer keeps its shape for the message, without the axes of batch and channel.
    """
    if y.squeeze().shape == torch.Size(length for length in shape if length != 1):
        return y.reshape(shape)
    while y.ndim > len(shape) and y.shape[0] == 1:
        y = y[0]
    return y


@st.composite
def square_case(draw):
    """Draw a square window and a square image it fits inside."""
    p, o = draw(sizes(3)), draw(sizes(3))
    return draw(whole_numbers((o + p - 1, o + p - 1))), (p, p)


@st.composite
def any_case(draw):
    """Draw a window and an image it fits inside, all sizes on their own."""
    PH, PW, OH, OW = (draw(sizes(4)) for _ in range(4))
    return draw(whole_numbers((OH + PH - 1, OW + PW - 1))), (PH, PW)


@check(points=1, feedback="A kernel in which every number is 1 / (h * w).")
def test_example_from_the_book(student):
    """A 3x3 image counting up from 0 and a window (2, 2) give [[2, 3], [5, 6]]."""
    assert_pools(student, IMAGE, (2, 2))


@check(points=2, feedback="The numbers of the kernel must sum to 1.")
@given(square_case())
@settings(max_examples=30)
def test_square_windows(student, case):
    """The mean of every square window of any square image."""
    assert_pools(student, *case)


@check(
    points=1,
    needs="test_square_windows",
    feedback="A window of height h and width w has h * w numbers.",
)
@given(any_case())
@settings(max_examples=40)
def test_any_sizes(student, case):
    """Images and windows of any height and width."""
    assert_pools(student, *case)


@check(
    points=1,
    feedback="If the result itself is wrong, mend that first. "
    "Build a new tensor; do not change the image.",
)
def test_leaves_its_argument_alone(student):
    """The image keeps its numbers in the call."""
    for arguments in ways(IMAGE, (2, 2)):
        try:
            answer = student.call("avg_pool_as_conv", *arguments)
        except StudentRaised:
            continue
        assert_means(student, answer.value, IMAGE, (2, 2), arguments)
        assert_equal(answer.arguments[0], arguments[0], call="after the call, X")
        return
    pooled(student, IMAGE, (2, 2))
