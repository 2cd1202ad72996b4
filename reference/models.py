"""The convolutional networks of chapters 7 and 8 of the book, from LeNet to DenseNet.

Here: classifiers, each with its layers in `.net`. Not here: their blocks (`layers.py`), what is
asked of any of them (`classifier.py`), training (`training.py`), sizes by formula (`shapes.py`).

Models are lazy, as in the book: channels and image size are read off the first input, so the same
class serves grey and coloured images of any size. `materialise` does that first forward.
"""

from __future__ import annotations

from torch import nn

from reference.classifier import Classifier
from reference.layers import (
    BatchNorm,
    DenseBlock,
    Inception,
    Residual,
    ResNeXtBlock,
    nin_block,
    transition_block,
    vgg_block,
)
from reference.shapes import RESNET18, VGG11, Arch


class LeNet(Classifier):
    """LeNet-5 with sigmoid and average pooling, made for (N, 1, 28, 28): 61,706 parameters.

    Source: Dive into Deep Learning, 7.6.1.
    """

    def __init__(self, lr: float = 0.1, num_classes: int = 10) -> None:
        net = nn.Sequential(
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
        super().__init__(net, lr)


class ReLULeNet(Classifier):
    """LeNet-5 with ReLU and max pooling: it learns within a hundred steps.

    Layers, shapes and parameters are those of `LeNet`.

    Source: Dive into Deep Learning, 7.6, exercise 1.
    """

    def __init__(self, lr: float = 0.1, num_classes: int = 10) -> None:
        net = nn.Sequential(
            nn.LazyConv2d(6, kernel_size=5, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(kernel_size=2, stride=2),
            nn.LazyConv2d(16, kernel_size=5),
            nn.ReLU(),
            nn.MaxPool2d(kernel_size=2, stride=2),
            nn.Flatten(),
            nn.LazyLinear(120),
            nn.ReLU(),
            nn.LazyLinear(84),
            nn.ReLU(),
            nn.LazyLinear(num_classes),
        )
        super().__init__(net, lr)


class BNLeNet(Classifier):
    """LeNet-5 with the batch norm of `layers.py` before each sigmoid.

    Source: Dive into Deep Learning, 8.5.4.
    """

    def __init__(self, lr: float = 0.1, num_classes: int = 10) -> None:
        net = nn.Sequential(
            nn.LazyConv2d(6, kernel_size=5),
            BatchNorm(6, 4),
            nn.Sigmoid(),
            nn.AvgPool2d(kernel_size=2, stride=2),
            nn.LazyConv2d(16, kernel_size=5),
            BatchNorm(16, 4),
            nn.Sigmoid(),
            nn.AvgPool2d(kernel_size=2, stride=2),
            nn.Flatten(),
            nn.LazyLinear(120),
            BatchNorm(120, 2),
            nn.Sigmoid(),
            nn.LazyLinear(84),
            BatchNorm(84, 2),
            nn.Sigmoid(),
            nn.LazyLinear(num_classes),
        )
        super().__init__(net, lr)


class AlexNet(Classifier):
    """AlexNet for one machine, made for (N, C, 224, 224).

    Source: Dive into Deep Learning, 8.1.2; wider than torchvision's, which follows a later paper.
    """

    def __init__(self, lr: float = 0.1, num_classes: int = 10) -> None:
        net = nn.Sequential(
            nn.LazyConv2d(96, kernel_size=11, stride=4, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(kernel_size=3, stride=2),
            nn.LazyConv2d(256, kernel_size=5, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(kernel_size=3, stride=2),
            nn.LazyConv2d(384, kernel_size=3, padding=1),
            nn.ReLU(),
            nn.LazyConv2d(384, kernel_size=3, padding=1),
            nn.ReLU(),
            nn.LazyConv2d(256, kernel_size=3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(kernel_size=3, stride=2),
            nn.Flatten(),
            *_hidden(4096),
            *_hidden(4096),
            nn.LazyLinear(num_classes),
        )
        super().__init__(net, lr)


class VGG(Classifier):
    """A VGG network: a block for each pair of `arch`, then three linear layers.

    Args:
        arch: (number of convolutions, channels) of each block; VGG-11 when left out.
        lr: step size.
        num_classes: number of logits.

    Source: Dive into Deep Learning, 8.2.2.
    """

    def __init__(self, arch: Arch = VGG11, lr: float = 0.1, num_classes: int = 10) -> None:
        net = nn.Sequential(
            *[vgg_block(num_convs, channels) for num_convs, channels in arch],
            nn.Flatten(),
            *_hidden(4096),
            *_hidden(4096),
            nn.LazyLinear(num_classes),
        )
        super().__init__(net, lr)


def _hidden(features: int) -> list[nn.Module]:
    """One hidden layer of AlexNet and VGG: linear, ReLU, dropout of one half."""
    return [nn.LazyLinear(features), nn.ReLU(), nn.Dropout(0.5)]


class NiN(Classifier):
    """Network in network: no linear layers, a channel for each class instead.

    Source: Dive into Deep Learning, 8.3.2.
    """

    def __init__(self, lr: float = 0.1, num_classes: int = 10) -> None:
        net = nn.Sequential(
            nin_block(96, kernel_size=11, strides=4),
            nn.MaxPool2d(kernel_size=3, stride=2),
            nin_block(256, kernel_size=5, padding=2),
            nn.MaxPool2d(kernel_size=3, stride=2),
            nin_block(384, kernel_size=3, padding=1),
            nn.MaxPool2d(kernel_size=3, stride=2),
            nn.Dropout(0.5),
            nin_block(num_classes, kernel_size=3, padding=1),
            nn.AdaptiveAvgPool2d((1, 1)),
            nn.Flatten(),
        )
        super().__init__(net, lr)


class GoogLeNet(Classifier):
    """GoogLeNet without batch norm and without side classifiers: five stages and a linear layer.

    Source: Dive into Deep Learning, 8.4.2.
    """

    def __init__(self, lr: float = 0.1, num_classes: int = 10) -> None:
        def halve() -> nn.MaxPool2d:
            return nn.MaxPool2d(kernel_size=3, stride=2, padding=1)

        b1 = nn.Sequential(nn.LazyConv2d(64, 7, stride=2, padding=3), nn.ReLU(), halve())
        b2 = nn.Sequential(
            nn.LazyConv2d(64, kernel_size=1),
            nn.ReLU(),
            nn.LazyConv2d(192, kernel_size=3, padding=1),
            nn.ReLU(),
            halve(),
        )
        b3 = nn.Sequential(
            Inception(64, (96, 128), (16, 32), 32),
            Inception(128, (128, 192), (32, 96), 64),
            halve(),
        )
        b4 = nn.Sequential(
            Inception(192, (96, 208), (16, 48), 64),
            Inception(160, (112, 224), (24, 64), 64),
            Inception(128, (128, 256), (24, 64), 64),
            Inception(112, (144, 288), (32, 64), 64),
            Inception(256, (160, 320), (32, 128), 128),
            halve(),
        )
        b5 = nn.Sequential(
            Inception(256, (160, 320), (32, 128), 128),
            Inception(384, (192, 384), (48, 128), 128),
            nn.AdaptiveAvgPool2d((1, 1)),
            nn.Flatten(),
        )
        super().__init__(nn.Sequential(b1, b2, b3, b4, b5, nn.LazyLinear(num_classes)), lr)


def _stem() -> nn.Sequential:
    """The first layers of ResNet, ResNeXt and DenseNet: 64 channels, a quarter of the size."""
    return nn.Sequential(
        nn.LazyConv2d(64, kernel_size=7, stride=2, padding=3),
        nn.BatchNorm2d(64),
        nn.ReLU(),
        nn.MaxPool2d(kernel_size=3, stride=2, padding=1),
    )


def _head(num_classes: int) -> nn.Sequential:
    """The last layers of the same: the mean of each channel, then a linear layer."""
    return nn.Sequential(nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten(), nn.LazyLinear(num_classes))


class ResNet(Classifier):
    """A residual network: a stem, a stage of `Residual` blocks for each pair of `arch`, a head.

    The first block of each stage but the first halves the size; the first stage has 64 channels.

    Args:
        arch: (number of blocks, channels) of each stage.
        lr: step size.
        num_classes: number of logits.
    Raises:
        ValueError: the first stage has other than 64 channels, the stem's.

    Source: Dive into Deep Learning, 8.6.3.
    """

    def __init__(self, arch: Arch, lr: float = 0.1, num_classes: int = 10) -> None:
        if arch[0][1] != 64:
            raise ValueError(f"the first stage must have the stem's 64 channels, got {arch[0][1]}")
        stages = [
            nn.Sequential(*[_residual(channels, halves=stage > 0 and i == 0) for i in range(count)])
            for stage, (count, channels) in enumerate(arch)
        ]
        super().__init__(nn.Sequential(_stem(), *stages, _head(num_classes)), lr)


def _residual(channels: int, *, halves: bool) -> Residual:
    return Residual(channels, use_1x1conv=True, strides=2) if halves else Residual(channels)


class ResNet18(ResNet):
    """ResNet-18: 11,178,378 parameters with 1 input channel and 10 classes.

    Source: Dive into Deep Learning, 8.6.3.
    """

    def __init__(self, lr: float = 0.1, num_classes: int = 10) -> None:
        super().__init__(RESNET18, lr, num_classes)


class ResNeXt(Classifier):
    """A residual network of `ResNeXtBlock`s; stem and head are ResNet's.

    The first block of each stage has the 1x1 shortcut, and halves the size in all stages but the
    first.

    Args:
        arch: (number of blocks, channels) of each stage.
        group_width: channels of one group.
        bot_mul: bottleneck channels are round(channels * bot_mul).
        lr: step size.
        num_classes: number of logits.

    Source: Dive into Deep Learning, 8.6.5, which has the block alone; the model as in torchvision.
    """

    def __init__(
        self,
        arch: Arch,
        group_width: int,
        bot_mul: float,
        lr: float = 0.1,
        num_classes: int = 10,
    ) -> None:
        stages = []
        for stage, (num_blocks, channels) in enumerate(arch):
            first = ResNeXtBlock(channels, group_width, bot_mul, True, 2 if stage > 0 else 1)
            rest = [ResNeXtBlock(channels, group_width, bot_mul) for _ in range(num_blocks - 1)]
            stages.append(nn.Sequential(first, *rest))
        super().__init__(nn.Sequential(_stem(), *stages, _head(num_classes)), lr)


class DenseNet(Classifier):
    """A densely connected network: dense blocks, with a transition that halves between them.

    Args:
        num_channels: channels of the stem, which has 64.
        growth_rate: channels that each convolution block adds.
        arch: number of convolution blocks of each dense block.
        lr: step size.
        num_classes: number of logits.

    Raises:
        ValueError: `num_channels` is not 64.

    Source: Dive into Deep Learning, 8.7.4; no bottlenecks, unlike torchvision's. The book lets
    other `num_channels` pass, though its stem has 64 whatever they are.
    """

    def __init__(
        self,
        num_channels: int = 64,
        growth_rate: int = 32,
        arch: tuple[int, ...] = (4, 4, 4, 4),
        lr: float = 0.1,
        num_classes: int = 10,
    ) -> None:
        if num_channels != 64:
            raise ValueError(f"num_channels must be the stem's 64, got {num_channels}")
        layers: list[nn.Module] = [_stem()]
        for i, num_convs in enumerate(arch):
            layers.append(DenseBlock(num_convs, growth_rate))
            num_channels += num_convs * growth_rate
            if i < len(arch) - 1:
                num_channels //= 2
                layers.append(transition_block(num_channels))
        last = [nn.BatchNorm2d(num_channels), nn.ReLU(), *_head(num_classes)]
        super().__init__(nn.Sequential(*layers, *last), lr)
