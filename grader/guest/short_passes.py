"""Inside the sandbox: short passes over data during a training replay.

While `short_passes` holds, every loader ends its pass once enough steps were taken, and the course
gives drawn data whose labels the grader knows (`environment.py`). How each pass ended is recorded.
Not here: which cells run again and what else is recorded (`training_replay.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils.data import DataLoader

from grader.guest import environment
from grader.guest.training_settings import settings

# batches of a pass without training: enough to measure a model
_MOST_WITHOUT_GRADIENTS = 2
_MOST_PASSES = 1_000  # that are recorded


@dataclass
class Pass:
    """One pass over a loader."""

    batches: int = 0
    """How many it has given."""
    steps: int = 0
    """Training steps that were taken until it ended."""
    cut: bool = False
    """Whether it was ended here, before the data was."""
    left: bool = False
    """Whether the notebook's loop left it before the data ended."""


@contextmanager
def short_passes(
    spent: Callable[[], bool], *, steps: int, seconds: float,
    taken: Callable[[], int] = lambda: 0,
) -> Iterator[list[Pass]]:  # fmt: skip
    """Keep passes over data short until the block ends; yield the list of all passes.

    Args:
        spent: whether enough steps were taken; from then on a pass has one batch.
        steps: training steps of one fit of the course's library.
        seconds: of one fit.
        taken: returns how many training steps were taken so far.
    """
    original = DataLoader.__iter__
    before = dict(vars(settings))
    passes: list[Pass] = []

    def short(loader: DataLoader[Any]) -> Iterator[Any]:
        watched, began, one = 0, taken(), Pass()
        if len(passes) < _MOST_PASSES:
            passes.append(one)
        try:
            for batch in original(loader):
                one.batches += 1
                yield batch
                watched += not torch.is_grad_enabled()
                if spent() or watched >= _MOST_WITHOUT_GRADIENTS:
                    one.cut = True
                    return
        except GeneratorExit:
            one.left = True
            raise
        finally:
            one.steps = taken() - began

    settings.training_steps = steps
    settings.training_s = settings.training_most_s = seconds
    settings.replaying = True
    DataLoader.__iter__ = short  # type: ignore[method-assign, assignment]
    try:
        with environment.current.short_passes():
            yield passes
    finally:
        DataLoader.__iter__ = original  # type: ignore[method-assign]
        vars(settings).update(before)
