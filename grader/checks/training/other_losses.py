"""Recognises losses that are no cross-entropy of plain logits, by the gradient at the logits.

The gradient that reaches the network's last numbers is known for every loss of the list, up to its
length. So the loss that a training really computes is told by name where it is one of them, and a
loss that is merely divided is not taken for one.

Here: the losses, and which one fits. Not here: gradients of parameters (`gradients.py`), whether a
training is wrong at all (`complaints.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from grader.checks.training.protocol import TrainingTask
from grader.kernel.observations import Trained

_EXACT = 1e-6  # of the squared length that may be left: numbers of float32 leave 1e-12
_MOST = 0.9  # of the batches

Loss = Callable[[Tensor, Tensor], Tensor]


def _one_hot(logits: Tensor, labels: Tensor) -> Tensor:
    return F.one_hot(labels, logits.shape[1]).to(logits.dtype)


OTHER_LOSSES: dict[str, Loss] = {
    "a softmax comes before the cross-entropy, which takes plain logits and applies its own": (
        lambda z, y: F.cross_entropy(z.softmax(1), y)
    ),
    "a sigmoid comes before the cross-entropy, which takes plain logits": (
        lambda z, y: F.cross_entropy(z.sigmoid(), y)
    ),
    "the log-likelihood is taken of probabilities, and needs their logarithm; a cross-entropy of "
    "plain logits does both": lambda z, y: F.nll_loss(z.softmax(1), y),
    "it is the squared error of probabilities": (
        lambda z, y: F.mse_loss(z.softmax(1), _one_hot(z, y))
    ),
    "it is the squared error of sigmoids": lambda z, y: F.mse_loss(z.sigmoid(), _one_hot(z, y)),
    "it is the squared error of the logits": lambda z, y: F.mse_loss(z, _one_hot(z, y)),
    "it is a binary cross-entropy of each class": (
        lambda z, y: F.binary_cross_entropy_with_logits(z, _one_hot(z, y))
    ),
}
"""Losses by what a student reads about them, for logits (N, classes) and labels (N,)."""


def other_loss(task: TrainingTask, model: Trained, seed: int) -> str:
    """Return which other loss a training computes; empty for a cross-entropy or an unknown one."""
    rows = [row for row in model.answered if len(row[0]) > 1]
    if not rows:
        return ""
    known = [task.recognise(x, seed) for x, *_ in rows]
    batches = [
        (y * task.probe.head, found.labels, gradient)
        for (_, y, gradient), found in zip(rows, known, strict=True)
        if bool(found.known.all()) and bool(gradient.isfinite().all()) and bool(gradient.any())
    ]
    if not batches or _fits(F.cross_entropy, batches):
        return ""
    return next((said for said, loss in OTHER_LOSSES.items() if _fits(loss, batches)), "")


def _fits(loss: Loss, batches: Sequence[tuple[Tensor, Tensor, Tensor]]) -> bool:
    """Return whether nearly all gradients are those of a loss, each in a length of its own."""
    fitting = sum(_left(loss, *batch) <= _EXACT for batch in batches)
    return fitting >= _MOST * len(batches)


def _left(loss: Loss, logits: Tensor, labels: Tensor, gradient: Tensor) -> float:
    """Return the share of the squared length of a gradient that is none of a loss."""
    held = logits.double().requires_grad_()
    (due,) = torch.autograd.grad(loss(held, labels), held)
    given = gradient.double()
    along = float((due * given).sum() / (due * due).sum().clamp_min(1e-300))
    if along <= 0:
        return 1.0
    return float(((given - along * due) ** 2).sum() / (given * given).sum())
