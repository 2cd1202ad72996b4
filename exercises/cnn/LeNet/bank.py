"""Known answers to `LeNet`: right ones written differently, and mistakes with a name."""

import torch
from torch import nn
from torch.nn import functional as F

from grader.checks import mistake, rewrite
from reference import Classifier

LAYERS = "test_layer_by_layer"
LOGITS = "test_logits"
CLASSES = "test_number_of_classes"
RATE = "test_learning_rate"
GRADIENTS = "test_gradients_reach_every_parameter"
BUILT_ON_LOGITS = (LOGITS, CLASSES, RATE, GRADIENTS)
ALL = (LAYERS, *BUILT_ON_LOGITS)


def layers(num_classes=10, act=nn.Sigmoid, pool=nn.AvgPool2d, padding=2, widths=(6, 16, 120, 84)):
    a, b, c, d = widths
    return [
        nn.LazyConv2d(a, kernel_size=5, padding=padding),
        act(),
        pool(kernel_size=2, stride=2),
        nn.LazyConv2d(b, kernel_size=5),
        act(),
        pool(kernel_size=2, stride=2),
        nn.Flatten(),
        nn.LazyLinear(c),
        act(),
        nn.LazyLinear(d),
        act(),
        nn.LazyLinear(num_classes),
    ]


@rewrite
class AsInTheBook(Classifier):
    def __init__(self, lr=0.1, num_classes=10):
        super().__init__(nn.Sequential(*layers(num_classes)), lr)


@rewrite
class TrainsAtARateOfItsOwn(Classifier):
    def __init__(self, lr=0.9, num_classes=10):
        super().__init__(nn.Sequential(*layers(num_classes)), lr)


@rewrite
class ExplicitAndWithoutNet(nn.Module):
    def __init__(self, lr=0.1, num_classes=10):
        super().__init__()
        self.lr = lr
        self.conv1 = nn.Conv2d(1, 6, 5, padding=2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(400, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, num_classes)

    def forward(self, x):
        x = F.avg_pool2d(torch.sigmoid(self.conv1(x)), 2)
        x = F.avg_pool2d(torch.sigmoid(self.conv2(x)), 2)
        x = x.view(x.size(0), -1)
        return self.fc3(torch.sigmoid(self.fc2(torch.sigmoid(self.fc1(x)))))


@rewrite
class RegisteredBackwards(nn.Module):
    def __init__(self, lr=0.1, num_classes=10):
        super().__init__()
        self.lr = lr
        self.out = nn.LazyLinear(num_classes)
        self.hidden = nn.ModuleList([nn.LazyLinear(84), nn.LazyLinear(120)])
        self.maps = nn.ModuleDict({"b": nn.LazyConv2d(16, 5), "a": nn.LazyConv2d(6, 5, padding=2)})

    def forward(self, x):
        for name in ("a", "b"):
            x = F.avg_pool2d(self.maps[name](x).sigmoid(), kernel_size=2, stride=2)
        x = torch.flatten(x, 1)
        for layer in reversed(self.hidden):
            x = 1 / (1 + torch.exp(-layer(x)))
        return self.out(x)


@rewrite
class Nested(Classifier):
    def __init__(self, lr=0.1, num_classes=10):
        all_layers = layers(num_classes)
        features, head = nn.Sequential(*all_layers[:6]), nn.Sequential(*all_layers[6:])
        super().__init__(nn.Sequential(features, nn.Sequential(head)), lr)


@rewrite
def a_factory(lr=0.1, num_classes=10):
    net = nn.Sequential(*layers(num_classes))
    net.lr = lr
    return net


@rewrite
class PadsByHandAndPoolsBySteps(Classifier):
    def __init__(self, lr=0.1, num_classes=10):
        first, *rest = layers(num_classes, padding=0, pool=lambda **_: nn.AdaptiveAvgPool2d(1))
        rest[1] = nn.AdaptiveAvgPool2d((14, 14))
        rest[4] = nn.AdaptiveAvgPool2d((5, 5))
        super().__init__(nn.Sequential(nn.ZeroPad2d(2), first, *rest), lr)


@rewrite
class HoldsItsParametersItself(nn.Module):
    def __init__(self, lr=0.1, num_classes=10):
        super().__init__()
        self.lr = lr
        sizes = [(6, 1, 5, 5), (16, 6, 5, 5), (120, 400), (84, 120), (num_classes, 84)]
        self.W = nn.ParameterList([nn.Parameter(0.3 * torch.randn(s)) for s in sizes])
        self.b = nn.ParameterList([nn.Parameter(torch.zeros(s[0])) for s in sizes])

    def forward(self, x):
        x = F.avg_pool2d(F.conv2d(x, self.W[0], self.b[0], padding=2).sigmoid(), 2)
        x = F.avg_pool2d(F.conv2d(x, self.W[1], self.b[1]).sigmoid(), 2).flatten(1)
        for i in (2, 3):
            x = F.linear(x, self.W[i], self.b[i]).sigmoid()
        return F.linear(x, self.W[4], self.b[4])


@mistake(
    "softmax at the end",
    hint="The loss takes logits: nothing follows the last linear layer.",
    caught_by=BUILT_ON_LOGITS,
)
class EndsWithSoftmax(Classifier):
    def __init__(self, lr=0.1, num_classes=10):
        super().__init__(nn.Sequential(*layers(num_classes), nn.Softmax(dim=1)), lr)


@mistake(
    "an activation at the end",
    hint="The loss takes logits: nothing follows the last linear layer.",
    caught_by=BUILT_ON_LOGITS,
)
class EndsWithASigmoid(Classifier):
    def __init__(self, lr=0.1, num_classes=10):
        super().__init__(nn.Sequential(*layers(num_classes), nn.Sigmoid()), lr)


@mistake(
    "ReLU in place of sigmoid",
    hint="This is the LeNet of 1998: its activation is the sigmoid.",
    caught_by=BUILT_ON_LOGITS,
)
class WithReLU(Classifier):
    def __init__(self, lr=0.1, num_classes=10):
        super().__init__(nn.Sequential(*layers(num_classes, act=nn.ReLU)), lr)


@mistake(
    "tanh in place of sigmoid",
    hint="This is the LeNet of the book: its activation is the sigmoid.",
    caught_by=BUILT_ON_LOGITS,
)
class WithTanh(Classifier):
    def __init__(self, lr=0.1, num_classes=10):
        super().__init__(nn.Sequential(*layers(num_classes, act=nn.Tanh)), lr)


@mistake(
    "max pooling in place of average pooling",
    hint="Which of the two kinds of pooling does LeNet use?",
    caught_by=BUILT_ON_LOGITS,
)
class WithMaxPooling(Classifier):
    def __init__(self, lr=0.1, num_classes=10):
        super().__init__(nn.Sequential(*layers(num_classes, pool=nn.MaxPool2d)), lr)


@mistake(
    "no activation after the convolutions",
    hint="Every layer with weights but the last is followed by a sigmoid.",
    caught_by=BUILT_ON_LOGITS,
)
class NoActivationAfterConvolutions(Classifier):
    def __init__(self, lr=0.1, num_classes=10):
        kept = [layer for i, layer in enumerate(layers(num_classes)) if i not in (1, 4)]
        super().__init__(nn.Sequential(*kept), lr)


@mistake(
    "no activation between the linear layers",
    hint="Two linear layers in a row are one linear layer.",
    caught_by=BUILT_ON_LOGITS,
)
class NoActivationBetweenLinearLayers(Classifier):
    def __init__(self, lr=0.1, num_classes=10):
        kept = [layer for i, layer in enumerate(layers(num_classes)) if i not in (8, 10)]
        super().__init__(nn.Sequential(*kept), lr)


@mistake(
    "dropout, which this network does not have",
    hint="Dropout came later than LeNet.",
    caught_by=BUILT_ON_LOGITS,
)
class WithDropout(Classifier):
    def __init__(self, lr=0.1, num_classes=10):
        net = layers(num_classes)
        super().__init__(nn.Sequential(*net[:-1], nn.Dropout(0.5), net[-1]), lr)


@mistake(
    "the first convolution does not pad",
    hint="A 28x28 image is still 28x28 after the first convolution.",
    caught_by=ALL,
)
class NoPadding(Classifier):
    def __init__(self, lr=0.1, num_classes=10):
        super().__init__(nn.Sequential(*layers(num_classes, padding=0)), lr)


@mistake(
    "the second convolution pads too",
    hint="The second convolution takes 14x14 to 10x10.",
    caught_by=ALL,
)
class PadsTwice(Classifier):
    def __init__(self, lr=0.1, num_classes=10):
        net = layers(num_classes)
        net[3] = nn.LazyConv2d(16, kernel_size=5, padding=2)
        super().__init__(nn.Sequential(*net), lr)


@mistake(
    "pooling moves by one pixel",
    hint="Pooling halves height and width: its stride is 2.",
    caught_by=ALL,
)
class PoolsWithStride1(Classifier):
    def __init__(self, lr=0.1, num_classes=10):
        net = layers(num_classes, pool=lambda kernel_size, stride: nn.AvgPool2d(kernel_size, 1))
        super().__init__(nn.Sequential(*net), lr)


@mistake(
    "kernels of 3 x 3",
    hint="LeNet's kernels are 5 x 5.",
    caught_by=ALL,
)
class SmallKernels(Classifier):
    def __init__(self, lr=0.1, num_classes=10):
        net = layers(num_classes)
        net[0], net[3] = nn.LazyConv2d(6, 3, padding=1), nn.LazyConv2d(16, 3)
        super().__init__(nn.Sequential(*net), lr)


@mistake(
    "other numbers of channels",
    hint="6 channels, then 16, then 120 and 84 units.",
    caught_by=ALL,
)
class OtherWidths(Classifier):
    def __init__(self, lr=0.1, num_classes=10):
        super().__init__(nn.Sequential(*layers(num_classes, widths=(16, 32, 120, 84))), lr)


@mistake(
    "a linear layer is missing",
    hint="Three linear layers: 120, 84 and num_classes.",
    caught_by=ALL,
)
class OneLinearLayerShort(Classifier):
    def __init__(self, lr=0.1, num_classes=10):
        net = layers(num_classes)
        super().__init__(nn.Sequential(*net[:9], net[-1]), lr)


@mistake(
    "convolutions have no bias",
    hint="Leave bias at its default, True.",
    caught_by=ALL,
)
class NoBias(Classifier):
    def __init__(self, lr=0.1, num_classes=10):
        net = layers(num_classes)
        net[0] = nn.LazyConv2d(6, 5, padding=2, bias=False)
        net[3] = nn.LazyConv2d(16, 5, bias=False)
        super().__init__(nn.Sequential(*net), lr)


@mistake(
    "the parameters of the layers are not the model's",
    hint="Layers in a list, and plain tensors, are not found by an optimiser: use nn.Sequential.",
    caught_by=(LAYERS, LOGITS, CLASSES, RATE, GRADIENTS),
)
class InAPlainList(nn.Module):
    def __init__(self, lr=0.1, num_classes=10):
        super().__init__()
        self.lr = lr
        self.steps = layers(num_classes)

    def forward(self, x):
        for step in self.steps:
            x = step(x)
        return x


@mistake(
    "num_classes is ignored",
    hint="The last layer has num_classes outputs.",
    caught_by=CLASSES,
)
class AlwaysTenClasses(Classifier):
    def __init__(self, lr=0.1, num_classes=10):
        super().__init__(nn.Sequential(*layers()), lr)


@mistake(
    "the learning rate is not kept",
    hint="Did you call self.save_hyperparameters()?",
    caught_by=RATE,
)
class IgnoresTheRate(Classifier):
    def __init__(self, lr=0.1, num_classes=10):
        super().__init__(nn.Sequential(*layers(num_classes)), 0.1)


@mistake(
    "made without a rate, it has none to train with",
    hint="Give lr a default at which the loss falls, as the book's 0.1.",
    caught_by=RATE,
)
class StandsStillUnlessTold(Classifier):
    def __init__(self, lr=0.0, num_classes=10):
        super().__init__(nn.Sequential(*layers(num_classes)), lr)


@mistake(
    "no gradient reaches the convolutions",
    hint="What takes tensors or layers out of the graph: .detach(), .data, requires_grad_(False)?",
    caught_by=GRADIENTS,
)
class DetachesTheFeatures(nn.Module):
    def __init__(self, lr=0.1, num_classes=10):
        super().__init__()
        self.lr = lr
        self.features = nn.Sequential(*layers(num_classes)[:7])
        self.head = nn.Sequential(*layers(num_classes)[7:])

    def forward(self, x):
        return self.head(self.features(x).detach())


@mistake(
    "gradients do not reach the parameters",
    hint="What takes the result out of the graph: no_grad, .data, .detach(), .numpy()?",
    caught_by=GRADIENTS,
)
class ComputesWithoutGradients(Classifier):
    def __init__(self, lr=0.1, num_classes=10):
        super().__init__(nn.Sequential(*layers(num_classes)), lr)

    @torch.no_grad()
    def forward(self, x):
        return self.net(x)


@mistake(
    "the image is flattened together with the batch",
    hint="Flatten keeps the first axis, that of the batch.",
    caught_by=ALL,
)
class FlattensTheBatch(Classifier):
    def __init__(self, lr=0.1, num_classes=10):
        net = layers(num_classes)
        net[6] = nn.Flatten(0)
        net[7] = nn.Linear(400, 120)
        super().__init__(nn.Sequential(*net), lr)


@mistake(
    "the constructor does not start the module",
    hint="Call super().__init__() before the layers are made.",
    caught_by=(LAYERS, LOGITS, CLASSES, RATE, GRADIENTS),
)
class ForgetsTheBase(nn.Module):
    def __init__(self, lr=0.1, num_classes=10):
        self.net = nn.Sequential(*layers(num_classes))
        self.lr = lr

    def forward(self, x):
        return self.net(x)


@mistake(
    "the images are normalised in the forward",
    hint="The first layer takes the images as they come.",
    caught_by=BUILT_ON_LOGITS,
)
class NormalisesItsInput(Classifier):
    def __init__(self, lr=0.1, num_classes=10):
        super().__init__(nn.Sequential(*layers(num_classes)), lr)

    def forward(self, x):
        return self.net((x - x.mean()) / x.std())
