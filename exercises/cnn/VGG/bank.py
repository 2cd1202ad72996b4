"""Known answers to `VGG`: right ones written differently, and mistakes with a name."""

import torch
from torch import nn
from torch.nn import functional as F

from grader.checks import mistake, rewrite
from reference import VGG11, Classifier, vgg_block

LAYERS = "test_vgg11_layer_by_layer"
ARCHS = "test_other_architectures"
LOGITS = "test_logits"
DROPOUT = "test_dropout"
CLASSES = "test_number_of_classes"
RATE = "test_learning_rate"
GRADIENTS = "test_gradients_reach_every_parameter"
BUILT_ON_LOGITS = (LOGITS, CLASSES, RATE, GRADIENTS)
BUILT_ON_LAYERS = (LAYERS, ARCHS, DROPOUT, *BUILT_ON_LOGITS)


def hidden(width=4096, drop=0.5):
    return [nn.LazyLinear(width), nn.ReLU(), nn.Dropout(drop)]


def blocks(arch):
    return [vgg_block(num_convs, out_channels) for num_convs, out_channels in arch]


def head(num_classes=10):
    return [nn.Flatten(), *hidden(), *hidden(), nn.LazyLinear(num_classes)]


@rewrite
class AsInTheBook(Classifier):
    def __init__(self, arch, lr=0.1, num_classes=10):
        super().__init__(nn.Sequential(*blocks(arch), *head(num_classes)), lr)


@rewrite
class WithExplicitSizes(nn.Module):
    def __init__(self, arch, lr=0.1, num_classes=10):
        super().__init__()
        self.lr = lr
        layers, channels = [], 1
        for num_convs, out_channels in arch:
            for _ in range(num_convs):
                layers += [nn.Conv2d(channels, out_channels, 3, padding=1), nn.ReLU(inplace=True)]
                channels = out_channels
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        self.fc1 = nn.Linear(channels * 7 * 7, 4096)
        self.fc2 = nn.Linear(4096, 4096)
        self.fc3 = nn.Linear(4096, num_classes)

    def forward(self, x):
        x = self.features(x)
        x = x.view(-1, x.shape[1] * x.shape[2] * x.shape[3])
        x = F.dropout(F.relu(self.fc1(x)), 0.5, training=self.training)
        x = F.dropout(F.relu(self.fc2(x)), p=0.5, training=self.training)
        return self.fc3(x)


@rewrite
def a_factory_of_the_older_edition(conv_arch, lr=0.1, num_classes=10):
    net = nn.Sequential(*blocks(conv_arch), *head(num_classes))
    net.lr = lr
    return net


@rewrite
def the_function_of_the_older_edition(conv_arch):
    layers, in_channels = [], 1
    for num_convs, out_channels in conv_arch:
        for _ in range(num_convs):
            layers += [nn.Conv2d(in_channels, out_channels, 3, padding=1), nn.ReLU()]
            in_channels = out_channels
        layers.append(nn.MaxPool2d(2, 2))
    return nn.Sequential(*layers, *head())


@rewrite
class Nested(Classifier):
    def __init__(self, arch, lr=0.1, num_classes=10):
        classifier = nn.Sequential(*head(num_classes)[::-1][::-1])
        super().__init__(nn.Sequential(nn.Sequential(*blocks(arch)), classifier), lr)


@rewrite
class DropsBeforeTheActivation(Classifier):
    def __init__(self, arch, lr=0.1, num_classes=10):
        net = head(num_classes)
        net[2:4], net[5:7] = net[2:4][::-1], net[5:7][::-1]
        super().__init__(nn.Sequential(*blocks(arch), *net), lr)


@rewrite
class ConvolutionsRegisteredLast(nn.Module):
    def __init__(self, arch, lr=0.1, num_classes=10):
        super().__init__()
        self.lr = lr
        self.classifier = nn.Sequential(*head(num_classes)[1:])
        self.blocks = nn.ModuleList(blocks(arch))

    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        return self.classifier(torch.flatten(x, start_dim=1))


@mistake(
    "the number of convolutions and the channels of a block are exchanged",
    hint="A block of arch is (number of convolutions, channels), as vgg_block takes them.",
    caught_by=BUILT_ON_LAYERS,
    named=False,
)
class ExchangesTheNumbersOfABlock(Classifier):
    def __init__(self, arch, lr=0.1, num_classes=10):
        exchanged = [(channels, number) for number, channels in arch]
        super().__init__(nn.Sequential(*blocks(exchanged), *head(num_classes)), lr)


@mistake(
    "softmax at the end",
    hint="The loss takes logits: nothing follows the last linear layer.",
    caught_by=(*BUILT_ON_LOGITS, DROPOUT),
)
class EndsWithSoftmax(Classifier):
    def __init__(self, arch, lr=0.1, num_classes=10):
        super().__init__(nn.Sequential(*blocks(arch), *head(num_classes), nn.Softmax(dim=1)), lr)


@mistake(
    "no activation after the hidden linear layers",
    hint="Linear layers in a row are one linear layer.",
    caught_by=BUILT_ON_LOGITS,
)
class NoActivationInTheHead(Classifier):
    def __init__(self, arch, lr=0.1, num_classes=10):
        kept = [layer for layer in head(num_classes) if not isinstance(layer, nn.ReLU)]
        super().__init__(nn.Sequential(*blocks(arch), *kept), lr)


@mistake(
    "an activation after the last layer",
    hint="The loss takes logits: nothing follows the last linear layer.",
    caught_by=BUILT_ON_LOGITS,
)
class EndsWithReLU(Classifier):
    def __init__(self, arch, lr=0.1, num_classes=10):
        super().__init__(nn.Sequential(*blocks(arch), *head(num_classes), nn.ReLU()), lr)


@mistake(
    "no unit is dropped in training",
    hint="nn.Dropout(0.5) follows the ReLU of each hidden linear layer.",
    caught_by=DROPOUT,
)
class NoDropout(Classifier):
    def __init__(self, arch, lr=0.1, num_classes=10):
        kept = [layer for layer in head(num_classes) if not isinstance(layer, nn.Dropout)]
        super().__init__(nn.Sequential(*blocks(arch), *kept), lr)


@mistake(
    "dropout of 0.2 in place of 0.5",
    hint="Half of the units are dropped.",
    caught_by=DROPOUT,
)
class DropsTooFew(Classifier):
    def __init__(self, arch, lr=0.1, num_classes=10):
        net = [nn.Flatten(), *hidden(drop=0.2), *hidden(drop=0.2), nn.LazyLinear(num_classes)]
        super().__init__(nn.Sequential(*blocks(arch), *net), lr)


@mistake(
    "dropout after one of the two hidden layers only",
    hint="Both hidden layers have their own dropout.",
    caught_by=DROPOUT,
)
class DropsOnce(Classifier):
    def __init__(self, arch, lr=0.1, num_classes=10):
        net = head(num_classes)
        del net[3]
        super().__init__(nn.Sequential(*blocks(arch), *net), lr)


@mistake(
    "dropout in evaluation mode too",
    hint="Use nn.Dropout, or pass training=self.training to F.dropout.",
    caught_by=BUILT_ON_LOGITS,
)
class AlwaysDrops(nn.Module):
    def __init__(self, arch, lr=0.1, num_classes=10):
        super().__init__()
        self.lr = lr
        self.features = nn.Sequential(*blocks(arch), nn.Flatten())
        self.fc1, self.fc2 = nn.LazyLinear(4096), nn.LazyLinear(4096)
        self.fc3 = nn.LazyLinear(num_classes)

    def forward(self, x):
        x = F.dropout(F.relu(self.fc1(self.features(x))), 0.5)
        return self.fc3(F.dropout(F.relu(self.fc2(x)), 0.5))


@mistake(
    "hidden layers of another width",
    hint="4096 units in both hidden layers.",
    caught_by=BUILT_ON_LAYERS,
)
class NarrowHead(Classifier):
    def __init__(self, arch, lr=0.1, num_classes=10):
        net = [nn.Flatten(), *hidden(1024), *hidden(1024), nn.LazyLinear(num_classes)]
        super().__init__(nn.Sequential(*blocks(arch), *net), lr)


@mistake(
    "one hidden layer short",
    hint="Three linear layers: 4096, 4096 and num_classes.",
    caught_by=BUILT_ON_LAYERS,
)
class OneHiddenLayer(Classifier):
    def __init__(self, arch, lr=0.1, num_classes=10):
        net = [nn.Flatten(), *hidden(), nn.LazyLinear(num_classes)]
        super().__init__(nn.Sequential(*blocks(arch), *net), lr)


@mistake(
    "the last block is missing",
    hint="Count the blocks and the pairs of arch.",
    caught_by=BUILT_ON_LAYERS,
)
class OneBlockShort(Classifier):
    def __init__(self, arch, lr=0.1, num_classes=10):
        super().__init__(nn.Sequential(*blocks(arch[:-1]), *head(num_classes)), lr)


@mistake(
    "one convolution in every block",
    hint="The first number of each pair of arch counts its convolutions.",
    caught_by=BUILT_ON_LAYERS,
)
class OneConvolutionEach(Classifier):
    def __init__(self, arch, lr=0.1, num_classes=10):
        ones = [(1, out_channels) for _, out_channels in arch]
        super().__init__(nn.Sequential(*blocks(ones), *head(num_classes)), lr)


@mistake(
    "global pooling in place of flattening",
    hint="VGG flattens all 7 x 7 places: 25,088 numbers go into the first linear layer.",
    caught_by=BUILT_ON_LAYERS,
)
class AveragesGlobally(Classifier):
    def __init__(self, arch, lr=0.1, num_classes=10):
        pooled = nn.AdaptiveAvgPool2d((1, 1))
        super().__init__(nn.Sequential(*blocks(arch), pooled, *head(num_classes)), lr)


@mistake(
    "the architecture is ignored",
    hint="The blocks are those of arch, not always those of VGG-11.",
    caught_by=(*BUILT_ON_LOGITS, ARCHS, DROPOUT),
)
class AlwaysVGG11(Classifier):
    def __init__(self, arch, lr=0.1, num_classes=10):
        super().__init__(nn.Sequential(*blocks(VGG11), *head(num_classes)), lr)


@mistake(
    "two convolutions at most in a block",
    hint="VGG-16 and VGG-19 have blocks of three and four convolutions.",
    caught_by=ARCHS,
)
class TwoConvolutionsAtMost(Classifier):
    def __init__(self, arch, lr=0.1, num_classes=10):
        arch = [(min(num_convs, 2), out_channels) for num_convs, out_channels in arch]
        super().__init__(nn.Sequential(*blocks(arch), *head(num_classes)), lr)


@mistake(
    "num_classes is ignored",
    hint="The last layer has num_classes outputs.",
    caught_by=CLASSES,
)
class AlwaysTenClasses(Classifier):
    def __init__(self, arch, lr=0.1, num_classes=10):
        super().__init__(nn.Sequential(*blocks(arch), *head()), lr)


@mistake(
    "the learning rate is not kept",
    hint="Did you call self.save_hyperparameters()?",
    caught_by=RATE,
)
class IgnoresTheRate(Classifier):
    def __init__(self, arch, lr=0.1, num_classes=10):
        super().__init__(nn.Sequential(*blocks(arch), *head(num_classes)), 0.1)


@mistake(
    "the parameters of the blocks are not the model's",
    hint="Layers in a list, and plain tensors, are not found by an optimiser: use nn.Sequential.",
    caught_by=BUILT_ON_LAYERS,
)
class BlocksInAPlainList(nn.Module):
    def __init__(self, arch, lr=0.1, num_classes=10):
        super().__init__()
        self.lr = lr
        self.blocks = blocks(arch)
        self.classifier = nn.Sequential(*head(num_classes))

    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        return self.classifier(x)


@mistake(
    "the blocks are made but not used",
    hint="*conv_blks hands the blocks over to nn.Sequential.",
    caught_by=(LAYERS, ARCHS, LOGITS, DROPOUT, CLASSES, RATE, GRADIENTS),
)
class ForgetsTheBlocks(Classifier):
    def __init__(self, arch, lr=0.1, num_classes=10):
        blocks(arch)
        super().__init__(nn.Sequential(*head(num_classes)), lr)


@mistake(
    "no gradient reaches the blocks",
    hint="What takes tensors or layers out of the graph: .detach(), .data, requires_grad_(False)?",
    caught_by=GRADIENTS,
)
class DetachesTheFeatures(nn.Module):
    def __init__(self, arch, lr=0.1, num_classes=10):
        super().__init__()
        self.lr = lr
        self.features = nn.Sequential(*blocks(arch))
        self.classifier = nn.Sequential(*head(num_classes))

    def forward(self, x):
        return self.classifier(self.features(x).detach())


@mistake(
    "the image is flattened together with the batch",
    hint="Flatten keeps the first axis, that of the batch.",
    caught_by=(*BUILT_ON_LAYERS, CLASSES),
)
class FlattensTheBatch(Classifier):
    def __init__(self, arch, lr=0.1, num_classes=10):
        net = head(num_classes)
        net[0] = nn.Flatten(0)
        super().__init__(nn.Sequential(*blocks(arch), *net), lr)


@mistake(
    "a third dropout, before the linear layers",
    hint="Dropout follows the ReLU of each of the two hidden linear layers, and nothing else.",
    caught_by=DROPOUT,
)
class DropsFeatures(Classifier):
    def __init__(self, arch, lr=0.1, num_classes=10):
        flat, *rest = head(num_classes)
        super().__init__(nn.Sequential(*blocks(arch), flat, nn.Dropout(0.5), *rest), lr)


@mistake(
    "the first dropout stands before the linear layers",
    hint="Dropout follows the ReLU of each of the two hidden linear layers.",
    caught_by=DROPOUT,
)
class DropsFeaturesInPlaceOfUnits(Classifier):
    def __init__(self, arch, lr=0.1, num_classes=10):
        flat, *rest = head(num_classes)
        rest[2] = nn.Identity()
        super().__init__(nn.Sequential(*blocks(arch), flat, nn.Dropout(0.5), *rest), lr)


@mistake(
    "dropout writes into what the ReLU before it needs for the gradient",
    hint="Leave inplace out: the backward pass of ReLU reads its result.",
    caught_by=GRADIENTS,
)
class DropsInPlace(Classifier):
    def __init__(self, arch, lr=0.1, num_classes=10):
        net = [
            nn.Dropout(0.5, inplace=True) if isinstance(layer, nn.Dropout) else layer
            for layer in head(num_classes)
        ]
        super().__init__(nn.Sequential(*blocks(arch), *net), lr)


@mistake(
    "the second dropout acts on the logits",
    hint="Dropout follows the ReLU of each hidden linear layer; nothing follows the last one.",
    caught_by=DROPOUT,
)
class DropoutOnLogits(Classifier):
    def __init__(self, arch, lr=0.1, num_classes=10):
        *rest, dropout, last = head(num_classes)
        super().__init__(nn.Sequential(*blocks(arch), *rest, last, dropout), lr)


@mistake(
    "dropout of 0.1 in place of 0.5",
    hint="Half of the units are dropped.",
    caught_by=DROPOUT,
)
class DropsHardlyAny(Classifier):
    def __init__(self, arch, lr=0.1, num_classes=10):
        net = [nn.Flatten(), *hidden(drop=0.1), *hidden(drop=0.1), nn.LazyLinear(num_classes)]
        super().__init__(nn.Sequential(*blocks(arch), *net), lr)


@mistake(
    "2048 units in the hidden layers",
    hint="4096 units in both hidden layers.",
    caught_by=BUILT_ON_LAYERS,
)
class HalfOfTheUnits(Classifier):
    def __init__(self, arch, lr=0.1, num_classes=10):
        net = [nn.Flatten(), *hidden(2048), *hidden(2048), nn.LazyLinear(num_classes)]
        super().__init__(nn.Sequential(*blocks(arch), *net), lr)
