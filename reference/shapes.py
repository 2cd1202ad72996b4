"""What size comes out and how many numbers are learned, by formula, without any tensor.

Here: output shapes of convolution and pooling, parameter counts of single layers and of whole
models, per-layer tables of LeNet, VGG and ResNet. Not here: anything that computes values
(`ops.py`, `pooling.py`), or the models themselves (`models.py`), with which these must agree.

A size along both axes is a whole number or a pair (rows, columns), as in torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

Size2 = int | tuple[int, int]
Shape = tuple[int, ...]
Arch = Sequence[tuple[int, int]]
"""(number of layers or blocks, output channels) for each stage of a model."""

VGG11: Arch = ((1, 64), (1, 128), (2, 256), (2, 512), (2, 512))
VGG13: Arch = ((2, 64), (2, 128), (2, 256), (2, 512), (2, 512))
VGG16: Arch = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))
VGG19: Arch = ((2, 64), (2, 128), (4, 256), (4, 512), (4, 512))
VGG_SMALL: Arch = ((1, 16), (1, 32), (2, 64), (2, 128), (2, 128))
RESNET18: Arch = ((2, 64), (2, 128), (2, 256), (2, 512))


def as_pair(size: Size2) -> tuple[int, int]:
    """Read a size as (rows, columns): 3 means (3, 3).

    Raises:
        ValueError: `size` is a sequence of another length.
    """
    if isinstance(size, int):
        return size, size
    if len(size) != 2:
        raise ValueError(f"expected one number or (rows, columns), got {tuple(size)}")
    return size[0], size[1]


def output_size(n: int, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> int:
    """Output size of a convolution or a pooling along one axis.

    floor((n + 2 * padding - dilation * (kernel - 1) - 1) / stride) + 1

    Args:
        n: size of the input along the axis.
        kernel: size of the kernel or window.
        stride: step from one window to the next.
        padding: added on each of the two sides.
        dilation: distance between two neighbours inside the window.
    Returns:
        Number of places the window fits, at least 1.
    Raises:
        ValueError: an argument is too small, or the window does not fit inside the padded input.

    Source: Dive into Deep Learning, 7.3.2, floor((n - k + p + s) / s) with p the padding of both
    sides together; dilation as in `torch.nn.Conv2d`.
    """
    if min(n, kernel, stride, dilation) < 1 or padding < 0:
        raise ValueError(
            "sizes, stride and dilation are at least 1 and padding at least 0, got "
            f"n={n}, kernel={kernel}, stride={stride}, padding={padding}, dilation={dilation}"
        )
    span = dilation * (kernel - 1) + 1
    if span > n + 2 * padding:
        raise ValueError(f"a window over {span} does not fit inside {n} + 2 * {padding}")
    return (n + 2 * padding - span) // stride + 1


def output_shape(
    image: tuple[int, int],
    kernel: Size2,
    *,
    stride: Size2 = 1,
    padding: Size2 = 0,
    dilation: Size2 = 1,
) -> tuple[int, int]:
    """Output height and width of a convolution or a pooling: `output_size` along each axis.

    Raises:
        ValueError: as `output_size`, for either axis.
    """
    (H, W), (KH, KW), (SH, SW) = image, as_pair(kernel), as_pair(stride)
    (PH, PW), (DH, DW) = as_pair(padding), as_pair(dilation)
    return output_size(H, KH, SH, PH, DH), output_size(W, KW, SW, PW, DW)


def conv2d_parameters(
    in_channels: int, out_channels: int, kernel: Size2, *, groups: int = 1, bias: bool = True
) -> int:
    """Count the numbers of a convolution: out * in / groups * KH * KW, and out for the bias.

    Raises:
        ValueError: `groups` is below 1 or does not divide both numbers of channels.
    """
    if groups < 1 or in_channels % groups or out_channels % groups:
        raise ValueError(f"{groups} groups do not divide {in_channels} and {out_channels} channels")
    weight = out_channels * (in_channels // groups) * prod(as_pair(kernel))
    return weight + (out_channels if bias else 0)


def linear_parameters(in_features: int, out_features: int, *, bias: bool = True) -> int:
    """Count the numbers of a fully connected layer: in * out, and out for the bias."""
    return in_features * out_features + (out_features if bias else 0)


def batch_norm_parameters(channels: int) -> int:
    """Count what a batch norm learns: scale and shift of each channel, not its moving averages."""
    return 2 * channels


def lenet_shapes(input_shape: Shape = (1, 1, 28, 28), num_classes: int = 10) -> list[Shape]:
    """Shapes after each of LeNet's 12 layers, for an input (N, C, H, W).

    Source: Dive into Deep Learning, 7.6.1.
    """
    N, _, H, W = input_shape
    conv1 = output_shape((H, W), 5, padding=2)
    pool1 = output_shape(conv1, 2, stride=2)
    conv2 = output_shape(pool1, 5)
    pool2 = output_shape(conv2, 2, stride=2)
    return [
        *[(N, 6, *conv1)] * 2,
        (N, 6, *pool1),
        *[(N, 16, *conv2)] * 2,
        (N, 16, *pool2),
        (N, 16 * prod(pool2)),
        *[(N, 120)] * 2,
        *[(N, 84)] * 2,
        (N, num_classes),
    ]


def lenet_parameters(
    num_classes: int = 10, *, in_channels: int = 1, image: tuple[int, int] = (28, 28)
) -> int:
    """Count LeNet's parameters: 61,706 for one channel, 28x28 and ten classes."""
    flat = lenet_shapes((1, in_channels, *image))[6][1]
    return (
        conv2d_parameters(in_channels, 6, 5)
        + conv2d_parameters(6, 16, 5)
        + linear_parameters(flat, 120)
        + linear_parameters(120, 84)
        + linear_parameters(84, num_classes)
    )


def vgg_shapes(
    arch: Arch = VGG11, input_shape: Shape = (1, 1, 224, 224), num_classes: int = 10
) -> list[Shape]:
    """Shapes after each block of a VGG, after the flattening, and after each of the 7 last layers.

    Source: Dive into Deep Learning, 8.2.2: each block halves height and width, rounded down.
    """
    N, _, H, W = input_shape
    shapes: list[Shape] = []
    for _, channels in arch:
        H, W = output_shape((H, W), 2, stride=2)
        shapes.append((N, channels, H, W))
    hidden = [(N, 4096)] * 6  # linear, ReLU, dropout, twice
    return [*shapes, (N, prod(shapes[-1][1:])), *hidden, (N, num_classes)]


def vgg_parameters(
    arch: Arch = VGG11,
    num_classes: int = 10,
    *,
    in_channels: int = 1,
    image: tuple[int, int] = (224, 224),
) -> int:
    """Count the parameters of a VGG; VGG-11 with 3 channels and 1000 classes has 132,863,336."""
    flat = vgg_shapes(arch, (1, in_channels, *image))[len(arch)][1]
    total, channels = 0, in_channels
    for num_convs, out_channels in arch:
        for _ in range(num_convs):
            total += conv2d_parameters(channels, out_channels, 3)
            channels = out_channels
    return (
        total
        + linear_parameters(flat, 4096)
        + linear_parameters(4096, 4096)
        + linear_parameters(4096, num_classes)
    )


def residual_parameters(in_channels: int, num_channels: int, *, use_1x1conv: bool = False) -> int:
    """Count the parameters of a residual block with biases and without batch norm on the shortcut.

    Source: Dive into Deep Learning, 8.6.2.
    """
    shortcut = conv2d_parameters(in_channels, num_channels, 1) if use_1x1conv else 0
    return (
        conv2d_parameters(in_channels, num_channels, 3)
        + conv2d_parameters(num_channels, num_channels, 3)
        + 2 * batch_norm_parameters(num_channels)
        + shortcut
    )


def resnet_shapes(
    arch: Arch = RESNET18, input_shape: Shape = (1, 1, 96, 96), num_classes: int = 10
) -> list[Shape]:
    """Shapes after the stem, after each stage and after the classifier of a ResNet.

    Source: Dive into Deep Learning, 8.6.3: every stage but the first halves, rounded up.
    """
    N, _, H, W = input_shape
    H, W = output_shape((H, W), 7, stride=2, padding=3)
    H, W = output_shape((H, W), 3, stride=2, padding=1)
    shapes: list[Shape] = [(N, 64, H, W)]
    for stage, (_, channels) in enumerate(arch):
        if stage > 0:
            H, W = output_shape((H, W), 3, stride=2, padding=1)
        shapes.append((N, channels, H, W))
    return [*shapes, (N, num_classes)]


def resnet_parameters(arch: Arch = RESNET18, num_classes: int = 10, *, in_channels: int = 1) -> int:
    """Count the parameters of a ResNet; ResNet-18 with 1 channel, 10 classes has 11,178,378."""
    total = conv2d_parameters(in_channels, 64, 7) + batch_norm_parameters(64)
    channels = 64
    for stage, (num_residuals, out_channels) in enumerate(arch):
        for i in range(num_residuals):
            downsamples = stage > 0 and i == 0
            total += residual_parameters(channels, out_channels, use_1x1conv=downsamples)
            channels = out_channels
    return total + linear_parameters(channels, num_classes)
