"""Plain training of a classifier, counted in steps, and the quantities it is judged by.

Here: cross-entropy and its gradient, accuracy, mini-batch gradient descent that is the same at
every run with the same seed. Not here: which loss or accuracy is good enough, budgets in seconds,
data sets: checks decide those.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from reference.classifier import materialise
from reference.layers import init_cnn


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean negative log-probability of the labels.

    mean over n of log(sum over c of exp(logits[n, c])) - logits[n, labels[n]]

    Args:
        logits: shape (N, C), N >= 1.
        labels: shape (N,), int64 in 0..C-1.
    Returns:
        A scalar with the dtype of `logits`.
    Raises:
        ValueError: the shapes do not belong together, or a label is out of range.

    Source: Dive into Deep Learning, 4.1.2 and 4.5.2.
    """
    _match(logits, labels)
    if labels.min() < 0 or labels.max() >= logits.shape[1]:
        raise ValueError(f"labels must lie in 0..{logits.shape[1] - 1}")
    own = logits.gather(1, labels[:, None]).squeeze(1)
    return (torch.logsumexp(logits, dim=1) - own).mean()


def accuracy(logits: Tensor, labels: Tensor) -> float:
    """Share of rows whose largest logit is the label's, between 0 and 1.

    A row with a value that is not a number counts as wrong.

    Args:
        logits: shape (N, C), N >= 1.
        labels: shape (N,), int64.
    Raises:
        ValueError: the shapes do not belong together.
    """
    _match(logits, labels)
    right = (logits.argmax(dim=1) == labels) & ~logits.isnan().any(dim=1)
    return right.double().mean().item()


def _match(logits: Tensor, labels: Tensor) -> None:
    if logits.ndim != 2 or labels.shape != logits.shape[:1] or 0 in logits.shape:
        raise ValueError(
            "logits and labels must have shapes (N, C) and (N,), "
            f"got {(*logits.shape,)} and {(*labels.shape,)}"
        )


def gradients(model: nn.Module, x: Tensor, labels: Tensor) -> dict[str, Tensor]:
    """Gradient of the plain cross-entropy on one batch, for each parameter of a model.

    Works on a copy, in the mode the model is in: parameters, `.grad` and moving averages of
    `model` stay. Dropout draws from the global generator.

    Args:
        model: takes `x` to logits (N, C).
        x: inputs, shape (N, ...).
        labels: shape (N,), int64.
    Returns:
        Name of each parameter that needs a gradient -> tensor of its shape; zeros where the loss
        does not depend on it.
    """
    model = copy.deepcopy(model)
    named = {name: p for name, p in model.named_parameters() if p.requires_grad}
    loss = cross_entropy(model(x), labels)
    answers = torch.autograd.grad(loss, list(named.values()), materialize_grads=True)
    return dict(zip(named, answers, strict=True))


def initialise(model: nn.Module, input_shape: tuple[int, ...], seed: int) -> None:
    """Start a model as the book does: a first forward for lazy layers, then `init_cnn`.

    Args:
        model: changed in place.
        input_shape: shape of a first input, (N, C, H, W).
        seed: decides all weights; the global generator is left as it was. Layers that are not
            lazy keep the biases they were built with.

    Source: Dive into Deep Learning, 7.6.2.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        materialise(model, input_shape)
        model.apply(init_cnn)


@dataclass(frozen=True)
class TrainingRun:
    """The record of a training run, besides the trained model."""

    losses: tuple[float, ...]
    """Mean cross-entropy of each step's batch, before the step."""

    def last_loss(self, steps: int = 20) -> float:
        """Mean of the losses of the last `steps` steps, or of all when there were fewer."""
        last = self.losses[-steps:]
        return sum(last) / len(last)


def train(
    model: nn.Module,
    x: Tensor,
    labels: Tensor,
    *,
    steps: int,
    batch_size: int = 64,
    lr: float = 0.1,
    seed: int = 0,
    stop_below: float | None = None,
) -> TrainingRun:
    """Train a classifier by mini-batch gradient descent on cross-entropy, for so many steps.

    parameter <- parameter - lr * gradient on the step's batch

    An epoch is a random order of the samples cut into batches, the last one perhaps shorter.

    Args:
        model: changed in place; put in training mode and left in the mode it was in.
        x: inputs, shape (N, ...), N >= 1.
        labels: shape (N,), int64.
        steps: budget, at least 1.
        batch_size: samples a step, at least 1.
        lr: learning rate.
        seed: decides order and dropout; the global generator is left as it was.
        stop_below: stop when the mean loss of the last 20 steps is below this.
    Returns:
        The loss of each step taken.
    Raises:
        ValueError: `steps` or `batch_size` is below 1, or inputs and labels differ in number.

    Source: Dive into Deep Learning, 3.4 and 7.6.2.
    """
    if min(steps, batch_size) < 1 or len(x) != len(labels) or len(x) < 1:
        raise ValueError(
            f"cannot take {steps} steps of {batch_size} samples from {len(x)} inputs "
            f"and {len(labels)} labels"
        )
    modes = [(module, module.training) for module in model.modules()]
    losses: list[float] = []
    waiting: list[Tensor] = []
    model.train()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for _ in range(steps):
            if not waiting:
                order = torch.randperm(len(x))
                waiting = [order[i : i + batch_size] for i in range(0, len(x), batch_size)]
            batch = waiting.pop(0)
            model.zero_grad()
            loss = cross_entropy(model(x[batch]), labels[batch])
            loss.backward()  # type: ignore[no-untyped-call]
            with torch.no_grad():
                for parameter in model.parameters():
                    if parameter.grad is not None:
                        parameter.sub_(parameter.grad, alpha=lr)
            losses.append(loss.item())
            if stop_below is not None and len(losses) >= 20 and sum(losses[-20:]) < 20 * stop_below:
                break
    model.zero_grad()
    for module, training in modes:
        module.training = training
    return TrainingRun(tuple(losses))
