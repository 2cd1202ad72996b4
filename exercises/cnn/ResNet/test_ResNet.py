"""The checks of `ResNet`: a stem, stages of residual blocks, global average pooling.

Shapes are asked for at the book's size on an empty batch, where nothing is computed. Values are
compared on a thin network with small images: a stage is the same code at any width, so a network
that is right at 8 channels, and in its shapes at 512, is right. Final shape and number of
parameters alone would not show a forgotten stride.

One fault, one charge: beside a wrong `Residual` it is asked again with a right one (`builds_on`).
"""

from functools import cache

import torch

from exercises.cnn.rates import GIVEN, assert_has_one_to_train_with, assert_keeps, rate_of
from grader.checks import (
    assert_attempted,
    assert_gradients,
    assert_outline,
    assert_result_shape,
    assert_same_values,
    check,
    make,
    numbered,
    outline_of,
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
def thin_reference():
    return numbered(ResNet(THIN), SMALL)


@cache
def outline_for(arch):
    return outline_of(ResNet(arch), SHAPE)


def resnet(student, **options):
    return make(student, "ResNet", (THIN,), **options)


def assert_attempt(student):
    """Require a model with layers of ResNet: another model earns no points here."""
    found = student.outline("ResNet", SHAPE, THIN)
    assert_attempted(found, outline_for(THIN), call=f"ResNet({THIN})")


def assert_shapes(student, arch):
    call = f"ResNet({arch})"
    assert_outline(student.outline("ResNet", SHAPE, arch), outline_for(arch), call=call)


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
    for arch in (((1, 64),), THIN, ((3, 64), (4, 128), (6, 256), (3, 512))):
        assert_shapes(student, arch)


@check(
    points=2,
    needs=("test_stage_by_stage", "test_other_architectures"),
    feedback="Convolution, batch norm, ReLU, max pooling; the stages; average pooling, linear.",
)
def test_logits(student):
    """With the same weights and averages the logits are those of the book's network."""
    call = f"ResNet({THIN})"
    assert_same_values(resnet(student), thin_reference(), images(2), call=call)


@check(
    points=1,
    needs="test_logits",
    feedback="Use nn.BatchNorm2d or nn.LazyBatchNorm2d unchanged; nothing else is random.",
)
def test_training(student):
    """In training mode, with mean and variance of each batch, the logits are the book's too."""
    call = f"ResNet({THIN})"
    assert_same_values(resnet(student), thin_reference(), images(4), call=call, training=True)


@check(points=1, feedback="num_classes is the number of outputs of the last layer.")
def test_number_of_classes(student):
    """ResNet(arch, num_classes=7) gives 7 logits an image."""
    assert_attempt(student)
    outline = student.outline("ResNet", SHAPE, THIN, num_classes=7)
    assert_result_shape(outline, (7,), call=f"ResNet({THIN}, num_classes=7)")


@check(points=1, feedback="Keep the learning rate: self.lr, or self.save_hyperparameters().")
def test_learning_rate(student):
    """The model's `lr` is the number given; without one, it is a usable rate."""
    assert_attempt(student)
    given, plain = "ResNet(arch, lr=0.3)", "ResNet(arch)"
    assert_keeps(rate_of(resnet(student, lr=GIVEN), given), given)
    assert_has_one_to_train_with(rate_of(resnet(student), plain), plain)


@check(
    points=1,
    needs=("test_stage_by_stage", "test_other_architectures"),
    feedback="Let autograd follow all steps: no .data, no .detach(), no no_grad.",
)
def test_gradients_reach_every_parameter(student):
    """Backward from a result of the model gives every parameter a gradient."""
    model, call = resnet(student), f"ResNet({THIN})"
    transplant(model, thin_reference(), images(2), call=call)
    assert_gradients(model, images(2), call=call)
