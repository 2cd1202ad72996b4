"""The checks of `ResNet`: a stem, stages of residual blocks, global average pooling.

Shapes are asked for at the book's size on an empty batch, where nothing is computed. Values are
compared on a thin network with small images: a stage is the same code at any width, so a network
that is right at 8 channels, and in its shapes at 512, is right. Final shape and number of
parameters alone would not show a forgotten stride.

One fault, one charge: beside a wrong `Residual` it is asked again with a right one (`builds_on`).
"""

from functools import cache
from itertools import groupby

import torch

from exercises.cnn.model_forms import assert_number_of_classes, fixed_architecture
from exercises.cnn.rates import assert_rate
from grader.checks import (
    assert_gradients,
    assert_outline,
    assert_same_values,
    check,
    make,
    numbered,
    outline_of,
    outlined,
    transplant,
)
from reference import RESNET18, ResNet

SHAPE = (1, 1, 96, 96)
THIN = ((1, 64), (2, 8), (1, 12))  # the stem has 64 channels, and the first stage keeps them
SMALL = (1, 1, 40, 32)


def images(count):
    # neither centred nor of size 1, so that a model that normalises its images shows
    generator = torch.Generator().manual_seed(7)
    return 0.5 + 1.5 * torch.randn(count, *SMALL[1:], generator=generator)


@cache
def reference(arch=THIN):
    return numbered(ResNet(arch), SMALL)


@cache
def outline_for(arch):
    return outline_of(ResNet(arch), SHAPE)


def way_of(student):
    """Return the first arguments of a model: those of one that takes no arch, or of ResNet."""
    own = fixed_architecture(student, "ResNet", SHAPE, THIN, stages_of)
    return lambda arch: () if own else (arch,)


def own_or(student, arch):
    """Return the architecture of a model that takes none, or else the one given."""
    return fixed_architecture(student, "ResNet", SHAPE, THIN, stages_of) or arch


def stages_of(outline):
    """Read the stages from pairs of 3x3 convolutions with equally many channels; None without."""
    widths = [out[1] for (weight, *_), out in outline.layers if weight[2:] == (3, 3)]
    stages = tuple((len(list(same)) // 2, width) for width, same in groupby(widths))
    return stages if stages and all(count for count, _ in stages) else None


def resnet(student):
    return make(student, "ResNet", way_of(student)(THIN))


def assert_shapes(student, arch):
    found = outlined(student, "ResNet", SHAPE, *way_of(student)(arch))
    arch = own_or(student, arch)
    assert_outline(found, outline_for(arch), call=f"ResNet({arch})")


@check(points=3, feedback="Print layer_summary((1, 1, 96, 96)) and compare with the book.")
def test_stage_by_stage(student):
    """With the architecture of ResNet-18, every stage has the book's shape on a 96x96 image."""
    assert_shapes(student, RESNET18)


@check(
    points=1,
    needs="test_stage_by_stage",
    feedback="Take the number of stages, their blocks and channels from arch.",
)
def test_other_architectures(student):
    """Any arch is built as given, with one stage or with many blocks in one."""
    if student.is_one_model("ResNet"):
        return
    for arch in (((1, 64),), THIN, ((3, 64), (4, 128), (6, 256), (3, 512))):
        found = outlined(student, "ResNet", SHAPE, arch)
        assert_outline(found, outline_for(arch), call=f"ResNet({arch})")


@check(
    points=2,
    needs=("test_stage_by_stage", "test_other_architectures"),
    feedback="Convolution, batch norm, ReLU, max pooling; the stages; average pooling, linear.",
)
def test_logits(student):
    """With the same weights and averages the logits are those of the book's network."""
    arch = own_or(student, THIN)
    model, call = resnet(student), f"ResNet({arch})"
    assert_same_values(model, reference(arch), images(2), call=call)


@check(
    points=1,
    needs="test_logits",
    feedback="Use nn.BatchNorm2d or nn.LazyBatchNorm2d unchanged; nothing else is random.",
)
def test_training(student):
    """In training mode, with mean and variance of each batch, the logits are the book's too."""
    arch = own_or(student, THIN)
    model, call = resnet(student), f"ResNet({arch})"
    assert_same_values(model, reference(arch), images(4), call=call, training=True)


@check(
    points=1,
    needs="test_logits",
    feedback="num_classes is the number of outputs of the last layer.",
)
def test_number_of_classes(student):
    """ResNet(arch, num_classes=7) gives 7 logits an image; a plain nn.Sequential gives 10."""
    assert_number_of_classes(student, "ResNet", SHAPE, *way_of(student)(THIN))


@check(
    points=1,
    needs="test_logits",
    feedback="Keep the learning rate: self.lr, or self.save_hyperparameters().",
)
def test_learning_rate(student):
    """The model's `lr` is the number given; without one, it is a usable rate.

    A model that neither takes nor keeps a rate is right: its optimiser is made elsewhere.
    """
    assert_rate(student, "ResNet", *way_of(student)(THIN))


@check(
    points=1,
    needs="test_logits",
    feedback="Let autograd follow all steps: no .data, no .detach(), no no_grad.",
)
def test_gradients_reach_every_parameter(student):
    """Backward from a result of the model gives every parameter a gradient."""
    arch = own_or(student, THIN)
    model, call = resnet(student), f"ResNet({arch})"
    transplant(model, reference(arch), images(2), call=call)
    assert_gradients(model, images(2), call=call)
