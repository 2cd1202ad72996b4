"""What all models of the course have in common, and what can be asked of any of them.

Here: the base class, shapes layer by layer, number of parameters, the first forward of a lazy
model. Not here: the models (`models.py`), the same figures by formula (`shapes.py`).
"""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from reference.shapes import Shape

AnyModule = TypeVar("AnyModule", bound=nn.Module)


class Classifier(nn.Module):
    """A network `net` that takes images (N, C, H, W) to logits (N, classes), and its step size.

    Source: Dive into Deep Learning, 4.3; without the book's board and trainer.
    """

    def __init__(self, net: nn.Sequential, lr: float) -> None:
        super().__init__()
        self.net = net
        self.lr = lr

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits of the images `x`; no softmax."""
        y: Tensor = self.net(x)
        return y

    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the mean cross-entropy, a scalar."""
        return cross_entropy(logits, labels)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return plain stochastic gradient descent with the model's `lr`."""
        return torch.optim.SGD(self.parameters(), lr=self.lr)

    def layer_summary(self, X_shape: Shape) -> None:
        """Print class name and output shape of each layer of `net`, for an input of `X_shape`."""
        for name, shape in layer_shapes(self.net, X_shape):
            print(name, "output shape:\t", torch.Size(shape))


def layer_shapes(net: nn.Sequential, input_shape: Shape) -> list[tuple[str, Shape]]:
    """Return class name and output shape after each layer, for an input of `input_shape`.

    The layers run in evaluation mode and without gradients, so moving averages stay; each layer
    is left in the mode it was in. On the meta device this costs nothing at any size.
    """
    modes = [(module, module.training) for module in net.modules()]
    like = next(net.parameters(), torch.empty(0))
    x = torch.zeros(input_shape, dtype=like.dtype, device=like.device)
    shapes: list[tuple[str, Shape]] = []
    net.eval()
    with torch.no_grad():
        for layer in net:
            x = layer(x)
            shapes.append((type(layer).__name__, (*x.shape,)))
    for module, training in modes:
        module.training = training
    return shapes


def materialise(model: AnyModule, input_shape: Shape) -> AnyModule:
    """Run one forward, so that lazy layers have their weights; return the same model.

    The forward runs in evaluation mode and without gradients; the model's mode stays.

    Args:
        model: any module.
        input_shape: shape of a first input, (N, C, H, W).
    """
    modes = [(module, module.training) for module in model.modules()]
    like = next(model.parameters(), torch.empty(0))
    model.eval()
    with torch.no_grad():
        model(torch.zeros(input_shape, dtype=like.dtype, device=like.device))
    for module, training in modes:
        module.training = training
    return model


def count_parameters(model: nn.Module) -> int:
    """Count the numbers a model learns; a lazy model must have seen an input.

    Raises:
        ValueError: a parameter has no shape yet.
    """
    return sum(parameter.numel() for parameter in model.parameters())
