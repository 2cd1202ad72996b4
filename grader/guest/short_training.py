"""Inside the sandbox: trains a student's model briefly, with the grader's own loop.

Only the labels of its training images are sent: what it has learned is measured outside, from its
logits for other images. Not here: a student's own training (`training_replay.py`).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from grader.guest.layers import logits_in

_WINDOW = 20


def fit(
    module: nn.Module, x: Tensor, labels: Tensor, *, steps: int, batch: int, lr: float,
    stop_below: float,
) -> list[float]:  # fmt: skip
    """Train a classifier by gradient descent from Xavier-uniform weights; return the losses.

    Args:
        module: changed in place; lazy layers get their weights first.
        x: images (N, C, H, W).
        labels: int64, shape (N,).
        steps: at most.
        batch: images a step.
        lr: learning rate.
        stop_below: mean loss of 20 steps at which it ends.
    """
    module.train()
    with torch.no_grad():
        module(x[:2])
    for part in module.modules():
        if isinstance(part, nn.Linear | nn.Conv2d):
            nn.init.xavier_uniform_(part.weight)
    losses: list[float] = []
    for _ in range(steps):
        chosen = torch.randint(len(x), (batch,))
        loss = F.cross_entropy(logits_in(module(x[chosen])), labels[chosen])
        module.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        with torch.no_grad():
            for parameter in module.parameters():
                if parameter.grad is not None:
                    parameter.sub_(parameter.grad, alpha=lr)
        losses.append(float(loss.detach()))
        if len(losses) >= _WINDOW and sum(losses[-_WINDOW:]) < _WINDOW * stop_below:
            break
    return losses


def tail_of(module: nn.Module, x: Tensor) -> str:
    """Return what a model's forward ends with, by its answer, as `probe_network.TAILS` says."""
    with torch.no_grad():
        y = module.eval()(x)
    if isinstance(y, dict):
        return ",".join(f"{name}={_tail(one)}" for name, one in y.items())
    return ",".join(map(_tail, y)) if isinstance(y, tuple | list) else _tail(y)


def _tail(y: Any) -> str:
    if not isinstance(y, Tensor) or y.ndim != 2 or not bool(y.isfinite().all()):
        return "logits"
    one = torch.ones(len(y))
    for name, shares in (("softmax", y), ("log_softmax", y.exp())):
        if bool((shares >= 0).all()) and torch.allclose(shares.sum(1), one, atol=1e-3):
            return name
    return "logits"
