"""Compares the steps of a training replay with right ones, in numbers.

Here: direction and length of gradients, and how far a step goes. Not here: what the numbers of one
training mean together (`evidence.py`), the words for a student (`complaints.py`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median

from torch import Tensor

from grader.kernel.observations import NotedStep

LEAST_COS = 0.98
LENGTHS = (0.7, 1.3)
SUMMED = 0.05


@dataclass(frozen=True)
class Agreement:
    """How a student's gradient at a step compares with that of plain cross-entropy."""

    step: int
    cos: float
    ratio: float
    """Of the lengths, the student's to ours."""
    batch: int
    shared: int = 1
    """The estimated number of batches for one step."""

    @property
    def has_length(self) -> bool:
        """Whether its length is that of the mean or of the sum of the batch's losses.

        For a step of several batches, both their mean and their sum are right.
        """
        low, high = LENGTHS
        return (
            low <= self.ratio <= high
            or abs(self.ratio / self.batch - 1) <= SUMMED
            or low <= self.ratio * self.shared <= high
        )

    @property
    def holds(self) -> bool:
        """Whether it is the gradient of a cross-entropy."""
        return self.cos >= LEAST_COS and self.has_length


@dataclass(frozen=True)
class Pace:
    """How far the steps of a training go."""

    along: float = 0.0
    """Along the student's own gradient, in lengths of it; the median of the noted steps."""
    given: float = 0.0
    """The learning rate of the optimiser; 0 where unknown."""
    clipped: float = 1.0
    """Length of the gradient that the optimiser used, in lengths of the one that arrived."""


def agreements(steps: Sequence[NotedStep], ours: Sequence[list[Tensor]]) -> list[Agreement]:
    """Compare the gradients of steps with right ones of their batches."""
    found = []
    due: list[Tensor] = []
    last: NotedStep | None = None
    for step, mine in zip(steps, ours, strict=True):
        same = last is not None and _equal(last.before, step.before)
        # several batches before one step: their gradients rightly add up
        due = [a + b for a, b in zip(due, mine, strict=True)] if same else mine
        due_length, length = _length(due), _length(step.gradients)
        cos = _dot(due, step.gradients) / max(due_length * length, 1e-12)
        ratio = length / max(due_length, 1e-12)
        found.append(Agreement(step.number, cos, ratio, len(step.x)))
        last = step
    shared = _batches_of_a_step(steps)
    return [replace(one, shared=shared) for one in found]


def pace_of(steps: Sequence[NotedStep]) -> Pace | None:
    """Measure how far consecutive steps go; None where no parameter moved between any two."""
    found = []
    for step, after in pairwise(steps):
        move = [a - b for a, b in zip(step.before, after.before, strict=True)]
        # a small step changes a large parameter not at all: those that moved tell the rate
        moved = [g * (m != 0) for g, m in zip(step.gradients, move, strict=True)]
        if _dot(move, move) > 0:
            found.append(_dot(move, moved) / max(_dot(moved, moved), 1e-12))
    given = [step.rate for step in steps if step.used]
    shorter = [
        _length(step.used) / max(_length(step.gradients), 1e-12) for step in steps if step.used
    ]
    if not found and not given:
        return None
    return Pace(
        median(found) if found else 0.0,
        median(given) if given else 0.0,
        median(shorter) if shorter else 1.0,
    )


def _batches_of_a_step(steps: Sequence[NotedStep]) -> int:
    """Return the largest number of consecutive batches with the same parameters."""
    most = run = 1
    for step, after in pairwise(steps):
        run = run + 1 if _equal(step.before, after.before) else 1
        most = max(most, run)
    return most


def _dot(one: Sequence[Tensor], other: Sequence[Tensor]) -> float:
    return sum(float((a.double() * b.double()).sum()) for a, b in zip(one, other, strict=True))


def _length(values: Sequence[Tensor]) -> float:
    return math.sqrt(_dot(values, values))


def _equal(one: Sequence[Tensor], other: Sequence[Tensor]) -> bool:
    return all(bool((a == b).all()) for a, b in zip(one, other, strict=True))
