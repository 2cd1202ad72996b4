"""A small network that learns fast, put in a model's place when a training cell is run again.

Both sides have it: inside, it is trained by the student's code; outside, its gradients are computed
once more. It learns at rates from 0.01 to 1.5, with momentum and with Adam, where the book's LeNet
and VGG show nothing for a thousand steps: the table is in `benchmarks/README.md`. Group norm makes
it do so whatever the rate, and needs no moving averages, so a step depends on nothing but its batch
and the parameters.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

SIDE = 28
CLASSES = 10
# a smaller head takes shorter steps: with 1 it runs away at a rate of 0.9, with 0.3 at 1.5
_HEAD = 0.15
TAILS = ("logits", "log_softmax", "softmax")
OTHER_MODELS = ("block", "googlenet")
"""What the names of other things hold beside the name of a model: a GoogLeNet is no LeNet."""


class FastLearner(nn.Module):
    """Takes images (N, C, H, W) of any size to (N, 10): logits, or what `tail` makes of them."""

    def __init__(self, tail: str = "logits") -> None:
        super().__init__()
        self.tail = tail
        self.layers = nn.Sequential(
            nn.Conv2d(1, 8, kernel_size=5, stride=2, padding=2), nn.GroupNorm(2, 8), nn.ReLU(),
            nn.Conv2d(8, 16, kernel_size=3, stride=2, padding=1), nn.GroupNorm(4, 16), nn.ReLU(),
            nn.Flatten(), nn.Linear(16 * 7 * 7, CLASSES),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        """Classify images of one channel and 28x28, as `small` makes them."""
        return self.ends_with(self.layers(x))

    def ends_with(self, y: Tensor) -> Tensor:
        """Return what the model makes of the last layer's numbers: logits, or what `tail` says."""
        logits = y * _HEAD
        if self.tail == "log_softmax":
            return F.log_softmax(logits, dim=1)
        return logits.softmax(dim=1) if self.tail == "softmax" else logits


def small(x: Tensor) -> Tensor:
    """Return images (N, C, H, W) or (N, H, W) as the learner wants them: (N, 1, 28, 28)."""
    images = x.detach().float()
    if images.ndim == 3:
        images = images[:, None]
    if images.ndim == 2:  # flattened squares
        images = images.reshape(len(images), 1, int(images.shape[1] ** 0.5), -1)
    images = images.mean(dim=1, keepdim=True)
    same = images.shape[-2:] == (SIDE, SIDE)
    return images if same else F.adaptive_avg_pool2d(images, SIDE)


def gradient(parameters: Sequence[Tensor], x: Tensor, labels: Tensor) -> list[Tensor]:
    """Return the gradient of the plain cross-entropy of a learner's logits on one batch.

    Args:
        parameters: of a `FastLearner`, in its order.
        x: images (N, 1, 28, 28).
        labels: shape (N,), int64.
    """
    held = [p.detach().clone().requires_grad_() for p in parameters]
    return list(torch.autograd.grad(F.cross_entropy(logits_of(held, x), labels), held))


def logits_of(parameters: Sequence[Tensor], x: Tensor) -> Tensor:
    """Return what a learner with these parameters makes of images (N, 1, 28, 28)."""
    learner = FastLearner()
    names = [name for name, _ in learner.named_parameters()]
    logits: Tensor = functional_call(learner, dict(zip(names, parameters, strict=True)), (x,))
    return logits


def shapes() -> list[tuple[int, ...]]:
    """Return the shapes of a learner's parameters, in its order."""
    return [tuple(p.shape) for p in FastLearner().parameters()]
