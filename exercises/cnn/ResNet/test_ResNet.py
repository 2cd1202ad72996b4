"""The checks of `ResNet`: a stem, stages of residual blocks, global average pooling.

Shapes are asked for at the book's size on an empty batch, where nothing is computed. Values are
compared on a thin network with small images: a stage is the same code at any width, so a network
that is right at 8 channels, and in its shapes at 512, is right. Final shape and number of
parameters alone would not show a forgotten stride.

One fault, one charge: an error caused by the student's own `Residual` is charged there.
"""

from contextlib import contextmanager
from functools import cache
from pathlib import Path

import torch

from exercises.cnn.rates import GIVEN, assert_has_one_to_train_with, assert_keeps, rate_of
from grader.checks import (
    assert_attempted,
    assert_gradients,
    assert_outline,
    assert_result_shape,
    assert_same_values,
    charged_once,
    check,
    make,
    numbered,
    outline_of,
    parts_charged_elsewhere,
    transplant,
)
from reference import RESNET18, ResNet

of_right_parts = parts_charged_elsewhere(
    Path(__file__).parents[1] / "parts.py", "Residual", "init_cnn"
)
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


def of_own_blocks(student):
    """Build the thin network from the student's own residual blocks."""
    blocks, before = [], 64
    for stage, (count, width) in enumerate(THIN):
        for i in range(count):
            halves = stage > 0 and i == 0
            options = {"use_1x1conv": True, "strides": 2} if halves else {}
            blocks.append(make(student, "Residual", (width,), (before, width), **options))
            before = width
    stem = [("LazyConv2d", 64, 7, 2, 3), ("BatchNorm2d", 64), ("ReLU",), ("MaxPool2d", 3, 2, 1)]
    head = [("AdaptiveAvgPool2d", 1), ("Flatten",), ("LazyLinear", 10)]
    made = [[student.build(*layer) for layer in layers] for layers in (stem, head)]
    return student.build("Sequential", *made[0], *blocks, *made[1])


@contextmanager
def blocks_charged_once(student):
    makers = (lambda: resnet(student), lambda: of_own_blocks(student))
    with charged_once(student, *makers, thin_reference(), images(2), parts=["Residual"]):
        yield


def assert_attempt(student):
    """Require a model with layers of ResNet: another model earns no points here."""
    found = student.outline("ResNet", SHAPE, THIN)
    assert_attempted(found, outline_for(THIN), call=f"ResNet({THIN})")


def assert_shapes(student, arch):
    call = f"ResNet({arch})"
    assert_outline(student.outline("ResNet", SHAPE, arch), outline_for(arch), call=call)


@check(points=3, feedback="Print layer_summary((1, 1, 96, 96)) and compare with the book.")
@of_right_parts
def test_stage_by_stage(student):
    """With the architecture of ResNet-18, every stage has the book's shape on a 96x96 image."""
    with blocks_charged_once(student):
        assert_shapes(student, RESNET18)


@check(
    points=1,
    needs="test_stage_by_stage",
    feedback="Take the number of stages, their blocks and channels from arch.",
)
@of_right_parts
def test_other_architectures(student):
    """Any arch is built as given, with one stage or with many blocks in one."""
    with blocks_charged_once(student):
        for arch in (((1, 64),), THIN, ((3, 64), (4, 128), (6, 256), (3, 512))):
            assert_shapes(student, arch)


@check(
    points=2,
    needs=("test_stage_by_stage", "test_other_architectures"),
    feedback="Convolution, batch norm, ReLU, max pooling; the stages; average pooling, linear.",
)
@of_right_parts
def test_logits(student):
    """With the same weights and averages the logits are those of the book's network."""
    with blocks_charged_once(student):
        call = f"ResNet({THIN})"
        assert_same_values(resnet(student), thin_reference(), images(2), call=call)


@check(
    points=1,
    needs="test_logits",
    feedback="Use nn.BatchNorm2d or nn.LazyBatchNorm2d unchanged; nothing else is random.",
)
@of_right_parts
def test_training(student):
    """In training mode, with mean and variance of each batch, the logits are the book's too."""
    with blocks_charged_once(student):
        call = f"ResNet({THIN})"
        assert_same_values(resnet(student), thin_reference(), images(4), call=call, training=True)


@check(points=1, feedback="num_classes is the number of outputs of the last layer.")
@of_right_parts
def test_number_of_classes(student):
    """ResNet(arch, num_classes=7) gives 7 logits an image."""
    assert_attempt(student)
    outline = student.outline("ResNet", SHAPE, THIN, num_classes=7)
    assert_result_shape(outline, (7,), call=f"ResNet({THIN}, num_classes=7)")


@check(points=1, feedback="Keep the learning rate: self.lr, or self.save_hyperparameters().")
@of_right_parts
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
@of_right_parts
def test_gradients_reach_every_parameter(student):
    """Backward from a result of the model gives every parameter a gradient."""
    model, call = resnet(student), f"ResNet({THIN})"
    with blocks_charged_once(student):
        transplant(model, thin_reference(), images(2), call=call)
        assert_gradients(model, images(2), call=call)
