"""Draws of very large tensors, after `large_draws.install`."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from grader.guest import large_draws
from grader.guest.layers import NothingIsDrawn


@pytest.fixture(autouse=True)
def _installed(monkeypatch):
    for name in ("uniform_", "normal_"):
        monkeypatch.setattr(Tensor, name, getattr(Tensor, name))
    large_draws.install()


def test_a_small_tensor_holds_the_numbers_of_plain_torch():
    torch.manual_seed(3)
    drawn = torch.empty(2_000).uniform_(-1, 1)
    torch.manual_seed(3)
    assert torch.equal(drawn, torch.rand(2_000) * 2 - 1)


@pytest.mark.parametrize("draw", [lambda t: t.uniform_(-2, 2), lambda t: t.normal_(1, 0.1)])
def test_a_large_tensor_is_filled_to_its_end_and_repeats(draw):
    tensor = torch.full((large_draws.MOST + 12_345,), 9.0)
    assert draw(tensor) is tensor
    assert float(tensor.max()) < 9
    assert torch.equal(tensor[: large_draws.PART], tensor[large_draws.PART : 2 * large_draws.PART])
    assert tensor.unique().numel() > large_draws.PART // 4


def test_the_same_seed_draws_the_same_numbers():
    torch.manual_seed(5)
    first = nn.Linear(4096, 1100).weight
    torch.manual_seed(5)
    assert torch.equal(first, nn.Linear(4096, 1100).weight)


def test_no_two_units_of_a_large_layer_are_equal():
    weight = nn.Linear(4096, 1100).weight.detach()
    assert len(torch.unique(weight[:, :8], dim=0)) == len(weight)
    assert float(weight.std()) == pytest.approx(4096**-0.5 / 3**0.5, rel=0.01)


def test_a_model_that_is_only_looked_at_is_not_drawn():
    with NothingIsDrawn():
        tensor = torch.full((large_draws.MOST + 1,), 9.0)
        nn.init.uniform_(tensor)
        tensor.uniform_()
    assert bool((tensor == 9).all())


def test_a_leaf_that_needs_a_gradient_is_refused_as_before():
    tensor = torch.zeros(large_draws.MOST + 1, requires_grad=True)
    with pytest.raises(RuntimeError, match="leaf Variable"):
        tensor.uniform_()
