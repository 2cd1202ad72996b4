"""The losses of a notebook's own loops are noted by cell."""

from __future__ import annotations

import pytest
import torch


def train(steps: int) -> None:
    w = torch.ones(1, requires_grad=True)
    for step in range(steps):
        (w * step).sum().backward()


def test_every_step_of_a_loop_is_a_point_of_the_curve_of_its_cell(losses):
    train(3)
    losses.begin(4)
    train(2)
    assert losses.curves == {0: [0.0, 1.0, 2.0], 4: [0.0, 1.0]}


def test_a_gradient_of_many_numbers_is_no_loss(losses):
    torch.ones(3, requires_grad=True).mul(2).backward(torch.ones(3))
    assert losses.curves == {}


def test_curves_stay_bounded(losses):
    train(losses.MOST_POINTS + 5)
    assert len(losses.curves[0]) == losses.MOST_POINTS
    for cell in range(losses.MOST_CURVES + 5):
        losses.begin(cell)
        train(1)
    assert len(losses.curves) == losses.MOST_CURVES


def test_a_cell_has_trained_for_long_after_the_seconds_of_a_fit(losses, budget, monkeypatch):
    assert not losses.spent()
    train(budget.LEAST_STEPS)
    assert not losses.spent()
    monkeypatch.setattr(budget.settings, "training_s", -1.0)
    assert losses.spent()
    losses.begin(1)
    assert not losses.spent()


def test_a_cell_of_few_slow_steps_has_the_time_of_a_slow_one(losses, budget, monkeypatch):
    monkeypatch.setattr(budget.settings, "training_s", -1.0)
    train(budget.LEAST_STEPS - 1)
    assert not losses.spent()
    monkeypatch.setattr(budget.settings, "training_most_s", -1.0)
    assert losses.spent()


def test_the_steps_of_each_cell_are_counted_afresh(losses, budget, monkeypatch):
    monkeypatch.setattr(budget.settings, "training_s", -1.0)
    train(budget.LEAST_STEPS)
    losses.begin(1)
    train(1)
    assert not losses.spent()


def test_a_cell_that_runs_again_for_the_grader_has_its_time_before_it(losses, budget, monkeypatch):
    train(budget.LEAST_STEPS)
    monkeypatch.setattr(budget.settings, "training_s", -1.0)
    monkeypatch.setattr(budget.settings, "replaying", True)
    assert not losses.spent()
    assert losses.trained_s() == 0


def test_a_second_watch_changes_nothing(losses):
    watched = torch.Tensor.backward
    losses.watch()
    assert torch.Tensor.backward is watched


def test_an_error_in_backward_is_the_students_own(losses):
    with pytest.raises(RuntimeError, match="does not require grad"):
        torch.zeros(1).backward()
    assert losses.curves == {}
