"""Inside the sandbox: records the losses of training loops by cell, and how long a cell trained.

Every `backward` from a single number counts as a step of a training; its value is kept, and the
report shows it as a curve of the cell. A loop that has trained for long gets batches that cost
little (`loaders.py`): ten epochs of a large network take eleven hours.

Here: counting and recording. Not here: the budget of a fit (`training_settings.py`).
"""

from __future__ import annotations

import functools
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from grader.guest import cheap_batches
from grader.guest.training_settings import LEAST_STEPS, settings

# as much as a report shows of one notebook; a loop of a million steps must not fill the memory
MOST_CURVES = 64
MOST_POINTS = 2_000

curves: dict[int, list[float]] = {}
"""By cell, the loss of every step, in order; of a long training, the first ones."""

_cell = -1
_since = 0.0
_steps = 0
_paused = False


def begin(cell: int) -> None:
    """Record that a cell is about to run, with its full time for training."""
    global _cell, _since, _steps
    _cell, _since, _steps = cell, 0.0, 0
    cheap_batches.forget()


def clear() -> None:
    """Forget everything."""
    curves.clear()
    begin(-1)


@contextmanager
def unrecorded() -> Iterator[None]:
    """Leave out the losses of a cell that runs again for the grader."""
    global _paused  # noqa: PLW0603
    before, _paused = _paused, True
    try:
        yield
    finally:
        _paused = before


def trained_s() -> float:
    """Return the processor seconds since the first step of the running cell; 0 before it.

    Not by the wall clock: what others do on this machine must not cut a training short.
    A cell that runs again for the grader has limits of its own (`training_replay.py`).
    """
    if _since == 0 or settings.replaying:
        return 0.0
    return time.process_time() - _since


def steps_taken() -> int:
    """Return how many steps the running cell has taken, idle ones left out."""
    return _steps


def has_few_steps() -> bool:
    """Return whether the running cell has taken too few steps to end its training early."""
    return _steps < LEAST_STEPS


def spent() -> bool:
    """Return whether the running cell has trained for as long as a fit may take."""
    seconds = trained_s()
    most = settings.training_most_s if has_few_steps() else settings.training_s
    return seconds > 0 and seconds > most


def late() -> bool:
    """Return whether the running cell has trained for longer than a slow one may, by far."""
    return trained_s() > 2 * max(0.0, settings.training_most_s)


def watch() -> None:
    """Record the loss of every `Tensor.backward`. A second call changes nothing."""
    original: Any = torch.Tensor.backward
    if hasattr(original, "_watched"):
        return

    @functools.wraps(original)
    def backward(self: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        answer = original(self, *args, **kwargs)
        if self.numel() == 1:
            _note(float(self.detach()))
        return answer

    backward._watched = True  # type: ignore[attr-defined]
    torch.Tensor.backward = backward  # type: ignore[method-assign]


def _note(loss: float) -> None:
    global _since, _steps  # noqa: PLW0603
    if _paused or settings.replaying or cheap_batches.is_idle():
        return
    _since = _since or time.process_time()
    _steps += 1
    if _cell in curves or len(curves) < MOST_CURVES:
        curve = curves.setdefault(_cell, [])
        if len(curve) < MOST_POINTS:
            curve.append(loss)
