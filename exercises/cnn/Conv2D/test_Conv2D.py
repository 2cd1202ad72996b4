"""The checks of `Conv2D`: a module with a kernel and a bias.

The names of the two parameters are free: the kernel is the one with most axes. The checks write
their own numbers into them, so that any random start is fair. One fault, one charge: beside a wrong
`corr2d` the layer is asked again with a right one (`builds_on`).
"""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.cnn.views import now_and_then_exchanged
from exercises.cnn.working import correlated, size_of_correlation
from grader.checks import (
    assert_close,
    assert_equal,
    assert_shape,
    check,
    expect_module,
    expect_tensor,
    fail,
    show,
    show_argument,
    sizes,
    whole_numbers,
)
from reference import corr2d

SIZE = (2, 2)  # other sizes are asked for in test_forward, and only there
LAYER = f"Conv2D({SIZE})"


def new_layer(student, size):
    """Make a layer; any other object is a bad answer."""
    return expect_module(student.Conv2D(size), call=f"Conv2D({size})")


def kernel_of(parameters, size):
    """Return the name of the parameter that holds the kernel, of any shape."""
    name = max(parameters, key=lambda key: parameters[key].ndim, default=None)
    if name is None or parameters[name].numel() != size[0] * size[1]:
        shapes = [tuple(p.shape) for p in parameters.values()]
        fail(
            f"Conv2D({size}) has no parameter of shape {size}; shapes of its parameters: {shapes}",
            call=f"Conv2D({size}).parameters()",
            got=str(shapes),
            expected=f"one of shape {size}",
        )
    return name


def with_numbers(student, weight, bias):
    """Make a layer that holds `weight`, and `bias` in every other parameter.

    Returns the layer, its kernel's name, and the bias that it now adds.
    """
    layer = new_layer(student, tuple(weight.shape))
    parameters = layer.parameters()
    kernel = kernel_of(parameters, tuple(weight.shape))
    layer.load(
        {
            name: weight.reshape(old.shape) if name == kernel else torch.full_like(old, bias)
            for name, old in parameters.items()
        }
    )
    # a bias that is no parameter is charged for that; here it keeps its first value
    return layer, kernel, bias if len(parameters) > 1 else 0.0


@st.composite
def weight_and_image(draw):
    """Draw a kernel (KH, KW) and an image it fits inside, all sizes on their own."""
    KH, KW, OH, OW = (draw(sizes(3)) for _ in range(4))
    (x,) = now_and_then_exchanged(draw, draw(whole_numbers((OH + KH - 1, OW + KW - 1))))
    return draw(whole_numbers((KH, KW))), x


@check(points=1, feedback="Wrap the kernel in nn.Parameter, and take its shape from kernel_size.")
def test_the_kernel_is_a_parameter(student):
    """Conv2D((2, 2)) has a parameter of shape (2, 2): the kernel."""
    assert_answers(student)
    parameters = new_layer(student, SIZE).parameters()
    kernel = parameters[kernel_of(parameters, SIZE)]
    assert_shape(kernel, SIZE, call=f"the kernel of {LAYER}")


@check(points=2, feedback="Wrap torch.zeros(1) in nn.Parameter.")
def test_the_bias_is_a_parameter_that_starts_at_0(student):
    """Besides the kernel there is one more parameter: the bias, of shape (1,), 0 at the start."""
    assert_answers(student)
    parameters = new_layer(student, SIZE).parameters()
    kernel = max(parameters, key=lambda name: parameters[name].ndim, default=None)
    # a lone vector or number is a bias whose kernel is missing, which is charged above
    is_bias = kernel is not None and parameters[kernel].ndim < 2
    rest = [p for name, p in parameters.items() if is_bias or name != kernel]
    student.note([[tuple(p.shape), bool(p.any())] for p in rest])
    if len(rest) != 1:
        fail(
            f"{LAYER} has {len(rest)} parameters beside the kernel, expected one: the bias",
            call=f"{LAYER}.parameters()",
            got=str([tuple(p.shape) for p in parameters.values()]),
            expected=f"shapes {SIZE} and (1,)",
        )
    assert_close(rest[0], torch.zeros(1), call=f"the bias of {LAYER}")


@check(points=1, feedback="Draw the kernel at random, for example with torch.rand.")
def test_the_kernel_starts_at_random(student):
    """The numbers of a new kernel differ, and are not all whole numbers."""
    assert_answers(student)
    parameters = new_layer(student, SIZE).parameters()
    weight = parameters[kernel_of(parameters, SIZE)]
    first = weight.flatten()[0]
    what = ""
    if bool((weight == first).all()):
        what = f"every number of the kernel of a new {LAYER} is {first:g}"
    elif bool((weight == weight.round()).all()):  # torch.arange, torch.eye, numbers typed in
        what = f"the kernel of a new {LAYER} holds whole numbers only"
    if what:
        fail(what, call=f"the kernel of {LAYER}", got=weight, expected="random numbers")


@check(
    points=3,
    feedback="forward(x) is corr2d(x, kernel) + bias, with the parameters of this layer.",
)
@given(weight_and_image(), st.integers(-4000, 4000).map(lambda n: n / 1000))
@settings(max_examples=25)
def test_forward(student, pair, bias):
    """The layer cross-correlates the image with its kernel and adds its bias, for any sizes."""
    weight, x = pair
    layer, kernel, added = with_numbers(student, weight, bias)
    call = (
        f"layer = Conv2D({tuple(weight.shape)}); layer.{kernel} = {show(weight)}; "
        f"bias = {added}; layer({show_argument(x)})"
    )
    assert_close(
        layer(x), corr2d(x, weight) + added, call=call,
        working=correlated(x, weight, bias=added), shape_working=size_of_correlation(x, weight),
    )  # fmt: skip


@check(points=1, feedback="Let forward only compute: write into no tensor, share none.")
def test_a_call_changes_nothing(student):
    """A layer called twice gives the same result; the image and other layers keep their numbers."""
    x = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    layer = answering_layer(student)
    first = layer.call("__call__", x)
    again = layer(x)
    after = first.arguments[0]
    student.note(after)
    assert_equal(after, x, call="after layer(x), x")
    assert_close(again, first.value, call="the second of two calls layer(x)")
    other = new_layer(student, SIZE)
    before = {name: torch.full_like(p, 5.0) for name, p in other.parameters().items()}
    other.load(before)
    layer.load([torch.zeros_like(p) for p in layer.parameters().values()])
    for name, now in other.parameters().items():
        call = f"after zeros are written into one {LAYER}, the {name} of another"
        assert_equal(now, before[name], call=call)


def assert_answers(student):
    """Require a result of the right shape that depends on the image: else it is not written yet."""
    call = f"{LAYER} on an image {SIZE}"
    layer = new_layer(student, SIZE)
    for has_ones in (False, True):  # a kernel that starts at 0 is charged elsewhere
        if has_ones:
            layer.load([torch.ones_like(p) for p in layer.parameters().values()])
        y = expect_tensor(layer(torch.ones(SIZE)), call=call)
        if y.numel() != 1:  # axes of batch and channel are charged elsewhere
            assert_shape(y, (1, 1), call=call)
        if not torch.equal(y, expect_tensor(layer(2 * torch.ones(SIZE)), call=call)):
            break
    else:
        fail(
            f"{call} of ones gives {show(y)}, and the same on an image of twos",
            call=f"{LAYER}(image)",
            got="the same for two images",
            expected="a result that depends on the image",
        )


def answering_layer(student):
    """Make a layer of ones and require its sum of an image.

    The image is as large as the kernel, and equal to itself when flipped.
    """
    weight = torch.ones(SIZE)
    layer, _, added = with_numbers(student, weight, 0.0)
    x = torch.tensor([[1.0, 2.0], [2.0, 1.0]])
    assert_close(
        layer(x),
        torch.tensor([[6.0 + added]]),
        call=f"{LAYER} with a kernel of ones and a bias of 0 on {show(x)}",
    )
    return layer


@check(
    points=2,
    feedback="Let autograd follow from the parameters to the result: no .data, no .detach().",
)
def test_gradients_reach_every_parameter(student):
    """Backward from a result of the layer gives its kernel and its bias gradients."""
    assert_answers(student)
    # positive numbers, and a kernel as large as the image: a wrong sum is charged above
    x = weight = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    layer, kernel, _ = with_numbers(student, weight, 1.0)
    gradients = layer.gradients(x)
    student.note([gradient is not None and bool(gradient.any()) for gradient in gradients.values()])
    for name, gradient in gradients.items():
        what = "the gradient of the kernel" if name == kernel else "the gradient of the bias"
        if gradient is None:
            fail(f"{what} is missing", call=what, got="None", expected="a tensor")
        elif not bool((gradient != 0).any()):
            fail(f"{what} is 0", call=what, got=gradient, expected="a tensor that is not 0")
