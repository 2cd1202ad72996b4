"""What the judging of a training asks of the kind of data that is trained with: one protocol.

A training is run again with a small network in the model's place (`guest/probe_network.py`). What
that network takes, how inputs are recognised, which gradient is due and how good its answers are
depends on the kind of data; the judging does not (`evidence.py`, `claims.py`, `cells.py`).

Here: the protocol and its records. Not here: an implementation (`image_classification.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

from torch import Tensor

from grader.guest.probe_network import ProbeShape


class Split(IntEnum):
    """Parts of the data; a notebook is given the first two, and never sees the third."""

    TEST = 0
    TRAIN = 1
    HELD_OUT = 2


@dataclass(frozen=True)
class Recognised:
    """Which known inputs a batch is made of."""

    labels: Tensor
    """Of the most similar known input, int64, shape (N,)."""
    of_train: Tensor
    """Whether it is that input, from the training split, bool, shape (N,)."""
    of_test: Tensor
    """Whether it is, from the split for validation."""
    place: Tensor
    """Its place among all known inputs, int64, shape (N,)."""

    @property
    def known(self) -> Tensor:
        """Whether it is a known input at all, bool, shape (N,)."""
        return self.of_train | self.of_test


class TrainingTask(Protocol):
    """One kind of data to train with, and what a right training on it looks like."""

    @property
    def probe(self) -> ProbeShape:
        """The sizes of the network that takes the model's place."""

    def inputs(self, seed: int, split: Split) -> tuple[Tensor, Tensor]:
        """Return the inputs of a split and their labels, shape (N,)."""

    def recognise(self, x: Tensor, seed: int) -> Recognised:
        """Find the known inputs that a batch shows, as the probe network was given it."""

    def as_given(self, inputs: Tensor, batch: Tensor, found: Recognised, seed: int) -> Tensor:
        """Prepare inputs as a notebook prepares its own: `batch`, recognised as `found`."""

    def gradient(self, parameters: Sequence[Tensor], x: Tensor, labels: Tensor) -> list[Tensor]:
        """Return the gradient that is due on one batch, for parameters of the probe network."""

    def answers(self, parameters: Sequence[Tensor], x: Tensor) -> Tensor:
        """Return what the probe network with these parameters answers."""

    def score(self, answers: object, labels: Tensor) -> float:
        """Return how good a model's answers are, from 0 to 1; 0 for what is no answer."""

    def trial_inputs(self) -> Iterable[Tensor]:
        """Yield small batches of the sizes that models of the course take, likely ones first."""
