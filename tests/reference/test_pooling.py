"""Pooling agrees with torch, with its special cases and with its laws."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import assume, given
from hypothesis import strategies as st

from grader.checks.strategies import sizes, whole_numbers
from reference import corr2d, pad2d, pool2d, pool2d_general

IMAGE = torch.arange(9.0).reshape(3, 3)
MODES = st.sampled_from(["max", "avg"])


@st.composite
def images_and_windows(draw, *, leading=()):
    PH, PW, OH, OW = (draw(sizes(4)) for _ in range(4))
    shape = (*leading, OH + PH - 1, OW + PW - 1)
    return draw(whole_numbers(shape, dtype=torch.float64)), (PH, PW)


def test_the_examples_of_the_book():
    assert pool2d(IMAGE, (2, 2)).tolist() == [[4, 5], [7, 8]]
    assert pool2d(IMAGE, (2, 2), "avg").tolist() == [[2, 3], [5, 6]]


@given(images_and_windows())
def test_pool2d_is_that_of_torch_with_stride_1(pair):
    x, window = pair
    assert torch.equal(pool2d(x, window), F.max_pool2d(x[None], window, stride=1)[0])
    torch.testing.assert_close(pool2d(x, window, "avg"), F.avg_pool2d(x[None], window, stride=1)[0])


@given(images_and_windows(leading=(2, 3)), MODES, st.data())
def test_general_pooling_is_that_of_torch(pair, mode, data):
    x, (PH, PW) = pair
    padding = data.draw(st.tuples(st.integers(0, PH // 2), st.integers(0, PW // 2)))
    stride = data.draw(st.none() | st.tuples(sizes(3), sizes(3)))
    pool = {"max": F.max_pool2d, "avg": F.avg_pool2d}[mode]
    expected = pool(x, (PH, PW), stride=stride, padding=padding)
    y = pool2d_general(x, (PH, PW), mode, stride=stride, padding=padding)
    torch.testing.assert_close(y, expected)


@given(images_and_windows(leading=(1, 2)), MODES)
def test_general_pooling_treats_each_channel_alone(pair, mode):
    x, window = pair
    y = pool2d_general(x, window, mode, stride=1)
    expected = torch.stack([pool2d(channel, window, mode) for channel in x[0]])
    torch.testing.assert_close(y[0], expected)


@given(images_and_windows())
def test_average_pooling_is_a_cross_correlation_with_a_constant_kernel(pair):
    x, window = pair
    constant = torch.full(window, 1 / (window[0] * window[1]), dtype=x.dtype)
    torch.testing.assert_close(pool2d(x, window, "avg"), corr2d(x, constant))


@given(images_and_windows(), MODES, st.integers(-5, 5))
def test_pooling_follows_a_constant_added_and_a_positive_factor(pair, mode, c):
    x, window = pair
    torch.testing.assert_close(pool2d(2 * x + c, window, mode), 2 * pool2d(x, window, mode) + c)


@given(images_and_windows())
def test_the_mean_lies_between_the_minimum_and_the_maximum(pair):
    x, window = pair
    mean = pool2d(x, window, "avg")
    assert (mean <= pool2d(x, window) + 1e-12).all()
    assert (mean >= -pool2d(-x, window) - 1e-12).all()


@given(images_and_windows(), MODES, sizes(2), sizes(2))
def test_shifting_the_image_shifts_the_answer(pair, mode, down, right):
    x, window = pair
    shifted = pad2d(x, (right, 0, down, 0))
    assert torch.equal(pool2d(shifted, window, mode)[down:, right:], pool2d(x, window, mode))


@given(images_and_windows())
def test_two_maxima_make_one_with_a_larger_window(pair):
    x, (PH, PW) = pair
    assume(PH > 1)
    in_two_steps = pool2d(pool2d(x, (2, 1)), (PH - 1, PW))
    assert torch.equal(in_two_steps, pool2d(x, (PH, PW)))


def test_the_border_never_wins_a_maximum():
    x = torch.full((1, 1, 2, 3), -5.0)
    assert (pool2d_general(x, 3, stride=1, padding=1) == -5).all()


@pytest.mark.parametrize(
    ("shape", "window", "mode"),
    [
        ((3,), (1, 1), "max"),
        ((3, 3), (4, 1), "max"),
        ((3, 3), (1, 0), "max"),
        ((3, 3), (1, 1), "min"),
    ],
)
def test_pool2d_refuses_what_does_not_fit(shape, window, mode):
    with pytest.raises(ValueError, match=r"\w+ \w+ \w+"):
        pool2d(torch.ones(shape), window, mode)


@pytest.mark.parametrize(
    ("shape", "options"),
    [
        ((3, 3), {}),
        ((1, 1, 3, 3), {"mode": "min"}),
        ((1, 1, 3, 3), {"padding": 2}),
        ((1, 1, 1, 3), {}),
    ],
)
def test_general_pooling_refuses_what_does_not_fit(shape, options):
    with pytest.raises(ValueError, match=r"\w+ \w+ \w+"):
        pool2d_general(torch.ones(shape), 2, **options)
