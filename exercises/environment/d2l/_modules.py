"""The 1.0 edition's classes for models: `Module`, `Classifier` and the linear ones of chapter 3.

Here: what a model answers to (loss, accuracy, steps, layer_summary). Not here: the loop that asks
(`_trainer.py`), data (`_data.py`), convolutional networks (`_networks.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ._hyperparameters import HyperParameters
from ._live_plots import ProgressBoard


class Module(nn.Module, HyperParameters):
    """The base class of models: a network in `net`, a loss, steps, an optimiser.

    Args:
        plot_train_per_epoch: points of the training curve an epoch.
        plot_valid_per_epoch: points of the validation curve an epoch.
    """

    net: Any
    trainer: Any
    lr: float
    board: ProgressBoard
    plot_train_per_epoch: int
    plot_valid_per_epoch: int

    def __init__(self, plot_train_per_epoch: int = 2, plot_valid_per_epoch: int = 1) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.board = ProgressBoard()

    def loss(self, y_hat: Tensor, y: Tensor) -> Tensor:
        """Compute the loss; each subclass says how."""
        raise NotImplementedError

    def forward(self, X: Tensor) -> Tensor:
        """Apply `net`."""
        assert hasattr(self, "net"), "Neural network is defined"
        y: Tensor = self.net(X)
        return y

    def plot(self, key: str, value: Any, train: bool) -> None:
        """Add a point to the curve `train_<key>` or `val_<key>` of the board."""
        assert hasattr(self, "trainer"), "Trainer is not inited"
        self.board.xlabel = "epoch"
        if train:
            batches = self.trainer.num_train_batches
            x = self.trainer.train_batch_idx / batches
            every_n = batches // self.plot_train_per_epoch
        else:
            x = self.trainer.epoch + 1
            every_n = self.trainer.num_val_batches // self.plot_valid_per_epoch
        if isinstance(value, Tensor):  # a notebook's own `draw` hands this to matplotlib
            value = value.detach().cpu().numpy()
        self.board.draw(x, value, ("train_" if train else "val_") + key, every_n=max(1, every_n))

    def training_step(self, batch: Sequence[Tensor]) -> Tensor:
        """Return the loss on one batch, and plot it."""
        loss = self.loss(self(*batch[:-1]), batch[-1])
        self.plot("loss", loss, train=True)
        return loss

    def validation_step(self, batch: Sequence[Tensor]) -> None:
        """Plot the loss on one batch."""
        self.plot("loss", self.loss(self(*batch[:-1]), batch[-1]), train=False)

    def configure_optimizers(self) -> Any:
        """Return the optimiser: gradient descent with the rate `lr`."""
        return torch.optim.SGD(self.parameters(), lr=self.lr)

    def apply_init(
        self, inputs: Iterable[Tensor], init: Callable[[nn.Module], None] | None = None
    ) -> None:
        """Run a forward pass, so that lazy layers have their weights, then apply `init`."""
        self.forward(*inputs)
        if init:
            self.net.apply(init)


class Classifier(Module):
    """The base class of models that tell classes apart."""

    def validation_step(self, batch: Sequence[Tensor]) -> None:
        """Plot loss and accuracy on one batch."""
        Y_hat = self(*batch[:-1])
        self.plot("loss", self.loss(Y_hat, batch[-1]), train=False)
        self.plot("acc", self.accuracy(Y_hat, batch[-1]), train=False)

    def accuracy(self, Y_hat: Tensor, Y: Tensor, averaged: bool = True) -> Tensor:
        """Return the share of right predictions, or 0 or 1 for each.

        Args:
            Y_hat: logits, shape (N, classes).
            Y: classes, shape (N,).
            averaged: whether one number is wanted.
        """
        Y_hat = Y_hat.reshape((-1, Y_hat.shape[-1]))
        right = (Y_hat.argmax(dim=1).type(Y.dtype) == Y.reshape(-1)).type(torch.float32)
        return right.mean() if averaged else right

    def loss(self, Y_hat: Tensor, Y: Tensor, averaged: bool = True) -> Tensor:
        """Return the cross-entropy of the logits, one number or one for each example."""
        Y_hat = Y_hat.reshape((-1, Y_hat.shape[-1]))
        return nn.functional.cross_entropy(
            Y_hat, Y.reshape((-1,)), reduction="mean" if averaged else "none"
        )

    def layer_summary(self, X_shape: Sequence[int]) -> None:
        """Print the shape after each layer of `net` for an input of shape `X_shape`."""
        X = torch.randn(*X_shape)
        for layer in self.net:
            X = layer(X)
            print(layer.__class__.__name__, "output shape:\t", X.shape)


class SoftmaxRegression(Classifier):
    """One linear layer on the flattened input."""

    def __init__(self, num_outputs: int, lr: float) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.net = nn.Sequential(nn.Flatten(), nn.LazyLinear(num_outputs))


class LinearRegression(Module):
    """Linear regression by one layer and the mean squared error."""

    def __init__(self, lr: float) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.net = nn.LazyLinear(1)
        self.net.weight.data.normal_(0, 0.01)
        self.net.bias.data.fill_(0)

    def loss(self, y_hat: Tensor, y: Tensor) -> Tensor:
        """Return the mean squared error."""
        return nn.functional.mse_loss(y_hat, y)

    def get_w_b(self) -> tuple[Tensor, Tensor]:
        """Return weight and bias, without gradients."""
        return self.net.weight.data, self.net.bias.data


class LinearRegressionScratch(Module):
    """Linear regression with weight and bias held as plain tensors."""

    sigma: float

    def __init__(self, num_inputs: int, lr: float, sigma: float = 0.01) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.w = torch.normal(0, sigma, (num_inputs, 1), requires_grad=True)
        self.b = torch.zeros(1, requires_grad=True)

    def forward(self, X: Tensor) -> Tensor:
        """Return Xw + b."""
        return torch.matmul(X, self.w) + self.b

    def loss(self, y_hat: Tensor, y: Tensor) -> Tensor:
        """Return half the mean squared error."""
        return ((y_hat - y) ** 2 / 2).mean()

    def configure_optimizers(self) -> SGD:
        """Return the gradient descent of chapter 3."""
        return SGD([self.w, self.b], self.lr)


class SGD(HyperParameters):
    """Plain gradient descent on a list of tensors."""

    params: Sequence[Tensor]
    lr: float

    def __init__(self, params: Sequence[Tensor], lr: float) -> None:
        self.save_hyperparameters()

    def step(self) -> None:
        """Move each tensor against its gradient."""
        for param in self.params:
            if param.grad is not None:
                param -= self.lr * param.grad  # noqa: PLW2901  in place is the point

    def zero_grad(self) -> None:
        """Set all gradients to zero."""
        for param in self.params:
            if param.grad is not None:
                param.grad.zero_()
