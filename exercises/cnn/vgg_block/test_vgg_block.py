"""The checks of `vgg_block`: convolutions that keep the size, then pooling that halves it.

Both editions' signatures are right: (num_convs, out_channels), and with in_channels between them.
"""

from functools import cache

import torch

from grader.checks import (
    assert_gradients,
    assert_same_values,
    assert_shape,
    check,
    expect_tensor,
    make,
    numbered,
    transplant,
)
from reference import vgg_block

# num_convs, input channels, out_channels, height, width
CASES = ((1, 1, 4, 4, 6), (2, 3, 5, 8, 6), (3, 4, 2, 10, 12))


def image(channels, height, width):
    generator = torch.Generator().manual_seed(7)
    # neither centred nor small, so that normalising or clipping the input shows
    return 0.5 + 9 * torch.randn(2, channels, height, width, generator=generator)


def block(student, num_convs, channels, out_channels):
    return make(
        student, "vgg_block", (num_convs, out_channels), (num_convs, channels, out_channels)
    )


@cache
def reference_for(num_convs, out_channels, shape):
    return numbered(vgg_block(num_convs, out_channels), shape)


@check(points=3, feedback="A loop makes num_convs convolutions, each with out_channels channels.")
def test_convolutions(student):
    """The block has num_convs 3x3 convolutions with biases, and no other parameters."""
    for n, channels, out, H, W in CASES:
        x = image(channels, H, W)
        model = block(student, n, channels, out)
        call = f"vgg_block({n}, {out})"
        transplant(model, reference_for(n, out, tuple(x.shape)), x, call=call)
        expect_tensor(model(x), call=f"{call} on an input {(2, channels, H, W)}")


@check(
    points=2,
    needs="test_convolutions",
    feedback="Padding 1 keeps the size of a 3x3 convolution; pooling halves it.",
)
def test_shapes(student):
    """The result has out_channels channels, and half the height and width."""
    for n, channels, out, H, W in CASES:
        y = block(student, n, channels, out)(image(channels, H, W))
        call = f"vgg_block({n}, {out}) on an input {(2, channels, H, W)}"
        assert_shape(y, (2, out, H // 2, W // 2), call=call)


@check(
    points=3,
    needs="test_shapes",
    feedback="Put a ReLU after every convolution, and maximum pooling once at the end.",
)
def test_values(student):
    """With the same weights the result is that of the book's block, in training too."""
    for n, channels, out, H, W in CASES:
        x = image(channels, H, W)
        model, reference = block(student, n, channels, out), reference_for(n, out, tuple(x.shape))
        for training in (False, True):
            call = f"vgg_block({n}, {out})"
            assert_same_values(model, reference, x, call=call, training=training)


@check(points=1, needs="test_values", feedback="A 2x2 window with stride 2, without padding.")
def test_odd_sizes(student):
    """Half of an odd height or width is rounded down."""
    y = block(student, 1, 1, 4)(image(1, 7, 9))
    assert_shape(y, (2, 4, 3, 4), call="vgg_block(1, 4) on an input (2, 1, 7, 9)")


@check(
    points=1,
    needs="test_values",
    feedback="Let autograd follow all steps: no .data, no .detach(), no no_grad.",
)
def test_gradients_reach_every_parameter(student):
    """Backward from a result of the block gives every parameter a gradient."""
    x = image(3, 8, 6)
    model = block(student, 2, 3, 5)
    transplant(model, reference_for(2, 5, tuple(x.shape)), x, call="vgg_block(2, 5)")
    assert_gradients(model, x, call="vgg_block(2, 5)")
