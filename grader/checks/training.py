"""Judges a student's training, not the model it is for: the cell is run again with our own.

The loop, the data and the optimiser are the student's; the model is a small one that learns fast
(`kernel/learner.py`), since the book's LeNet and VGG show nothing for a thousand steps. Three
things are asked, of numbers that are computed here:

1. Do the parameters move, all of them, and against the gradient?
2. Is the gradient at each step that of the cross-entropy on the images that were shown, with their
   true labels? Images are recognised and their labels looked up here, so that mixed-up labels, a
   gradient that was not zeroed and a softmax too many all show. Accepted are cos >= 0.98 and a
   length within 30 % of ours, or within 5 % of the batch size times it (a summed loss).
3. Does the model that the cell leaves tell held-out images apart? Their labels never enter the
   sandbox. 60 % must be right, or what plain descent with the same steps and rate reaches.

Measured over 116 right and 96 wrong trainings (`benchmarks/README.md`): all right ones pass, no
wrong one does. Right gradients had a cos of 0.9992 or more and 0.88 to 1.00 of the length.

Not here: which cells train (`training_cells.py`), points (`exercises/`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

import torch
from torch import Tensor

from grader.checks.compare import fail
from grader.checks.training_cells import NotebookText, TrainingCells, is_model_name
from grader.checks.training_images import HELD_OUT, LABELS, TRAIN, Recognised, clothes, recognise
from grader.errors import NothingTrained, StudentError
from grader.kernel.facts import NotedStep, RehearsalFacts, Trained
from grader.kernel.learner import gradient, logits_of
from grader.kernel.student import Handle, Student

STEPS = 100
LEAST_COS = 0.98
LENGTHS = (0.7, 1.3)
SUMMED = 0.05
LEAST_ACCURACY = 0.6
ACCURACY_SPREAD = 0.2  # what plain descent reaches differs by as much from seed to seed
KNOWN = 0.9  # so many of the images must be known, or gradients are not compared
_MOST_CELLS = 3
_MOST_RATE = 1.0  # of plain descent: the learner runs away above 1.5


@dataclass(frozen=True)
class ModelKind:
    """What kind of model a training is for."""

    name: str
    """As messages say it; a class or factory whose name holds it makes such a model."""
    looks: Callable[[list[tuple[int, ...]]], bool]
    """Whether a model without such a name is one, by the shapes of its parameters."""

    @property
    def patterns(self) -> tuple[str, ...]:
        """Names of its classes and factories."""
        return (f"*{self.name}*",)


@dataclass(frozen=True)
class Agreement:
    """How a student's gradient at a step compares with that of plain cross-entropy."""

    step: int
    cos: float
    ratio: float
    """Of the lengths, the student's to ours."""
    batch: int

    @property
    def has_length(self) -> bool:
        """Whether it is as long as that of the mean, or of the sum, of the batch's losses."""
        low, high = LENGTHS
        return low <= self.ratio <= high or abs(self.ratio / self.batch - 1) <= SUMMED

    @property
    def holds(self) -> bool:
        """Whether it is the gradient of a cross-entropy."""
        return self.cos >= LEAST_COS and self.has_length


@dataclass(frozen=True)
class Evidence:
    """What running one training cell again showed, in our own numbers."""

    cell: int
    raised: str
    """How the cell ended, where it did not run through."""
    steps: int
    """How often gradients reached the model that is judged."""
    moved: float
    """Share of its parameters that are other numbers than at the start."""
    descends: bool
    """Whether they moved against the gradient."""
    validation: float
    """Share of the images at the noted steps that are images for validation."""
    gradients: tuple[Agreement, ...]
    """Of the noted steps; empty where the images are not known."""
    keeps: bool
    """Whether a name of the notebook holds the model that was trained."""
    accuracy: float
    """On images that the notebook never saw."""
    due: float
    """What its accuracy should be at least."""

    @property
    def holds(self) -> int:
        """How many of the claims hold: of several cells the best counts."""
        return sum(not complaint(self) for complaint in COMPLAINTS)


def complaint_of(found: Evidence) -> str:
    """Return the first thing that is wrong with a training; empty where it is right."""
    return next(filter(None, (complaint(found) for complaint in COMPLAINTS)), "")


# --------------------------------------------------------------------------- claims


def assert_trains(student: Student, kind: ModelKind) -> None:
    """Demand that the training cell moves every parameter of its model against the gradient.

    Raises:
        NothingTrained: there is no such cell.
        Mismatch: it says what is missing.
    """
    _demand(evidence_of(student, kind), _stands_still)


def assert_follows_the_gradient(student: Student, kind: ModelKind) -> None:
    """Demand that each step uses the gradient of the cross-entropy on its own batch.

    Raises:
        NothingTrained: there is no such cell.
        Mismatch: it says how the gradients differ.
    """
    _demand(evidence_of(student, kind), _strays)


def assert_learns(student: Student, kind: ModelKind) -> None:
    """Demand that the model which the cell leaves tells images apart that it never saw.

    Raises:
        NothingTrained: there is no such cell.
        Mismatch: it does not, or the trained model is not the one that was kept.
    """
    _demand(evidence_of(student, kind), _has_learned_nothing)


def _demand(evidence: Evidence, complaint: Callable[[Evidence], str]) -> None:
    message = complaint(evidence)
    if message:
        call = f"cell {evidence.cell}, run again with a small network as its model"
        fail(f"{call}: {message}", call=call, got=message, expected="a training")


def _stands_still(found: Evidence) -> str:
    if not found.steps and found.raised:
        return f"it raised {found.raised}"
    if not found.steps:
        return "no gradient reaches the model; is backward called on a loss of its output?"
    if not found.moved:
        return "the parameters never change; is there a step after backward, on this model's own?"
    if found.moved < 1:
        return "some parameters never change; does the optimiser have all of them?"
    if not found.descends:
        return "the parameters move along the gradient; a descent subtracts it"
    return ""


def _strays(found: Evidence) -> str:
    if found.validation > 1 - KNOWN:
        return "it is trained with images that are kept for validation"
    wrong = [one for one in found.gradients if not one.holds]
    if not wrong:
        return ""
    later = [one for one in found.gradients if one.step > 1]
    if all(one.holds for one in found.gradients if one.step == 1) and later:
        return "from the second step on the gradient still holds what earlier steps left in it"
    typical = median(one.cos for one in wrong)
    if typical <= -0.9 and all(one.has_length for one in wrong):
        return "the gradient is that of the negative loss: the loss is made larger"
    if typical >= 0.9:
        much = "longer" if median(one.ratio for one in wrong) > 1 else "shorter"
        return (
            f"the gradient points where it should and is much {much} than that of a cross-entropy"
        )
    return (
        "the gradient is not that of the cross-entropy of the model's output and the images' labels"
    )


def _has_learned_nothing(found: Evidence) -> str:
    if not found.keeps:
        return "the model that was trained is not the one that is kept under the notebook's name"
    if found.accuracy < found.due:
        return (
            "afterwards the model does not tell images apart that it never saw, where plain "
            "gradient descent with these steps would"
        )
    return ""


COMPLAINTS = (_stands_still, _strays, _has_learned_nothing)


# --------------------------------------------------------------------------- evidence


def evidence_of(student: Student, kind: ModelKind) -> Evidence:
    """Run the cells again that train a model of a kind, and return what the best one showed.

    Args:
        student: the notebook.
        kind: of the model.

    Raises:
        NothingTrained: no cell trains such a model.
    """
    if "training" not in student.remembered:
        sources = student.sources()
        cells = NotebookText(sources).trainings(kind.patterns, _holders(student, kind))
        found: list[Evidence] = []
        lost: list[StudentError] = []  # a cell that hangs costs no other cell what it showed
        for one, end in ((c, e) for c in _likely(cells) for e in _tails(student, sources, c)):
            try:
                asked = one.cells, kind.patterns, one.variables
                facts = student.rehearse(*asked, steps=STEPS, tail=end)
                found.append(_judge(student, one, facts))
            except StudentError as error:
                lost.append(error)
            if found and found[-1].holds == len(COMPLAINTS):
                break
        if lost and not found:
            raise lost[0]
        student.remembered["training"] = max(found, key=lambda e: e.holds, default=None)
    evidence_or_none: Evidence | None = student.remembered["training"]
    if evidence_or_none is None:
        raise NothingTrained(kind.name)
    return evidence_or_none


def _likely(cells: list[TrainingCells]) -> list[TrainingCells]:
    """Return the first trainings, which are the book's, and the last one."""
    return cells if len(cells) <= _MOST_CELLS else [*cells[: _MOST_CELLS - 1], cells[-1]]


def _holders(student: Student, kind: ModelKind) -> dict[str, list[int]]:
    """Return the names that hold a model of the kind, and the cells after which they do."""
    found: dict[str, list[int]] = {}
    for entry in student.values(kinds=("module",)):
        handle = entry.value
        if isinstance(handle, Handle) and _is_of(kind, handle):
            found.setdefault(entry.name, []).append(entry.cell)
    return found


def _is_of(kind: ModelKind, handle: Handle) -> bool:
    if is_model_name(handle.type_name, kind.patterns):
        return True
    try:
        return kind.looks(list(handle.sizes().values()))
    except StudentError:
        return False


def _tails(student: Student, sources: dict[int, str], one: TrainingCells) -> list[str]:
    """Return what the forward ends with, and without it: a softmax is charged elsewhere."""
    return list(dict.fromkeys((_tail(student, sources, one), "logits")))


def _tail(student: Student, sources: dict[int, str], one: TrainingCells) -> str:
    """Say what the model's forward ends with, where a softmax is spoken of at all."""
    if not any("softmax" in source for source in sources.values()):
        return "logits"
    named = [e for e in student.values(kinds=("module",)) if e.name in one.variables]
    held = [e.value for e in named if e.cell <= one.cell and isinstance(e.value, Handle)]
    for model in reversed(held):
        for side in (28, 96, 224):
            try:
                return model.tail(torch.rand(2, 1, side, side))
            except StudentError:  # another size, perhaps
                continue
    return "logits"


def _judge(student: Student, one: TrainingCells, facts: RehearsalFacts) -> Evidence:
    named = [m for m in facts.models if m.names and _has_changed(m)]
    trained = [m for m in facts.models if m.steps]
    judged = max(named or trained, key=lambda m: m.steps, default=None)
    if judged is None or not judged.start:
        return Evidence(one.cell, facts.raised, 0, 0.0, False, 0.0, (), False, 0.0, LEAST_ACCURACY)
    watched = judged if judged.noted else max(trained, key=lambda m: m.steps, default=judged)
    labels = [recognise(step.x, student.seed) for step in watched.noted]
    known = all(bool((label.of_train | label.of_test).float().mean() >= KNOWN) for label in labels)
    pairs = list(zip(watched.noted, labels, strict=True))
    ours = [gradient(step.before, step.x, label.labels) for step, label in pairs]
    rates = _rates(watched.noted)
    accuracy = _accuracy(student, judged, pairs)
    return Evidence(
        one.cell,
        facts.raised,
        judged.steps or watched.steps,
        moved=sum(not torch.equal(a, b) for a, b in zip(judged.start, judged.end, strict=True))
        / len(judged.start),
        descends=not rates or median(rates) > 0,
        validation=_share([label.of_test for label in labels]),
        gradients=tuple(_agreements(watched.noted, ours)) if known else (),
        keeps=bool(named) or not any(m.names for m in facts.models),
        accuracy=accuracy,
        due=_due(student, judged, accuracy, median(rates) if rates else 0.1),
    )


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
        # several batches before one step: their gradients add up, and should
        due = [a + b for a, b in zip(due, mine, strict=True)] if same else mine
        due_length, length = _dot(due, due) ** 0.5, _dot(step.gradients, step.gradients) ** 0.5
        cos = _dot(due, step.gradients) / max(due_length * length, 1e-12)
        ratio = length / max(due_length, 1e-12)
        found.append(Agreement(step.number, cos, ratio, len(step.x)))
        last = step
    return found


def _accuracy(
    student: Student, model: Trained, batches: Sequence[tuple[NotedStep, Recognised]]
) -> float:
    """Return the share of held-out images that a model tells apart.

    They are given as the notebook gives its own: normalised, where it does that.
    """
    images, labels = clothes(student.seed, HELD_OUT)
    if batches:
        scale, shift = batches[0][1].contrast(batches[0][0].x, student.seed)
        images = images * scale + shift
    y = model.module(images) if isinstance(model.module, Handle) else None
    if not isinstance(y, Tensor) or tuple(y.shape) != (len(labels), LABELS):
        return 0.0
    right = (y.argmax(dim=1) == labels) & ~y.isnan().any(dim=1)
    return float(right.double().mean())


def _due(student: Student, model: Trained, accuracy: float, rate: float) -> float:
    """Return the accuracy to demand: less, where the rate is low or the steps are few."""
    if accuracy >= LEAST_ACCURACY or not model.noted:
        return LEAST_ACCURACY
    images, labels = clothes(student.seed, TRAIN)
    batch = len(model.noted[0].x)
    held = [p.clone() for p in model.start]
    generator = torch.Generator().manual_seed(student.seed)
    for _ in range(min(model.steps, STEPS)):
        chosen = torch.randint(len(images), (batch,), generator=generator)
        grads = gradient(held, images[chosen], labels[chosen])
        held = [p - min(max(rate, 0.0), _MOST_RATE) * g for p, g in zip(held, grads, strict=True)]
    unseen, answers = clothes(student.seed, HELD_OUT)
    reached = float((logits_of(held, unseen).argmax(dim=1) == answers).double().mean())
    return min(LEAST_ACCURACY, reached - ACCURACY_SPREAD)


def _dot(one: Sequence[Tensor], other: Sequence[Tensor]) -> float:
    return sum(float((a.double() * b.double()).sum()) for a, b in zip(one, other, strict=True))


def _equal(one: Sequence[Tensor], other: Sequence[Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def _share(parts: Sequence[Tensor]) -> float:
    return float(torch.cat(list(parts)).float().mean()) if parts else 0.0
