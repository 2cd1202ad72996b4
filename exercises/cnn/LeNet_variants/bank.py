"""Known answers to a modernised LeNet: right ones of many kinds, and mistakes with a name."""

import torch
from torch import nn
from torch.nn import functional as F

from grader.checks import mistake, rewrite
from reference import BNLeNet, Classifier, LeNet, ReLULeNet

LOGITS = "test_ten_logits"
SOFTMAX = "test_no_softmax"
DEPENDS = "test_depends_on_the_image"
LEARNS = "test_can_learn"
RUN = "test_learns_in_a_short_run"


def layers(*last):
    return [
        nn.LazyConv2d(6, kernel_size=5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.LazyConv2d(16, kernel_size=5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.LazyLinear(120),
        nn.ReLU(),
        nn.LazyLinear(10),
        *last,
    ]


@rewrite
class WithReLUAndMaxPooling(ReLULeNet):
    pass


@rewrite
class WithBatchNorm(BNLeNet):
    pass


@rewrite
class TheOldOne(LeNet):
    pass


@rewrite
class Wider(Classifier):
    def __init__(self, lr=0.1, num_classes=10, channels=(16, 32), units=(64,)):
        net = []
        for width in channels:
            net += [nn.LazyConv2d(width, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        net.append(nn.Flatten())
        for width in units:
            net += [nn.LazyLinear(width), nn.ReLU(), nn.Dropout(0.2)]
        super().__init__(nn.Sequential(*net, nn.LazyLinear(num_classes)), lr)


@rewrite
class ForImagesOf32(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 6, 5), nn.Conv2d(6, 16, 5)
        self.fc1, self.fc2 = nn.Linear(400, 84), nn.Linear(84, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        return self.fc2(F.relu(self.fc1(x.reshape(len(x), 400))))


@rewrite
def a_factory():
    return nn.Sequential(*layers())


@mistake(
    "there are not ten outputs",
    hint="Fashion-MNIST has ten classes.",
    caught_by=(LOGITS, SOFTMAX, DEPENDS, LEARNS, RUN),
)
class OtherNumberOfOutputs(Classifier):
    def __init__(self):
        super().__init__(nn.Sequential(*layers()[:-1], nn.LazyLinear(1)), 0.1)


@mistake(
    "the layers do not fit together",
    hint="Print the shape after each layer.",
    caught_by=(LOGITS, SOFTMAX, DEPENDS, LEARNS, RUN),
)
class DoesNotFit(Classifier):
    def __init__(self):
        net = layers()
        net[7] = nn.Linear(123, 120)
        super().__init__(nn.Sequential(*net), 0.1)


@mistake(
    "the image is flattened together with the batch",
    hint="Flatten keeps the first axis, that of the batch.",
    caught_by=(LOGITS, SOFTMAX, DEPENDS, LEARNS, RUN),
)
class FlattensTheBatch(Classifier):
    def __init__(self):
        net = layers()
        net[6] = nn.Flatten(0)
        super().__init__(nn.Sequential(*net), 0.1)


@mistake(
    "a single vector comes back for all images",
    hint="One row of logits for each image: keep the first axis.",
    caught_by=(LOGITS, SOFTMAX, DEPENDS, LEARNS, RUN),
)
class AveragesTheBatch(Classifier):
    def __init__(self):
        super().__init__(nn.Sequential(*layers()), 0.1)

    def forward(self, x):
        return self.net(x).mean(0)


@mistake(
    "softmax at the end",
    hint="The loss takes logits: nothing follows the last linear layer.",
    caught_by=SOFTMAX,
)
class EndsWithSoftmax(Classifier):
    def __init__(self):
        super().__init__(nn.Sequential(*layers(nn.Softmax(dim=1))), 0.1)


@mistake(
    "log-softmax at the end",
    hint="The loss takes logits: nothing follows the last linear layer.",
    caught_by=SOFTMAX,
)
class EndsWithLogSoftmax(Classifier):
    def __init__(self):
        super().__init__(nn.Sequential(*layers(nn.LogSoftmax(dim=1))), 0.1)


@mistake(
    "the image has no say in the result",
    hint="Does forward pass on what came out of the layer before?",
    caught_by=(LOGITS, SOFTMAX, DEPENDS, LEARNS, RUN),
)
class SwallowsTheImage(Classifier):
    def __init__(self):
        super().__init__(nn.Sequential(*layers()), 0.1)

    def forward(self, x):
        return self.net(torch.zeros_like(x))


@mistake(
    "no gradient reaches the convolutions",
    hint="What takes tensors or layers out of the graph: .detach(), .data, requires_grad_(False)?",
    caught_by=(LEARNS, RUN),
)
class DetachesTheFeatures(Classifier):
    def __init__(self):
        super().__init__(nn.Sequential(*layers()), 0.1)

    def forward(self, x):
        return self.net[7:](self.net[:7](x).detach())


@mistake(
    "the parameters of the layers are not the model's",
    hint="Layers in a list, and plain tensors, are not found by an optimiser: use nn.Sequential.",
    caught_by=(LEARNS, RUN),
)
class InAPlainList(nn.Module):
    def __init__(self):
        super().__init__()
        self.steps = layers()

    def forward(self, x):
        for step in self.steps:
            x = step(x)
        return x


@mistake(
    "forward is missing",
    hint="Write forward(self, x), or derive from d2l.Classifier and fill self.net.",
    caught_by=(LOGITS, SOFTMAX, DEPENDS, LEARNS, RUN),
)
class NoForward(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(*layers())


@mistake(
    "pooling throws the whole image away",
    hint="How large is the image after each pooling? Ten classes need more than one number.",
    caught_by=RUN,
)
class PoolsToOneNumber(Classifier):
    def __init__(self):
        narrow = [nn.LazyConv2d(1, kernel_size=5), nn.ReLU(), nn.AdaptiveAvgPool2d(1)]
        super().__init__(nn.Sequential(*narrow, nn.Flatten(), nn.LazyLinear(10)), 0.1)


@mistake(
    "dropout takes nearly everything",
    hint="Which share does nn.Dropout drop?",
    caught_by=RUN,
)
class DropsNearlyEverything(Classifier):
    def __init__(self):
        super().__init__(nn.Sequential(*layers()[:-1], nn.Dropout(0.995), nn.LazyLinear(10)), 0.1)


@mistake(
    "a ReLU after the last layer",
    hint="Logits may be negative: nothing follows the last linear layer.",
    caught_by=SOFTMAX,
)
class EndsWithReLU(Classifier):
    def __init__(self):
        super().__init__(nn.Sequential(*layers(), nn.ReLU()), 0.1)
