"""How a fit stays affordable: a share of steps an epoch, and an end when the time is spent.

Ten epochs of the book's VGG take eleven hours on a CPU. A budgeted fit goes through the same
motions on fewer batches. Here: the budget, and a loader that obeys it. Not here: its size
(`grader.guest.training_settings`), nor the batches themselves, whose images are never made smaller:
the 0.17 edition's networks have the sizes wired in.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

from grader.guest import losses
from grader.guest.training_settings import settings

_CELL = 2
_LEAST_OF_A_REPLAY = 10
_MOST_VALIDATED = 2


class Budget:
    """The steps and seconds of one fit, counted from its creation.

    Args:
        epochs: how many epochs the fit was asked for; the steps are shared out among them.
    """

    def __init__(self, epochs: int) -> None:
        self.share = max(1, -(-settings.training_steps // max(1, epochs)))
        if settings.replaying:  # a loop that leaves an epoch after one batch must show
            self.share = max(self.share, _LEAST_OF_A_REPLAY)
        self.steps = 0
        self._ends_at = _end_of(settings.training_s)
        self._slow_ends_at = _end_of(settings.training_most_s)

    @property
    def spent(self) -> bool:
        """Whether the fit should end with the batch it is at."""
        return self.steps >= settings.training_steps or self.late

    @property
    def late(self) -> bool:
        """Whether the seconds are over; a cell of few steps, which are slow, has more of them."""
        return time.process_time() >= (
            self._slow_ends_at if losses.has_few_steps() else self._ends_at
        )

    def training(self, loader: Any) -> Limited:
        """Wrap a loader whose batches are training steps."""
        return Limited(loader, self.share, stop=lambda: self.spent, taken=self._take)

    def validation(self, loader: Any) -> Limited:
        """Wrap a loader whose batches are not trained on: a third of the steps, two at the most."""
        most = min(_MOST_VALIDATED, max(1, self.share // 3))
        return Limited(loader, most, stop=lambda: self.late)

    def _take(self) -> None:
        self.steps += 1


def _end_of(seconds: float) -> float:
    """Return when a fit that starts now has had its seconds.

    Processor seconds: a fit must not be shorter where the machine is busy. A cell that fits a
    dozen models, to compare rates, has the time of two.
    """
    return time.process_time() + min(seconds, _CELL * seconds - losses.trained_s())


class Limited:
    """The first `most` batches of a loader; fewer when `stop()` says so, but never none."""

    def __init__(
        self,
        loader: Any,
        most: int,
        *,
        stop: Callable[[], bool],
        taken: Callable[[], None] = lambda: None,
    ) -> None:
        self._loader = loader
        self._most = most
        self._stop = stop
        self._taken = taken

    def __len__(self) -> int:
        try:
            return min(self._most, len(self._loader))
        except TypeError:  # a student's generator
            return self._most

    def __iter__(self) -> Iterator[Any]:
        for number, batch in enumerate(self._loader, start=1):
            self._taken()
            yield batch
            if number >= self._most or self._stop():  # before another batch is made
                return

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # copying looks for these before __init__ has run
            raise AttributeError(name)
        return getattr(self._loader, name)
