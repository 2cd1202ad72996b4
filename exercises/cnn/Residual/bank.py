"""Known answers to `Residual`: right ones written differently, and mistakes with a name."""

import torch
from torch import nn
from torch.nn import functional as F

from grader.checks import mistake, rewrite

SHAPES = "test_shapes"
LAYERS = "test_layers"
VALUES = "test_values"
SHORTCUT = "test_shortcut"
TRAINING = "test_training"
INPUT = "test_leaves_its_input_alone"
GRADIENTS = "test_gradients_reach_every_parameter"
BUILT_ON_LAYERS = (LAYERS, VALUES, SHORTCUT, TRAINING, GRADIENTS)
BUILT_ON_SHAPES = (SHAPES, *BUILT_ON_LAYERS)


@rewrite
class AsInTheBook(nn.Module):
    def __init__(self, num_channels, use_1x1conv=False, strides=1):
        super().__init__()
        self.conv1 = nn.LazyConv2d(num_channels, kernel_size=3, padding=1, stride=strides)
        self.conv2 = nn.LazyConv2d(num_channels, kernel_size=3, padding=1)
        if use_1x1conv:
            self.conv3 = nn.LazyConv2d(num_channels, kernel_size=1, stride=strides)
        else:
            self.conv3 = None
        self.bn1 = nn.LazyBatchNorm2d()
        self.bn2 = nn.LazyBatchNorm2d()

    def forward(self, X):
        Y = F.relu(self.bn1(self.conv1(X)))
        Y = self.bn2(self.conv2(Y))
        if self.conv3:
            X = self.conv3(X)
        Y += X
        return F.relu(Y)


@rewrite
class OfTheOlderEdition(nn.Module):
    def __init__(self, input_channels, num_channels, use_1x1conv=False, strides=1):
        super().__init__()
        self.conv1 = nn.Conv2d(input_channels, num_channels, 3, padding=1, stride=strides)
        self.conv2 = nn.Conv2d(num_channels, num_channels, 3, padding=1)
        self.conv3 = None
        if use_1x1conv:
            self.conv3 = nn.Conv2d(input_channels, num_channels, 1, stride=strides)
        self.bn1 = nn.BatchNorm2d(num_channels)
        self.bn2 = nn.BatchNorm2d(num_channels)

    def forward(self, X):
        Y = F.relu(self.bn1(self.conv1(X)))
        Y = self.bn2(self.conv2(Y))
        return F.relu(Y + (X if self.conv3 is None else self.conv3(X)))


@rewrite
class ShortcutFirstAndRegisteredBackwards(nn.Module):
    def __init__(self, channels, use_1x1conv=False, strides=1):
        super().__init__()
        self.skip = nn.Identity()
        if use_1x1conv:
            self.skip = nn.LazyConv2d(channels, 1, stride=strides)
        self.second = nn.ModuleDict(
            {"norm": nn.BatchNorm2d(channels), "conv": nn.LazyConv2d(channels, 3, padding=1)}
        )
        self.first = nn.Sequential(
            nn.LazyConv2d(channels, 3, strides, padding=1), nn.BatchNorm2d(channels), nn.ReLU()
        )

    def forward(self, x):
        shortcut = self.skip(x)
        y = self.second["conv"](self.first(x))
        return (self.second["norm"](y) + shortcut).clamp(min=0)


@rewrite
class OneSequentialAndOtherOptionNames(nn.Module):
    def __init__(self, out, conv_shortcut=False, stride=1):
        super().__init__()
        self.body = nn.Sequential(
            nn.LazyConv2d(out, 3, stride=stride, padding=1),
            nn.LazyBatchNorm2d(),
            nn.ReLU(inplace=True),
            nn.LazyConv2d(out, 3, padding="same"),
            nn.LazyBatchNorm2d(),
        )
        convs = [nn.LazyConv2d(out, 1, stride=stride)] if conv_shortcut else []
        self.shortcut = nn.Sequential(*convs)
        self.relu = nn.ReLU()

    def forward(self, x):
        return self.relu(torch.add(self.shortcut(x), self.body(x)))


@rewrite
class HasTheShortcutsLayerAlways(nn.Module):
    def __init__(self, num_channels, use_1x1conv=False, strides=1):
        super().__init__()
        self.use_1x1conv = use_1x1conv
        self.convs = nn.ModuleList(
            [
                nn.LazyConv2d(num_channels, 3, padding=1, stride=strides),
                nn.LazyConv2d(num_channels, 3, padding=1),
                nn.LazyConv2d(num_channels, 1, stride=strides),
            ]
        )
        self.norms = nn.ModuleList([nn.BatchNorm2d(num_channels) for _ in range(2)])

    def forward(self, X):
        Y = self.norms[0](self.convs[0](X)).relu()
        Y = self.norms[1](self.convs[1](Y))
        return (Y + self.convs[2](X) if self.use_1x1conv else Y + X).relu()


@rewrite
class ByItsFormulas(nn.Module):
    def __init__(self, num_channels, use_1x1conv=False, strides=1):
        super().__init__()
        self.conv1 = nn.LazyConv2d(num_channels, 3, padding=1, stride=strides)
        self.conv2 = nn.LazyConv2d(num_channels, 3, padding=1)
        self.conv3 = nn.LazyConv2d(num_channels, 1, stride=strides) if use_1x1conv else None
        self.bn1, self.bn2 = nn.BatchNorm2d(num_channels), nn.BatchNorm2d(num_channels)

    def forward(self, X):
        Y = self.bn1(self.conv1(X))
        Y = self.bn2(self.conv2(Y * (Y > 0)))
        Z = Y + (self.conv3(X) if self.conv3 is not None else X)
        return torch.maximum(Z, torch.zeros_like(Z))


class Block(nn.Module):
    """The block of the book with its parts open to be changed."""

    def __init__(self, num_channels, use_1x1conv=False, strides=1):
        super().__init__()
        self.conv1 = nn.LazyConv2d(num_channels, kernel_size=3, padding=1, stride=strides)
        self.conv2 = nn.LazyConv2d(num_channels, kernel_size=3, padding=1)
        self.conv3 = nn.LazyConv2d(num_channels, 1, stride=strides) if use_1x1conv else None
        self.bn1, self.bn2 = nn.BatchNorm2d(num_channels), nn.BatchNorm2d(num_channels)

    def body(self, X):
        return self.bn2(self.conv2(F.relu(self.bn1(self.conv1(X)))))

    def shortcut(self, X):
        return X if self.conv3 is None else self.conv3(X)

    def forward(self, X):
        return F.relu(self.body(X) + self.shortcut(X))


@mistake(
    "the input is added after the last ReLU",
    hint="First the sum, then the ReLU.",
    caught_by=(VALUES, SHORTCUT, TRAINING, INPUT, GRADIENTS),
)
class AddsAfterTheReLU(Block):
    def forward(self, X):
        return F.relu(self.body(X)) + self.shortcut(X)


@mistake(
    "the input is not added",
    hint="The shortcut is what makes the block residual.",
    caught_by=(VALUES, SHORTCUT, TRAINING, INPUT, GRADIENTS),
)
class AddsNothingWithoutConvolution(Block):
    def forward(self, X):
        return F.relu(self.body(X) if self.conv3 is None else self.body(X) + self.conv3(X))


@mistake(
    "there is no shortcut at all",
    hint="The shortcut is what makes the block residual.",
    caught_by=(*BUILT_ON_SHAPES, INPUT),
)
class NoShortcut(Block):
    def __init__(self, num_channels, use_1x1conv=False, strides=1):
        super().__init__(num_channels, False, strides)

    def forward(self, X):
        return F.relu(self.body(X))


@mistake(
    "the shortcut is multiplied",
    hint="The shortcut is added.",
    caught_by=(VALUES, SHORTCUT, TRAINING, INPUT, GRADIENTS),
)
class Multiplies(Block):
    def forward(self, X):
        return F.relu(self.body(X) * self.shortcut(X))


@mistake(
    "the last ReLU is missing",
    hint="The sum goes through a ReLU.",
    caught_by=(VALUES, SHORTCUT, TRAINING, INPUT, GRADIENTS),
)
class NoLastReLU(Block):
    def forward(self, X):
        return self.body(X) + self.shortcut(X)


@mistake(
    "the ReLU between the convolutions is missing",
    hint="A ReLU follows the first batch norm.",
    caught_by=(VALUES, TRAINING, INPUT, GRADIENTS),
)
class NoReLUBetween(Block):
    def body(self, X):
        return self.bn2(self.conv2(self.bn1(self.conv1(X))))


@mistake(
    "a ReLU before the sum",
    hint="What the second batch norm gives is added as it is.",
    caught_by=(VALUES, TRAINING, INPUT, GRADIENTS),
)
class ReLUBeforeTheSum(Block):
    def forward(self, X):
        return F.relu(F.relu(self.body(X)) + self.shortcut(X))


@mistake(
    "the first batch norm follows the ReLU",
    hint="Convolution, batch norm, ReLU: in this order.",
    caught_by=(VALUES, TRAINING, INPUT, GRADIENTS),
)
class NormAfterTheReLU(Block):
    def body(self, X):
        return self.bn2(self.conv2(self.bn1(F.relu(self.conv1(X)))))


@mistake(
    "the shortcut goes through a ReLU of its own",
    hint="The input, or its 1x1 convolution, is added as it is.",
    caught_by=(VALUES, TRAINING, INPUT, GRADIENTS),
)
class ReLUOnTheShortcut(Block):
    def forward(self, X):
        return F.relu(self.body(X) + F.relu(self.shortcut(X)))


@mistake(
    "the weight and bias of one batch norm are missing",
    hint="Each convolution has a batch norm with its own averages: bn1 and bn2.",
    caught_by=(*BUILT_ON_SHAPES, INPUT),
)
class SharesTheNorm(Block):
    def __init__(self, num_channels, use_1x1conv=False, strides=1):
        super().__init__(num_channels, use_1x1conv, strides)
        self.bn2 = self.bn1


@mistake(
    "the first batch norm is used twice",
    hint="Each convolution has a batch norm with its own averages: bn1 and bn2.",
    caught_by=(VALUES, SHORTCUT, TRAINING, INPUT, GRADIENTS),
)
class UsesTheFirstNormTwice(Block):
    def body(self, X):
        return self.bn1(self.conv2(F.relu(self.bn1(self.conv1(X)))))


@mistake(
    "batch norm is missing",
    hint="A batch norm follows each of the two 3x3 convolutions.",
    caught_by=(*BUILT_ON_SHAPES, INPUT),
)
class NoNorm(Block):
    def __init__(self, num_channels, use_1x1conv=False, strides=1):
        super().__init__(num_channels, use_1x1conv, strides)
        self.bn1, self.bn2 = nn.Identity(), nn.Identity()


@mistake(
    "the second batch norm is missing",
    hint="A batch norm follows each of the two 3x3 convolutions.",
    caught_by=(*BUILT_ON_SHAPES, INPUT),
)
class OneNorm(Block):
    def __init__(self, num_channels, use_1x1conv=False, strides=1):
        super().__init__(num_channels, use_1x1conv, strides)
        self.bn2 = nn.Identity()


@mistake(
    "a batch norm on the shortcut",
    hint="In the book the shortcut's convolution has no batch norm.",
    caught_by=BUILT_ON_SHAPES,
)
class NormOnTheShortcut(Block):
    def __init__(self, num_channels, use_1x1conv=False, strides=1):
        super().__init__(num_channels, use_1x1conv, strides)
        if use_1x1conv:
            self.conv3 = nn.Sequential(self.conv3, nn.BatchNorm2d(num_channels))


@mistake(
    "the second convolution takes the stride",
    hint="strides belongs to the first convolution and to the shortcut.",
    caught_by=(VALUES, GRADIENTS),
)
class StridesInTheSecond(Block):
    def __init__(self, num_channels, use_1x1conv=False, strides=1):
        super().__init__(num_channels, use_1x1conv, strides)
        self.conv1 = nn.LazyConv2d(num_channels, kernel_size=3, padding=1)
        self.conv2 = nn.LazyConv2d(num_channels, kernel_size=3, padding=1, stride=strides)


@mistake(
    "the shortcut takes no stride",
    hint="The 1x1 convolution must give the same size as the first convolution.",
    caught_by=BUILT_ON_SHAPES,
)
class NoStrideOnTheShortcut(Block):
    def __init__(self, num_channels, use_1x1conv=False, strides=1):
        super().__init__(num_channels, use_1x1conv, strides)
        if use_1x1conv:
            self.conv3 = nn.LazyConv2d(num_channels, kernel_size=1)


@mistake(
    "strides is ignored",
    hint="The first convolution and the shortcut's take strides.",
    caught_by=BUILT_ON_SHAPES,
)
class IgnoresStrides(Block):
    def __init__(self, num_channels, use_1x1conv=False, strides=1):
        super().__init__(num_channels, use_1x1conv, 1)


@mistake(
    "the 1x1 convolution is always used",
    hint="Without use_1x1conv the input is added as it is.",
    caught_by=(*BUILT_ON_SHAPES, INPUT),
)
class AlwaysConvolves(Block):
    def __init__(self, num_channels, use_1x1conv=False, strides=1):
        super().__init__(num_channels, True, strides)


@mistake(
    "the 1x1 convolution is never used",
    hint="With use_1x1conv the shortcut is conv3(X).",
    caught_by=BUILT_ON_SHAPES,
)
class NeverConvolves(Block):
    def shortcut(self, X):
        return X


@mistake(
    "the shortcut's convolution is 3 x 3",
    hint="use_1x1conv: the kernel is 1 x 1.",
    caught_by=BUILT_ON_SHAPES,
)
class LargeShortcut(Block):
    def __init__(self, num_channels, use_1x1conv=False, strides=1):
        super().__init__(num_channels, use_1x1conv, strides)
        if use_1x1conv:
            self.conv3 = nn.LazyConv2d(num_channels, 3, padding=1, stride=strides)


@mistake(
    "convolutions have no bias",
    hint="In the book the convolutions keep their bias.",
    caught_by=(*BUILT_ON_SHAPES, INPUT),
)
class NoBias(Block):
    def __init__(self, num_channels, use_1x1conv=False, strides=1):
        super().__init__(num_channels, use_1x1conv, strides)
        self.conv1 = nn.LazyConv2d(num_channels, 3, padding=1, stride=strides, bias=False)
        self.conv2 = nn.LazyConv2d(num_channels, 3, padding=1, bias=False)


@mistake(
    "the convolutions do not pad",
    hint="padding=1 keeps height and width of a 3x3 convolution.",
    caught_by=(*BUILT_ON_SHAPES, INPUT),
)
class DoesNotPad(Block):
    def __init__(self, num_channels, use_1x1conv=False, strides=1):
        super().__init__(num_channels, use_1x1conv, strides)
        self.conv1 = nn.LazyConv2d(num_channels, kernel_size=3, stride=strides)
        self.conv2 = nn.LazyConv2d(num_channels, kernel_size=3)


@mistake(
    "the second convolution takes the input of the block",
    hint="The second convolution takes what the first one gave.",
    caught_by=(SHAPES, LAYERS, VALUES, SHORTCUT, TRAINING, INPUT, GRADIENTS),
)
class SecondTakesTheInput(Block):
    def body(self, X):
        F.relu(self.bn1(self.conv1(X)))
        return self.bn2(self.conv2(X))


@mistake(
    "batch norm stays in evaluation mode",
    hint="While training, batch norm takes mean and variance of the batch.",
    caught_by=TRAINING,
)
class NormNeverTrains(Block):
    def forward(self, X):
        self.bn1.eval()
        self.bn2.eval()
        return super().forward(X)


@mistake(
    "dropout, which this block does not have",
    hint="Nothing in this block is random.",
    caught_by=TRAINING,
)
class WithDropout(Block):
    def body(self, X):
        return F.dropout(super().body(X), 0.5, training=self.training)


@mistake(
    "the input is changed by the call",
    hint="X += ... writes into the caller's tensor; Y += X does not.",
    caught_by=(INPUT, GRADIENTS),
)
class AddsInPlace(Block):
    def forward(self, X):
        Y = self.body(X)
        X = self.shortcut(X)
        X += Y
        return F.relu(X)


@mistake(
    "gradients do not reach the first convolution",
    hint="A tensor that was detached has no way back to the layers before it.",
    caught_by=GRADIENTS,
)
class DetachesInBetween(Block):
    def body(self, X):
        return self.bn2(self.conv2(F.relu(self.bn1(self.conv1(X))).detach()))


@mistake(
    "forward returns nothing",
    hint="The last line of forward returns the ReLU of the sum.",
    caught_by=(SHAPES, LAYERS, VALUES, SHORTCUT, TRAINING, INPUT, GRADIENTS),
)
class ReturnsNothing(Block):
    def forward(self, X):
        super().forward(X)


@mistake(
    "the 1x1 convolution is left out where the input has the shape of the result",
    hint="use_1x1conv decides, not the shapes.",
    caught_by=BUILT_ON_LAYERS,
)
class ConvolvesWhereShapesDiffer(Block):
    def forward(self, X):
        Y = self.body(X)
        return F.relu(Y + (self.shortcut(X) if X.shape != Y.shape else X))
