"""The layers of a reference are looked up once, and again when it holds other modules."""

from __future__ import annotations

from torch import nn

from grader.checks.weights import _leaves


def test_a_layer_that_is_replaced_is_found_in_place_of_the_old_one() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    assert _leaves(model, (1, 3)) == [model[0], model[2]]
    assert _leaves(model, (1, 3)) == [model[0], model[2]]
    model[2] = nn.Linear(4, 5)
    assert _leaves(model, (1, 3)) == [model[0], model[2]]
