"""The evidence of a training replay: gradients, labels and answers, computed outside.

Here: trusted numbers for the records from inside. Not here: judging them (`claims.py`), which cells
run again (`cells.py`), what depends on the kind of data (`protocol.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median

import torch
from torch import Tensor

from grader.checks.training.protocol import Recognised, Split, TrainingTask
from grader.kernel.handle import Handle
from grader.kernel.observations import NotedStep, ReplayFacts, Trained
from grader.kernel.student import Student

STEPS = 100
LEAST_COS = 0.98
LENGTHS = (0.7, 1.3)
SUMMED = 0.05
LEAST_ACCURACY = 0.4  # wrong trainings that only this catches reached at most 0.33
ACCURACY_SPREAD = 0.2  # the result of plain descent varies by as much between seeds
KNOWN = 0.9  # share of images that must be known, or gradients are not compared
_MOST_RATE = 1.0  # of plain descent: the probe diverges above 1.5
_COMPARED = 6  # steps whose gradients are compared; a later one only shows whether images change
_MANY = 5  # steps or models: with this many, identical ones cannot be a coincidence
HARDLY_ANY = 2
_FEW = 30  # below this many steps, accuracies of different seeds vary widely


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
class Evidence:
    """The evidence from one training cell, in numbers computed outside."""

    cell: int
    raised: str
    """The error of the cell; empty if it ran through."""
    steps: int = 0
    """How often gradients reached the model that is judged."""
    moved: float = 0.0
    """Share of its parameters that changed from the start."""
    descends: bool = False
    """Whether they moved against the gradient."""
    validation: float = 0.0
    """Share of the steps that use images for validation."""
    gradients: tuple[Agreement, ...] = ()
    """Of the recorded steps; empty if the images are unknown."""
    repeats: bool = False
    """Whether all recorded steps use the same images."""
    remade: bool = False
    """Whether there is a new model for every step."""
    keeps: bool = False
    """Whether a name of the notebook holds the model that was trained."""
    accuracy: float = 0.0
    """On inputs that the notebook never saw: the score that the task gives."""
    due: float = LEAST_ACCURACY
    """The accuracy that is required."""


def judge(student: Student, task: TrainingTask, cell: int, facts: ReplayFacts) -> Evidence:
    """Return the evidence from the records of a training replay.

    Args:
        student: the notebook.
        task: the kind of data it trains with.
        cell: the one that trains.
        facts: the records from inside.
    """
    named = [m for m in facts.models if m.names and _has_changed(m)]
    trained = [m for m in facts.models if m.steps]
    judged = max(named or trained, key=_steps, default=None)
    if judged is None or not judged.start:
        return Evidence(cell, facts.raised)
    watched = judged if judged.noted else max(trained, key=_steps, default=judged)
    noted = [step for step in watched.noted if step.number <= _COMPARED]
    batches = [(step, task.recognise(step.x, student.seed)) for step in noted]
    rates = _rates(noted)
    score = _score(student, task, judged, batches)
    return Evidence(
        cell,
        facts.raised,
        judged.steps or watched.steps,
        moved=_moved(judged),
        descends=not rates or median(rates) > 0,
        validation=_of_validation(task, watched, student.seed),
        gradients=_gradients(task, batches),
        repeats=_repeats(watched.noted),
        remade=len(trained) >= _MANY and max(m.steps for m in trained) <= HARDLY_ANY,
        keeps=bool(named) or not any(m.names for m in facts.models),
        accuracy=score,
        due=_due(student, task, judged, score, median(rates) if rates else 0.1),
    )


def _steps(model: Trained) -> int:
    return model.steps


def _moved(model: Trained) -> float:
    """Return the share of a model's parameters that changed from the start."""
    pairs = list(zip(model.start, model.end, strict=True))
    return sum(not torch.equal(a, b) for a, b in pairs) / len(pairs)


def _gradients(
    task: TrainingTask, batches: Sequence[tuple[NotedStep, Recognised]]
) -> tuple[Agreement, ...]:
    """Compare the recorded gradients with the right ones; empty if the inputs are unknown."""
    if not all(bool(found.known.float().mean() >= KNOWN) for _, found in batches):
        return ()
    due = [task.gradient(step.before, step.x, found.labels) for step, found in batches]
    return tuple(_agreements([step for step, _ in batches], due))


def _rates(steps: Sequence[NotedStep]) -> list[float]:
    """Return how far each step went along the student's own gradient, per unit of it."""
    found = []
    for step, after in pairwise(steps):
        move = [a - b for a, b in zip(step.before, after.before, strict=True)]
        if _dot(move, move) > 0:
            found.append(
                _dot(move, step.gradients) / max(_dot(step.gradients, step.gradients), 1e-12)
            )
    return found


def _has_changed(model: Trained) -> bool:
    return bool(model.steps) or any(
        not torch.equal(a, b) for a, b in zip(model.start, model.end, strict=False)
    )


def _agreements(steps: Sequence[NotedStep], ours: Sequence[list[Tensor]]) -> list[Agreement]:
    found = []
    due: list[Tensor] = []
    last: NotedStep | None = None
    for step, mine in zip(steps, ours, strict=True):
        same = last is not None and _equal(last.before, step.before)
        # several batches before one step: their gradients rightly add up
        due = [a + b for a, b in zip(due, mine, strict=True)] if same else mine
        due_length, length = _dot(due, due) ** 0.5, _dot(step.gradients, step.gradients) ** 0.5
        cos = _dot(due, step.gradients) / max(due_length * length, 1e-12)
        ratio = length / max(due_length, 1e-12)
        found.append(Agreement(step.number, cos, ratio, len(step.x)))
        last = step
    shared = _batches_of_a_step(steps)
    return [replace(one, shared=shared) for one in found]


def _batches_of_a_step(steps: Sequence[NotedStep]) -> int:
    """Return the largest number of consecutive batches with the same parameters."""
    most = run = 1
    for step, after in pairwise(steps):
        run = run + 1 if _equal(step.before, after.before) else 1
        most = max(most, run)
    return most


def _repeats(steps: Sequence[NotedStep]) -> bool:
    """Return whether all steps use the same images, in any order."""
    sums = [step.x.flatten(1).double().sum(dim=1).sort().values for step in steps]
    return len(sums) >= _MANY and all(torch.equal(sums[0], other) for other in sums[1:])


def _score(
    student: Student, task: TrainingTask, model: Trained,
    batches: Sequence[tuple[NotedStep, Recognised]],
) -> float:  # fmt: skip
    """Return the score of a model on held-out inputs, prepared like the notebook's own."""
    inputs, labels = task.inputs(student.seed, Split.HELD_OUT)
    if batches:
        (step, found), *_ = batches
        inputs = task.as_given(inputs, step.x, found, student.seed)
    return task.score(model.module(inputs), labels) if isinstance(model.module, Handle) else 0.0


def _due(student: Student, task: TrainingTask, model: Trained, score: float, rate: float) -> float:
    """Return the required score: lower for a low rate or few steps."""
    if score >= LEAST_ACCURACY or not model.noted:
        return LEAST_ACCURACY
    inputs, labels = task.inputs(student.seed, Split.TRAIN)
    batch = len(model.noted[0].x)
    held = [p.clone() for p in model.start]
    generator = torch.Generator().manual_seed(student.seed)
    for _ in range(min(model.steps, STEPS)):
        chosen = torch.randint(len(inputs), (batch,), generator=generator)
        grads = task.gradient(held, inputs[chosen], labels[chosen])
        held = [p - min(max(rate, 0.0), _MOST_RATE) * g for p, g in zip(held, grads, strict=True)]
    unseen, answers = task.inputs(student.seed, Split.HELD_OUT)
    reached = task.score(task.answers(held, unseen), answers)
    spread = ACCURACY_SPREAD * (2 if model.steps < _FEW else 1)
    return min(LEAST_ACCURACY, reached - spread)


def _dot(one: Sequence[Tensor], other: Sequence[Tensor]) -> float:
    return sum(float((a.double() * b.double()).sum()) for a, b in zip(one, other, strict=True))


def _equal(one: Sequence[Tensor], other: Sequence[Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def _of_validation(task: TrainingTask, model: Trained, seed: int) -> float:
    """Return the share of steps whose first image is from the validation split.

    One of many counts only if every image is known; changed images may resemble others.
    """
    if not len(model.seen):
        return 0.0
    found = task.recognise(model.seen, seed)
    share = float(found.of_test.float().mean())
    return share if share > 1 - KNOWN or bool(found.known.all()) else 0.0
