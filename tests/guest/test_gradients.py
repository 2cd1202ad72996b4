"""Which parameters a gradient reaches; each gradient is dropped once it has been looked at."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from grader.guest.gradients import reached_from

WIDTH = 60


class TwoLayers(nn.Module):
    def __init__(self, *, cut: str = "") -> None:
        super().__init__()
        self.large, self.last = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, 2)
        self.cut = cut

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        weight = self.large.weight.detach() if self.cut == "weight" else self.large.weight
        hidden = F.linear(x, weight, self.large.bias)
        logits: torch.Tensor = self.last(hidden.detach() if self.cut == "layer" else hidden)
        return logits


def reached(model: nn.Module) -> set[str]:
    found = reached_from(model(torch.ones(2, WIDTH)), model)
    return {name for name, arrived in found.items() if arrived}


@pytest.mark.parametrize(
    ("cut", "missed"),
    [("", set()), ("weight", {"large.weight"}), ("layer", {"large.weight", "large.bias"})],
)
def test_a_way_back_that_is_cut_shows(cut: str, missed: set[str]) -> None:
    model = TwoLayers(cut=cut)
    names = {name for name, _ in model.named_parameters()}
    assert reached(model) == names - missed


def test_a_gradient_of_zeros_is_none_by_its_numbers() -> None:
    model = TwoLayers()
    nn.init.zeros_(model.last.weight)
    assert reached(model) == {"last.weight", "last.bias"}


def test_a_frozen_parameter_is_not_reached() -> None:
    model = TwoLayers()
    model.large.weight.requires_grad = False
    assert "large.weight" not in reached(model)


def test_a_layer_that_is_used_twice_is_reached_and_leaves_no_gradient_behind() -> None:
    model = nn.Sequential(*[nn.Linear(WIDTH, WIDTH)] * 2)
    assert reached(model) == {"0.weight", "0.bias"}
    assert all(parameter.grad is None for parameter in model.parameters())
