"""Known answers to `ResNet18`: right ones written differently, and mistakes with a name."""

from torch import nn
from torch.nn import functional as F

from grader.checks import mistake, rewrite
from reference import RESNET18, Classifier, Residual, ResNet

STAGES = "test_stage_by_stage"
LOGITS = "test_logits"
CLASSES = "test_number_of_classes"
RATE = "test_learning_rate"
BUILT_ON_LOGITS = (LOGITS, CLASSES, RATE)
ALL = (STAGES, *BUILT_ON_LOGITS)


def stem():
    return [
        nn.LazyConv2d(64, kernel_size=7, stride=2, padding=3),
        nn.LazyBatchNorm2d(),
        nn.ReLU(),
        nn.MaxPool2d(kernel_size=3, stride=2, padding=1),
    ]


def blocks(arch=RESNET18, block=Residual):
    made = []
    for i, (count, channels) in enumerate(arch):
        for j in range(count):
            halves = i > 0 and j == 0
            made.append(block(channels, halves, 2 if halves else 1))
    return made


def head(num_classes=10):
    return [nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten(), nn.LazyLinear(num_classes)]


@rewrite
class AsInTheBook(ResNet):
    def __init__(self, lr=0.1, num_classes=10):
        super().__init__(((2, 64), (2, 128), (2, 256), (2, 512)), lr, num_classes)


@rewrite
def a_factory(lr=0.1, num_classes=10):
    return ResNet([(2, 64), (2, 128), (2, 256), (2, 512)], lr=lr, num_classes=num_classes)


@rewrite
class WithoutResNet(Classifier):
    def __init__(self, lr=0.1, num_classes=10):
        super().__init__(nn.Sequential(*stem(), *blocks(), *head(num_classes)), lr)


@rewrite
class WithOptionsHandedOn(ResNet):
    def __init__(self, **options):
        super().__init__([(2, 64 * 2**i) for i in range(4)], **options)


@rewrite
class HoldsAResNet(nn.Module):
    def __init__(self, lr=0.1, num_classes=10):
        super().__init__()
        self.lr = lr
        self.net = ResNet(RESNET18, num_classes=num_classes).net

    def forward(self, images):
        return self.net(images)


class AddsAfterTheReLU(Residual):
    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y) + self.shortcut(x)


@mistake(
    "the architecture of ResNet-34",
    hint="ResNet-18 has two blocks in each of four stages.",
    caught_by=ALL,
)
class WithTheBlocksOfResNet34(ResNet):
    def __init__(self, lr=0.1, num_classes=10):
        super().__init__(((3, 64), (4, 128), (6, 256), (3, 512)), lr, num_classes)


@mistake(
    "one block in each stage",
    hint="18 layers: 1 + 4 stages x 2 blocks x 2 convolutions + 1.",
    caught_by=ALL,
)
class OneBlockEach(ResNet):
    def __init__(self, lr=0.1, num_classes=10):
        super().__init__(((1, 64), (1, 128), (1, 256), (1, 512)), lr, num_classes)


@mistake(
    "the last stage is missing",
    hint="Four stages, the last with 512 channels.",
    caught_by=ALL,
)
class ThreeStages(ResNet):
    def __init__(self, lr=0.1, num_classes=10):
        super().__init__(((2, 64), (2, 128), (2, 256)), lr, num_classes)


@mistake(
    "other numbers of channels",
    hint="64, 128, 256 and 512 channels.",
    caught_by=ALL,
)
class NarrowStages(ResNet):
    def __init__(self, lr=0.1, num_classes=10):
        super().__init__(((2, 64), (2, 64), (2, 128), (2, 256)), lr, num_classes)


@mistake(
    "the pairs of arch are turned round",
    hint="Each pair is (number of blocks, channels).",
    caught_by=(STAGES, LOGITS, CLASSES, RATE),
)
class TurnsThePairs(ResNet):
    def __init__(self, lr=0.1, num_classes=10):
        super().__init__(((64, 2), (128, 2), (256, 2), (512, 2)), lr, num_classes)


@mistake(
    "a stage does not halve the size",
    hint="The first block of the stages two to four has strides=2.",
    caught_by=ALL,
)
class LastStageKeepsTheSize(Classifier):
    def __init__(self, lr=0.1, num_classes=10):
        body = blocks()
        body[-2] = Residual(512, use_1x1conv=True)
        super().__init__(nn.Sequential(*stem(), *body, *head(num_classes)), lr)


@mistake(
    "the blocks add the input after their last ReLU",
    hint="First the sum, then the ReLU.",
    caught_by=BUILT_ON_LOGITS,
)
class WithWrongBlocks(Classifier):
    def __init__(self, lr=0.1, num_classes=10):
        body = blocks(block=AddsAfterTheReLU)
        super().__init__(nn.Sequential(*stem(), *body, *head(num_classes)), lr)


@mistake(
    "softmax at the end",
    hint="The loss takes logits: nothing follows the last linear layer.",
    caught_by=BUILT_ON_LOGITS,
)
class EndsWithSoftmax(ResNet):
    def __init__(self, lr=0.1, num_classes=10):
        super().__init__(RESNET18, lr, num_classes)
        self.net.append(nn.Softmax(dim=1))


@mistake(
    "global max pooling in place of the average",
    hint="Each channel goes into the linear layer as its mean.",
    caught_by=BUILT_ON_LOGITS,
)
class PoolsByTheMaximum(Classifier):
    def __init__(self, lr=0.1, num_classes=10):
        last = [nn.AdaptiveMaxPool2d(1), *head(num_classes)[1:]]
        super().__init__(nn.Sequential(*stem(), *blocks(), *last), lr)


@mistake(
    "the stem has no max pooling",
    hint="A 3x3 max pooling with stride 2 ends the stem.",
    caught_by=ALL,
)
class NoPoolingInTheStem(Classifier):
    def __init__(self, lr=0.1, num_classes=10):
        super().__init__(nn.Sequential(*stem()[:-1], *blocks(), *head(num_classes)), lr)


@mistake(
    "num_classes is not passed on",
    hint="super().__init__(arch, lr, num_classes)",
    caught_by=CLASSES,
)
class AlwaysTenClasses(ResNet):
    def __init__(self, lr=0.1, num_classes=10):
        super().__init__(RESNET18, lr)


@mistake(
    "lr is not passed on",
    hint="super().__init__(arch, lr, num_classes)",
    caught_by=RATE,
)
class IgnoresTheRate(ResNet):
    def __init__(self, lr=0.1, num_classes=10):
        super().__init__(RESNET18, num_classes=num_classes)


@mistake(
    "lr and num_classes are passed on in the wrong order",
    hint="ResNet takes arch, lr, num_classes, in this order.",
    caught_by=(STAGES, LOGITS, CLASSES, RATE),
)
class ExchangesItsArguments(ResNet):
    def __init__(self, lr=0.1, num_classes=10):
        super().__init__(RESNET18, num_classes, lr)


@mistake(
    "nothing is returned",
    hint="A factory function ends with return ResNet(...).",
    caught_by=(STAGES, LOGITS, CLASSES, RATE),
)
def returns_nothing(lr=0.1, num_classes=10):
    ResNet(RESNET18, lr, num_classes)


@mistake(
    "dropout, which this network does not have",
    hint="ResNet is made of convolutions, batch norm and one linear layer.",
    caught_by=BUILT_ON_LOGITS,
)
class DropsLogits(Classifier):
    def __init__(self, lr=0.1, num_classes=10):
        end = (*head(num_classes), nn.Dropout(0.5))
        super().__init__(nn.Sequential(*stem(), *blocks(), *end), lr)


@mistake(
    "no gradient reaches the parameters",
    hint="Training changes every parameter: leave requires_grad as it is.",
    caught_by=BUILT_ON_LOGITS,
)
class CannotBeTrained(ResNet):
    def __init__(self, lr=0.1, num_classes=10):
        super().__init__(RESNET18, lr, num_classes)
        for parameter in self.parameters():
            parameter.requires_grad = False


@mistake(
    "a thousand classes",
    hint="The course's data have ten classes: num_classes=10 is the default.",
    caught_by=ALL,
)
class ThousandClasses(ResNet):
    def __init__(self, lr=0.1, num_classes=1000):
        super().__init__(RESNET18, lr, num_classes)
