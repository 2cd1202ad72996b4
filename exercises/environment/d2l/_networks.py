"""Layers and networks that the book exports for later chapters.

Here: `corr2d`, `init_cnn`, `LeNet`, `Residual`, `ResNeXtBlock`, `resnet18`. Not here: what students
write themselves (`Conv2D`, `pool2d`, `VGG`, `ResNet`, ...); the book does not export those.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ._modules import Classifier


def corr2d(X: Tensor, K: Tensor) -> Tensor:
    """Cross-correlate one image with one kernel, without padding.

    Args:
        X: image, shape (H, W).
        K: kernel, shape (KH, KW).

    Returns:
        Shape (H - KH + 1, W - KW + 1), float32 on the CPU as in the book.

    Raises:
        ValueError: `K` is not a matrix.

    Source: Dive into Deep Learning, 7.2.1.
    """
    KH, KW = K.shape
    Y = torch.zeros((X.shape[0] - KH + 1, X.shape[1] - KW + 1))
    for i in range(Y.shape[0]):
        for j in range(Y.shape[1]):
            Y[i, j] = (X[i : i + KH, j : j + KW] * K).sum()
    return Y


def init_cnn(module: nn.Module) -> None:
    """Draw the weight of a linear or convolutional layer from Xavier's uniform distribution.

    Exactly these two types: a lazy layer is a subclass without weights before its first forward.
    """
    if type(module) in (nn.Linear, nn.Conv2d):
        nn.init.xavier_uniform_(module.weight)  # type: ignore[arg-type]


class LeNet(Classifier):
    """LeNet-5 with sigmoids and average pooling; (N, 1, 28, 28) -> (N, num_classes)."""

    def __init__(self, lr: float = 0.1, num_classes: int = 10) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.net = nn.Sequential(
            nn.LazyConv2d(6, kernel_size=5, padding=2),
            nn.Sigmoid(),
            nn.AvgPool2d(kernel_size=2, stride=2),
            nn.LazyConv2d(16, kernel_size=5),
            nn.Sigmoid(),
            nn.AvgPool2d(kernel_size=2, stride=2),
            nn.Flatten(),
            nn.LazyLinear(120),
            nn.Sigmoid(),
            nn.LazyLinear(84),
            nn.Sigmoid(),
            nn.LazyLinear(num_classes),
        )


class Residual(nn.Module):
    """The residual block of ResNet, with the signatures of both editions.

    `Residual(num_channels, use_1x1conv=False, strides=1)` is 1.0's,
    `Residual(input_channels, num_channels, use_1x1conv=False, strides=1)` is 0.17's. They are told
    apart by the second argument: a number of channels, or a flag (or nothing).

    Shapes: (N, C, H, W) -> (N, num_channels, H / strides, W / strides), rounded up.

    Raises:
        TypeError: the arguments fit neither.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()
        older = "input_channels" in kwargs or _second_is_a_number(args, kwargs)
        read = _arguments_0_17 if older else _arguments_1_0
        input_channels, num_channels, use_1x1conv, strides = read(*args, **kwargs)
        self.conv1 = _conv(input_channels, num_channels, 3, stride=strides, padding=1)
        self.conv2 = _conv(num_channels if older else None, num_channels, 3, padding=1)
        self.conv3 = _conv(input_channels, num_channels, 1, stride=strides) if use_1x1conv else None
        self.bn1 = nn.BatchNorm2d(num_channels) if older else nn.LazyBatchNorm2d()
        self.bn2 = nn.BatchNorm2d(num_channels) if older else nn.LazyBatchNorm2d()

    def forward(self, X: Tensor) -> Tensor:
        """Add the input, or its 1x1 convolution, to two convolutions of it; then ReLU."""
        Y = nn.functional.relu(self.bn1(self.conv1(X)))
        Y = self.bn2(self.conv2(Y))
        if self.conv3 is not None:
            X = self.conv3(X)
        return nn.functional.relu(Y + X)


def _second_is_a_number(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    if len(args) > 1:
        return not isinstance(args[1], bool)
    return len(args) == 1 and "num_channels" in kwargs


def _arguments_1_0(
    num_channels: int, use_1x1conv: bool = False, strides: int = 1
) -> tuple[int | None, int, bool, int]:
    return None, num_channels, use_1x1conv, strides


def _arguments_0_17(
    input_channels: int, num_channels: int, use_1x1conv: bool = False, strides: int = 1
) -> tuple[int | None, int, bool, int]:
    return input_channels, num_channels, use_1x1conv, strides


def _conv(channels: int | None, out: int, kernel_size: int, **options: Any) -> nn.Module:
    if channels is None:
        return nn.LazyConv2d(out, kernel_size, **options)
    return nn.Conv2d(channels, out, kernel_size, **options)


class ResNeXtBlock(nn.Module):
    """The residual block with grouped convolutions between two 1x1 convolutions.

    Source: Dive into Deep Learning, 8.6.5.
    """

    def __init__(
        self,
        num_channels: int,
        groups: int,
        bot_mul: float,
        use_1x1conv: bool = False,
        strides: int = 1,
    ) -> None:
        super().__init__()
        inner = round(num_channels * bot_mul)
        self.conv1 = nn.LazyConv2d(inner, kernel_size=1)
        self.conv2 = nn.LazyConv2d(
            inner, kernel_size=3, stride=strides, padding=1, groups=inner // groups
        )
        self.conv3 = nn.LazyConv2d(num_channels, kernel_size=1)
        self.bn1 = nn.LazyBatchNorm2d()
        self.bn2 = nn.LazyBatchNorm2d()
        self.bn3 = nn.LazyBatchNorm2d()
        self.conv4 = (
            nn.LazyConv2d(num_channels, kernel_size=1, stride=strides) if use_1x1conv else None
        )
        self.bn4 = nn.LazyBatchNorm2d() if use_1x1conv else None

    def forward(self, X: Tensor) -> Tensor:
        """Add the input, or its normalised 1x1 convolution, to the three convolutions of it."""
        Y = nn.functional.relu(self.bn1(self.conv1(X)))
        Y = nn.functional.relu(self.bn2(self.conv2(Y)))
        Y = self.bn3(self.conv3(Y))
        if self.conv4 is not None and self.bn4 is not None:
            X = self.bn4(self.conv4(X))
        return nn.functional.relu(Y + X)


def resnet18(num_classes: int, in_channels: int = 1) -> nn.Sequential:
    """Build the ResNet-18 of the later chapters, with a small stem for small images."""

    def stage(channels: int, out: int, first: bool) -> nn.Sequential:
        strides = 1 if first else 2
        head = Residual(channels, out, use_1x1conv=not first, strides=strides)
        return nn.Sequential(head, Residual(out, out))

    net = nn.Sequential(
        nn.Conv2d(in_channels, 64, kernel_size=3, stride=1, padding=1),
        nn.BatchNorm2d(64),
        nn.ReLU(),
    )
    for number, (channels, out) in enumerate([(64, 64), (64, 128), (128, 256), (256, 512)], 1):
        net.add_module(f"resnet_block{number}", stage(channels, out, first=number == 1))
    net.add_module("global_avg_pool", nn.AdaptiveAvgPool2d((1, 1)))
    net.add_module("fc", nn.Sequential(nn.Flatten(), nn.Linear(512, num_classes)))
    return net
