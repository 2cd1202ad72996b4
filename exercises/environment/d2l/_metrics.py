"""Clocks, sums and accuracies that both editions count with."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn


class Timer:
    """Records running times in seconds; it starts when it is made."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.start()

    def start(self) -> None:
        """Start anew."""
        self.tik = time.time()

    def stop(self) -> float:
        """Record the time since the start, and return it."""
        self.times.append(time.time() - self.tik)
        return self.times[-1]

    def avg(self) -> float:
        """Return the mean of the recorded times."""
        return sum(self.times) / len(self.times)

    def sum(self) -> float:
        """Return the sum of the recorded times."""
        return sum(self.times)

    def cumsum(self) -> list[float]:
        """Return the running sums of the recorded times."""
        total, sums = 0.0, []
        for seconds in self.times:
            total += seconds
            sums.append(total)
        return sums


class Accumulator:
    """Sums over `n` numbers at a time."""

    def __init__(self, n: int) -> None:
        self.data = [0.0] * n

    def add(self, *args: Any) -> None:
        """Add a number to each sum."""
        self.data = [a + as_float(b) for a, b in zip(self.data, args, strict=False)]

    def reset(self) -> None:
        """Set all sums to zero."""
        self.data = [0.0] * len(self.data)

    def __getitem__(self, idx: int) -> float:
        return self.data[idx]


class Benchmark:
    """Prints how long its `with` block took."""

    def __init__(self, description: str = "Done") -> None:
        self.description = description

    def __enter__(self) -> Benchmark:
        self.timer = Timer()
        return self

    def __exit__(self, *args: object) -> None:
        print(f"{self.description}: {self.timer.stop():.4f} sec")


def as_float(value: Any) -> float:
    """Return a number; of a tensor its value, without a word about gradients."""
    return float(value.detach()) if isinstance(value, Tensor) else float(value)


def accuracy(y_hat: Tensor, y: Tensor) -> float:
    """Return how many predictions are right: a number of examples, not a share.

    Args:
        y_hat: logits, shape (N, classes), or predicted classes, shape (N,).
        y: classes, shape (N,).
    """
    if y_hat.ndim > 1 and y_hat.shape[1] > 1:
        y_hat = y_hat.argmax(dim=1)
    return float((y_hat.type(y.dtype) == y).sum())


def evaluate_accuracy(net: Any, data_iter: Iterable[Any]) -> float:
    """Return the share of right predictions on a loader; a module is put in evaluation mode."""
    return evaluate_accuracy_gpu(net, data_iter)


def evaluate_accuracy_gpu(
    net: Any, data_iter: Iterable[Any], device: torch.device | None = None
) -> float:
    """Return the share of right predictions on a loader, computed where the network lives."""
    if isinstance(net, nn.Module):
        net.eval()
        if device is None:
            device = next((p.device for p in net.parameters()), None)
    metric = Accumulator(2)
    with torch.no_grad():
        for X, y in data_iter:
            metric.add(accuracy(net(_moved(X, device)), _moved(y, device)), y.numel())
    return metric[0] / metric[1]


def evaluate_loss(net: Any, data_iter: Iterable[Any], loss: Callable[..., Tensor]) -> float:
    """Return the mean loss on a loader."""
    metric = Accumulator(2)
    for X, y in data_iter:
        out = net(X)
        values = loss(out, y.reshape(out.shape))
        metric.add(values.sum(), values.numel())
    return metric[0] / metric[1]


def _moved(x: Any, device: torch.device | None) -> Any:
    if isinstance(x, list):
        return [_moved(part, device) for part in x]
    return x.to(device) if device is not None else x
