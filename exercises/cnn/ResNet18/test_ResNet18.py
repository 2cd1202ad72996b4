"""The checks of `ResNet18`: four stages of two blocks, 64 to 512 channels.

A subclass of `ResNet`, an independent class, or a factory function: all are right. Shapes are
asked for at the book's size on an empty batch, where nothing is computed; values are compared once,
on small images, with known numbers in all 11 million parameters (the largest repeat one number for
all inputs of an output, so that 18 MB cross the wire instead of 45).

One fault, one charge: beside a wrong `ResNet` or `Residual` it is asked again with right ones
(`builds_on`).
"""

from functools import cache

import torch

from exercises.cnn.model_forms import assert_number_of_classes
from exercises.cnn.rates import assert_rate
from grader.checks import (
    assert_gradients,
    assert_outline,
    assert_same_results,
    assert_same_values,
    check,
    make,
    numbered,
    outline_of,
    outlined,
)
from reference import ResNet18

SHAPE = (1, 1, 96, 96)
SMALL = (1, 1, 40, 32)


def images(count):
    # neither centred nor of size 1, so that a model that normalises its images shows
    generator = torch.Generator().manual_seed(7)
    return 0.5 + 1.5 * torch.randn(count, *SMALL[1:], generator=generator)


@cache
def reference():
    return numbered(ResNet18(), SMALL)


@cache
def outline():
    return outline_of(ResNet18(), SHAPE)


@check(points=2, feedback="Print layer_summary((1, 1, 96, 96)) and compare with the book.")
def test_stage_by_stage(student):
    """Every stage has the book's shape on a 96x96 image, with 11,178,378 parameters in all."""
    assert_outline(outlined(student, "ResNet18", SHAPE), outline(), call="ResNet18()")


@check(
    points=1,
    needs="test_stage_by_stage",
    feedback="Build it from the ResNet of the previous section, and add nothing.",
)
def test_logits(student):
    """With the same weights the logits are the book's, and every parameter can be trained."""
    model, call = make(student, "ResNet18"), "ResNet18()"
    assert_same_values(model, reference(), images(2), call=call)
    assert_same_results(model, reference(), images(2), call=call, training=True)
    assert_gradients(model, images(2), call=call)


@check(points=1, needs="test_logits", feedback="Pass num_classes on to ResNet.")
def test_number_of_classes(student):
    """ResNet18(num_classes=7) gives 7 logits an image; a plain nn.Sequential gives 10."""
    assert_number_of_classes(student, "ResNet18", SHAPE)


@check(points=1, needs="test_logits", feedback="Pass lr on to ResNet.")
def test_learning_rate(student):
    """The model's `lr` is the number given; without one, it is a usable rate.

    A model that neither takes nor keeps a rate is right: its optimiser is made elsewhere.
    """
    assert_rate(student, "ResNet18")
