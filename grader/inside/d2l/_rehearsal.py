"""Training cells run a second time, for the grader: short passes over small, drawn images.

While `short_passes` holds, every loader ends its pass once enough steps were taken, images keep
their 28x28 whatever size is asked for, and all images are drawn ones, whose labels the grader
knows. Not here: which cells run again, and what is watched while they do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils.data import DataLoader
from torchvision import transforms  # type: ignore[import-untyped]

from . import _settings

# batches of a pass in which nothing can be learned: enough to say how good a model is
_MOST_WITHOUT_GRADIENTS = 2


@contextmanager
def short_passes(spent: Callable[[], bool], *, steps: int, seconds: float) -> Iterator[None]:
    """Keep passes over data short until the block ends.

    Args:
        spent: whether enough steps were taken; from then on a pass has one batch.
        steps: training steps of one fit of this library's own.
        seconds: of one fit.
    """
    original, resize = DataLoader.__iter__, transforms.Resize.forward
    before = dict(vars(_settings.settings))

    def short(loader: DataLoader[Any]) -> Iterator[Any]:
        watched = 0
        for batch in original(loader):
            yield batch
            watched += not torch.is_grad_enabled()
            if spent() or watched >= _MOST_WITHOUT_GRADIENTS:
                return

    _settings.settings.training_steps = steps
    _settings.settings.training_s = seconds
    _settings.settings.rehearsing = True
    DataLoader.__iter__ = short  # type: ignore[method-assign, assignment]
    transforms.Resize.forward = lambda _self, image: image
    try:
        yield
    finally:
        DataLoader.__iter__ = original  # type: ignore[method-assign]
        transforms.Resize.forward = resize
        vars(_settings.settings).update(before)
