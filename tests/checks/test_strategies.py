import torch
from hypothesis import find, given
from hypothesis import strategies as st

from grader.checks import floats, sizes, whole_numbers

SHAPES = st.lists(st.integers(0, 4), max_size=3).map(tuple)


@given(st.data(), SHAPES)
def test_whole_numbers_are_whole_and_in_range(data, shape):
    x = data.draw(whole_numbers(shape, least=-3, most=5))
    assert x.shape == shape
    assert x.dtype is torch.float32
    assert torch.equal(x, x.round())
    assert bool(((x >= -3) & (x <= 5)).all())


@given(st.data(), SHAPES)
def test_floats_are_finite_and_in_range(data, shape):
    x = data.draw(floats(shape, most=2.0, dtype=torch.float64))
    assert x.shape == shape
    assert x.dtype is torch.float64
    assert bool((x.abs() <= 2).all())


@given(sizes(3, least=2))
def test_sizes_are_in_range(size):
    assert size in (2, 3)


def test_a_failing_tensor_shrinks_to_zeros_and_ones():
    x = find(whole_numbers((2, 2)), lambda x: bool(x[1, 0] > 0))
    assert set(x.flatten().tolist()) <= {0.0, 1.0}
