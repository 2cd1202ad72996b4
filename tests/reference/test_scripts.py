"""What the cells of 7.2 leave behind."""

import itertools

import pytest
import torch

from reference import corr2d, edge_image, edge_kernel, edges, learn_kernel


def test_the_edges_are_in_columns_1_and_5():
    assert edge_image().tolist() == [[1, 1, 0, 0, 0, 0, 1, 1]] * 6
    assert edge_kernel().tolist() == [[1, -1]]
    assert edges().tolist() == [[0, 1, 0, 0, 0, -1, 0]] * 6


def test_the_kernel_sees_no_horizontal_edges():
    y = corr2d(edge_image().t(), edge_kernel())
    assert torch.equal(y, torch.zeros(8, 5))


@pytest.mark.parametrize("seed", range(40))
def test_ten_steps_learn_the_kernel_from_any_start(seed):
    learned = learn_kernel(seed)
    assert learned.weight == pytest.approx((1, -1), abs=0.1)
    printed = learned.losses[1::2]  # the book prints every second epoch
    assert all(later < earlier for earlier, later in itertools.pairwise(printed))


def test_a_scaled_target_teaches_a_scaled_kernel():
    assert learn_kernel(0, steps=60, scale=-3.0).weight == pytest.approx((-3, 3), abs=1e-3)


def test_learning_is_repeatable_and_leaves_the_generator_alone():
    state = torch.get_rng_state()
    assert learn_kernel(3) == learn_kernel(3) != learn_kernel(4)
    assert torch.equal(torch.get_rng_state(), state)
