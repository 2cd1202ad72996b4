"""The evidence of a training replay: gradients, labels and answers, computed outside.

Here: trusted numbers for the records from inside. Not here: comparing gradients (`gradients.py`),
judging the numbers (`complaints.py`), which cells run again (`cells.py`), what depends on the kind
of data (`protocol.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import torch
from torch import Tensor

from grader.checks.training.gradients import Agreement, Pace, agreements, pace_of
from grader.checks.training.labels import wrong_labels
from grader.checks.training.other_losses import other_loss
from grader.checks.training.protocol import Recognised, Split, TrainingTask
from grader.kernel.handle import Handle
from grader.kernel.observations import NotedStep, Pass, ReplayFacts, Trained
from grader.kernel.student import Student

STEPS = 100
MANY_STEPS = 300  # at a low rate, with the network for such rates
MOST_STEPS = 2_000  # where clipping takes from that network what it gains by its longer gradients
LEAST_STEPS = 6
LEAST_ACCURACY = 0.4  # wrong trainings that only this catches reached at most 0.33
FLOOR = 0.25  # chance gives a tenth; an untrained network reached 0.21
ACCURACY_SPREAD = 0.2  # the result of plain descent varies by as much between seeds
KNOWN = 0.9  # share of images that must be known, or gradients are not compared
_MOST_RATE = 1.0  # of plain descent: the probe diverges above 1.5
_COMPARED = 6  # steps whose gradients are compared; a later one only shows whether images change
_MANY = 5  # steps or models: with this many, identical ones cannot be a coincidence
HARDLY_ANY = 2
_FEW = 30  # below this many steps, accuracies of different seeds vary widely
_FLAT = 1e-6
_USUAL_RATE = 0.1
_HALF = 0.5


class Images(StrEnum):
    """What the images are that a model was trained with."""

    KNOWN = "known"
    CHANGED = "changed"
    """They resemble those of the data: cut, turned, blurred."""
    ALIKE = "alike"
    """One image is shown again and again."""
    BLANK = "blank"
    """All pixels of an image are equal."""
    OTHERS = "others"
    """They do not resemble those of the data."""


@dataclass(frozen=True)
class Evidence:
    """The evidence from one training cell, in numbers computed outside."""

    cell: int
    raised: str
    """The error of the cell; empty if it ran through."""
    raised_here: bool = False
    """Whether only the replay makes the cell raise, and not the notebook's own run."""
    raised_before: str = ""
    """Its error when the notebook ran, where only its own model and data are the cause."""
    another: bool = False
    """Whether the model that it trains is of another kind than the exercise's."""
    steps: int = 0
    """How often gradients reached the model that is judged."""
    moved: float = 0.0
    """Share of its parameters that changed from the start."""
    finite: bool = True
    """Whether all its parameters are finite numbers at the end."""
    lasting: float = 1.0
    """Of the steps after which some parameter changed, the share after which all did."""
    too_few: bool = False
    """Whether it takes hardly a step, though nothing here ended it."""
    first_batches: bool = False
    """Whether it leaves each epoch after the first batch."""
    pace: Pace | None = None
    """How far its steps go; None where that is unknown."""
    descends: bool = False
    """Whether they moved against the gradient."""
    validation: float = 0.0
    """Share of the steps that use images for validation."""
    images: Images = Images.KNOWN
    gradients: tuple[Agreement, ...] = ()
    """Of the recorded steps; empty if the images are unknown."""
    mislabelled: int = 0
    """Of how many steps most of the rows that were looked at have another image's label."""
    loss: str = ""
    """Which loss its gradients are of, in words, where they are wrong ones of a known loss."""
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
    keeps = bool(named) or not any(m.names for m in facts.models)
    noted = [step for step in watched.noted if step.number <= _COMPARED]
    batches = [(step, task.recognise(step.x, student.seed)) for step in noted]
    pace = pace_of(noted)
    score = _score(student, task, judged, batches)
    due = _due(student, task, watched, score, pace)
    if judged is not watched and score < due:  # a copy of the best epoch has learned, and this not
        judged, keeps = watched, False
    gradients = _gradients(task, batches)
    steps = judged.steps or watched.steps
    taken = max(steps, sum(one.steps for one in facts.passes))  # by models that are gone, too
    return Evidence(
        cell,
        facts.raised,
        steps=steps,
        moved=_moved(judged),
        finite=all(bool(torch.isfinite(p).all()) for p in judged.end),
        lasting=_lasting(judged),
        too_few=taken < LEAST_STEPS and not any(p.cut and p.steps for p in facts.passes),
        first_batches=_leaves_at_once(facts.passes, taken),
        pace=pace,
        descends=pace is None or pace.along >= 0,
        validation=_of_validation(task, watched, student.seed),
        images=_images(batches),
        gradients=gradients,
        loss="" if all(g.holds for g in gradients) else other_loss(task, watched, student.seed),
        mislabelled=wrong_labels(task, watched, student.seed),
        repeats=_repeats(watched.noted),
        remade=len(trained) >= _MANY and max(m.steps for m in trained) <= HARDLY_ANY,
        keeps=keeps,
        accuracy=score,
        due=due,
    )


def held_out(student: Student, task: TrainingTask) -> tuple[Tensor, Tensor]:
    """Return the inputs that no notebook sees, and their labels.

    Their seed never enters the sandbox, where the rest of the data can be drawn.
    """
    return task.inputs(student.secret, Split.HELD_OUT)


def _steps(model: Trained) -> int:
    return model.steps


def _moved(model: Trained) -> float:
    """Return the share of a model's parameters that changed from the start."""
    pairs = list(zip(model.start, model.end, strict=True))
    return sum(not torch.equal(a, b) for a, b in pairs) / len(pairs)


def _lasting(model: Trained) -> float:
    """Compare the parameter that changed least often with the one that changed most often."""
    most = max(model.changes, default=0)
    return min(model.changes) / most if most >= _MANY else 1.0


def _leaves_at_once(passes: Sequence[Pass], steps: int) -> bool:
    """Return whether a loop leaves all its passes over the data after the first batch.

    Many steps, each with the first batch of a pass that is left before, draw batches at random.
    """
    own = [one for one in passes if one.steps and not one.cut]
    if len(own) > 1 and all(_is_left_at_once(one) for one in own):
        return True
    return steps < _FEW and sum(_is_left_at_once(one) for one in passes) >= steps


def _is_left_at_once(one: Pass) -> bool:
    # a loop may take the second batch before it finds that it is to end
    return one.left and one.steps <= 1 and one.batches <= 1 + one.steps


def _images(batches: Sequence[tuple[NotedStep, Recognised]]) -> Images:
    """Tell what kind of images the noted steps show."""
    shown = torch.cat([step.x.flatten(1) for step, _ in batches] or [torch.zeros(0, 1)])
    if not len(shown):
        return Images.KNOWN
    if bool((shown.std(dim=1) < _FLAT).float().mean() > 1 - KNOWN):
        return Images.BLANK
    if len(shown) > 1 and bool(((shown - shown[0]).abs() < _FLAT).all()):
        return Images.ALIKE
    if bool(torch.cat([found.known for _, found in batches]).float().mean() >= KNOWN):
        return Images.KNOWN
    resembling = torch.cat([found.resembles for _, found in batches]).float().mean()
    return Images.CHANGED if bool(resembling >= _HALF) else Images.OTHERS


def _gradients(
    task: TrainingTask, batches: Sequence[tuple[NotedStep, Recognised]]
) -> tuple[Agreement, ...]:
    """Compare the recorded gradients with the right ones; empty if the inputs are unknown."""
    if not all(bool(found.known.float().mean() >= KNOWN) for _, found in batches):
        return ()
    due = [task.gradient(step.before, step.x, found.labels) for step, found in batches]
    return tuple(agreements([step for step, _ in batches], due))


def _has_changed(model: Trained) -> bool:
    return bool(model.steps) or any(
        not torch.equal(a, b) for a, b in zip(model.start, model.end, strict=False)
    )


def _repeats(steps: Sequence[NotedStep]) -> bool:
    """Return whether all steps use the same images, in any order."""
    sums = [step.x.flatten(1).double().sum(dim=1).sort().values for step in steps]
    return len(sums) >= _MANY and all(torch.equal(sums[0], other) for other in sums[1:])


def _score(
    student: Student, task: TrainingTask, model: Trained,
    batches: Sequence[tuple[NotedStep, Recognised]],
) -> float:  # fmt: skip
    """Return the score of a model on held-out inputs, prepared like the notebook's own."""
    inputs, labels = held_out(student, task)
    if batches:
        (step, found), *_ = batches
        inputs = task.as_given(inputs, step.x, found, student.seed)
    return task.score(model.module(inputs), labels) if isinstance(model.module, Handle) else 0.0


def _due(
    student: Student, task: TrainingTask, model: Trained, score: float, pace: Pace | None
) -> float:
    """Return the required score: lower for a low rate or few steps, but more than chance."""
    if score >= LEAST_ACCURACY or not model.noted:
        return LEAST_ACCURACY
    rate = _USUAL_RATE if pace is None else pace.along
    inputs, labels = task.inputs(student.seed, Split.TRAIN)
    batch = len(model.noted[0].x)
    held = [p.clone() for p in model.start]
    generator = torch.Generator().manual_seed(student.seed)
    for _ in range(min(model.steps, STEPS)):
        chosen = torch.randint(len(inputs), (batch,), generator=generator)
        grads = task.gradient(held, inputs[chosen], labels[chosen])
        held = [p - min(max(rate, 0.0), _MOST_RATE) * g for p, g in zip(held, grads, strict=True)]
    unseen, answers = held_out(student, task)
    reached = task.score(task.answers(held, unseen), answers)
    spread = ACCURACY_SPREAD * (2 if model.steps < _FEW else 1)
    return max(FLOOR, min(LEAST_ACCURACY, reached - spread))


def _of_validation(task: TrainingTask, model: Trained, seed: int) -> float:
    """Return the share of steps whose first image is from the validation split.

    One of many counts only if every image is known; changed images may resemble others.
    """
    if not len(model.seen):
        return 0.0
    found = task.recognise(model.seen, seed)
    share = float(found.of_test.float().mean())
    return share if share > 1 - KNOWN or bool(found.known.all()) else 0.0
