"""The checks of `Residual`: two convolutions with batch norm, and the input added before the end.

Both editions' signatures are right: (num_channels, use_1x1conv=, strides=), and with the input's
channels before them. The checks load numbers into all layers of the block, batch norm included.
"""

from functools import cache

import torch

from grader.checks import (
    assert_equal,
    assert_gradients,
    assert_same_values,
    assert_shape,
    check,
    make,
    numbered,
    transplant,
)
from reference import Residual

# input channels, channels, options, height, width
PLAIN = (3, 3, (), 6, 6)
HALVING = (3, 6, (("use_1x1conv", True), ("strides", 2)), 6, 6)
WIDENING = (3, 5, (("use_1x1conv", True),), 5, 7)
# at stride 1, a missing 1x1 convolution still differs from one without a stride
# asked for where no size changes, the 1x1 convolution takes part all the same
CONVOLVING = (3, 3, (("use_1x1conv", True),), 5, 6)
CASES = (PLAIN, CONVOLVING, WIDENING, HALVING, (4, 4, HALVING[2], 7, 6))


def images(case):
    channels, _, _, H, W = case
    # neither centred nor of size 1, so that a block that normalises its input shows
    generator = torch.Generator().manual_seed(7)
    return 0.5 + 1.5 * torch.randn(4, channels, H, W, generator=generator)


def block(student, case):
    channels, width, options, _, _ = case
    return make(student, "Residual", (width,), (channels, width), **dict(options))


def call_of(case):
    options = "".join(f", {name}={value}" for name, value in case[2])
    return f"Residual({case[1]}{options})"


@cache
def reference_for(case):
    return numbered(Residual(case[1], **dict(case[2])), tuple(images(case).shape))


@cache
def reference_that_shows_the_shortcut(case):
    """Return a block whose second batch norm gives 0, so that only the shortcut is left."""
    block = numbered(Residual(case[1], **dict(case[2])), tuple(images(case).shape))
    for parameter in block.bn2.parameters():
        parameter.zero_()
    return block


@check(points=2, feedback="Padding 1 keeps the size; strides belongs to the first convolution.")
def test_shapes(student):
    """(4, 3, 6, 6) stays; 6 channels, a 1x1 convolution and stride 2 give (4, 6, 3, 3)."""
    for case, shape in ((PLAIN, (4, 3, 6, 6)), (HALVING, (4, 6, 3, 3))):
        x, model = images(case), block(student, case)
        call = f"{call_of(case)} on an input {tuple(x.shape)}"
        assert_shape(model(x), shape, call=call)
        # any layer with this padding keeps the size: only those of the block count
        transplant(model, reference_for(case), x, call=call_of(case))


@check(
    points=2,
    needs="test_shapes",
    feedback="Two 3x3 convolutions, two batch norms, and a 1x1 convolution only when asked.",
)
def test_layers(student):
    """The block uses two convolutions and two batch norms, and a 1x1 convolution if asked."""
    for case in CASES:
        transplant(block(student, case), reference_for(case), images(case), call=call_of(case))


@check(
    points=2,
    needs="test_layers",
    feedback="relu(bn2(conv2(relu(bn1(conv1(X))))) + shortcut): follow it step by step.",
)
def test_values(student):
    """With the same weights and averages the result is that of the book's block."""
    for case in CASES:
        x, reference = images(case), reference_for(case)
        assert_same_values(block(student, case), reference, x, call=call_of(case), kept=False)


@check(
    points=1,
    needs="test_layers",
    feedback="Add the input, or its 1x1 convolution, before the last ReLU.",
)
def test_shortcut(student):
    """If the second batch norm gives 0, the result is the ReLU of the shortcut alone."""
    for case in (PLAIN, HALVING):
        x, reference = images(case), reference_that_shows_the_shortcut(case)
        call = f"{call_of(case)}, its second batch norm set to 0"
        assert_same_values(block(student, case), reference, x, call=call, kept=False)


@check(
    points=1,
    needs="test_layers",
    feedback="Use nn.BatchNorm2d or nn.LazyBatchNorm2d unchanged; nothing else is random.",
)
def test_training(student):
    """In training mode the block uses the batch's own mean and variance."""
    # without options: what is wrong in the shortcut's convolution is charged above
    x, reference = images(PLAIN), reference_for(PLAIN)
    call = call_of(PLAIN)
    model = block(student, PLAIN)
    assert_same_values(model, reference, x, call=call, training=True, kept=False)


@check(
    points=1,
    feedback="If the result is wrong, start there. X += ... and relu_(X) write into the caller's "
    "tensor.",
)
def test_leaves_its_input_alone(student):
    """The input holds the same numbers after the call as before."""
    x, model = images(PLAIN), block(student, PLAIN)
    assert_same_values(model, reference_for(PLAIN), x, call=call_of(PLAIN), kept=False)
    after = model.call("forward", x).arguments[0]
    assert_equal(after, x, call="after Residual(3)(X), X")


@check(
    points=1,
    needs="test_values",
    feedback="Let autograd follow all steps: no .data, no .detach(), no no_grad.",
)
def test_gradients_reach_every_parameter(student):
    """Backward from a result of the block gives every parameter a gradient."""
    for case in (PLAIN, HALVING):
        model, x = block(student, case), images(case)
        transplant(model, reference_for(case), x, call=call_of(case))
        assert_gradients(model, x, call=call_of(case))
