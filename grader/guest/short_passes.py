"""Inside the sandbox: short passes over data during a training replay.

While `short_passes` holds, every loader ends its pass once enough steps were taken, and the course
gives drawn data whose labels the grader knows (`environment.py`). Not here: which cells run again
and what is recorded (`training_replay.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils.data import DataLoader

from grader.guest import environment
from grader.guest.training_settings import settings

# batches of a pass without training: enough to measure a model
_MOST_WITHOUT_GRADIENTS = 2


@contextmanager
def short_passes(spent: Callable[[], bool], *, steps: int, seconds: float) -> Iterator[None]:
    """Keep passes over data short until the block ends.

    Args:
        spent: whether enough steps were taken; from then on a pass has one batch.
        steps: training steps of one fit of the course's library.
        seconds: of one fit.
    """
    original = DataLoader.__iter__
    before = dict(vars(settings))

    def short(loader: DataLoader[Any]) -> Iterator[Any]:
        watched = 0
        for batch in original(loader):
            yield batch
            watched += not torch.is_grad_enabled()
            if spent() or watched >= _MOST_WITHOUT_GRADIENTS:
                return

    settings.training_steps = steps
    settings.training_s = seconds
    settings.replaying = True
    DataLoader.__iter__ = short  # type: ignore[method-assign, assignment]
    try:
        with environment.current.short_passes():
            yield
    finally:
        DataLoader.__iter__ = original  # type: ignore[method-assign]
        vars(settings).update(before)
