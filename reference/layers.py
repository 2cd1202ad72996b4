"""The building blocks of chapters 7 and 8 as modules, and how their weights start.

Here: `Conv2D`, batch norm from scratch, the blocks of VGG, NiN, GoogLeNet, ResNet, ResNeXt and
DenseNet, `init_cnn`. Not here: whole models (`models.py`), operations without parameters
(`ops.py`).

Blocks are lazy: input channels are read off the first input, as in edition 1.0.3 of the book.
Parameters are registered in the book's order, so that weights can be carried over in order.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from reference.ops import corr2d


def init_cnn(module: nn.Module) -> None:
    """Start the weight of a linear or convolutional layer as Xavier and Glorot proposed.

    weight ~ U(-a, a), a = sqrt(6 / (fan_in + fan_out)); the kernel's size counts in both fans.
    Exact types only: subclasses (lazy layers above all, which have no weight yet), biases and
    other modules stay as they are. Made for `net.apply(init_cnn)`.

    Source: Dive into Deep Learning, 7.6.1.
    """
    if type(module) in (nn.Linear, nn.Conv2d):
        nn.init.xavier_uniform_(module.weight)  # type: ignore[arg-type]  # both have a weight


class Conv2D(nn.Module):
    """A convolutional layer for one image: forward(x) = corr2d(x, weight) + bias.

    Args:
        kernel_size: (KH, KW).

    The weight, of shape `kernel_size`, starts uniformly in [0, 1), the bias, of shape (1,), at 0.
    Forward takes (H, W) to (H - KH + 1, W - KW + 1) and raises ValueError where `corr2d` does.

    Source: Dive into Deep Learning, 7.2.2.
    """

    def __init__(self, kernel_size: tuple[int, int]) -> None:
        super().__init__()
        if len(kernel_size) != 2 or min(kernel_size) < 1:
            raise ValueError(f"kernel_size must be two positive numbers, got {kernel_size}")
        self.weight = nn.Parameter(torch.rand(kernel_size))
        self.bias = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        """Cross-correlate `x` with the weight and add the bias."""
        return corr2d(x, self.weight) + self.bias


class BatchNorm(nn.Module):
    """Batch normalisation written out: for each channel, subtract a mean and divide by a spread.

    y = gamma * (x - mean) / sqrt(var + eps) + beta

    Training: mean and variance (divided by the number of values) are those of the batch, over all
    axes but the channels, and the moving averages go towards them by `momentum`. Evaluation: the
    moving averages are used and stay.

    Args:
        num_features: number of channels, axis 1 of the input.
        num_dims: 2 for (N, C), 4 for (N, C, H, W).
        eps: keeps the divisor from 0.
        momentum: weight of the new batch in the moving averages.

    Forward raises ValueError for another number of axes or channels.

    Source: Dive into Deep Learning, 8.5.3. The book asks whether gradients are on; we ask
    `self.training`. Its moving variance takes the batch's biased variance, where
    `nn.BatchNorm2d` takes the unbiased one; we do as the book.
    """

    moving_mean: Tensor
    moving_var: Tensor

    def __init__(
        self, num_features: int, num_dims: int = 4, *, eps: float = 1e-5, momentum: float = 0.1
    ) -> None:
        super().__init__()
        if num_dims not in (2, 4):
            raise ValueError(f"num_dims must be 2 or 4, got {num_dims}")
        self.shape = (1, num_features) + (1,) * (num_dims - 2)
        self.eps = eps
        self.momentum = momentum
        self.gamma = nn.Parameter(torch.ones(self.shape))
        self.beta = nn.Parameter(torch.zeros(self.shape))
        self.register_buffer("moving_mean", torch.zeros(self.shape))
        self.register_buffer("moving_var", torch.ones(self.shape))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise `x`; while training, also move the averages."""
        if x.ndim != len(self.shape) or x.shape[1] != self.shape[1]:
            raise ValueError(
                f"x must have {len(self.shape)} axes and {self.shape[1]} channels, "
                f"got shape {(*x.shape,)}"
            )
        if self.training:
            axes = [axis for axis in range(x.ndim) if axis != 1]
            mean = x.mean(axes, keepdim=True)
            var = ((x - mean) ** 2).mean(axes, keepdim=True)
            with torch.no_grad():
                self.moving_mean += self.momentum * (mean - self.moving_mean)
                self.moving_var += self.momentum * (var - self.moving_var)
        else:
            mean, var = self.moving_mean, self.moving_var
        return self.gamma * (x - mean) / torch.sqrt(var + self.eps) + self.beta


def vgg_block(num_convs: int, out_channels: int) -> nn.Sequential:
    """3x3 convolutions with ReLU, then 2x2 max pooling: (N, C, H, W) -> (N, out, H / 2, W / 2).

    Args:
        num_convs: how many convolutions, padding 1.
        out_channels: channels of each of them.
    Returns:
        A Sequential of 2 * num_convs + 1 layers; odd sizes are rounded down.

    Source: Dive into Deep Learning, 8.2.1.
    """
    layers: list[nn.Module] = []
    for _ in range(num_convs):
        layers += [nn.LazyConv2d(out_channels, kernel_size=3, padding=1), nn.ReLU()]
    return nn.Sequential(*layers, nn.MaxPool2d(kernel_size=2, stride=2))


def nin_block(
    out_channels: int, kernel_size: int, strides: int = 1, padding: int = 0
) -> nn.Sequential:
    """Build a convolution followed by two 1x1 convolutions, each with a ReLU.

    Source: Dive into Deep Learning, 8.3.1.
    """
    return nn.Sequential(
        nn.LazyConv2d(out_channels, kernel_size, strides, padding),
        nn.ReLU(),
        nn.LazyConv2d(out_channels, kernel_size=1),
        nn.ReLU(),
        nn.LazyConv2d(out_channels, kernel_size=1),
        nn.ReLU(),
    )


class Inception(nn.Module):
    """Four paths side by side, joined along the channels; height and width stay.

    Args:
        c1: channels of the 1x1 path.
        c2: channels of the 1x1 and the 3x3 convolution of the second path.
        c3: channels of the 1x1 and the 5x5 convolution of the third path.
        c4: channels of the 1x1 convolution after 3x3 max pooling.

    (N, C, H, W) -> (N, c1 + c2[1] + c3[1] + c4, H, W). ReLU after each convolution.

    Source: Dive into Deep Learning, 8.4.1.
    """

    def __init__(self, c1: int, c2: tuple[int, int], c3: tuple[int, int], c4: int) -> None:
        super().__init__()
        self.b1_1 = nn.LazyConv2d(c1, kernel_size=1)
        self.b2_1 = nn.LazyConv2d(c2[0], kernel_size=1)
        self.b2_2 = nn.LazyConv2d(c2[1], kernel_size=3, padding=1)
        self.b3_1 = nn.LazyConv2d(c3[0], kernel_size=1)
        self.b3_2 = nn.LazyConv2d(c3[1], kernel_size=5, padding=2)
        self.b4_1 = nn.MaxPool2d(kernel_size=3, stride=1, padding=1)
        self.b4_2 = nn.LazyConv2d(c4, kernel_size=1)

    def forward(self, x: Tensor) -> Tensor:
        """Run the four paths on the same input."""
        paths = [
            relu(self.b1_1(x)),
            relu(self.b2_2(relu(self.b2_1(x)))),
            relu(self.b3_2(relu(self.b3_1(x)))),
            relu(self.b4_2(self.b4_1(x))),
        ]
        return torch.cat(paths, dim=1)


class Residual(nn.Module):
    """The residual block: relu(bn2(conv2(relu(bn1(conv1(x))))) + shortcut(x)).

    Args:
        num_channels: output channels.
        use_1x1conv: a 1x1 convolution on the shortcut; needed where channels or sizes change.
        strides: of the first 3x3 convolution and of the shortcut's.

    (N, C, H, W) -> (N, num_channels, ceil(H / strides), ceil(W / strides)). Does not change `x`.

    Source: Dive into Deep Learning, 8.6.2. As there, convolutions keep their biases and the
    shortcut has no batch norm, unlike the residual block of torchvision.
    """

    def __init__(self, num_channels: int, use_1x1conv: bool = False, strides: int = 1) -> None:
        super().__init__()
        self.conv1: nn.Conv2d = nn.LazyConv2d(num_channels, 3, padding=1, stride=strides)
        self.conv2: nn.Conv2d = nn.LazyConv2d(num_channels, kernel_size=3, padding=1)
        self.conv3: nn.Conv2d | None = None
        if use_1x1conv:
            self.conv3 = nn.LazyConv2d(num_channels, kernel_size=1, stride=strides)
        self.bn1 = nn.BatchNorm2d(num_channels)
        self.bn2 = nn.BatchNorm2d(num_channels)

    def shortcut(self, x: Tensor) -> Tensor:
        """Return what is added before the last ReLU: `x`, or its 1x1 convolution."""
        y: Tensor = x if self.conv3 is None else self.conv3(x)
        return y

    def forward(self, x: Tensor) -> Tensor:
        """Add the block's answer to the shortcut's."""
        y = relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return relu(y + self.shortcut(x))


class ResidualInOut(Residual):
    """`Residual` with the signature of edition 0.17: input channels first, nothing lazy.

    Args:
        in_channels: channels of the input.
        num_channels, use_1x1conv, strides: as in `Residual`.
    """

    def __init__(
        self, in_channels: int, num_channels: int, use_1x1conv: bool = False, strides: int = 1
    ) -> None:
        super().__init__(num_channels, use_1x1conv, strides)
        self.conv1 = nn.Conv2d(in_channels, num_channels, 3, padding=1, stride=strides)
        self.conv2 = nn.Conv2d(num_channels, num_channels, kernel_size=3, padding=1)
        if use_1x1conv:
            self.conv3 = nn.Conv2d(in_channels, num_channels, kernel_size=1, stride=strides)


class ResNeXtBlock(nn.Module):
    """A residual block with a bottleneck and grouped convolution.

    Args:
        num_channels: output channels.
        group_width: channels of one group of the 3x3 convolution.
        bot_mul: bottleneck channels are round(num_channels * bot_mul).
        use_1x1conv: a 1x1 convolution with batch norm on the shortcut.
        strides: of the 3x3 convolution and of the shortcut's.

    Raises:
        ValueError: `group_width` does not divide the bottleneck channels.

    Source: Dive into Deep Learning, 8.6.5. The book calls the second argument `groups`, but
    divides by it to get the number of groups; here it is named for what it is.
    """

    def __init__(
        self,
        num_channels: int,
        group_width: int,
        bot_mul: float,
        use_1x1conv: bool = False,
        strides: int = 1,
    ) -> None:
        super().__init__()
        bottleneck = round(num_channels * bot_mul)
        if bottleneck % group_width:
            raise ValueError(f"groups of {group_width} do not divide {bottleneck} channels")
        self.conv1 = nn.LazyConv2d(bottleneck, kernel_size=1)
        self.conv2 = nn.LazyConv2d(
            bottleneck, 3, stride=strides, padding=1, groups=bottleneck // group_width
        )
        self.conv3 = nn.LazyConv2d(num_channels, kernel_size=1)
        self.bn1 = nn.BatchNorm2d(bottleneck)
        self.bn2 = nn.BatchNorm2d(bottleneck)
        self.bn3 = nn.BatchNorm2d(num_channels)
        self.shortcut: nn.Module = nn.Identity()
        if use_1x1conv:
            self.shortcut = nn.Sequential(
                nn.LazyConv2d(num_channels, kernel_size=1, stride=strides),
                nn.BatchNorm2d(num_channels),
            )

    def forward(self, x: Tensor) -> Tensor:
        """Add the block's answer to the shortcut's."""
        y = relu(self.bn1(self.conv1(x)))
        y = relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return relu(y + self.shortcut(x))


def conv_block(num_channels: int) -> nn.Sequential:
    """Batch norm, ReLU and a 3x3 convolution, in this order.

    Source: Dive into Deep Learning, 8.7.2.
    """
    return nn.Sequential(
        nn.LazyBatchNorm2d(), nn.ReLU(), nn.LazyConv2d(num_channels, kernel_size=3, padding=1)
    )


class DenseBlock(nn.Module):
    """Convolution blocks of which each sees the outputs of all before it.

    Args:
        num_convs: number of convolution blocks.
        num_channels: channels that each of them adds, the growth rate.

    (N, C, H, W) -> (N, C + num_convs * num_channels, H, W); the first C channels are the input.

    Source: Dive into Deep Learning, 8.7.2.
    """

    def __init__(self, num_convs: int, num_channels: int) -> None:
        super().__init__()
        self.net = nn.Sequential(*[conv_block(num_channels) for _ in range(num_convs)])

    def forward(self, x: Tensor) -> Tensor:
        """Append the output of each block to its input, along the channels."""
        for block in self.net:
            x = torch.cat((x, block(x)), dim=1)
        return x


def transition_block(num_channels: int) -> nn.Sequential:
    """Batch norm, ReLU, a 1x1 convolution and 2x2 average pooling: fewer channels, half the size.

    Source: Dive into Deep Learning, 8.7.3.
    """
    return nn.Sequential(
        nn.LazyBatchNorm2d(),
        nn.ReLU(),
        nn.LazyConv2d(num_channels, kernel_size=1),
        nn.AvgPool2d(kernel_size=2, stride=2),
    )
