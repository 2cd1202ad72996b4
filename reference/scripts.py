"""The exercises of 7.2 that are cells rather than functions: edge detection, a learned kernel.

Here: what those cells should leave behind. Not here: the operations (`ops.py`) or the training of
classifiers (`training.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from reference.ops import corr2d


def edge_image(dtype: torch.dtype = torch.float32) -> Tensor:
    """Return the black and white image: ones of shape (6, 8), columns 2 to 5 zero."""
    x = torch.ones(6, 8, dtype=dtype)
    x[:, 2:6] = 0
    return x


def edge_kernel(dtype: torch.dtype = torch.float32) -> Tensor:
    """Return the kernel [[1, -1]], which answers to a change between horizontal neighbours."""
    return torch.tensor([[1, -1]], dtype=dtype)


def edges(dtype: torch.dtype = torch.float32) -> Tensor:
    """Return corr2d(edge_image(), edge_kernel()): (6, 7), column 1 is 1, column 5 is -1, rest 0."""
    return corr2d(edge_image(dtype), edge_kernel(dtype))


@dataclass(frozen=True)
class LearnedKernel:
    """What learning a kernel left behind."""

    weight: tuple[float, float]
    """The two numbers of the (1, 1, 1, 2) weight."""
    losses: tuple[float, ...]
    """Summed squared error before each step."""


def learn_kernel(
    seed: int, steps: int = 10, lr: float = 3e-2, *, scale: float = 1.0
) -> LearnedKernel:
    """Learn the kernel of the edge detector from its input and output.

    weight <- weight - lr * gradient of sum((conv2d(X) - scale * Y) ** 2)

    Args:
        seed: of the first weight, drawn as `nn.Conv2d` draws it; the global generator is left
            as it was.
        steps: number of gradient descent steps.
        lr: learning rate.
        scale: Y is multiplied by it; the weight then goes to scale * [1, -1], which tells a
            learned weight from an assigned one.
    Returns:
        The weight after the last step and the loss before each.

    Source: Dive into Deep Learning, 7.2.4.
    """
    x = edge_image().reshape(1, 1, 6, 8)
    y = scale * edges().reshape(1, 1, 6, 7)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        conv2d = nn.Conv2d(1, 1, kernel_size=(1, 2), bias=False)
    losses = []
    for _ in range(steps):
        loss = ((conv2d(x) - y) ** 2).sum()
        losses.append(loss.item())
        (gradient,) = torch.autograd.grad(loss, [conv2d.weight])
        with torch.no_grad():
            conv2d.weight -= lr * gradient
    left, right = conv2d.weight.flatten().tolist()
    return LearnedKernel((left, right), tuple(losses))
