"""The protocol between the judging of trainings and the kind of data they train with.

A training is replayed with a small network in the model's place (`guest/probe_network.py`). Its
inputs, how they are recognised, the right gradient and the score of answers depend on the kind of
data; the judging does not (`evidence.py`, `claims.py`, `cells.py`).

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
    """Parts of the data; a notebook gets the first two and never the third."""

    TEST = 0
    TRAIN = 1
    HELD_OUT = 2


@dataclass(frozen=True)
class Recognised:
    """The known inputs that a batch consists of."""

    labels: Tensor
    """Of the most similar known input, int64, shape (N,)."""
    of_train: Tensor
    """Whether it is that input, from the training split, bool, shape (N,)."""
    of_test: Tensor
    """Whether it is, from the split for validation."""
    place: Tensor
    """Its place among all known inputs, int64, shape (N,)."""
    resembles: Tensor
    """Whether it may be a known input that was changed: cut, turned, blurred; bool, shape (N,)."""
    form: int = 0
    """How the notebook prepared the inputs, as a number that the task chooses."""

    @property
    def known(self) -> Tensor:
        """Whether it is a known input at all, bool, shape (N,)."""
        return self.of_train | self.of_test


class TrainingTask(Protocol):
    """One kind of data to train with, and the properties of a right training on it."""

    @property
    def probe(self) -> ProbeShape:
        """The sizes of the network that takes the model's place."""

    def for_low_rates(self) -> TrainingTask:
        """Return the same task with a network that learns at low rates in few steps."""

    def inputs(self, seed: int, split: Split) -> tuple[Tensor, Tensor]:
        """Return the inputs of a split and their labels, shape (N,)."""

    def recognise(self, x: Tensor, seed: int) -> Recognised:
        """Find the known inputs of a batch, in the form that the probe network received."""

    def as_given(self, inputs: Tensor, batch: Tensor, found: Recognised, seed: int) -> Tensor:
        """Prepare inputs as a notebook prepares its own: `batch`, recognised as `found`."""

    def gradient(self, parameters: Sequence[Tensor], x: Tensor, labels: Tensor) -> list[Tensor]:
        """Return the right gradient on one batch, for parameters of the probe network."""

    def answers(self, parameters: Sequence[Tensor], x: Tensor) -> Tensor:
        """Return the output of the probe network with these parameters."""

    def score(self, answers: object, labels: Tensor) -> float:
        """Return the score of a model's answers, from 0 to 1; 0 for an invalid answer."""

    def trial_inputs(self) -> Iterable[Tensor]:
        """Yield small batches of the sizes that models of the course take, likely ones first."""
