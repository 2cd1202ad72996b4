"""The checks of `VGG`: blocks of convolutions, then three linear layers with dropout.

Shapes are asked for at the book's own size, 224 x 224 and up to 512 channels, on an empty batch,
where nothing is computed. Values are compared on a thin network: a block is the same code at any
width, so a VGG that is right at 4 channels, and in its shapes at 512, is right. Its images are
224 x 224 too, because models with explicit sizes accept no others.

One fault, one charge: beside a wrong `vgg_block` it is asked again with a right one (`builds_on`).
"""

from functools import cache

import torch
from torch import nn

from exercises.cnn.model_forms import assert_number_of_classes, fixed_architecture
from exercises.cnn.rates import assert_rate
from grader.checks import (
    assert_gradients,
    assert_outline,
    assert_same_values,
    check,
    expect_tensor,
    fail,
    logits_in,
    make,
    numbered,
    outline_of,
    outlined,
    transplant,
)
from reference import VGG, VGG11, VGG16, VGG19, VGG_SMALL

SHAPE = (1, 1, 224, 224)
THIN = ((1, 3), (2, 4), (1, 4), (1, 4), (1, 4))
NARROWEST = ((1, 1),) * 5


def images(count):
    # neither centred nor of size 1, so that a model that normalises its images shows
    generator = torch.Generator().manual_seed(7)
    return 0.5 + 1.5 * torch.randn(count, *SHAPE[1:], generator=generator)


@cache
def reference(arch=THIN):
    return numbered(VGG(arch), SHAPE)


@cache
def outline_for(arch):
    return outline_of(VGG(arch), SHAPE)


def way_of(student):
    """Return the first arguments of a model: those of one that takes no arch, or those of VGG."""
    own = fixed_architecture(student, "VGG", SHAPE, VGG11, blocks_of)
    return lambda arch: () if own else (arch,)


def own_or(student, arch):
    """Return the architecture of a model that takes none, or else the one given."""
    return fixed_architecture(student, "VGG", SHAPE, VGG11, blocks_of) or arch


def blocks_of(outline):
    """Read the blocks from the convolutions, which keep their size within one; None without 5."""
    blocks = []
    for (weight, *_), out in outline.layers:
        if len(weight) == 4:
            if blocks and blocks[-1][1:] == (out[1], out[-1]):
                blocks[-1] = (blocks[-1][0] + 1, *blocks[-1][1:])
            else:
                blocks.append((1, out[1], out[-1]))
    return tuple((count, width) for count, width, _ in blocks) if len(blocks) == 5 else None


def vgg(student, arch=THIN):
    return make(student, "VGG", way_of(student)(arch))


def assert_shapes(student, arch):
    found = outlined(student, "VGG", SHAPE, *way_of(student)(arch))
    arch = own_or(student, arch)
    assert_not_exchanged(found, outline_for(arch), call=f"VGG({arch})")
    assert_outline(found, outline_for(arch), call=f"VGG({arch})")


def assert_not_exchanged(found, due, call):
    """Require no more convolutions than a network whose blocks have their numbers in order."""
    many, few = (sum(len(shape) == 4 for shape in one.parameters) for one in (found, due))
    if many > 8 * few:
        fail(
            f"{call} has {many:,} convolutions, expected {few}: are the number of convolutions of "
            "a block and its channels exchanged?",
            call=call, got=f"{many:,} convolutions", expected=f"{few} convolutions",
        )  # fmt: skip


@check(points=3, feedback="Print layer_summary((1, 1, 224, 224)) and compare with the book.")
def test_vgg11_layer_by_layer(student):
    """VGG-11 has the book's shapes on a 224x224 image, and its 128,806,154 parameters."""
    assert_shapes(student, VGG11)


@check(
    points=1,
    needs="test_vgg11_layer_by_layer",
    feedback="Take the number of blocks, their convolutions and channels from arch.",
)
def test_other_architectures(student):
    """Any arch is built as given: VGG-16, VGG-19, and the small one that is trained."""
    if student.is_one_model("VGG"):
        return
    for arch in (VGG16, VGG19, VGG_SMALL):
        found = outlined(student, "VGG", SHAPE, arch)
        assert_outline(found, outline_for(arch), call=f"VGG({arch})")


@check(
    points=2,
    needs="test_vgg11_layer_by_layer",
    feedback="ReLU after both hidden linear layers, none after the last; dropout in training only.",
)
def test_logits(student):
    """With the same weights the logits are those of the book's network."""
    assert_shapes(student, THIN)
    arch = own_or(student, THIN)
    assert_same_values(vgg(student), reference(arch), images(2), call=f"VGG({arch})")


@check(
    points=1,
    needs="test_vgg11_layer_by_layer",
    feedback="nn.Dropout(0.5) after the ReLU of each of the two hidden linear layers.",
)
def test_dropout(student):
    """In training, half of the units of both hidden layers are dropped, the others doubled."""
    call = "VGG with weights of 0 and 1, in training mode"
    assert_shapes(student, NARROWEST)
    arch = own_or(student, NARROWEST)
    model = vgg(student, NARROWEST)
    transplant(model, dropout_revealed(arch), images(1), call=call)
    y = expect_tensor(logits_in(model.train()(images(8))), call=call)
    assert_two_dropouts(y, call)


@cache
def dropout_revealed(arch):
    """Return a network whose logits show which units were dropped.

    The convolutions give 1 everywhere, so every unit of the first hidden layer is 1: a weighted
    mean of three of the numbers that are flattened. One of these units, 0 or 2 after dropout, is
    added to 1 in every unit of the second layer. Each logit reads one unit and adds 1, so a row of
    logits is made of 1 and 3 or of 1 and 7. Without dropout all are 3; where flattened numbers are
    dropped, the mean of those left is another number. Where logits are dropped, some are 0.
    """
    network = numbered(VGG(arch), SHAPE)
    one, two, last = [layer for layer in network.modules() if isinstance(layer, nn.Linear)]
    for layer in (one, two):
        first = nn.functional.one_hot(torch.tensor([0]), layer.in_features).float()
        if layer is one:
            first[0, :3] = torch.tensor([0.125, 0.25, 0.625])
        layer.weight = nn.Parameter(first.expand(layer.weight.shape), requires_grad=False)
    last.weight = nn.Parameter(torch.eye(*last.weight.shape), requires_grad=False)
    convolutions = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d)]
    for layer in convolutions:
        nothing = torch.zeros(1, 1, 1, 1).expand(layer.weight.shape)
        layer.weight = nn.Parameter(nothing, requires_grad=False)
    for layer, bias in (*((c, 1.0) for c in convolutions), (one, 0.0), (two, 1.0), (last, 1.0)):
        nn.init.constant_(layer.bias, bias)
    return network


def assert_two_dropouts(y, call):
    """Require the pattern of two dropouts; right code misses it once in 10 million times."""
    found = {round(float(value), 4) for value in y.flatten()}
    if not (1.0 in found and len(found) > 1 and found <= {1.0, 3.0, 7.0}):
        shown = ", ".join(f"{value:g}" for value in sorted(found)[:8])
        fail(
            f"{call}: the logits hold {shown}; with half of the units of both hidden layers "
            "dropped, and the others doubled, they hold 1, 3, 7",
            call=call,
            got=shown,
            expected="1, 3, 7",
        )


@check(
    points=1,
    needs="test_logits",
    feedback="num_classes is the number of outputs of the last layer.",
)
def test_number_of_classes(student):
    """VGG(arch, num_classes=7) gives 7 logits an image; the older edition's vgg(arch) gives 10."""
    assert_number_of_classes(student, "VGG", SHAPE, *way_of(student)(VGG_SMALL))


@check(
    points=1,
    needs="test_logits",
    feedback="Keep the learning rate: self.lr, or self.save_hyperparameters().",
)
def test_learning_rate(student):
    """The model's `lr` is the number given; without one, it is a usable rate.

    A model that neither takes nor keeps a rate is right, as the older edition's `vgg(arch)`.
    """
    assert_rate(student, "VGG", *way_of(student)(NARROWEST))


@check(
    points=1,
    needs="test_logits",
    feedback="Let autograd follow all steps: no .data, no .detach(), no no_grad.",
)
def test_gradients_reach_every_parameter(student):
    """Backward from a result of the model gives every parameter a gradient."""
    arch = own_or(student, THIN)
    call = f"VGG({arch})"
    assert_shapes(student, THIN)
    model = vgg(student)
    # with known numbers: at their initial values, narrow layers of ReLU may be 0 everywhere
    transplant(model, reference(arch), images(1), call=call)
    assert_gradients(model, images(1), call=call)
