"""The probe network: a small one that learns fast, in a model's place during a training replay.

Both sides use it: inside, the student's code trains it; outside, its gradients are computed again.
It learns at rates from 0.01 to 1.5, with momentum and with Adam, where large networks
without batch norm show nothing for a thousand steps: the table is in `benchmarks/README.md`. Group
norm makes it do so at any rate, and needs no moving averages, so a step depends on nothing but its
batch and the parameters. Its sizes come from the checks (`checks/training/protocol.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

# a smaller head takes shorter steps: with 1 it runs away at a rate of 0.9, with 0.3 at 1.5
HEAD = 0.15
# 300 steps at a rate of 0.002 teach as much as 3,000 with the small head
HEAD_FOR_LOW_RATES = 1.0
TAILS = ("logits", "log_softmax", "softmax")
"""What a forward ends with. One that returns several results has several, `logits,softmax`; where
they have names, `scores=logits,shares=softmax`."""


@dataclass(frozen=True)
class ProbeShape:
    """The sizes of the network's inputs and outputs, and the factor of its logits."""

    side: int
    """Height and width of an image."""
    channels: int
    classes: int
    head: float = HEAD
    """What its last layer's numbers are multiplied by: a larger one learns at lower rates."""

    @property
    def image(self) -> tuple[int, int, int]:
        """The shape of one image."""
        return (self.channels, self.side, self.side)


class ProbeNetwork(nn.Module):
    """Maps images (N, C, H, W) of any size to (N, classes): logits, or as `tail` says."""

    def __init__(self, shape: ProbeShape, tail: str = "logits") -> None:
        super().__init__()
        self.shape = shape
        last = -(-shape.side // 4)  # the side, halved twice and rounded up
        self.tail = tail
        self.layers = nn.Sequential(
            nn.Conv2d(shape.channels, 8, kernel_size=5, stride=2, padding=2),
            nn.GroupNorm(2, 8), nn.ReLU(),
            nn.Conv2d(8, 16, kernel_size=3, stride=2, padding=1), nn.GroupNorm(4, 16), nn.ReLU(),
            nn.Flatten(), nn.Linear(16 * last * last, shape.classes),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Any:
        """Classify images of the network's own size, as `small` makes them."""
        return self.ends_with(self.layers(x))

    def ends_with(self, y: Tensor) -> Any:
        """Return the output for the last layer's numbers: logits, or as `tail` says."""
        results = [part.rpartition("=") for part in self.tail.split(",")]
        ends = [_ended(y * self.shape.head, end) for _, _, end in results]
        if "=" in self.tail:
            return {name: end for (name, _, _), end in zip(results, ends, strict=True)}
        return tuple(ends) if len(ends) > 1 else ends[0]


def _ended(logits: Tensor, end: str) -> Tensor:
    if end == "log_softmax":
        return F.log_softmax(logits, dim=1)
    return logits.softmax(dim=1) if end == "softmax" else logits


def small(x: Tensor, shape: ProbeShape) -> Tensor:
    """Return images (N, C, H, W), (N, H, W) or flattened ones in the network's own size."""
    images = x.detach().float()
    if images.ndim == 3:
        images = images[:, None]
    if images.ndim == 2:  # flattened squares
        side = int((images.shape[1] / shape.channels) ** 0.5)
        images = images.reshape(len(images), shape.channels, side, -1)
    if images.shape[1] != shape.channels or shape.channels == 1:
        images = images.mean(dim=1, keepdim=True).expand(-1, shape.channels, -1, -1)
    same = images.shape[-2:] == (shape.side, shape.side)
    return images if same else F.adaptive_avg_pool2d(images, shape.side)


def gradient(
    shape: ProbeShape, parameters: Sequence[Tensor], x: Tensor, labels: Tensor
) -> list[Tensor]:
    """Return the gradient of the plain cross-entropy of a probe's logits on one batch.

    Args:
        shape: of the probe.
        parameters: of a `ProbeNetwork`, in its order.
        x: images in its own size.
        labels: shape (N,), int64.
    """
    held = [p.detach().clone().requires_grad_() for p in parameters]
    return list(torch.autograd.grad(F.cross_entropy(logits_of(shape, held, x), labels), held))


def logits_of(shape: ProbeShape, parameters: Sequence[Tensor], x: Tensor) -> Tensor:
    """Return the logits of a probe with these parameters for images in its own size."""
    probe = ProbeNetwork(shape)
    names = [name for name, _ in probe.named_parameters()]
    logits: Tensor = functional_call(probe, dict(zip(names, parameters, strict=True)), (x,))
    return logits


def shapes(shape: ProbeShape) -> list[tuple[int, ...]]:
    """Return the shapes of a probe's parameters, in its order."""
    return [tuple(p.shape) for p in ProbeNetwork(shape).parameters()]
