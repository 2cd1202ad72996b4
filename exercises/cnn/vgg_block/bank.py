"""Known answers to `vgg_block`: right ones written differently, and mistakes with a name."""

from torch import nn
from torch.nn import functional as F

from grader.checks import mistake, rewrite

SHAPES = "test_shapes"
CONVOLUTIONS = "test_convolutions"
VALUES = "test_values"
ODD = "test_odd_sizes"
GRADIENTS = "test_gradients_reach_every_parameter"
BUILT_ON_VALUES = (VALUES, ODD, GRADIENTS)
BUILT_ON_SHAPES = (SHAPES, *BUILT_ON_VALUES)
ALL = (CONVOLUTIONS, *BUILT_ON_SHAPES)


def conv(out_channels, kernel_size=3, padding=1, **options):
    return nn.LazyConv2d(out_channels, kernel_size, padding=padding, **options)


def halve():
    return nn.MaxPool2d(kernel_size=2, stride=2)


@rewrite
def as_in_the_book(num_convs, out_channels):
    layers = []
    for _ in range(num_convs):
        layers.append(conv(out_channels))
        layers.append(nn.ReLU())
    layers.append(halve())
    return nn.Sequential(*layers)


@rewrite
def as_in_the_older_edition(num_convs, in_channels, out_channels):
    layers = []
    for _ in range(num_convs):
        layers += [nn.Conv2d(in_channels, out_channels, kernel_size=3, padding=1), nn.ReLU()]
        in_channels = out_channels
    return nn.Sequential(*layers, halve())


@rewrite
def nested_and_in_place(n, width):
    steps = [nn.Sequential(conv(width, padding="same"), nn.ReLU(inplace=True)) for _ in range(n)]
    return nn.Sequential(nn.Sequential(*steps), nn.MaxPool2d(2))


@rewrite
class AModule(nn.Module):
    def __init__(self, num_convs, out_channels):
        super().__init__()
        self.convs = nn.ModuleList([conv(out_channels) for _ in range(num_convs)])

    def forward(self, x):
        for layer in self.convs:
            x = layer(x).clamp(min=0)
        return F.max_pool2d(x, 2)


@rewrite
def with_add_module(num_convs, out_channels):
    block = nn.Sequential()
    for i in range(num_convs):
        block.add_module(f"pad{i}", nn.ZeroPad2d(1))
        block.add_module(f"conv{i}", conv(out_channels, padding=0))
        block.add_module(f"relu{i}", nn.LeakyReLU(0.0))
    block.add_module("pool", halve())
    return block


@rewrite
def with_the_last_relu_after_pooling(num_convs, out_channels):
    layers = [layer for _ in range(num_convs - 1) for layer in (conv(out_channels), nn.ReLU())]
    return nn.Sequential(*layers, conv(out_channels), halve(), nn.ReLU())


@mistake(
    "the convolutions do not pad",
    hint="padding=1 keeps height and width of a 3x3 convolution.",
    caught_by=BUILT_ON_SHAPES,
)
def does_not_pad(num_convs, out_channels):
    layers = [x for _ in range(num_convs) for x in (conv(out_channels, padding=0), nn.ReLU())]
    return nn.Sequential(*layers, halve())


@mistake(
    "pooling moves by one pixel",
    hint="Pooling halves height and width: its stride is 2.",
    caught_by=BUILT_ON_SHAPES,
)
def pools_with_stride_1(num_convs, out_channels):
    block = as_in_the_book(num_convs, out_channels)
    block[-1] = nn.MaxPool2d(kernel_size=2, stride=1)
    return block


@mistake(
    "pooling is missing",
    hint="The last layer of the block halves height and width.",
    caught_by=BUILT_ON_SHAPES,
)
def does_not_pool(num_convs, out_channels):
    return as_in_the_book(num_convs, out_channels)[:-1]


@mistake(
    "pooling after every convolution",
    hint="One pooling layer, after the loop.",
    caught_by=BUILT_ON_SHAPES,
)
def pools_every_time(num_convs, out_channels):
    layers = []
    for _ in range(num_convs):
        layers += [conv(out_channels), nn.ReLU(), nn.MaxPool2d(2, ceil_mode=True)]
    layers[-1] = halve()
    return nn.Sequential(*layers)


@mistake(
    "num_convs is ignored",
    hint="The block has num_convs convolutions.",
    caught_by=ALL,
)
def always_one_convolution(num_convs, out_channels):
    return as_in_the_book(1, out_channels)


@mistake(
    "one convolution too many",
    hint="Count the turns of the loop.",
    caught_by=ALL,
)
def one_too_many(num_convs, out_channels):
    return as_in_the_book(num_convs + 1, out_channels)


@mistake(
    "out_channels holds only for the last convolution",
    hint="Each convolution of the block gives out_channels channels.",
    caught_by=ALL,
)
def widens_only_at_the_end(num_convs, out_channels):
    layers = [layer for _ in range(num_convs - 1) for layer in (conv(1), nn.ReLU())]
    return nn.Sequential(*layers, conv(out_channels), nn.ReLU(), halve())


@mistake(
    "the number of channels grows from convolution to convolution",
    hint="Each convolution of the block gives out_channels channels.",
    caught_by=(SHAPES, CONVOLUTIONS, VALUES, ODD, GRADIENTS),
)
def doubles_the_channels(num_convs, out_channels):
    layers = []
    for i in range(num_convs):
        layers += [conv(out_channels * 2 ** (i + 1)), nn.ReLU()]
    return nn.Sequential(*layers, halve())


@mistake(
    "kernels of 5 x 5",
    hint="VGG uses 3x3 kernels throughout.",
    caught_by=ALL,
)
def large_kernels(num_convs, out_channels):
    layers = [x for _ in range(num_convs) for x in (conv(out_channels, 5, padding=2), nn.ReLU())]
    return nn.Sequential(*layers, halve())


@mistake(
    "batch norm, which this block does not have",
    hint="Batch norm came after VGG.",
    caught_by=ALL,
)
def with_batch_norm(num_convs, out_channels):
    layers = []
    for _ in range(num_convs):
        layers += [conv(out_channels), nn.BatchNorm2d(out_channels), nn.ReLU()]
    return nn.Sequential(*layers, halve())


@mistake(
    "convolutions have no bias",
    hint="Leave bias at its default, True.",
    caught_by=ALL,
)
def without_bias(num_convs, out_channels):
    layers = [x for _ in range(num_convs) for x in (conv(out_channels, bias=False), nn.ReLU())]
    return nn.Sequential(*layers, halve())


@mistake(
    "the activations are missing",
    hint="A ReLU follows every convolution.",
    caught_by=BUILT_ON_VALUES,
)
def without_relu(num_convs, out_channels):
    return nn.Sequential(*[conv(out_channels) for _ in range(num_convs)], halve())


@mistake(
    "one activation for all convolutions",
    hint="A ReLU follows every convolution, inside the loop.",
    caught_by=BUILT_ON_VALUES,
)
def one_relu_at_the_end(num_convs, out_channels):
    return nn.Sequential(*[conv(out_channels) for _ in range(num_convs)], nn.ReLU(), halve())


@mistake(
    "sigmoid in place of ReLU",
    hint="Which activation does the book use from AlexNet on?",
    caught_by=BUILT_ON_VALUES,
)
def with_sigmoid(num_convs, out_channels):
    layers = [x for _ in range(num_convs) for x in (conv(out_channels), nn.Sigmoid())]
    return nn.Sequential(*layers, halve())


@mistake(
    "average pooling in place of max pooling",
    hint="Which of the two kinds of pooling does VGG use?",
    caught_by=BUILT_ON_VALUES,
)
def pools_by_the_mean(num_convs, out_channels):
    return nn.Sequential(*as_in_the_book(num_convs, out_channels)[:-1], nn.AvgPool2d(2, 2))


@mistake(
    "pooling before the convolutions",
    hint="Pooling is the last layer of the block.",
    caught_by=BUILT_ON_VALUES,
)
def pools_first(num_convs, out_channels):
    return nn.Sequential(halve(), *as_in_the_book(num_convs, out_channels)[:-1])


@mistake(
    "the convolution halves the size, no pooling does",
    hint="Convolutions keep the size; max pooling with stride 2 halves it.",
    caught_by=BUILT_ON_VALUES,
)
def strides_in_place_of_pooling(num_convs, out_channels):
    layers = as_in_the_book(num_convs, out_channels)[:-1]
    layers[-2].stride = (2, 2)
    return layers


@mistake(
    "a window of 3 x 3 with padding",
    hint="The pooling window is 2 x 2.",
    caught_by=BUILT_ON_VALUES,
)
def pools_over_3x3(num_convs, out_channels):
    block = as_in_the_book(num_convs, out_channels)
    block[-1] = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
    return block


@mistake(
    "odd sizes are rounded up",
    hint="Leave ceil_mode at its default, False.",
    caught_by=ODD,
)
def rounds_up(num_convs, out_channels):
    block = as_in_the_book(num_convs, out_channels)
    block[-1] = nn.MaxPool2d(kernel_size=2, stride=2, ceil_mode=True)
    return block


@mistake(
    "a list of layers comes back",
    hint="Return nn.Sequential(*layers).",
    caught_by=ALL,
)
def returns_a_list(num_convs, out_channels):
    return list(as_in_the_book(num_convs, out_channels))


@mistake(
    "layers are kept in a plain list",
    hint="Layers in a list are not found by an optimiser: use nn.Sequential or nn.ModuleList.",
    caught_by=ALL,
)
class InAPlainList(nn.Module):
    def __init__(self, num_convs, out_channels):
        super().__init__()
        self.steps = list(as_in_the_book(num_convs, out_channels))

    def forward(self, x):
        for step in self.steps:
            x = step(x)
        return x


@mistake(
    "gradients do not reach the first convolutions",
    hint="A tensor that was detached has no way back to the layers before it.",
    caught_by=GRADIENTS,
)
class DetachesInBetween(nn.Module):
    def __init__(self, num_convs, out_channels):
        super().__init__()
        self.steps = as_in_the_book(num_convs, out_channels)

    def forward(self, x):
        for step in self.steps:
            x = step(x.detach())
        return x


@mistake(
    "nothing is returned",
    hint="The function ends with return nn.Sequential(*layers).",
    caught_by=ALL,
)
def returns_nothing(num_convs, out_channels):
    as_in_the_book(num_convs, out_channels)


@mistake(
    "in_channels is not the out_channels of the convolution before",
    hint="After the first convolution there are out_channels channels.",
    caught_by=ALL,
)
def forgets_to_carry_channels_on(num_convs, in_channels, out_channels):
    layers = []
    for _ in range(num_convs):
        layers += [nn.Conv2d(in_channels, out_channels, kernel_size=3, padding=1), nn.ReLU()]
    return nn.Sequential(*layers, halve())


@mistake(
    "dropout, which this block does not have",
    hint="VGG drops numbers in its linear layers only.",
    caught_by=BUILT_ON_VALUES,
)
def with_dropout(num_convs, out_channels):
    return nn.Sequential(*as_in_the_book(num_convs, out_channels), nn.Dropout(0.5))


@mistake(
    "an activation that cuts off what is large",
    hint="The activation is nn.ReLU.",
    caught_by=BUILT_ON_VALUES,
)
def with_relu6(num_convs, out_channels):
    layers = [m for _ in range(num_convs) for m in (conv(out_channels), nn.ReLU6())]
    return nn.Sequential(*layers, halve())
