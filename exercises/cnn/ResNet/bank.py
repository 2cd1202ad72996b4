"""Known answers to `ResNet`: right ones written differently, and mistakes with a name."""

import torch
from torch import nn
from torch.nn import functional as F

from grader.checks import mistake, rewrite
from reference import Classifier, Residual, ResidualInOut

STAGES = "test_stage_by_stage"
ARCHS = "test_other_architectures"
LOGITS = "test_logits"
TRAINING = "test_training"
CLASSES = "test_number_of_classes"
RATE = "test_learning_rate"
GRADIENTS = "test_gradients_reach_every_parameter"
BUILT_ON_LOGITS = (LOGITS, TRAINING, CLASSES, RATE, GRADIENTS)
BUILT_ON_STAGES = (STAGES, ARCHS, *BUILT_ON_LOGITS)


def stem(channels=64, pool=nn.MaxPool2d):
    return [
        nn.LazyConv2d(channels, kernel_size=7, stride=2, padding=3),
        nn.LazyBatchNorm2d(),
        nn.ReLU(),
        pool(kernel_size=3, stride=2, padding=1),
    ]


def stage(count, channels, halves, block=Residual):
    first = block(channels, use_1x1conv=True, strides=2) if halves else block(channels)
    return nn.Sequential(first, *[block(channels) for _ in range(count - 1)])


def stages(arch, block=Residual):
    return [stage(*pair, halves=i > 0, block=block) for i, pair in enumerate(arch)]


def head(num_classes=10):
    return [nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten(), nn.LazyLinear(num_classes)]


@rewrite
class AsInTheBook(Classifier):
    def b1(self):
        return nn.Sequential(*stem())

    def block(self, num_residuals, num_channels, first_block=False):
        return stage(num_residuals, num_channels, halves=not first_block)

    def __init__(self, arch, lr=0.1, num_classes=10):
        net = nn.Sequential(nn.Sequential(*stem()))
        super().__init__(net, lr)
        for i, b in enumerate(arch):
            self.net.add_module(f"b{i + 2}", self.block(*b, first_block=(i == 0)))
        self.net.add_module("last", nn.Sequential(*head(num_classes)))


@rewrite
class OfTheOlderEdition(nn.Module):
    def __init__(self, arch, lr=0.1, num_classes=10):
        super().__init__()
        self.lr = lr
        self.conv, self.norm = nn.Conv2d(1, 64, 7, stride=2, padding=3), nn.BatchNorm2d(64)
        blocks, channels = [], 64
        for i, (count, width) in enumerate(arch):
            for j in range(count):
                halves = i > 0 and j == 0
                blocks.append(ResidualInOut(channels, width, halves, 2 if halves else 1))
                channels = width
        self.blocks = nn.ModuleList(blocks)
        self.fc = nn.Linear(channels, num_classes)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.norm(self.conv(x))), 3, stride=2, padding=1)
        for block in self.blocks:
            x = block(x)
        return self.fc(x.mean(dim=(2, 3)))


@rewrite
def a_factory(arch, lr=0.1, num_classes=10):
    net = nn.Sequential(*stem(), *stages(arch), *head(num_classes))
    net.lr = lr
    return net


@rewrite
class HeadRegisteredFirst(nn.Module):
    def __init__(self, arch, lr=0.1, num_classes=10):
        super().__init__()
        self.lr = lr
        self.head = nn.LazyLinear(num_classes)
        self.body = nn.Sequential(*stages(arch))
        self.stem = nn.Sequential(*stem())

    def forward(self, x):
        y = self.body(self.stem(x))
        return self.head(F.adaptive_avg_pool2d(y, 1).flatten(1))


@rewrite
class PoolsByTheWholeImage(Classifier):
    def __init__(self, arch, lr=0.1, num_classes=10):
        super().__init__(nn.Sequential(*stem(), *stages(arch)), lr)
        self.last = nn.LazyLinear(num_classes)

    def forward(self, x):
        y = self.net(x)
        return self.last(F.avg_pool2d(y, kernel_size=y.shape[2:])[:, :, 0, 0])


class Skipping(nn.Module):
    """A residual block that was written anew inside the answer, the shortcut first."""

    def __init__(self, channels, use_1x1conv=False, strides=1):
        super().__init__()
        self.skip = nn.LazyConv2d(channels, 1, strides) if use_1x1conv else nn.Identity()
        self.body = nn.Sequential(
            *(nn.LazyConv2d(channels, 3, strides, 1), nn.LazyBatchNorm2d(), nn.ReLU()),
            *(nn.LazyConv2d(channels, 3, 1, 1), nn.LazyBatchNorm2d()),
        )

    def forward(self, x):
        return F.relu(self.skip(x) + self.body(x))


@rewrite
class WithBlocksOfItsOwn(Classifier):
    def __init__(self, arch, lr=0.1, num_classes=10):
        body = stages(arch, block=Skipping)
        super().__init__(nn.Sequential(*stem(), *body, *head(num_classes)), lr)


@mistake(
    "the first stage halves the size too",
    hint="Stem and max pooling have reduced the image already: first_block=(i == 0).",
    caught_by=BUILT_ON_STAGES,
)
class FirstStageHalves(Classifier):
    def __init__(self, arch, lr=0.1, num_classes=10):
        body = [stage(*pair, halves=True) for pair in arch]
        super().__init__(nn.Sequential(*stem(), *body, *head(num_classes)), lr)


@mistake(
    "no stage halves the size",
    hint="The first block of each stage but the first has strides=2.",
    caught_by=BUILT_ON_STAGES,
)
class NoStageHalves(Classifier):
    def __init__(self, arch, lr=0.1, num_classes=10):
        body = []
        for i, (count, channels) in enumerate(arch):
            body.append(Residual(channels, use_1x1conv=i > 0))
            body += [Residual(channels) for _ in range(count - 1)]
        super().__init__(nn.Sequential(*stem(), *body, *head(num_classes)), lr)


@mistake(
    "every block of a stage has the 1x1 convolution",
    hint="Only the first block of a stage changes the channels.",
    caught_by=BUILT_ON_STAGES,
)
class EveryBlockConvolves(Classifier):
    def __init__(self, arch, lr=0.1, num_classes=10):
        body = []
        for i, (count, channels) in enumerate(arch):
            for j in range(count):
                halves = i > 0 and j == 0
                body.append(Residual(channels, use_1x1conv=i > 0, strides=2 if halves else 1))
        super().__init__(nn.Sequential(*stem(), *body, *head(num_classes)), lr)


@mistake(
    "the stem has no max pooling",
    hint="A 3x3 max pooling with stride 2 ends the stem.",
    caught_by=BUILT_ON_STAGES,
)
class NoPoolingInTheStem(Classifier):
    def __init__(self, arch, lr=0.1, num_classes=10):
        super().__init__(nn.Sequential(*stem()[:-1], *stages(arch), *head(num_classes)), lr)


@mistake(
    "the stem's convolution has stride 1",
    hint="The 7x7 convolution halves height and width.",
    caught_by=BUILT_ON_STAGES,
)
class StemWithStride1(Classifier):
    def __init__(self, arch, lr=0.1, num_classes=10):
        first = stem()
        first[0] = nn.LazyConv2d(64, kernel_size=7, padding=3)
        super().__init__(nn.Sequential(*first, *stages(arch), *head(num_classes)), lr)


@mistake(
    "the stem's kernel is 3 x 3",
    hint="The stem begins with a 7x7 convolution.",
    caught_by=BUILT_ON_STAGES,
)
class SmallStem(Classifier):
    def __init__(self, arch, lr=0.1, num_classes=10):
        first = stem()
        first[0] = nn.LazyConv2d(64, kernel_size=3, stride=2, padding=1)
        super().__init__(nn.Sequential(*first, *stages(arch), *head(num_classes)), lr)


@mistake(
    "the stem has no batch norm with a weight and a bias",
    hint="A batch norm follows the 7x7 convolution.",
    caught_by=BUILT_ON_STAGES,
)
class NoNormInTheStem(Classifier):
    def __init__(self, arch, lr=0.1, num_classes=10):
        first = stem()
        del first[1]
        super().__init__(nn.Sequential(*first, *stages(arch), *head(num_classes)), lr)


@mistake(
    "the stem has no ReLU",
    hint="Convolution, batch norm, ReLU, max pooling.",
    caught_by=BUILT_ON_LOGITS,
)
class NoReLUInTheStem(Classifier):
    def __init__(self, arch, lr=0.1, num_classes=10):
        first = stem()
        del first[2]
        super().__init__(nn.Sequential(*first, *stages(arch), *head(num_classes)), lr)


@mistake(
    "average pooling in the stem",
    hint="The stem ends with max pooling; the average comes at the end of the network.",
    caught_by=BUILT_ON_LOGITS,
)
class AveragesInTheStem(Classifier):
    def __init__(self, arch, lr=0.1, num_classes=10):
        first = stem(pool=nn.AvgPool2d)
        super().__init__(nn.Sequential(*first, *stages(arch), *head(num_classes)), lr)


@mistake(
    "the linear layer takes every pixel of a channel",
    hint="Each channel goes into the linear layer as its mean.",
    caught_by=BUILT_ON_STAGES,
)
class NoGlobalPooling(Classifier):
    def __init__(self, arch, lr=0.1, num_classes=10):
        last = head(num_classes)[1:]
        super().__init__(nn.Sequential(*stem(), *stages(arch), *last), lr)


@mistake(
    "global max pooling in place of the average",
    hint="Each channel goes into the linear layer as its mean.",
    caught_by=BUILT_ON_LOGITS,
)
class PoolsByTheMaximum(Classifier):
    def __init__(self, arch, lr=0.1, num_classes=10):
        last = [nn.AdaptiveMaxPool2d(1), *head(num_classes)[1:]]
        super().__init__(nn.Sequential(*stem(), *stages(arch), *last), lr)


@mistake(
    "softmax at the end",
    hint="The loss takes logits: nothing follows the last linear layer.",
    caught_by=BUILT_ON_LOGITS,
)
class EndsWithSoftmax(Classifier):
    def __init__(self, arch, lr=0.1, num_classes=10):
        last = [*head(num_classes), nn.Softmax(dim=1)]
        super().__init__(nn.Sequential(*stem(), *stages(arch), *last), lr)


@mistake(
    "dropout, which this network does not have",
    hint="Nothing in this network is random.",
    caught_by=TRAINING,
)
class WithDropout(Classifier):
    def __init__(self, arch, lr=0.1, num_classes=10):
        last = head(num_classes)
        last.insert(2, nn.Dropout(0.5))
        super().__init__(nn.Sequential(*stem(), *stages(arch), *last), lr)


@mistake(
    "one block short in every stage",
    hint="The first number of each pair of arch counts the blocks of a stage.",
    caught_by=BUILT_ON_STAGES,
)
class OneBlockShort(Classifier):
    def __init__(self, arch, lr=0.1, num_classes=10):
        fewer = [(max(1, count - 1), channels) for count, channels in arch]
        super().__init__(nn.Sequential(*stem(), *stages(fewer), *head(num_classes)), lr)


@mistake(
    "two blocks in every stage",
    hint="The first number of each pair of arch counts the blocks of a stage.",
    caught_by=(*BUILT_ON_LOGITS, ARCHS),
)
class AlwaysTwoBlocks(Classifier):
    def __init__(self, arch, lr=0.1, num_classes=10):
        two = [(2, channels) for _, channels in arch]
        super().__init__(nn.Sequential(*stem(), *stages(two), *head(num_classes)), lr)


@mistake(
    "the blocks of a stage are one and the same",
    hint="[block] * n repeats one module: make a new one in each turn of the loop.",
    caught_by=(*BUILT_ON_LOGITS, ARCHS),
)
class RepeatsOneBlock(Classifier):
    def __init__(self, arch, lr=0.1, num_classes=10):
        body = []
        for i, (count, channels) in enumerate(arch):
            body.append(stage(1, channels, halves=i > 0))
            body += [Residual(channels)] * (count - 1)
        super().__init__(nn.Sequential(*stem(), *body, *head(num_classes)), lr)


@mistake(
    "the parameters of stem and stages are not the model's",
    hint="Layers in a list, and plain tensors, are not found by an optimiser: use nn.Sequential.",
    caught_by=(STAGES, ARCHS, LOGITS, TRAINING, CLASSES, RATE, GRADIENTS),
)
class InAPlainList(nn.Module):
    def __init__(self, arch, lr=0.1, num_classes=10):
        super().__init__()
        self.lr = lr
        self.stages = [*stem(), *stages(arch)]
        self.last = nn.Sequential(*head(num_classes))

    def forward(self, x):
        for step in self.stages:
            x = step(x)
        return self.last(x)


@mistake(
    "num_classes is ignored",
    hint="The last layer has num_classes outputs.",
    caught_by=CLASSES,
)
class AlwaysTenClasses(Classifier):
    def __init__(self, arch, lr=0.1, num_classes=10):
        super().__init__(nn.Sequential(*stem(), *stages(arch), *head()), lr)


@mistake(
    "the learning rate is not kept",
    hint="Did you call self.save_hyperparameters()?",
    caught_by=RATE,
)
class IgnoresTheRate(Classifier):
    def __init__(self, arch, lr=0.1, num_classes=10):
        super().__init__(nn.Sequential(*stem(), *stages(arch), *head(num_classes)), 0.1)


@mistake(
    "no gradient reaches the stem",
    hint="What takes tensors or layers out of the graph: .detach(), .data, requires_grad_(False)?",
    caught_by=GRADIENTS,
)
class DetachesTheStem(nn.Module):
    def __init__(self, arch, lr=0.1, num_classes=10):
        super().__init__()
        self.lr = lr
        self.stem = nn.Sequential(*stem())
        self.rest = nn.Sequential(*stages(arch), *head(num_classes))

    def forward(self, x):
        return self.rest(self.stem(x).detach())


@mistake(
    "gradients do not reach the parameters",
    hint="What takes the result out of the graph: no_grad, .data, .detach(), .numpy()?",
    caught_by=GRADIENTS,
)
class ComputesWithoutGradients(Classifier):
    def __init__(self, arch, lr=0.1, num_classes=10):
        super().__init__(nn.Sequential(*stem(), *stages(arch), *head(num_classes)), lr)

    @torch.no_grad()
    def forward(self, x):
        return self.net(x)
