"""The checks of `comp_conv2d`: a layer applied to one image, without axes of batch and channel.

The layers are made inside the sandbox and hold whole numbers, so that the result is known here.
"""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from exercises.cnn.working import correlated, size_of_correlation
from grader.checks import (
    StudentRaised,
    assert_close,
    assert_equal,
    assert_shape,
    check,
    fail,
    show,
    sizes,
    whole_numbers,
)

IMAGE = torch.arange(64.0).reshape(8, 8)
BOOK = (  # arguments of the layer, and the shape of its result on an 8x8 image
    ({"kernel_size": 3, "padding": 1}, (8, 8)),
    ({"kernel_size": (5, 3), "padding": (2, 1)}, (8, 8)),
    ({"kernel_size": 3, "padding": 1, "stride": 2}, (4, 4)),
    ({"kernel_size": (3, 5), "padding": (0, 1), "stride": (3, 4)}, (2, 2)),
)


def layer_with(student, weight, bias, **options):
    """Build a convolution inside that holds `weight` (KH, KW) and one bias."""
    layer = student.build("Conv2d", 1, 1, kernel_size=tuple(weight.shape), **options)
    layer.load([weight[None, None], torch.tensor([float(bias)])])
    return layer


@st.composite
def layer_and_image(draw):
    """Draw a kernel, a bias, padding, stride, and an image that gives 2 to 4 rows and columns."""
    KH, KW = draw(sizes(3)), draw(sizes(3))
    SH, SW = draw(sizes(3)), draw(sizes(3))
    PH, PW = draw(st.integers(0, KH - 1)), draw(st.integers(0, KW - 1))
    H = (draw(sizes(4, least=2)) - 1) * SH + KH - 2 * PH
    W = (draw(sizes(4, least=2)) - 1) * SW + KW - 2 * PW
    weight, x = draw(whole_numbers((KH, KW))), draw(whole_numbers((max(H, 1), max(W, 1))))
    # a bias such as -3.217: results have fractions, and keep them
    bias = draw(st.integers(-4000, 4000)) / 1000
    return weight, bias, (PH, PW), (SH, SW), x


@check(points=2, feedback="Remove only the two axes that you added: the result is (H', W').")
def test_examples_from_the_book(student):
    """The four layers of the book turn an 8x8 image into 8x8, 8x8, 4x4 and 2x2."""
    for options, shape in BOOK:
        y = student.comp_conv2d(student.build("LazyConv2d", 1, **options), IMAGE)
        arguments = ", ".join(f"{name}={value}" for name, value in options.items())
        assert_shape(y, shape, call=f"comp_conv2d(nn.LazyConv2d(1, {arguments}), X), X 8x8")


@check(points=3, feedback="The result is conv2d(X[None, None])[0, 0], with the given layer.")
@given(layer_and_image())
@settings(max_examples=40)
def test_applies_the_layer(student, drawn):
    """The result is the layer's own, for any size, padding, stride and bias."""
    weight, bias, padding, stride, x = drawn
    layer = layer_with(student, weight, bias, padding=padding, stride=stride)
    expected = F.conv2d(
        x[None, None],
        weight[None, None],
        torch.tensor([float(bias)]),
        padding=padding,
        stride=stride,
    )[0, 0]
    options = f"kernel_size={tuple(weight.shape)}, padding={padding}, stride={stride}"
    call = (
        f"layer = nn.Conv2d(1, 1, {options}); layer.weight = {show(weight)}; "
        f"layer.bias = {bias}; comp_conv2d(layer, {show(x)})"
    )
    assert_close(
        student.comp_conv2d(layer, x), expected, call=call,
        working=correlated(x, weight, bias=bias, padding=padding, stride=stride),
        shape_working=size_of_correlation(x, weight, padding=padding, stride=stride),
    )  # fmt: skip


@check(
    points=1,
    needs="test_applies_the_layer",
    feedback="Let autograd follow the result: no .data, no .detach(), no no_grad.",
)
def test_keeps_gradients(student):
    """Backward from the result gives the layer's kernel and bias a gradient."""
    layer = layer_with(student, torch.tensor([[2.0, 1.0]]), 1)
    try:
        reached = student.reached("comp_conv2d", layer, IMAGE)
    except StudentRaised as error:
        if "does not require grad" not in error.message:
            return  # it writes into what backward needs, and is charged for that
        reached = {}
    if not (reached and all(reached.values())):
        call = "backward from comp_conv2d(layer, X)"
        fail(
            f"{call}: no gradient reaches the layer",
            call=call, got="no gradient", expected="one for the kernel and one for the bias",
        )  # fmt: skip


@check(points=2, feedback="squeeze() drops every axis of length 1; drop the first two by position.")
def test_keeps_an_axis_of_length_1(student):
    """A result of one row or one column is still a matrix."""
    weight = torch.tensor([[2.0]])
    for shape in ((1, 3), (3, 1), (1, 1)):
        x = torch.arange(float(shape[0] * shape[1])).reshape(shape)
        y = student.comp_conv2d(layer_with(student, weight, 0), x)
        call = (
            "layer = nn.Conv2d(1, 1, kernel_size=1); layer.weight = [[2.0]]; layer.bias = 0; "
            f"comp_conv2d(layer, {show(x)})"
        )
        shape_working = size_of_correlation(x, weight)
        working = correlated(x, weight)
        assert_close(y, 2 * x, call=call, working=working, shape_working=shape_working)


@check(points=1, feedback="Call the layer a single time, on X with two axes of length 1 in front.")
def test_calls_the_layer_once_on_a_batch(student):
    """The layer is called once, with X as a batch of one image with one channel."""
    # batch normalisation accepts only (N, C, H, W) and counts its calls in a buffer
    counter = student.build("BatchNorm2d", 1)
    try:
        student.comp_conv2d(counter, IMAGE)
    except StudentRaised as error:
        if error.kind in ("AttributeError", "AssertionError", "TypeError"):
            # it may read the layer's kernel size, which this layer does not have; one that raises
            # for a convolution too answers nothing
            student.comp_conv2d(layer_with(student, torch.tensor([[2.0]]), 1), IMAGE)
            return
        raise
    calls = int(counter.buffers()["num_batches_tracked"])
    if calls != 1:
        fail(
            f"comp_conv2d called its layer {calls} times, expected once",
            call="comp_conv2d(layer, X)",
            got=f"{calls} calls",
            expected="1 call",
        )


@check(
    points=1,
    feedback="If the result itself is wrong, mend that first. "
    "X.reshape(...) makes a view: do not write into it.",
)
def test_leaves_its_argument_alone(student):
    """X and the layer keep their numbers in the call, and X its shape."""
    weight = torch.tensor([[2.0]])
    layer = layer_with(student, weight, 1)
    answer = student.call("comp_conv2d", layer, IMAGE)
    assert_close(answer.value, 2 * IMAGE + 1, call="comp_conv2d(layer that gives 2X + 1, X)")
    _, after = answer.arguments
    assert_equal(after, IMAGE, call="after comp_conv2d(layer, X), X")
    kernel = layer.parameters().get("weight")
    assert_equal(kernel, weight[None, None], call="after comp_conv2d(layer, X), the layer's kernel")
