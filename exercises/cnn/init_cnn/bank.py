"""Known answers to `init_cnn`: right ones written differently, and mistakes with a name."""

import math

import torch
from torch import nn

from grader.checks import mistake, rewrite

LINEAR = "test_linear_layer"
CONV = "test_convolutional_layer"
BIASES = "test_biases"
OTHERS = "test_other_modules"
LAZY = "test_lazy_layers"
MEANT = (nn.Linear, nn.Conv2d)


@rewrite
def as_in_the_book(module):
    if type(module) == nn.Linear or type(module) == nn.Conv2d:  # noqa: E721  (the book's)
        nn.init.xavier_uniform_(module.weight)


@rewrite
def with_isinstance_that_knows_lazy_layers(layer):
    lazy = nn.parameter.is_lazy(getattr(layer, "weight", None))
    if isinstance(layer, MEANT) and not lazy:
        nn.init.xavier_uniform_(layer.weight.data)


@rewrite
def zeroes_biases(m):
    if type(m) in MEANT:
        nn.init.xavier_uniform_(m.weight)
        if m.bias is not None:
            nn.init.zeros_(m.bias)


@rewrite
def by_its_formula(module):
    if type(module) in MEANT:
        fan_out, fan_in, *kernel = module.weight.shape
        a = math.sqrt(6 / (math.prod(kernel) * (fan_in + fan_out)))
        with torch.no_grad():
            module.weight.copy_((2 * torch.rand(module.weight.shape) - 1) * a)


@rewrite
def by_the_name_of_the_class(module):
    if module.__class__.__name__ in ("Conv2d", "Linear"):
        module.weight = nn.Parameter(nn.init.xavier_uniform_(torch.empty_like(module.weight)))


@rewrite
def returns_the_module(module):
    match module:
        case nn.LazyLinear() | nn.LazyConv2d():
            return module
        case nn.Linear() | nn.Conv2d():
            nn.init.xavier_uniform_(module.weight, gain=1.0)
    return module


@mistake(
    "a normal distribution in place of the uniform one",
    hint="nn.init has xavier_uniform_ and xavier_normal_.",
    caught_by=(LINEAR, CONV),
)
def draws_normal_numbers(module):
    if type(module) in MEANT:
        nn.init.xavier_normal_(module.weight)


@mistake(
    "Kaiming's initialisation in place of Xavier's",
    hint="Xavier's bound takes the number of inputs and that of outputs.",
    caught_by=(LINEAR, CONV),
)
def draws_as_kaiming(module):
    if type(module) in MEANT:
        nn.init.kaiming_uniform_(module.weight)


@mistake(
    "the weights are larger by a gain",
    hint="Leave gain at its default, 1.",
    caught_by=(LINEAR, CONV),
)
def with_a_gain(module):
    if type(module) in MEANT:
        nn.init.xavier_uniform_(module.weight, gain=nn.init.calculate_gain("relu"))


@mistake(
    "the weights are drawn between 0 and the bound",
    hint="The distribution is symmetric about 0.",
    caught_by=(LINEAR, CONV),
)
def draws_positive_numbers(module):
    if type(module) in MEANT:
        nn.init.xavier_uniform_(module.weight)
        module.weight.data.abs_()


@mistake(
    "a fixed spread for every layer",
    hint="The spread depends on the numbers of inputs and outputs of the layer.",
    caught_by=(LINEAR, CONV),
)
def with_a_fixed_spread(module):
    if type(module) in MEANT:
        nn.init.normal_(module.weight, std=0.01)


@mistake(
    "the weight is left as it was",
    hint="Change module.weight itself: functions of nn.init that end in _ work in place.",
    caught_by=(LINEAR, CONV, BIASES, OTHERS, LAZY),
)
def draws_into_a_copy(module):
    if type(module) in MEANT:
        nn.init.xavier_uniform_(module.weight.detach().clone())


@mistake(
    "a new layer is returned and the old one left as it was",
    hint="net.apply does not look at what comes back: change the layer that came in.",
    caught_by=(LINEAR, CONV, BIASES, OTHERS, LAZY),
)
def returns_a_new_layer(module):
    if type(module) is nn.Linear:
        new = nn.Linear(module.in_features, module.out_features)
        nn.init.xavier_uniform_(new.weight)
        return new
    return module


@mistake(
    "linear layers only",
    hint="Convolutional layers are initialised too.",
    caught_by=CONV,
)
def linear_layers_only(module):
    if type(module) is nn.Linear:
        nn.init.xavier_uniform_(module.weight)


@mistake(
    "convolutional layers only",
    hint="Linear layers are initialised too.",
    caught_by=LINEAR,
)
def convolutional_layers_only(module):
    if type(module) is nn.Conv2d:
        nn.init.xavier_uniform_(module.weight)


@mistake(
    "the kernel's size is left out of the bound",
    hint="Each number of a kernel is an input: fan_in is channels * height * width.",
    caught_by=CONV,
)
def forgets_the_size_of_the_kernel(module):
    if type(module) in MEANT:
        a = math.sqrt(6 / sum(module.weight.shape[:2]))
        module.weight.data.uniform_(-a, a)


@mistake(
    "biases are drawn too",
    hint="Only the weight is drawn.",
    caught_by=BIASES,
)
def draws_biases(module):
    if type(module) in MEANT:
        nn.init.xavier_uniform_(module.weight)
        nn.init.uniform_(module.bias)


@mistake(
    "biases are set to a number that is not 0",
    hint="Leave the bias alone, or set it to 0.",
    caught_by=BIASES,
)
def fills_biases(module):
    if type(module) in MEANT:
        nn.init.xavier_uniform_(module.weight)
        module.bias.data.fill_(0.01)


@mistake(
    "modules other than nn.Linear and nn.Conv2d are initialised, too",
    hint="Ask for the type: only nn.Linear and nn.Conv2d are meant.",
    caught_by=OTHERS,
)
def whatever_has_a_matrix(module):
    weight = getattr(module, "weight", None)
    if weight is not None and not nn.parameter.is_lazy(weight) and weight.ndim > 1:
        nn.init.xavier_uniform_(weight)


@mistake(
    "modules without a weight raise",
    hint="net.apply calls the function with every module, activations too.",
    caught_by=(OTHERS, LAZY),
)
def takes_every_module_for_a_layer(module):
    nn.init.xavier_uniform_(module.weight)


@mistake(
    "lazy layers raise",
    hint="isinstance says yes to a lazy layer, which has no weight yet.",
    caught_by=LAZY,
)
def raises_on_lazy_layers(module):
    if isinstance(module, MEANT):
        nn.init.xavier_uniform_(module.weight)


@mistake(
    "the weight cannot be trained any more",
    hint="Drawing numbers is all there is to do: leave requires_grad as it is.",
    caught_by=(LINEAR, CONV),
)
def keeps_the_weight_from_training(module):
    if type(module) in MEANT:
        nn.init.xavier_uniform_(module.weight)
        module.weight.requires_grad_(False)
